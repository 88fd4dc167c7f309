"""Widths of 90% intervals, from errors on rows whose whole group the fit hadn't seen.

A quantile regression (Koenker & Bassett 1978): the logarithm of the width is that of its kind of
work, plus what each group of the case adds, plus what each new thing adds, in all cases and in each
group. All are found at once, so that nine tenths of the errors lie inside, each pulled towards its
prior (which pools what few rows tell). So a group that was never measured, or never at a distance,
has the width that its parts say. Rows that differ only by a release count once.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from modelworth.costmodel.prediction.fit.least_squares import Array
from modelworth.costmodel.prediction.fit.leave_out import COVERED, LeftOut, parted, quantile
from modelworth.costmodel.prediction.fit.observed import Observed
from modelworth.costmodel.prediction.interval import groups_of, log_width, tried_in
from modelworth.costmodel.prediction.step.coefficients import KNOWN, IntervalRow, Term

KIND = (math.log(0.2), 1.0)
"""Logarithm of the width of a kind of work before any row was seen, and its spread: judgement."""
NEW = (0.2, 0.4)
"""The same of what anything new adds: judgement."""
SPREAD = 0.3
"""Spread of what groups add, on known ground and at a distance: of 0.2 to 0.5, widths that never
saw the group held best."""
ROW = 0.18
"""Mean loss of a row's logarithm: how much it weighs against the priors."""
ROUNDED = 0.05
"""How near (in logarithms) to the quantile the loss is rounded, so that it has a slope."""
LEAST_ERROR = 1e-3


@dataclass(frozen=True)
class Tried:
    """Errors of rows that were left out, and the terms of their widths.

    Attributes:
        places: of each error's row among the observed.
        terms, has: what widths are made of, and which of them each error's width has.
        logs: of the errors' sizes.
    """

    observed: tuple[Observed, ...]
    places: NDArray[np.intp]
    terms: tuple[Term, ...]
    has: NDArray[np.bool_]
    logs: Array
    weights: Array

    @classmethod
    def of(cls, observed: Sequence[Observed], left_out: dict[str, LeftOut]) -> Tried:
        """Every error, once for each split; known ground by models alone."""
        groups = [groups_of(one.case) for one in observed]
        found = [
            (split, place, [(group, thing) for group in groups[place] for thing in (KNOWN, *new)])
            for split, left in left_out.items()
            for place, new in enumerate(left.new)
            if math.isfinite(left.errors[place]) and (new or split == KNOWN)
        ]
        terms = tuple(dict.fromkeys(term for _, _, some in found for term in some))
        at = {term: place for place, term in enumerate(terms)}
        has = np.zeros((len(found), len(terms)), dtype=bool)
        for row, (_, _, some) in enumerate(found):
            has[row, [at[term] for term in some]] = True
        errors = np.array([left_out[split].errors[place] for split, place, _ in found])
        twins = Counter((split, observed[place].twin) for split, place, _ in found)
        weights = [1 / twins[split, observed[place].twin] for split, place, _ in found]
        return cls(
            tuple(observed), np.array([place for _, place, _ in found]), terms, has,
            np.log(np.maximum(np.abs(errors), LEAST_ERROR)), np.array(weights),
        )  # fmt: skip

    def widths(self, kept: NDArray[np.bool_]) -> dict[Term, float]:
        """What each term adds, by the errors that are kept."""
        used = np.flatnonzero(self.has[kept].any(axis=0))
        has, logs = self.has[kept][:, used].astype(float), self.logs[kept]
        weights = self.weights[kept] / ROW
        terms = [self.terms[place] for place in used]
        priors, spreads = np.array([_prior(*term) for term in terms]).T

        def loss(moved: Array) -> tuple[float, Array]:
            beyond = (logs - has @ (priors + spreads * moved)) / ROUNDED
            under = np.logaddexp(0.0, -beyond)
            slope = weights * (COVERED - 1 + np.exp(-np.logaddexp(0.0, -beyond)))
            total = np.sum(weights * (COVERED * beyond + under)) * ROUNDED
            return float(total + moved @ moved / 2), moved - spreads * (has.T @ slope)

        found = minimize(loss, np.zeros(len(terms)), jac=True, method="L-BFGS-B")
        return dict(zip(terms, map(float, priors + spreads * found.x), strict=True))


def _prior(group: str, distance: str) -> tuple[float, float]:
    if " " in group:
        return 0.0, SPREAD
    return KIND if distance == KNOWN else NEW


def interval_rows(tried: Tried, as_of: str) -> list[IntervalRow]:
    """What each group of one kind of work adds to a width at each distance, the widest first."""
    widths = tried.widths(np.ones(tried.logs.size, dtype=bool))
    return [
        _row(tried, place, round(widths[term], 4), as_of)
        for place, term in sorted(
            enumerate(tried.terms), key=lambda one: (one[1][0].count(" "), one[1])
        )
    ]


def _row(tried: Tried, place: int, added: float, as_of: str) -> IntervalRow:
    """A term with the errors that it rests on: on known ground, those where nothing was new."""
    group, distance = tried.terms[place]
    some = tried.has[:, place]
    if distance == KNOWN:
        new = np.array([thing != KNOWN for _, thing in tried.terms])
        some = some & ~(tried.has[:, new].any(axis=1))
    members = [tried.observed[one] for one in tried.places[some]]
    own = quantile(np.exp(tried.logs[some]), tried.weights[some], COVERED) if members else 0.0
    return IntervalRow(
        group=group,
        distance=distance,
        added=added,
        log90=round(own, 4),
        rows=len({one.twin for one in members}),
        models=len({one.case.architecture.name for one in members}),
        tried="|".join(sorted({word for one in members for word in tried_in(one.case)})),
        source="errors on published rows with such things left out of the fit",
        as_of=as_of,
    )


def unseen_widths(tried: Tried, left_out: dict[str, LeftOut], split: str) -> Array:
    """Each row's width where its own group's errors aren't looked at either."""
    widths = np.full(len(tried.observed), np.nan)
    for places, rest in parted(tried.observed, split):
        found = tried.widths(np.isin(tried.places, rest))
        for place in places:
            groups, new = groups_of(tried.observed[place].case), left_out[split].new[place]
            widths[place] = log_width(found, groups, new)
    return widths
