"""Nine ways to serve the same demand, each a set of changes to the scenario's drivers.

data/options.csv says what makes each option what it is; a scenario may change that in its `options`
part, leave an option out with `false`, or add one of its own with a `label`. Everything else
(demand, prices, horizon, draws) is the scenario's own, so the options differ in nothing but
themselves. Prices of providers come from `data.api_prices`; where a provider states no price for
cached tokens, they cost like any other. A change `x0.5` multiplies what the scenario says;
`rented|owned` keeps the scenario's word if it is one of these, else takes the first. Factors on the
accepted share are over an untuned model: where the plan itself is tuned, an option that drops the
tuning drops what it earned, too. An option whose accepted share is below the quality bar, or which
can't keep a promise of the scenario, is shown but not ranked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from modelworth import data
from modelworth.costmodel.scenario.drivers import Driver, load_drivers
from modelworth.costmodel.scenario.fields import number
from modelworth.data.api_prices import api_price
from modelworth.data.csv_rows import Row, Text, read_table
from modelworth.data.errors import InputError

Floats = NDArray[np.float64]
PATH = Path(data.__file__).parent / "options.csv"
QUALITY: Final = "demand.accepted_share"
METHOD: Final = "building.method"
GAIN: Final = "building.tuning_gain_factor"
TUNED: Final = ("finetune", "lora")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
SHARE: Final = "a share from 0 to 1"
#: rows of every comparison, which aren't options
RESERVED: Final = ("plan", "do_nothing", "quality_bar")
#: what a row may say besides a driver: whose prices the option pays
PRICES: Final[Mapping[str, str]] = {
    "price": "compute.api_price",
    "large_price": "compute.large_price",
}


class OptionRow(Row):
    """One row of data/options.csv: one thing that makes an option what it is.

    Attributes:
        model: holds only where the scenario serves this model; empty: for any.
    """

    option: Text
    model: str = ""
    driver: Text
    value: Text


@dataclass(frozen=True, slots=True)
class Change:
    """A driver set to a value, or multiplied by it.

    Attributes:
        keeps: values that may stay as the scenario has them.
    """

    driver: str
    value: float
    multiplies: bool = False
    keeps: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Option:
    """One way to do it.

    Attributes:
        changes: what it changes in the scenario.
        sources: where prices were read.
        label: the name of an option of the scenario's own.
    """

    key: str
    changes: tuple[Change, ...]
    sources: tuple[str, ...] = ()
    label: str | None = None

    def applied(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The drivers' values under this option."""
        drivers = load_drivers()
        changed = dict(values) | self._untuned(values)
        before = dict(changed)
        for change in self.changes:
            row = drivers[change.driver]
            now: Any = before.get(change.driver, row.default)
            if change.multiplies:
                changed[change.driver] = np.clip(
                    np.asarray(now) * change.value, row.minimum, row.maximum
                )
            elif not (change.keeps and now in change.keeps):
                changed[change.driver] = change.value
        return changed

    def _untuned(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The accepted share without the plan's tuning, where this option doesn't keep it."""
        drivers = load_drivers()
        row = drivers[METHOD]
        plan = row.word(float(np.ravel(values.get(METHOD, row.default))[0]))
        own = {change.driver: change for change in self.changes}
        keeps = METHOD not in own and QUALITY not in own
        if plan not in TUNED or keeps:
            return {}
        gain = np.asarray(values.get(GAIN, drivers[GAIN].default))
        return {QUALITY: np.asarray(values.get(QUALITY, drivers[QUALITY].default)) / gain}


@dataclass(frozen=True, slots=True)
class Choice:
    """The options of a scenario, and the accepted share that each must reach."""

    options: tuple[Option, ...]
    quality_bar: float = 0.0


def read_options(
    where: str, found: object, model: str | None = None, on: date | None = None
) -> Choice:
    """The options of a scenario's `options` part; the table's where it says nothing.

    Args:
        where: path of the part, for errors.
        found: what stands there; None: nothing.
        model: the model that the scenario serves, for which a provider's price may be known.
        on: the day whose prices are paid, the scenario's own; None: today.

    Raises:
        InputError: if an option, driver, value or price isn't known.
    """
    if found is not None and not isinstance(found, Mapping):
        raise InputError(where, found, "a mapping from options to their changes")
    wanted = {str(key): value for key, value in (found or {}).items()}
    bar = number(f"{where}.quality_bar", wanted.pop("quality_bar", 0.0), SHARE, 0, 1)
    table = default_options(model, on)
    options = [
        _changed(f"{where}.{key}", option, wanted.get(key), on)
        for key, option in table.items()
        if wanted.get(key) is not False
    ]
    added = [key for key in wanted if key not in table]
    options += [_own(f"{where}.{key}", key, wanted[key], table, on) for key in added]
    if not options:
        raise InputError(where, "all options left out", "at least one option")
    return Choice(tuple(options), bar)


@dataclass(frozen=True, slots=True)
class WeightedCase:
    """A named way in which the world may turn out: its weight, and what it changes."""

    key: str
    label: str
    weight: float
    option: Option


def read_cases(where: str, found: object) -> tuple[WeightedCase, ...]:
    """The weighted cases of a scenario's `cases` part: label, weight, and drivers with values.

    What the weights leave to 1 is the plan as it stands.

    Raises:
        InputError: if a case isn't such a mapping, or the weights are more than 1 together.
    """
    if found is None:
        return ()
    if not isinstance(found, Mapping):
        raise InputError(where, found, "a mapping from names to label, weight and drivers")
    cases = tuple(_case(f"{where}.{key}", str(key), entry) for key, entry in found.items())
    whole = sum(case.weight for case in cases)
    if whole > 1 + 1e-9:
        raise InputError(where, f"weights of {whole:g} together", "at most 1 together")
    return cases


def _case(where: str, key: str, found: object) -> WeightedCase:
    if not _NAME.fullmatch(key) or key in RESERVED:
        raise InputError(where, key, "a plain name in small letters")
    if not isinstance(found, Mapping) or not isinstance(found.get("label"), str):
        raise InputError(where, found, "label, weight, and drivers with their values")
    weight = number(f"{where}.weight", found.get("weight"), SHARE, 0, 1)
    changes = {name: value for name, value in found.items() if name not in ("label", "weight")}
    option = _option(where, key, list(flat("", changes)))
    return WeightedCase(key, found["label"], weight, option)


@cache
def table_rows(model: str | None = None) -> Mapping[str, Mapping[str, str]]:
    """The table's options, each driver's value as written; a row for `model` goes before others."""
    rows: dict[str, dict[str, str]] = {}
    for row in read_table(PATH, OptionRow):
        if not row.model or row.model == (model or "").lower():
            rows.setdefault(row.option, {})[row.driver] = row.value
    return rows


@cache
def default_options(model: str | None = None, on: date | None = None) -> Mapping[str, Option]:
    """The table's options by key, in its order."""
    return {
        key: _option(PATH.name, key, [(name, _plain(value)) for name, value in pairs.items()], on)
        for key, pairs in table_rows(model).items()
    }


def infeasible(option: Option, values: Mapping[str, Any], quality_bar: float) -> str | None:
    """Why the option isn't in question: the message's key; None if it is."""
    drivers = load_drivers()
    under = option.applied(values)

    def at(key: str) -> float:
        return float(np.mean(under.get(key, drivers[key].default)))

    serving = drivers["compute.serving"].word(at("compute.serving"))
    if at(QUALITY) < quality_bar:
        return "below_quality_bar"
    if at("trust.explained_share") > 0 and serving == "api":
        return "explanations_need_the_weights"
    elsewhere = serving != "owned" or at("compute.large_share") > 0
    if at("trust.on_premises") > 0 and elsewhere:
        return "not_on_premises"
    return None


def _changed(where: str, option: Option, found: object, on: date | None) -> Option:
    """The table's option with the scenario's changes."""
    if found is None or found is True:
        return option
    if not isinstance(found, Mapping):
        raise InputError(where, found, "false, or a mapping from drivers to values")
    own = _option(where, option.key, list(flat("", found)), on)
    kept = {change.driver: change for change in option.changes}
    kept.update({change.driver: change for change in own.changes})
    sources = own.sources or option.sources
    return replace(option, changes=tuple(kept.values()), sources=sources)


def _own(where: str, key: str, found: object, table: Iterable[str], on: date | None) -> Option:
    """An option that the scenario adds: a label and at least one change."""
    near = get_close_matches(key, table, n=1, cutoff=0.6)
    hint = f"; or did you mean {near[0]}?" if near else ""
    if not _NAME.fullmatch(key) or key in RESERVED:
        raise InputError(where, key, f"a plain name in small letters{hint}")
    if not isinstance(found, Mapping) or not isinstance(found.get("label"), str):
        raise InputError(where, found, f"label: its name, and drivers with their values{hint}")
    changes = {name: value for name, value in found.items() if name != "label"}
    option = _option(where, key, list(flat("", changes)), on)
    if not option.changes:
        raise InputError(where, "no change", "at least one driver with its value")
    return replace(option, label=found["label"])


def flat(prefix: str, found: Mapping[Any, Any]) -> Iterable[tuple[str, Any]]:
    """Nested drivers by dotted key."""
    for name, value in found.items():
        key = f"{prefix}.{name}" if prefix else str(name)
        if isinstance(value, Mapping) and key not in PRICES:
            yield from flat(key, value)
        else:
            yield key, value


def _option(
    where: str, key: str, pairs: Iterable[tuple[str, Any]], on: date | None = None
) -> Option:
    changes: list[Change] = []
    sources: list[str] = []
    for driver, value in pairs:
        place = f"{where}.{driver}"
        if driver in PRICES:
            priced, source = _priced(place, PRICES[driver], value, on)
            changes += priced
            sources.append(source)
        else:
            changes.append(_change(place, driver, value))
    return Option(key, tuple(changes), tuple(sources))


def _change(where: str, key: str, value: object) -> Change:
    row = load_drivers().get(key)
    if row is None:
        raise InputError(where, key, "a driver of data/drivers.csv")
    if isinstance(value, str) and value.startswith("x") and row.kind == "number":
        return Change(key, _factor(where, value), multiplies=True)
    if isinstance(value, str) and "|" in value and row.kind == "choice":
        words = tuple(row.number(where, word) for word in value.split("|"))
        return Change(key, words[0], keeps=words)
    return Change(key, row.number(where, _typed(row, value)))


def _factor(where: str, text: str) -> float:
    try:
        factor = float(text[1:])
    except ValueError:
        factor = np.nan
    if not 0 <= factor <= 1e9:
        raise InputError(where, text, "x and a number of 0 or more, such as x0.5")
    return factor


def _typed(row: Driver, value: object) -> object:
    """A table's text as the driver's kind of value."""
    if row.kind == "switch" and value in ("true", "false"):
        return value == "true"
    if row.kind in ("number", "integer") and isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _plain(text: str) -> object:
    """A table's cell: `provider: model` of a price, else text."""
    provider, mark, model = text.partition(": ")
    return {"provider": provider, "model": model} if mark else text


def _priced(where: str, prefix: str, found: object, on: date | None) -> tuple[list[Change], str]:
    """A provider's prices as changes of the drivers that start with `prefix`."""
    if not isinstance(found, Mapping) or set(found) != {"provider", "model"}:
        raise InputError(where, found, "{provider: …, model: …}")
    try:
        price = api_price(str(found["model"]), str(found["provider"]), on)
    except InputError as error:
        own = f"{prefix}_usd_per_million_input_tokens, …cached_tokens and …output_tokens"
        allowed = f"{error.allowed}; or state {own} of this option yourself, without a provider"
        raise InputError(where, f"{error.where}: {error.found}", allowed) from error
    paid, written = price.usd_per_million_input_tokens, price.usd_per_million_output_tokens
    if paid is None or written is None:
        raise InputError(where, f"{price.model} at {price.provider}", "a model with token prices")
    cached = price.usd_per_million_cached_tokens
    by_kind = {"input": paid, "cached": paid if cached is None else cached, "output": written}
    changes = [
        Change(f"{prefix}_usd_per_million_{kind}_tokens", usd) for kind, usd in by_kind.items()
    ]
    if prefix == PRICES["price"]:
        changes.append(Change("compute.api_long_price_factor", price.long_over_base))
        if price.cache_write_over_input is not None:
            written = price.cache_write_over_input
            changes.append(Change("compute.api_cache_write_price_factor", written))
    return changes, f"{price.model}: {price.source}"
