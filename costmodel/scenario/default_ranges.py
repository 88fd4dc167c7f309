"""Drivers that a scenario leaves alone, drawn from the table's plausible ranges.

`simulation.defaults: ranges` asks for it. A range is taken as the 10th to 90th percentile
of a lognormal (whose median is their geometric mean), or as the ends of a PERT with the default as
its mode.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from modelworth.costmodel.scenario.distributions import parse
from modelworth.costmodel.scenario.drivers import Driver
from modelworth.costmodel.scenario.settings import Setting
from modelworth.data.errors import InputError
from modelworth.data.words import Basis

Z90: Final = 1.2815515655446004


def settings(drivers: Mapping[str, Driver], settled: Mapping[str, Setting]) -> dict[str, Setting]:
    """A setting for each driver with a plausible range that nothing else settles."""
    found = {}
    for key, row in drivers.items():
        spec = None if key in settled or row.kind != "number" else _spec(row)
        if spec is not None:
            found[key] = _setting(row, spec)
    return found


def _spec(row: Driver) -> dict[str, Any] | None:
    """The range as a scenario would write it; None where the table has none to draw from."""
    low, high = row.low, row.high
    if low is None or high is None or not low <= row.default <= high or low == high:
        return None
    if row.distribution == "lognormal" and low > 0:
        return {
            "lognormal": {
                "median": math.sqrt(low * high),
                "sigma": math.log(high / low) / (2 * Z90),
            }
        }
    if row.distribution in ("pert", "lognormal"):
        return {"low": low, "mode": row.default, "high": high}
    return None


def _setting(row: Driver, spec: dict[str, Any]) -> Setting:
    basis: Basis = "published" if row.quality in ("A", "B") else "assumed"
    try:
        drawn = parse(row.key, spec, (row.minimum, row.maximum))
    except InputError as error:
        raise error.at(f"drivers.csv: {row.key}") from error
    return Setting(row.default, drawn, spec, row.source, row.as_of, basis)
