"""How wide a prediction's 90% interval is, by the group a case belongs to and by its distance.

`intervals.csv` has, for a group of cases (kind of work, dense or experts, regime, software) and a
distance (what no row of the fit had: nothing but the model, a device, a generation, software), the
width that holds nine tenths of the errors with such things left out. What several new things add,
a precision that no row has and a config read with assumptions join in quadrature of logarithms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from modelworth.costmodel.prediction.case import Case, is_static
from modelworth.costmodel.prediction.software import software_name
from modelworth.costmodel.prediction.step.coefficients import KNOWN, Tables, generation_of
from modelworth.data.words import Basis

APPROXIMATE_LOG = 0.15
"""What a config that was read with assumptions adds: judgement."""
PRECISION_LOG = 0.1
"""What a precision that no row has adds: judgement."""
APART_LOG = 0.2
"""What prompts read on devices of their own add, of which no row tells: judgement."""
LEAST_ADDED = 0.05
"""What anything new adds at least: judgement."""
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


def new_in(case: Case, tables: Tables) -> tuple[str, ...]:
    """What no row of the fit has: device or generation, and software."""
    device, new = case.accelerator, []
    if not tables.knows(case.kind, "generation", generation_of(device)):
        new.append("generation")
    elif not tables.knows(case.kind, "device", device.name):
        new.append("device")
    if not tables.knows(case.kind, "software", software_name(case.software) or ""):
        new.append("software")
    return tuple(new)


def width_of(case: Case, tables: Tables) -> Width:
    """The width of a case's interval."""
    strange = case.precision not in tables.precisions(case.kind)
    asked = (groups_of(case), new_in(case, tables), strange, case.architecture.assumed)
    return _width(tables, *asked, case.read_gpus > 0)


def log_width(tables: Tables, groups: tuple[str, ...], new: tuple[str, ...]) -> float:
    """The width of cases of these groups, narrowest first, that have `new` things.

    That of known ground, and in quadrature what each new thing adds to it, both by the narrowest
    group that was tried so.
    """
    ground = _narrowest(tables, groups, KNOWN)
    if ground is None:
        return UNKNOWN_LOG
    squares = ground[1] ** 2
    for thing in new:
        found = _narrowest(tables, groups, thing)
        if found is None:
            return UNKNOWN_LOG
        place, width = found
        known = _narrowest(tables, groups[place:], KNOWN)
        squares += max(width**2 - (known[1] if known else 0.0) ** 2, LEAST_ADDED**2)
    return math.sqrt(squares)


def _narrowest(tables: Tables, groups: tuple[str, ...], distance: str) -> tuple[int, float] | None:
    """The first of the groups that has a width at a distance: its place and width."""
    for place, group in enumerate(groups):
        if (width := tables.width(group, distance)) is not None:
            return place, width
    return None


@lru_cache(maxsize=4096)
def _width(
    tables: Tables,
    groups: tuple[str, ...],
    new: tuple[str, ...],
    strange: bool,
    assumed: bool,
    apart: bool,
) -> Width:
    held = {row.group: row for row in tables.intervals if row.distance == KNOWN}
    found = next((held[group] for group in groups if group in held), None)
    added = (PRECISION_LOG * strange, APPROXIMATE_LOG * assumed, APART_LOG * apart)
    tried = {"precision": not strange, "prompts read apart": not apart}
    return Width(
        math.hypot(log_width(tables, groups, new), *added),
        found.group if found else "none",
        found.rows if found else 0,
        found.models if found else 0,
        (*new, *(name for name, known in tried.items() if not known)),
    )
