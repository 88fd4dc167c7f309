"""Published figures that the model must come to: the `expected` part of a scenario file.

    expected:
      gpu_cost_usd_per_day: {value: 87072, tolerance: 1.0e-6, source: "…", note: "…"}
      revenue_usd: {value: 562027, tolerance: 0.002, month: total}
      buying_pays_from_utilisation_share:
        - {value: 0.757, set: {compute.rent_on_demand_usd_per_gpu_hour: 2.35}}
        - {value: 1.111, set: {compute.rent_on_demand_usd_per_gpu_hour: 1.60}}
      interest_usd: {value: 530801000, month: total, solve: company.debt_usd}

A key is a line of the model, an indicator or a driver. Of a line that has a value for each month,
`month` says which: a number (1, the first month of service, if left out), `total` or `last`. The
tolerance is relative (absolute where the expected value is 0); a pair of values is a range to lie
in. `set` changes drivers for this figure alone; a list holds several expectations of one key. Where
a source gives a total and not what it comes from, `solve` names the driver: it is solved for that
total, one after another, before all other figures are computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from modelworth.costmodel.scenario.drivers import load_drivers
from modelworth.costmodel.scenario.fields import MONTHS, number
from modelworth.data.errors import InputError

FINITE: Final = "a finite number"
ALLOWED: Final = frozenset({"value", "tolerance", "month", "set", "solve", "source", "note"})


DEFAULT_TOLERANCE = 0.001


@dataclass(frozen=True, slots=True)
class Expectation:
    """One figure that should come out.

    Attributes:
        key: line or indicator.
        low, high: the value twice, or the ends of a range.
        tolerance: relative deviation allowed beyond them.
        month: which month of a line: a number, `total` or `last`.
        changes: drivers that stand otherwise for this figure.
        solves: the driver that is solved for this figure; empty: the figure is checked.
    """

    key: str
    low: float
    high: float
    tolerance: float = DEFAULT_TOLERANCE
    month: int | str = 1
    changes: tuple[tuple[str, float], ...] = ()
    source: str = ""
    note: str = ""
    solves: str = ""


def read_expected(where: str, found: object) -> tuple[Expectation, ...]:
    """The expectations of a scenario's `expected` part (empty if there is none).

    Raises:
        InputError: if an entry isn't a number or a mapping as described above.
    """
    if found is None:
        return ()
    if not isinstance(found, Mapping):
        raise InputError(where, found, "a mapping from lines or indicators to values")
    listed = (
        (str(key), entry)
        for key, entries in found.items()
        for entry in (entries if isinstance(entries, list) else [entries])
    )
    return tuple(_expectation(f"{where}.{key}", key, entry) for key, entry in listed)


def _expectation(where: str, key: str, entry: object) -> Expectation:
    settings: dict[str, Any] = (
        {str(name): value for name, value in entry.items()}
        if isinstance(entry, Mapping)
        else {"value": entry}
    )
    if unknown := set(settings) - ALLOWED:
        raise InputError(where, ", ".join(sorted(unknown)), f"only {', '.join(sorted(ALLOWED))}")
    low, high = _range(f"{where}.value", settings.get("value"))
    within = settings.get("tolerance", DEFAULT_TOLERANCE)
    tolerance = number(f"{where}.tolerance", within, "a share from 0 to 1", 0, 1)
    return Expectation(
        key,
        low,
        high,
        tolerance,
        _month(f"{where}.month", settings.get("month", 1)),
        _changes(f"{where}.set", settings.get("set", {})),
        str(settings.get("source", "")),
        str(settings.get("note", "")),
        _solved(f"{where}.solve", settings.get("solve")),
    )


def _solved(where: str, found: object) -> str:
    """The driver to be solved; empty for none."""
    if found is None:
        return ""
    row = load_drivers().get(str(found))
    if row is None or row.kind != "number":
        raise InputError(where, found, "a driver of data/drivers.csv that is a number")
    return row.key


def _changes(where: str, found: object) -> tuple[tuple[str, float], ...]:
    """Dotted drivers and their values for one figure."""
    if not isinstance(found, Mapping):
        raise InputError(where, found, "a mapping from drivers to values")
    drivers = load_drivers()
    for key in found:
        if key not in drivers:
            raise InputError(f"{where}.{key}", key, "a driver of data/drivers.csv")
    return tuple(
        (str(key), drivers[key].number(f"{where}.{key}", value)) for key, value in found.items()
    )


def _range(where: str, value: object) -> tuple[float, float]:
    if isinstance(value, list | tuple):
        if len(value) != 2:
            raise InputError(where, list(value), "a number, or the two ends of a range")
        low, high = (number(where, end, FINITE) for end in value)
        if low > high:
            raise InputError(where, list(value), "a range, the lower end first")
        return low, high
    single = number(where, value, FINITE)
    return single, single


def _month(where: str, value: object) -> int | str:
    if value in ("total", "last"):
        return str(value)
    allowed = f"a month from 0 to {MONTHS[1]}, total or last"
    month = number(where, value, allowed, 0, MONTHS[1])
    if not month.is_integer():
        raise InputError(where, value, allowed)
    return int(month)
