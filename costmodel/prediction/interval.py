"""How wide a prediction's 90% interval is: a group's own width, and what distance adds.

The width of known ground is the 90th percentile of errors on models that the fit hadn't seen, in
the group (kind of work, dense or experts, regime, software) or the wider one it belongs to. A
device, generation, software or precision that no row has adds to it, in quadrature of logarithms;
so does a config that was read with assumptions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from modelworth.costmodel.prediction.case import Case, software_name
from modelworth.costmodel.prediction.columns import is_static
from modelworth.costmodel.prediction.step.coefficients import Tables, generation_of
from modelworth.data.words import Basis

APPROXIMATE_LOG = 0.15
"""What a config that was read with assumptions adds: judgement."""
UNKNOWN_LOG = 1.0
"""The width where no table says anything."""


@dataclass(frozen=True, slots=True)
class Width:
    """A 90% interval's half-width as a logarithm, and why it is that wide.

    Attributes:
        group: whose residuals it rests on, of how many rows and models.
        new: what no measured row has: device, generation, software, precision.
    """

    log90: float
    group: str
    rows: int
    models: int
    new: tuple[str, ...]

    @property
    def basis(self) -> Basis:
        """What the prediction is: interpolated on known ground, assumed on none."""
        if {"software", "device"} <= set(self.new) or {"software", "generation"} <= set(self.new):
            return "assumed"
        return "extrapolated" if self.new else "interpolated"

    @property
    def factor(self) -> float:
        """The interval reaches from value ÷ factor to value × factor."""
        return math.exp(self.log90)


def groups_of(case: Case) -> tuple[str, ...]:
    """The groups that a case belongs to, the narrowest first."""
    sparse = "experts" if case.architecture.has_experts else "dense"
    software = software_name(case.software) or "unstated"
    wide = f"{case.kind} {sparse}"
    if case.kind == "serve":
        regime = "static" if is_static(case) else case.regime
        return (f"{wide} {regime} {software}", f"{wide} {regime}", wide, case.kind)
    return (f"{wide} {software}", wide, case.kind)


def width_of(case: Case, tables: Tables) -> Width:
    """The width of a case's interval."""
    device = case.accelerator
    asked = (
        case.kind, groups_of(case), generation_of(device), device.name,
        software_name(case.software) or "", case.precision, case.architecture.note is not None,
    )  # fmt: skip
    return _width(tables, *asked)


@lru_cache(maxsize=4096)
def _width(
    tables: Tables,
    kind: str,
    groups: tuple[str, ...],
    generation: str,
    device: str,
    software: str,
    precision: str,
    approximate: bool,
) -> Width:
    rows = {row.group: row for row in tables.intervals}
    found = next((rows[group] for group in groups if group in rows), None)
    new = _new(tables, kind, generation, device, software, precision)
    logs = [found.log90 if found else UNKNOWN_LOG]
    logs += [row.log90 for one in new if (row := rows.get(f"{kind}: new {one}"))]
    if approximate:
        logs.append(APPROXIMATE_LOG)
    return Width(
        math.hypot(*logs),
        found.group if found else "none",
        found.rows if found else 0,
        found.models if found else 0,
        new,
    )


def _new(
    tables: Tables, kind: str, generation: str, device: str, software: str, precision: str
) -> tuple[str, ...]:
    """What no measured row of this kind of work has."""
    new = []
    if not tables.knows(kind, "generation", generation):
        new.append("generation")
    elif not tables.knows(kind, "device", device):
        new.append("device")
    if not tables.knows(kind, "software", software):
        new.append("software")
    if precision not in tables.precisions(kind):
        new.append("precision")
    return tuple(new)
