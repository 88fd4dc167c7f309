"""Which drivers and formulas an analysis used, as a reader wants to see them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Final

from modelworth.costmodel.analysis import DriverUse, LineUse
from modelworth.costmodel.business.model import Model
from modelworth.costmodel.scenario.drivers import FOLLOWS, Driver
from modelworth.costmodel.scenario.scenario import Scenario
from modelworth.costmodel.scenario.settings import Setting
from modelworth.data.words import Basis

_DATE: Final = re.compile(r"(\d{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01]))?)?")
#: from the strongest to the weakest
STRENGTH: Final[tuple[Basis, ...]] = (
    "measured", "published", "interpolated", "extrapolated", "assumed",
)  # fmt: skip


def weakest(bases: Iterable[Basis]) -> Basis:
    """The weakest of the bases; assumed if there are none."""
    found = [STRENGTH.index(basis) for basis in bases]
    return STRENGTH[max(found)] if found else "assumed"


def line_uses(model: Model, values: Mapping[str, float]) -> dict[str, LineUse]:
    """Every formula of the model, with the value of those that are one figure."""
    return {
        key: LineUse(
            key=key,
            unit=formula.line.unit,
            section=formula.line.section,
            formula=formula.line.expression,
            uses=formula.uses,
            source=formula.line.source,
            value=values.get(key),
            recurrence=model.recurrences.get(key, ()),
        )
        for key, formula in model.formulas.items()
    }


def driver_uses(
    scenario: Scenario, settings: Mapping[str, Setting], model: Model, today: date
) -> dict[str, DriverUse]:
    """Every driver that a formula names or the scenario sets, and each choice of a basis."""
    named = frozenset().union(*(formula.drivers for formula in model.formulas.values()))
    return {
        key: _use(row, _setting(key, settings, model), key in scenario.settings, today)
        if key in settings or key not in FOLLOWS
        else replace(
            _use(row, _setting(FOLLOWS[key], settings, model), changed=False, today=today),
            distribution=None,
            follows=FOLLOWS[key],
        )
        for key, row in model.drivers.items()
        if key in named or key in settings or (row.kind == "choice" and row.section != "cash")
    }


def _setting(key: str, settings: Mapping[str, Setting], model: Model) -> Setting | None:
    """What holds for a driver; None: the table's default, of its own row."""
    if key in settings or key not in FOLLOWS.values():
        return settings.get(key)
    return _default(model.drivers[key])


def default_basis(row: Driver) -> Basis:
    """What a default rests on, by its grade."""
    return "published" if row.quality in ("A", "B") else "assumed"


def _default(row: Driver) -> Setting:
    return Setting(row.default, source=row.source, as_of=row.as_of, basis=default_basis(row))


def _use(row: Driver, setting: Setting | None, changed: bool, today: date) -> DriverUse:
    used = setting or _default(row)
    value = used.value[0] if isinstance(used.value, tuple) else used.value
    return DriverUse(
        key=row.key,
        section=row.section,
        unit=row.unit,
        value=value,
        distribution=used.spec,
        default=row.default,
        low=row.low,
        high=row.high,
        source=used.source or "the scenario",
        as_of=used.as_of,
        quality=row.quality if used.source == row.source else None,
        basis=used.basis,
        measurement_ids=used.measurement_ids,
        changed=changed,
        stale_days=_age_days(used.as_of, today),
        by_month=used.value if isinstance(used.value, tuple) else None,
    )


def _age_days(as_of: str | None, today: date) -> int | None:
    """Days since the first day that `as_of` can mean; None where it isn't a date."""
    match = _DATE.fullmatch(as_of or "")
    if match is None:
        return None
    year, month, day = (int(part or 1) for part in match.groups())
    try:
        return (today - date(year, month, day)).days
    except ValueError:  # a day that the calendar doesn't have
        return None
