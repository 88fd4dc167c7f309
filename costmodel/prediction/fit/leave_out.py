"""Errors on rows whose whole group the fit hadn't seen, and the interval widths they give.

Leaving each model out in turn gives the width of known ground; leaving out devices and software
says what a new one adds. Every model of a group weighs the same, and rows that differ only by a
release count once, so that a hundred near-copies don't make a width.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from modelworth.costmodel.prediction.case import software_name
from modelworth.costmodel.prediction.columns import coefficients, columns
from modelworth.costmodel.prediction.fit.least_squares import (
    Array,
    completed,
    fit,
    known_factors,
    read_priors,
)
from modelworth.costmodel.prediction.fit.observed import Observed, weighed
from modelworth.costmodel.prediction.interval import groups_of
from modelworth.costmodel.prediction.step.coefficients import (
    CoefficientRow,
    IntervalRow,
    Tables,
    generation_of,
)
from modelworth.costmodel.prediction.times import times

Group = Callable[[Observed], str]
SPLITS: dict[str, Group] = {
    "model": lambda one: one.case.architecture.name,
    "device": lambda one: one.case.accelerator.name,
    "software": lambda one: software_name(one.case.software) or "",
}
FLOORS = {"device": 0.06, "generation": 0.2, "software": 0.2, "precision": 0.1}
"""Least that something new adds to a width's logarithm: judgement, after a prototype."""
POOL_MODELS = 3
"""Models that the wider group counts for where a group's own width is shrunk towards it."""
ROWS_OF_A_MODEL = 10
"""Rows that count as a model where a group has few models but many rows."""
COVERED = 0.9
ROUNDS = 8


@dataclass(frozen=True)
class LeftOut:
    """Errors (of logarithms) of each row with its group left out; NaN where that is all.

    Attributes:
        new: what no row of the rest has, for each row: device, generation, software.
    """

    errors: Array
    new: tuple[tuple[str, ...], ...]


def leave_out(
    observed: Sequence[Observed], split: Group, bare: Tables, near: Sequence[CoefficientRow]
) -> LeftOut:
    """Each row predicted without the rows that `split` puts with it."""
    keys = [split(one) for one in observed]
    errors = np.full(len(observed), np.nan)
    new: list[tuple[str, ...]] = [()] * len(observed)
    kind = observed[0].case.kind
    priors = read_priors(kind)
    for key in dict.fromkeys(keys):
        places = [place for place, other in enumerate(keys) if other == key]
        kept = [one for one, other in zip(observed, keys, strict=True) if other != key]
        if not kept:
            continue
        fitted = fit(weighed(kept), priors, bare, known_factors(), near, rounds=ROUNDS)
        tables = Tables(bare.rates, completed(fitted))
        found = log_errors([observed[place] for place in places], tables)
        for place, error in zip(places, found, strict=True):
            errors[place] = error
            new[place] = _new(observed[place], tables)
    return LeftOut(errors, tuple(new))


def log_errors(observed: Sequence[Observed], tables: Tables) -> Array:
    """ln(predicted / measured) of each row."""
    errors = np.full(len(observed), np.nan)
    works: dict[str, list[int]] = {}
    for place, one in enumerate(observed):
        works.setdefault(one.case.work, []).append(place)
    for places in works.values():
        cases = [observed[place].case for place in places]
        found = times(cases[0].work, columns(cases, tables), coefficients(cases, tables))
        measured = np.array([observed[place].value for place in places])
        errors[places] = np.log(np.asarray(found.value) / measured)
    return errors


