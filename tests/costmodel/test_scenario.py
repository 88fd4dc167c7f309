"""Scenario files: what they say, what is refused, and how."""

from __future__ import annotations

import json

import jsonschema
import numpy as np
import pytest
import yaml

from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.costmodel.scenario.drivers import load_drivers
from modelworth.costmodel.scenario.schema import schema
from modelworth.data import yaml_reader
from modelworth.data.errors import InputError

VALIDATOR = jsonschema.Draft202012Validator(schema())
GOOD = """
text:
  en: {name: A plan, question: "Is it one?"}
  zh_CN: {name: 一个计划}
months: 24
start: 2026-12
capacity: {model: llama-3.1-8b, accelerator: H100 SXM 80GB, precision: bfloat16}
demand:
  requests_per_month: 2e6
  growth_per_year: {low: 0.2, mode: 0.5, high: 1.5}
  churn_per_month: {value: 0.03, source: our billing, as_of: 2026-10}
  prompt_tokens_per_request: {lognormal: {median: 800, sigma: 0.4}, source: our logs}
  curve: table
  volume_by_month: [0, 1, 1.5, 2]
compute: {serving: owned}
building: {refreshes: false}
simulation:
  trials: 512
  correlations: [[demand.growth_per_year, demand.prompt_tokens_per_request, 0.4]]
expected:
  npv_usd: {value: [-1e9, 1e9]}
"""


def valid(document) -> bool:
    """Whether the document keeps to the schema."""
    return bool(VALIDATOR.is_valid(json.loads(json.dumps(document))))


def test_a_good_file_says_what_it_says():
    found = scenarios.loads(GOOD, "good.yaml")
    assert found.name == "good"
    assert found.number("demand.requests_per_month") == 2_000_000
    assert found.word("compute.serving") == "owned"
    assert found.word("demand.curve") == "table"
    assert found.number("building.refreshes") == 0
    assert found.settings["demand.volume_by_month"].value == (0, 1, 1.5, 2)
    assert found.settings["demand.churn_per_month"].source == "our billing"
    assert found.settings["demand.churn_per_month"].as_of == "2026-10"
    assert found.settings["demand.churn_per_month"].basis == "published"
    assert found.settings["demand.growth_per_year"].spec == {"low": 0.2, "mode": 0.5, "high": 1.5}
    assert found.settings["demand.prompt_tokens_per_request"].distribution is not None
    assert found.hardware.model == "llama-3.1-8b"
    assert found.correlations[0][2] == 0.4
    assert found.number("company.tax_rate_share") == 0.21


def test_yaml_there_and_back_is_the_same():
    found = scenarios.loads(GOOD)
    again = scenarios.loads(scenarios.to_yaml(found))
    assert again == found
    assert again.sha256 == found.sha256
    assert scenarios.loads(GOOD.replace("2e6", "2000000")).sha256 == found.sha256
    assert again.sha256 != scenarios.with_overrides(found, {"months": 25}).sha256


def test_overrides_go_through_the_same_checks():
    found = scenarios.loads(GOOD)
    changed = scenarios.with_overrides(
        found, {"demand.growth_per_year": 0.9, "company.tax_rate_share": 0.3, "months": 36}
    )
    assert changed.number("demand.growth_per_year") == 0.9
    assert changed.settings["demand.growth_per_year"].distribution is None
    assert changed.months == 36
    assert found.months == 24
    with pytest.raises(InputError, match=r"demand\.growth_per_year"):
        scenarios.with_overrides(found, {"demand.growth_per_yeer": 1})


def test_a_days_profile_gives_the_peak():
    profile = [1] * 12 + [3] * 12
    found = scenarios.loads(f"months: 12\nstart: 2026-12\ndemand: {{hourly_load: {profile}}}")
    assert found.number("demand.peak_over_average") == 1.5
    assert valid(found.document)
    for wrong in ([1] * 23, [0] * 24, [1] * 23 + [-1], "even"):
        with pytest.raises(InputError, match="hourly_load"):
            scenarios.with_overrides(found, {"demand.hourly_load": wrong})
    with pytest.raises(InputError, match="one of the two"):
        scenarios.with_overrides(found, {"demand.peak_over_average": 2})


@pytest.mark.parametrize("name", scenarios.shipped())
def test_shipped_scenarios_are_right_and_speak_both_languages(name):
    found = scenarios.load(name)
    for language in ("en", "zh_CN"):
        assert {"name", "question"} <= set(found.text[language]), language
    assert valid(found.document)


