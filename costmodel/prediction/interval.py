"""How wide a prediction's 90% interval is, by the groups a case belongs to and by its distance.

`intervals.csv` has the logarithm of a kind of work's width on known ground, and what each group of
cases (dense or experts, regime, software, and these together) and each new thing (a device, a
generation, software that no row of the fit had) adds to it, in all cases and in that group's. So a
combination that was never measured is as wide as its parts say. A precision, a way of dividing or a
kind of model that no row has, and a config read with assumptions, join in quadrature of logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from modelworth.costmodel.prediction.case import Case, is_static
from modelworth.costmodel.prediction.software import software_name
from modelworth.costmodel.prediction.step.coefficients import KNOWN, Tables, Term, generation_of
from modelworth.data.words import Basis

APPROXIMATE_LOG = 0.15
"""What a config that was read with assumptions adds: judgement."""
PRECISION_LOG = 0.1
"""What a precision that no row has adds: judgement."""
UNLIKE_LOG = 0.2
"""What else no row tells of adds: prompts read on devices of their own, another way of dividing a
model, a kind of model with this software: judgement."""
TRIED_TOGETHER = 8
"""Devices that share a server's products at most in any row: those of one node."""
TOGETHER_LOG = 0.6
"""What larger groups add: DeepSeek's published days on 96 and 144 devices are up to twice off."""
LEAST_ADDED = 0.03
"""What anything new multiplies a width by at least, as a logarithm: judgement."""
UNTRIED = 0.07
"""The same of each group that no row belongs to, for the spread between groups: with it, widths
that never saw a group were about as often too narrow as too wide."""
UNKNOWN_LOG = 1.0
"""The width where no table says anything."""
DIVIDED = ("tensor", "pipeline", "expert", "context", "attention_data")
"""Fields of a case that say how a model is divided."""


@dataclass(frozen=True, slots=True)
class Width:
    """A 90% interval's half-width as a logarithm, and why it is that wide.

    Attributes:
        group: whose residuals it rests on, of how many rows and models.
        new: what no measured row has: device, generation, software, precision, …
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
    """The groups that a case belongs to, the narrowest first; the last two are the widest."""
    sparse = "experts" if case.architecture.has_experts else "dense"
    software = software_name(case.software) or "unstated"
    wide, crossed = f"{case.kind} {sparse}", f"{case.kind} {software}"
    if case.kind != "serve":
        return (f"{wide} {software}", crossed, wide, case.kind)
    regime = "static" if is_static(case) else case.regime
    narrow = (f"{wide} {regime} {software}", f"{wide} {regime}")
    return (*narrow, crossed, f"{case.kind} {regime}", wide, case.kind)


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


def tried_in(case: Case) -> tuple[str, ...]:
    """The precision of a case, and how its model is divided."""
    return (case.precision, *(name for name in DIVIDED if getattr(case, name) > 1))


def width_of(case: Case, tables: Tables) -> Width:
    """The width of a case's interval, and the narrowest group with rows that it rests on."""
    groups, new = groups_of(case), new_in(case, tables)
    together = case.kind == "serve" and case.tensor > TRIED_TOGETHER
    precision, *divided = tried_in(case)
    unlike = {
        "precision": PRECISION_LOG * (precision not in tables.tried(case.kind)),
        "layout": UNLIKE_LOG * (not tables.tried(groups[-2]).issuperset(divided)),
        "kind of model": UNLIKE_LOG * (not tables.tried(groups[0]) and "software" not in new),
        "prompts read apart": UNLIKE_LOG * (case.read_gpus > 0),
        "large groups": TOGETHER_LOG * together,
    }
    added = (*unlike.values(), APPROXIMATE_LOG * case.architecture.assumed)
    width = math.hypot(log_width(tables.widths, groups, new), *added)
    news = (*new, *(name for name, log in unlike.items() if log))
    for row in (tables.ground[group] for group in groups if group in tables.ground):
        return Width(width, row.group, row.rows, row.models, news)
    return Width(width, "none", 0, 0, news)


def log_width(widths: Mapping[Term, float], groups: tuple[str, ...], new: tuple[str, ...]) -> float:
    """The width of cases of these groups, the widest last, that have `new` things.

    Anything new widens, by what it adds to each of the groups together.
    """
    if (groups[-1], KNOWN) not in widths:
        return UNKNOWN_LOG
    ground = sum(widths.get((group, KNOWN), UNTRIED) for group in groups)
    added = (sum(widths.get((group, thing), 0.0) for group in groups) for thing in new)
    return math.exp(ground + sum(max(one, LEAST_ADDED) for one in added))
