"""One business question: its drivers, options, simulation and verdict rule, read and checked.

A scenario nests the keys of data/drivers.csv and gives each a number, a word, or a distribution:

    demand:
      requests_per_month: 2e6
      growth_per_year: {low: 0.2, mode: 0.5, high: 1.5}
      churn_per_month: {value: 0.03, source: "our billing, 2026", as_of: 2026-10}
      cached_share: {value: "= 342 / 608", source: "tokens of a day, in billions"}

What it doesn't give stands at the table's default. What can't be right is refused with the path of
the field, what was found and what is allowed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import yaml

from modelworth import data
from modelworth.costmodel.scenario import arithmetic, fields, surprises
from modelworth.costmodel.scenario.distributions import parse
from modelworth.costmodel.scenario.drivers import ANCHORS, load_drivers
from modelworth.costmodel.scenario.expected import Expectation, read_expected
from modelworth.costmodel.scenario.fields import HARDWARE, Hardware
from modelworth.costmodel.scenario.options import Choice, WeightedCase, read_cases, read_options
from modelworth.costmodel.scenario.sampling_plan import plan
from modelworth.costmodel.scenario.settings import Setting, read_setting
from modelworth.costmodel.scenario.together import check_together
from modelworth.data import yaml_reader
from modelworth.data.errors import InputError

TOP: Final = (
    "text", "months", "start", "currency", "usd_per_currency", "options", "expected", "cases",
    "actuals",
)  # fmt: skip
LATER: Final = "demand.years_until_start"
MOST_YEARS_AHEAD: Final = 20
WITHIN: Final = (-1 + 1e-12, 1 - 1e-12)  # a rank correlation of 1 would be one driver
FOLDER: Final = Path(data.__file__).parent / "scenarios"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A checked scenario.

    Attributes:
        name: of the file, without its suffix.
        text: language → name, question, finding and other prose.
        start: the month before opening, YYYY-MM.
        settings: driver → what the scenario says about it.
        correlations: (driver, driver, rank correlation).
        document: the file's content as plain data.
        cases: named ways in which the world may turn out, with their weights.
        actuals: line → what it came to since, by month of operation.
    """

    name: str
    text: Mapping[str, Mapping[str, str]]
    months: int
    start: str
    currency: str
    usd_per_currency: float
    hardware: Hardware
    settings: Mapping[str, Setting]
    correlations: tuple[tuple[str, str, float], ...]
    choice: Choice | None
    expected: tuple[Expectation, ...]
    document: Mapping[str, Any] = field(repr=False)
    cases: tuple[WeightedCase, ...] = ()
    actuals: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)

    @property
    def opening_day(self) -> date:
        """The first of the month before opening: the day whose list prices the options pay."""
        return opening_day(self.start)

    @property
    def sha256(self) -> str:
        """Hash of what the scenario says: the same for every way of writing it."""
        plain = _numbers_alike(self.document)
        text = json.dumps(plain, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def number(self, key: str) -> float:
        """A driver's number in the base case: the scenario's, else the table's default."""
        setting = self.settings.get(key)
        value = load_drivers()[key].default if setting is None else setting.value
        return value[0] if isinstance(value, tuple) else value

    def word(self, key: str) -> str:
        """The word of a choice."""
        return load_drivers()[key].word(self.number(key))


def choice_of(scenario: Scenario) -> Choice:
    """The options that a plan is compared with: its own, else the table's."""
    model, day = scenario.hardware.model, scenario.opening_day
    return scenario.choice or read_options("options", None, model, day)


def load(path: str | Path) -> Scenario:
    """The scenario in a file; a bare name is one of the shipped ones.

    Raises:
        InputError: if there is no such file or it isn't a right scenario.
    """
    found = _located(Path(path))
    return from_document(yaml_reader.read_file(found, found.name), found.name)


def loads(text: str, name: str = "scenario.yaml") -> Scenario:
    """The scenario that a YAML text holds."""
    return from_document(yaml_reader.read(text, name), name)


def from_document(document: Mapping[str, Any], name: str = "scenario.yaml") -> Scenario:
    """The scenario that plain data hold, as a YAML file would."""
    return _Reader(name).read(arithmetic.worked_out(f"{name}: ", document))


def with_overrides(scenario: Scenario, changes: Mapping[str, Any]) -> Scenario:
    """The scenario with values of dotted keys changed, checked like a file.

    Where an own price is changed, the price that it replaces is kept as the one at which the plan's
    volume holds, so that demand answers the change.

    Raises:
        InputError: if a key isn't known or its value isn't allowed.
    """
    document = deepcopy(dict(scenario.document))
    for key, value in {**_held_prices(scenario, changes), **changes}.items():
        put(document, key.split("."), value)
    return from_document(document, f"{scenario.name}.yaml")


def opening_year(start: str) -> int:
    """The year of the first month of operation, which is the one after `start`."""
    year, month = (int(part) for part in start.split("-"))
    return year + month // 12


def starting_in(scenario: Scenario, year: int) -> Scenario:
    """The plan begun in another year: what it says of prices, rents and technology was said before.

    Raises:
        InputError: if that is before its own year, more than 20 years on, or a path is a table.
    """
    own = opening_year(scenario.start)
    ahead = year - own + scenario.number(LATER)
    if not own <= year or ahead > MOST_YEARS_AHEAD:
        raise InputError("start year", year, f"a year from {own} to {own + MOST_YEARS_AHEAD}")
    for path in ("demand.market_price_path", "compute.rent_path"):
        if scenario.word(path) == "table" and year > own:
            advice = f"its months are those from {own} on; write the table for {year}"
            raise InputError(f"{scenario.name}.yaml: {path}", "table", advice=advice)
    month = scenario.start.split("-")[1]
    moved = f"{int(scenario.start[:4]) + year - own}-{month}"
    return with_overrides(scenario, {"start": moved, LATER: ahead})


def _held_prices(scenario: Scenario, changes: Mapping[str, Any]) -> dict[str, float]:
    """The anchors of the own prices that are changed, where they had a price."""
    return {
        anchor: scenario.number(own)
        for own, anchor in ANCHORS.items()
        if own in changes and anchor not in scenario.settings and scenario.number(own) > 0
    }


def to_yaml(scenario: Scenario) -> str:
    """The scenario as YAML from which `loads` makes it again."""
    return yaml.safe_dump(dict(scenario.document), sort_keys=False, allow_unicode=True, width=100)


def opening_day(start: str) -> date:
    """The first day of a month written YYYY-MM."""
    return date.fromisoformat(f"{start}-01")


def shipped() -> tuple[str, ...]:
    """Names of the scenarios that come with the project."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def _numbers_alike(found: Any) -> Any:
    """The same data with every number a float: 2000000 and 2e6 say the same."""
    if isinstance(found, Mapping):
        return {key: _numbers_alike(value) for key, value in found.items()}
    if isinstance(found, list | tuple):
        return [_numbers_alike(value) for value in found]
    return float(found) if type(found) is int else found


def _located(path: Path) -> Path:
    """The file itself, or the shipped scenario of that name."""
    if path.is_file():
        return path
    own = FOLDER / f"{path.stem}.yaml"
    if path.suffix in ("", ".yaml") and len(path.parts) == 1 and own.is_file():
        return own
    near = get_close_matches(path.stem, shipped(), n=3, cutoff=0.4)
    hint = f", or one of {', '.join(near or shipped())}"
    raise InputError("scenario", str(path), f"a YAML file{hint}")


def put(document: dict[str, Any], parts: list[str], value: Any) -> None:
    """Set a nested key; what stood there before goes."""
    for part in parts[:-1]:
        below = document.get(part)
        if not isinstance(below, dict):
            below = {}
            document[part] = below
        document = below
    document[parts[-1]] = value


class _Reader:
    """Checks a document part by part; every error says where."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.drivers = load_drivers()
        self.sections = {key.split(".")[0] for key in self.drivers}

    def read(self, document: Mapping[str, Any]) -> Scenario:
        """The scenario, or the first thing that is wrong with it."""
        if isinstance(document.get("scenario"), Mapping):
            advice = "save what stands under its `scenario:` as a file of its own, less indented"
            raise InputError(self.name, "a guide of questions", advice=advice)
        known = {*TOP, *self.sections}
        for key in document:
            if key not in known:
                raise self._unknown(str(key), known, str(key))
        settings: dict[str, Setting] = {}
        for section in sorted(self.sections & set(document)):
            self._drivers(section, document[section], settings)
        months = fields.months(self._at("months"), document.get("months"))
        settings |= self._surprises(settings, months)
        scenario = Scenario(
            name=self.name.removesuffix(".yaml"),
            text=fields.text(self._at("text"), document.get("text", {})),
            months=months,
            start=fields.start(self._at("start"), document.get("start")),
            currency=fields.currency(self._at("currency"), document.get("currency", "USD")),
            usd_per_currency=fields.rate(self._at("usd_per_currency"), document),
            hardware=fields.hardware(self._at("capacity"), document.get("capacity") or {}),
            settings=settings,
            correlations=self._correlations(document.get("simulation") or {}),
            choice=self._choice(document),
            expected=read_expected(self._at("expected"), document.get("expected")),
            document=document,
            cases=read_cases(self._at("cases"), document.get("cases")),
            actuals=fields.actuals(self._at("actuals"), document.get("actuals")),
        )
        self._together(scenario)
        return scenario

    def _drivers(self, path: str, found: Any, settings: dict[str, Setting]) -> None:
        """The drivers at and below a path."""
        if path in self.drivers:
            settings[path] = read_setting(self._at(path), self.drivers[path], found)
            return
        if not isinstance(found, Mapping):
            raise InputError(self._at(path), found, "a mapping from keys to values")
        for name, value in found.items():
            below = f"{path}.{name}"
            if path == "capacity" and name in HARDWARE:
                continue
            if below == "simulation.correlations":
                continue
            if below == fields.HOURLY:
                settings[fields.PEAK] = self._hourly(value, settings | dict.fromkeys(found))
                continue
            if below not in self.drivers and not self._prefix(below):
                raise self._unknown(below, self.drivers, str(name))
            self._drivers(below, value, settings)

    def _hourly(self, found: Any, others: Mapping[str, Any]) -> Setting:
        """The peak over the mean of a day's profile."""
        if "peak_over_average" in others:
            raise InputError(self._at(fields.HOURLY), "a profile and a peak", "one of the two")
        return Setting(
            fields.peak_over_average(self._at(fields.HOURLY), found), source="the hourly profile"
        )

    def _prefix(self, path: str) -> bool:
        return any(key.startswith(f"{path}.") for key in self.drivers)

    def _surprises(self, settings: Mapping[str, Setting], months: int) -> dict[str, Setting]:
        """What a volatility above 0 asks to be drawn."""
        volatile = [
            path
            for path in surprises.PATHS
            if (stated := settings.get(f"{path}_volatility_per_year")) is not None
            and (stated.distribution is not None or stated.value != 0)
        ]
        found = {}
        for key in surprises.to_draw(volatile, settings, months):
            row = self.drivers[key]
            drawn = parse(self._at(key), surprises.SPEC, (row.minimum, row.maximum))
            found[key] = Setting(0.0, drawn, dict(surprises.SPEC), surprises.NOTE)
        return found

    def _correlations(self, found: Mapping[str, Any]) -> tuple[tuple[str, str, float], ...]:
        where = self._at("simulation.correlations")
        listed = found.get("correlations") or [] if isinstance(found, Mapping) else []
        if not isinstance(listed, list):
            raise InputError(where, listed, "a list of [driver, driver, rank correlation]")
        pairs = []
        for place, entry in enumerate(listed):
            if not isinstance(entry, list) or len(entry) != 3:
                raise InputError(f"{where}[{place}]", entry, "[driver, driver, rank correlation]")
            first, second, rank = entry
            for key in (first, second):
                if not isinstance(key, str) or key not in self.drivers:
                    raise self._unknown(f"simulation.correlations[{place}]", self.drivers, str(key))
            allowed = "a rank correlation between -1 and 1"
            ranked = fields.number(f"{where}[{place}]", rank, allowed, *WITHIN)
            pairs.append((first, second, ranked))
        return tuple(pairs)

    def _choice(self, document: Mapping[str, Any]) -> Choice | None:
        if document.get("options") is None:
            return None
        model = (document.get("capacity") or {}).get("model")
        day = opening_day(fields.start(self._at("start"), document.get("start")))
        return read_options(self._at("options"), document["options"], model, day)

    def _together(self, scenario: Scenario) -> None:
        """What can only be seen between fields."""
        uncertain = {
            key: setting.distribution
            for key, setting in scenario.settings.items()
            if setting.distribution is not None
        }
        plan(uncertain, correlations=scenario.correlations, trials=1)
        check_together(scenario.number, scenario.months, self._at)

    def _unknown(self, path: str, known: Any, name: str) -> InputError:
        """An unknown key, with the nearest that there are."""
        near = get_close_matches(path, known, n=3, cutoff=0.5)
        near = near or get_close_matches(name, [key.split(".")[-1] for key in known], n=3)
        allowed = f"a known key, such as {', '.join(near)}" if near else "a key of data/drivers.csv"
        return InputError(self._at(path), f"unknown key {name}", allowed)

    def _at(self, path: str) -> str:
        return f"{self.name}: {path}"