def test_the_schema_accepts_what_is_right_and_refuses_what_isnt():
    right = json.loads(json.dumps(scenarios.loads(GOOD).document))
    assert valid(right)
    for path, value in (
        (("demand", "churn_per_month"), -1), (("demand", "nothing"), 1), (("months",), 0),
        (("compute", "serving"), "leased"), (("building", "refreshes"), "maybe"),
    ):  # fmt: skip
        wrong = json.loads(json.dumps(right))
        place = wrong
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = value
        assert not valid(wrong)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("just words", "mapping"),
        ("a: [1, 2", "YAML"),
        ("months: 24\nmonths: 25\nstart: 2026-12", "twice"),
        ("a: &x [*x]", "alias"),
        ("a: &x [1]\nb: *x", "alias"),
        ("a: !!python/object/apply:os.system [ls]", "tag"),
        ("a: !!binary aGk=", "tag"),
        ("start: 2026-12", "months"),
        ("months: 24", "start"),
        ("months: 24.5\nstart: 2026-12", "whole number"),
        ("months: 24\nstart: 2026-13", "YYYY-MM"),
        ("months: .inf\nstart: 2026-12", "finite"),
        ("months: 24\nstart: 2026-12\ncurrency: EUR", "how many dollars"),
        ("months: 24\nstart: 2026-12\ncurrency: USD\nusd_per_currency: 2", "1 for USD"),
        ("months: 24\nstart: 2026-12\ndemnd: {}", "demand"),
        ("months: 24\nstart: 2026-12\ndemand: 5", "mapping"),
        ("months: 24\nstart: 2026-12\ndemand: {churn_per_month: 1e400}", "finite"),
        ("months: 24\nstart: 2026-12\ndemand: {churn_per_month: -.nan}", "finite"),
        ("months: 9\nstart: 2026-12\ndemand: {churn_per_month: {low: 0, mode: 1, high: 0}}", "low"),
        ("months: 24\nstart: 2026-12\ncompute: {serving: leased}", "rented, owned, api"),
        ("months: 24\nstart: 2026-12\nbuilding: {refreshes: 1}", "true or false"),
        ("months: 24\nstart: 2026-12\ncapacity: {spare_replicas: 1.5}", "whole number"),
        ("months: 24\nstart: 2026-12\ncapacity: {precision: fp17}", "bfloat16"),
        ("months: 24\nstart: 2026-12\nbuilding: {months_to_market: 24}", "horizon"),
        ("months: 24\nstart: 2026-12\nverdict: {not_viable_probability: 0.9}", "at most"),
        ("months: 24\nstart: 2026-12\ntext: {fr: {name: x}}", "en, zh_CN"),
        ("months: 24\nstart: 2026-12\nsimulation: {correlations: [[a, b, 2]]}", "known key"),
        ("months: 24\nstart: 2026-12\ndemand: {curve: {low: 1, mode: 2, high: 3}}", "logistic"),
        ("months: 24\nstart: 2026-12\ndemand: {volume_by_month: []}", "list of 1"),
        ("months: 24\nstart: 2026-12\nsimulation: {correlations: 5}", "a list of"),
        ("months: 24\nstart: 2026-12\nsimulation: {correlations: [5]}", "rank correlation"),
        ("months: 24\nstart: 2026-12\nsimulation: {correlations: [[[], {}, 0.1]]}", "known key"),
        ("months: 24\nstart: 2026-12\nsimulation: {correlations: [[demand.cached_share,"
         " demand.burst_factor, 3]]}", "between -1 and 1"),
        ("months: 24\nstart: 2026-12\ndemand: {cached_share: {value: 0.1, source: [1]}}", "text"),
        ("months: 24\nstart: 2026-12\ncapacity: {regions: {low: 1, mode: 2, high: 3}}", "discrete"),
        ("months: 24\nstart: 2026-12\ncapacity: {model: 5}", "text"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_where_and_what(text, said):
    with pytest.raises(InputError) as caught:
        scenarios.loads(text, "bad.yaml")
    assert str(caught.value).startswith("bad.yaml")
    assert said in str(caught.value)


def test_the_schema_itself_is_right():
    VALIDATOR.check_schema(VALIDATOR.schema)


@pytest.mark.parametrize("path", sorted(scenarios.FOLDER.rglob("*.yaml")), ids=lambda one: one.stem)
def test_what_is_shipped_keeps_to_the_schema(path):
    assert valid(yaml_reader.read(path.read_text("utf-8"), path.name))


def test_a_bomb_of_aliases_costs_nothing():
    levels = ["a0: &a0 [lol]"] + [
        f"a{level}: &a{level} [{', '.join(['*a' + str(level - 1)] * 9)}]" for level in range(1, 12)
    ]
    with pytest.raises(InputError, match="alias"):
        scenarios.loads("\n".join(levels))
    with pytest.raises(InputError, match="levels"):
        scenarios.loads("a: " + "[" * 900 + "]" * 900)
    with pytest.raises(InputError, match="bytes"):
        scenarios.loads("a: " + "x" * 2_000_000)
    with pytest.raises(InputError, match="at most"):
        scenarios.loads("a: [" + "1," * 21_000 + "1]")
    with pytest.raises(InputError, match="digits"):
        scenarios.loads("a: " + "9" * 5_000)


class Fuzzer:
    """Breaks a right scenario in one place, in ways that people and attackers do."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.drivers = list(load_drivers().values())

    def pick(self, items):
        return items[int(self.rng.integers(len(items)))]

    def text(self) -> str:
        """One malformed scenario."""
        how = self.pick([
            self.out_of_range, self.wrong_kind, self.unknown_key, self.not_finite,
            self.broken_text, self.bad_distribution, self.top_level,
        ])  # fmt: skip
        return how()

    def document(self):
        return {"months": 36, "start": "2026-12", "text": {"en": {"name": "x"}}}

    def with_driver(self, key: str, value) -> str:
        document = self.document()
        place = document
        for part in key.split(".")[:-1]:
            place = place.setdefault(part, {})
        place[key.split(".")[-1]] = value
        return yaml.safe_dump(document)

    def out_of_range(self) -> str:
        ranged = [row for row in self.drivers if row.kind in ("number", "integer")]
        row = self.pick(ranged)
        ends = []
        if row.minimum is not None:
            ends.append(row.minimum - abs(self.rng.normal()) - 1e-3 * max(1, abs(row.minimum)))
        if row.maximum is not None:
            ends.append(row.maximum * 1.5 + 1)
        return self.with_driver(row.key, self.pick(ends))

    def wrong_kind(self) -> str:
        wrong = self.pick(["many", [1, 2], {"a": 1}, True, None, "12 USD", "1,000", "' '", "50%"])
        rows = [row for row in self.drivers if row.kind == "number"]
        return self.with_driver(self.pick(rows).key, wrong)

    def unknown_key(self) -> str:
        key = self.pick(self.drivers).key
        place = int(self.rng.integers(1, len(key) - 1))
        swapped = key[:place] + self.pick(list("abcxyz_0")) + key[place + 1 :]
        if swapped in load_drivers():
            swapped += "x"
        return self.with_driver(swapped, 1)

    def not_finite(self) -> str:
        value = self.pick(
            [".inf", "-.inf", ".nan", "1e999", "-1e400", "9" * 60, "1e309", "inf", "NaN"]
        )
        rows = [row for row in self.drivers if row.kind in ("number", "integer")]
        text = self.with_driver(self.pick(rows).key, "PLACE")
        return text.replace("PLACE", value)

    def broken_text(self) -> str:
        good = self.with_driver("demand.requests_per_month", 1000)
        place = int(self.rng.integers(len(good)))
        junk = self.pick(
            ["\x00", "{", "]", "\t:", "&a *a", "!!python/name:os", "%", "\ud800", "- -"]
        )
        broken = good[:place] + junk + good[place:]
        return broken if self.refused_by_yaml(broken) else f"{junk}\n\x01: ["

    @staticmethod
    def refused_by_yaml(text: str) -> bool:
        try:
            found = yaml.safe_load(text)
        except Exception:  # noqa: BLE001 - whatever YAML finds wrong with it
            return True
        return not isinstance(found, dict)

    def bad_distribution(self) -> str:
        spec = self.pick([
            {"low": 2, "mode": 1, "high": 3}, {"low": 3, "mode": 2}, {"uniform": {"low": 1}},
            {"normal": {"mean": 1, "sd": -1}}, {"lognormal": {"median": -1, "sigma": 1}},
            {"discrete": {"values": [1], "weights": [0]}}, {"empirical": {"values": []}},
            {"triangle": {"low": 1, "mode": 2, "high": 3}}, {"low": "a", "mode": "b", "high": "c"},
            {"value": {"low": 1, "mode": 0, "high": 2}}, {"value": 1, "low": 2}, {},
        ])  # fmt: skip
        rows = [row for row in self.drivers if row.kind == "number"]
        return self.with_driver(self.pick(rows).key, spec)

    def top_level(self) -> str:
        key, value = self.pick([
            ("months", -3), ("months", "many"), ("months", 1e9), ("start", 2026), ("start", "soon"),
            ("currency", "dollars"), ("text", ["a"]), ("text", {"en": "a"}), ("options", 5),
            ("expected", [1]), ("expected", {"npv_usd": "much"}), ("scenario", {}), ("demand", []),
            ("capacity", "large"), ("simulation", {"seed": -1}), ("simulation", {"trials": 0}),
            ("usd_per_currency", 0), ("options", {"nothing": {}}), ("verdict", {"rule": 1}),
        ])  # fmt: skip
        return yaml.safe_dump({**self.document(), key: value})


def test_a_thousand_malformed_scenarios_are_refused_without_a_traceback():
    fuzzer = Fuzzer(20261124)
    for count in range(1000):
        text = fuzzer.text()
        with pytest.raises(InputError) as caught:  # what is accepted shows up by its number
            scenarios.loads(text, f"fuzz.yaml {count}")
        lines = str(caught.value).splitlines()
        assert caught.value.where.startswith("fuzz.yaml"), (count, text)
        assert caught.value.allowed, (count, text)
        assert len(lines) == 2, (count, text, lines)
        assert len(lines[0]) < 400
