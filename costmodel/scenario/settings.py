"""What a scenario says about one driver: a number, a word, a table by month or a distribution.

Each may carry where it is from: {value: …, source: …, as_of: …, note: …}.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from modelworth.costmodel.scenario import fields
from modelworth.costmodel.scenario.distributions import Distribution, is_distribution, parse
from modelworth.costmodel.scenario.drivers import Driver
from modelworth.costmodel.scenario.fields import MONTHS
from modelworth.data.errors import InputError
from modelworth.data.words import Basis

NOTES: Final = frozenset({"value", "source", "as_of", "note"})


@dataclass(frozen=True, slots=True)
class Setting:
    """What a scenario, a measurement or a prediction says about a driver.

    Attributes:
        value: the number in the base case; a tuple by month for a monthly driver.
        distribution: what it is drawn from; None where it is certain.
        spec: the distribution as it was written.
        source: whose word it is; None: the scenario's own, without a source.
        measurement_ids: records under it.
    """

    value: float | tuple[float, ...]
    distribution: Distribution | None = None
    spec: dict[str, Any] | None = None
    source: str | None = None
    as_of: str | None = None
    basis: Basis = "assumed"
    measurement_ids: tuple[str, ...] = ()


def read_setting(where: str, driver: Driver, found: Any) -> Setting:
    """One driver's value, with its source.

    Raises:
        InputError: if it isn't of the driver's kind or out of its range.
    """
    source = as_of = None
    if isinstance(found, Mapping):
        notes = {key: value for key, value in found.items() if key in NOTES}
        source, as_of = _note(where, notes, "source"), _note(where, notes, "as_of")
        _note(where, notes, "note")
        rest = {key: value for key, value in found.items() if key not in NOTES}
        if "value" in found and rest:
            raise InputError(where, ", ".join(map(str, rest)), "value, source, as_of, note")
        found = found.get("value", rest)
    basis: Basis = "published" if source else "assumed"
    if driver.kind == "monthly" and isinstance(found, Mapping) and found:
        found = fields.between(where, found)
    if isinstance(found, Mapping):
        return _uncertain(where, driver, found, source, as_of, basis)
    if driver.kind == "monthly":
        return Setting(_by_month(where, driver, found), None, None, source, as_of, basis)
    return Setting(driver.number(where, found), None, None, source, as_of, basis)


def _uncertain(
    where: str,
    driver: Driver,
    found: Mapping[str, Any],
    source: str | None,
    as_of: str | None,
    basis: Basis,
) -> Setting:
    certain = driver.kind in ("choice", "switch", "monthly") or driver.section == "cash"
    if certain or not is_distribution(found):
        allowed = driver.allowed if certain else f"{driver.allowed}, or a distribution"
        raise InputError(where, _keys(found), allowed)
    drawn = parse(where, found, (driver.minimum, driver.maximum))
    if driver.kind == "integer":
        values = getattr(drawn, "values", (0.5,))
        if any(value != int(value) for value in values):
            raise InputError(where, _keys(found), f"{driver.allowed}, or whole discrete values")
    return Setting(drawn.base, drawn, dict(found), source, as_of, basis)


def _by_month(where: str, driver: Driver, found: Any) -> tuple[float, ...]:
    if isinstance(found, int | float) and not isinstance(found, bool):
        found = [found]
    if not isinstance(found, list | tuple) or not 1 <= len(found) <= MONTHS[1]:
        allowed = (
            f"a number, a list of 1 to {MONTHS[1]} of them, the first for the first month, or"
            " those of some months, such as {1: 1.70, 6: 2.35}"
        )
        raise InputError(where, found, allowed)
    return tuple(driver.number(f"{where}[{place}]", value) for place, value in enumerate(found))


def _note(where: str, notes: Mapping[str, Any], key: str) -> str | None:
    found = notes.get(key)
    if found is None:
        return None
    if not isinstance(found, str | int) or isinstance(found, bool):
        raise InputError(f"{where}.{key}", found, "text")
    return str(found)


def _keys(found: Mapping[str, Any]) -> str:
    """A mapping in short."""
    return "{" + ", ".join(f"{key}: {value!r:.40}" for key, value in list(found.items())[:4]) + "}"
