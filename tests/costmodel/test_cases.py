"""Published cases come out of the model; wrong expectations are noticed and refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modelworth.costmodel.business.model import Model
from modelworth.costmodel.business.published_cases import check_case
from modelworth.costmodel.evaluate import check
from modelworth.costmodel.scenario import scenario
from modelworth.costmodel.scenario.expected import read_expected
from modelworth.data.errors import InputError

CASES = sorted((Path(scenario.FOLDER) / "cases").glob("*.yaml"))
#: the cases of the specification, by id
SPECIFIED = {
    "deepseek_day_cost", "deepseek_day_revenue", "deepseek_prefill_decode_identity",
    "deepseek_v3_training", "llama31_8b_gpu_hours", "llama31_405b_gpu_hours",
    "llama3_interruptions", "mpt7b", "gpt3_lambda", "epoch_gpt_4", "epoch_gpt_3_175b",
    "epoch_llama_31_405b", "epoch_gpt4_three_methods", "epoch_rnd_multiplier",
    "epoch_dev_cost_shares", "nvidia_tco", "nvidia_in_out_split", "inferencex_gpu_tco",
    "seat_mix_copilot", "sequoia_600b", "price_erosion_breakeven", "buy_vs_rent_h200",
    "openai_2025_pnl", "openai_2025_microsoft", "openai_compute_2024", "anthropic_2025_margin",
    "compute_lease_1_25bn", "zhipu_2024", "minimax_2025", "coreweave_h1_2025", "coreweave_9m_2025",
    "coreweave_prepayment", "h100_landlord", "gpu_life_3_or_6", "meta_life_5_5", "deepseek_r1",
    "grok4_training", "kimi_k2", "routellm", "klarna", "copilot_15m", "doubao_120t",
    "openrouter_tokens", "gemini_energy", "rent_v_shape", "api_gpt4_level", "api_frontier_rise",
    "cerebras_2025", "lenovo_2026",
    "anthropic_books", "image_list_price", "training_trend", "privacy_quality",
}  # fmt: skip
MODEL = Model(12)


def values_of(found: scenario.Scenario) -> dict[str, object]:
    return {key: setting.value for key, setting in found.settings.items()}


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_published_case_comes_out_of_the_model(path):
    found = scenario.load(path)
    assert found.expected
    assert [one for one in check(found) if not one.ok] == []


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_says_what_it_finds_in_both_languages(path):
    found = scenario.load(path)
    for language in ("en", "zh_CN"):
        assert set(found.text[language]) == {"name", "question", "finding", "law"}


def test_all_specified_cases_are_there():
    assert {path.stem for path in CASES} >= SPECIFIED


def test_the_published_day_of_deepseek():
    """Figures as published, put down here once more and not read from the scenario."""
    found = scenario.load(CASES[0].parent / "deepseek_day_revenue.yaml")
    day = Model(1).indicators(values_of(found))
    assert day["opening_serving_usd_per_day"][0] == pytest.approx(226.75 * 8 * 2 * 24)
    assert day["opening_revenue_usd_per_day"][0] == pytest.approx(562_027, rel=2e-4)
    assert day["serving_markup_share"][0] == pytest.approx(5.45, rel=2e-3)


def test_a_figure_that_is_off_is_noticed():
    wrong = read_expected("expected", {"owned_usd_per_gpu_year": 1.0, "irr_per_year": 0.1})
    checks = check_case(MODEL, {}, wrong)
    assert [check.ok for check in checks] == [False, False]
    assert checks[0].deviation > 1
    assert checks[1].found is None
    assert checks[1].deviation is None


def test_months_totals_and_ranges():
    wanted = read_expected(
        "expected", {"operating": [{"value": [0, 1]}, {"value": [2, 3], "tolerance": 0.4}]}
    )
    assert [check.ok for check in check_case(MODEL, {}, wanted)] == [True, False]
    elapsed = read_expected(
        "expected",
        {"elapsed_months": [{"value": 2, "month": 3}, {"value": 11, "month": "last"},
                            {"value": 66, "month": "total"}]},
    )  # fmt: skip
    assert all(check.ok for check in check_case(MODEL, {}, elapsed))
    beyond = read_expected("expected", {"elapsed_months": {"value": 1, "month": 50}})
    assert check_case(MODEL, {}, beyond)[0].found is None


def test_a_figure_may_change_drivers_for_itself_alone():
    wanted = read_expected(
        "expected",
        {"wage_index": [
            {"value": 1.1, "month": "last", "set": {"company.inflation_per_year": 0.1}},
            {"value": 1.0, "month": "last", "set": {"company.inflation_per_year": 0}},
        ]},
    )  # fmt: skip
    assert all(check.ok for check in check_case(MODEL, {}, wanted))


@pytest.mark.parametrize(
    ("entry", "where"),
    [
        ("x", "expected.goodput.value"),
        ({"value": True}, "expected.goodput.value"),
        ({"value": float("nan")}, "expected.goodput.value"),
        ({"value": [2, 1]}, "expected.goodput.value"),
        ({"value": [[1], 2, 3]}, "expected.goodput.value"),
        ({"value": 1, "month": "first"}, "expected.goodput.month"),
        ({"value": 1, "month": True}, "expected.goodput.month"),
        ({"value": 1, "tolerance": 2}, "expected.goodput.tolerance"),
        ({"value": 1, "set": 3}, "expected.goodput.set"),
        ({"value": 1, "solve": "price"}, "expected.goodput.solve"),
        ({"value": 1, "solve": "compute.serving"}, "expected.goodput.solve"),
        ({"value": 1, "set": {"price": 3}}, "expected.goodput.set.price"),
        ({"value": 1, "because": 3}, "expected.goodput"),
    ],
)
def test_a_wrong_expectation_is_refused(entry, where):
    with pytest.raises(InputError) as refused:
        read_expected("expected", {"goodput": entry})
    assert refused.value.where == where


def test_no_expectations_are_none_and_a_list_is_refused():
    assert read_expected("expected", None) == ()
    with pytest.raises(InputError):
        read_expected("expected", [1])


def test_an_unknown_key_is_refused():
    with pytest.raises(InputError, match="line"):
        check_case(MODEL, {}, read_expected("expected", {"nonsense": 1}))


def test_every_case_is_said_to_show_something():
    """docs/cases.md names each case once, and says of all that solve for an input that they do."""
    document = (Path(__file__).parents[2] / "docs" / "cases.md").read_text("utf-8")
    rows = [row for row in document.splitlines() if row.startswith("| ") and "_" in row]
    listed = [name for row in rows for name in re.findall(r"(?<=[ ,])([a-z0-9_]+)(?=[, ])", row)]
    names = [path.stem for path in CASES]
    assert sorted(name for name in listed if name in names) == sorted(names)


def test_what_a_source_leaves_out_is_solved_for():
    wanted = read_expected("expected", {
        "debt_owed_usd": {"value": 1e6, "month": 0, "solve": "company.debt_usd"},
        "interest_usd": {"value": 1e6 * 0.1 / 12, "month": 1},
        "company.debt_usd": {"value": 1e6},
    })  # fmt: skip
    found = check_case(MODEL, {}, wanted)
    assert all(one.ok for one in found)
    assert [one.solved for one in found] == [pytest.approx(1e6), None, None]


@pytest.mark.parametrize("driver", ["demand.requests_per_month", "company.tax_rate_share"])
def test_what_nothing_solves_is_refused(driver):
    wanted = read_expected("expected", {"interest_usd": {"value": 5, "solve": driver}})
    with pytest.raises(InputError, match="isn't reached"):
        check_case(MODEL, {}, wanted)


def test_the_documented_example_and_the_lines_it_names_are_right():
    document = (Path(__file__).parents[2] / "docs" / "cases.md").read_text("utf-8")
    example = document.split("```yaml\n")[1].split("```")[0]
    found = scenario.loads(example)
    assert all(check.ok for check in check_case(Model(1), values_of(found), found.expected))
    table = "\n".join(row for row in document.splitlines() if row.startswith("| "))
    named = set(re.findall(r"`([a-z_]+)`", table))
    assert named
    assert named <= {*MODEL.formulas, *MODEL.indicator_keys}