def interval_rows(
    observed: Sequence[Observed], left_out: dict[str, LeftOut], as_of: str
) -> list[IntervalRow]:
    """Widths of the groups of one kind of work, and what distance adds to them."""
    kind = observed[0].case.kind
    errors = np.abs(left_out["model"].errors)
    widths: dict[str, float] = {}
    rows: list[IntervalRow] = []
    chains = [groups_of(one.case)[::-1] for one in observed]
    twins = Counter(one.twin for one in observed)
    names = sorted({name for chain in chains for name in chain}, key=_depth(chains))
    for name in names:
        member = np.array([name in chain for chain in chains])
        some = [one for one, yes in zip(observed, member, strict=True) if yes]
        models = {one.case.architecture.name for one in some}
        wider = next((chain[chain.index(name) - 1] for chain in chains if name in chain[1:]), None)
        every = np.array([1 / twins[one.twin] for one in some])
        own = max(
            quantile(errors[member], shares(some), COVERED),
            quantile(errors[member], every, COVERED),
        )
        if wider is not None:
            count = max(len(models), every.sum() / ROWS_OF_A_MODEL)
            own = (count * own + POOL_MODELS * widths[wider]) / (count + POOL_MODELS)
        widths[name] = own
        precisions = "|".join(sorted({one.case.precision for one in some}))
        rows.append(
            IntervalRow(
                group=name,
                log90=round(own, 4),
                rows=len({one.twin for one in some}),
                models=len(models),
                precisions=precisions,
                source="errors on published rows with their model left out of the fit",
                as_of=as_of,
            )
        )
    base = np.array([widths[chain[-1]] for chain in chains])
    return rows + _additions(kind, observed, left_out, base, as_of)


def shares(observed: Sequence[Observed]) -> Array:
    """Weight of each row: every model and device the same, releases of a row as one."""
    twins = Counter(one.twin for one in observed)
    models: Counter[tuple[str, str]] = Counter()
    for one in observed:
        models[_model(one)] += 1 / twins[one.twin]  # type: ignore[assignment]
    return np.array([1 / twins[one.twin] / models[_model(one)] for one in observed])


def quantile(values: Array, weights: Array, share: float) -> float:
    """The weighted quantile of values; NaN ones are left out."""
    kept = np.isfinite(values)
    values, weights = values[kept], weights[kept]
    if not values.size:
        return 0.5
    order = np.argsort(values)
    passed = np.cumsum(weights[order]) - weights[order] / 2
    return float(np.interp(share * weights.sum(), passed, values[order]))


def _additions(
    kind: str,
    observed: Sequence[Observed],
    left_out: dict[str, LeftOut],
    base: Array,
    as_of: str,
) -> list[IntervalRow]:
    weights = shares(observed)
    rows: list[IntervalRow] = []
    for what, floor in FLOORS.items():
        split = {"generation": "device"}.get(what, what)
        found = left_out.get(split)
        added, count = floor, 0
        if found is not None:
            some = np.array([new == (what,) for new in found.new]) & np.isfinite(found.errors)
            count = int(some.sum())
            if count:
                excess = np.sqrt(np.maximum(found.errors[some] ** 2 - base[some] ** 2, 0))
                added = max(floor, quantile(excess, weights[some], COVERED))
        if what == "generation":
            added = max(added, rows[0].log90)  # a new generation is a new device, too
        rows.append(
            IntervalRow(
                group=f"{kind}: new {what}",
                log90=round(added, 4),
                rows=count,
                models=0,
                source="errors with each left out in turn" if count else "judgement",
                as_of=as_of,
            )
        )
    return rows


def _new(one: Observed, tables: Tables) -> tuple[str, ...]:
    """What no row of a fit has: generation or device, and software."""
    device, kind, new = one.case.accelerator, one.case.kind, []
    if not tables.knows(kind, "generation", generation_of(device)):
        new.append("generation")
    elif not tables.knows(kind, "device", device.name):
        new.append("device")
    if not tables.knows(kind, "software", software_name(one.case.software) or ""):
        new.append("software")
    return tuple(new)


def _model(one: Observed) -> tuple[str, str]:
    return one.case.architecture.name, one.case.accelerator.name


def _depth(chains: Sequence[tuple[str, ...]]) -> Callable[[str], tuple[int, str]]:
    depths = {name: place for chain in chains for place, name in enumerate(chain)}
    return lambda name: (depths[name], name)


def band95(rows: int) -> tuple[float, float]:
    """Shares of rows inside a 90% interval that chance explains 19 times of 20."""
    half = 1.96 * math.sqrt(COVERED * (1 - COVERED) / rows)
    return COVERED - half, min(COVERED + half, 1.0)
