"""From the trials to the figures that describe a risk.

Quantiles are of the trials that have a value. Expected shortfall is the mean of the worst
twentieth. The histogram's bars are as wide as each other; its outermost two hold the tails beyond
the 0.5th and 99.5th percentile, so that one extreme trial doesn't flatten the picture. A driver
that seems worth no more than one of no bearing would, in the same trials, is worth 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelworth.costmodel.analysis import Influence, Risk
from modelworth.costmodel.risk import information
from modelworth.costmodel.risk.sensitivity import Indices
from modelworth.costmodel.risk.simulation import Draws

Floats = NDArray[np.float64]
BINS = 40
TAIL = 0.05
SHOWN = (0.1, 0.5, 0.9)


@dataclass(frozen=True, slots=True)
class Quantiles:
    """A figure over the trials; None where no trial has a value.

    Attributes:
        mean: over the trials that have a value; standard_error: of that mean.
    """

    p10: float | None
    p50: float | None
    p90: float | None
    share_defined: float | None
    mean: float | None = None
    standard_error: float | None = None


def quantiles(values: Floats) -> Quantiles:
    """10th, 50th and 90th percentile of the trials that have a value."""
    defined = values[np.isfinite(values)]
    share = len(defined) / len(values)
    if len(defined) == 0:
        return Quantiles(None, None, None, share)
    low, middle, high = sorted_quantiles(np.sort(defined), SHOWN)
    mean, error = float(defined.mean()), float(defined.std() / np.sqrt(len(defined)))
    return Quantiles(float(low), float(middle), float(high), share, mean, error)


def ranked_quantiles(values: Floats) -> Quantiles:
    """Quantiles over all trials, of something that may never happen: never comes last, as None."""
    happens = np.isfinite(values)
    ordered = np.sort(np.where(happens, values, np.inf))
    ends = np.quantile(ordered, [0.1, 0.5, 0.9], method="inverted_cdf")
    low, middle, high = (float(end) if np.isfinite(end) else None for end in ends)
    return Quantiles(low, middle, high, float(happens.mean()))


def sorted_quantiles(ordered: Floats, shares: Sequence[float]) -> list[Floats]:
    """Quantiles of values that rise along the last axis, between them linearly (as numpy's)."""
    found = []
    for share in shares:
        place = share * (ordered.shape[-1] - 1)
        below = int(place)
        above = min(below + 1, ordered.shape[-1] - 1)
        first, second = ordered[..., below], ordered[..., above]
        found.append(first + (place - below) * (second - first))
    return found


def expected_shortfall(values: Floats) -> float:
    """Mean of the worst twentieth of the trials (of at least one)."""
    count = max(1, round(TAIL * len(values)))
    return float(np.partition(values, count - 1)[:count].mean())


def histogram(values: Floats) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Edges and counts of bars of equal width; values beyond the edges are in the last bar."""
    low, high = np.quantile(values, [0.005, 0.995])
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    counts, _ = np.histogram(np.clip(values, low, high), edges)
    return tuple(edges.tolist()), tuple(int(count) for count in counts)


def rank_correlations(values: Floats, ranks: Mapping[str, Floats]) -> dict[str, float | None]:
    """Spearman's correlation of each driver with the values; None where one of them is constant."""
    own = information.ranks_of({"": values})[""]
    return {key: _correlation(own, row) for key, row in ranks.items()}


def _correlation(first: Floats, second: Floats) -> float | None:
    one, other = first - first.mean(), second - second.mean()
    size = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / size if size > 0 else None


def summarise(draws: Draws, indices: Mapping[str, Indices] | None = None) -> Risk:
    """The risk in the trials' NPV, against not doing it; with Sobol indices where known."""
    values = draws.indicators["npv_usd"]
    table = information.with_doing_nothing(values)
    places = information.ranks_of(draws.drivers)
    ranks = rank_correlations(values, places)
    chance = information.by_chance(table, draws.plan.seed)
    edges, counts = histogram(values)
    found = [
        _influence(key, ranks[key], worth if worth > chance else 0.0, indices)
        for key, worth in information.knowing_each(table, places).items()
    ]
    return Risk(
        trials=draws.plan.trials,
        seed=draws.plan.seed,
        probability_of_loss=float((values < 0).mean()),
        expected_shortfall_usd=expected_shortfall(values),
        evpi_usd=information.perfect_information(table),
        bin_edges_usd=edges,
        bin_counts=counts,
        influences=tuple(sorted(found, key=_weight)),
    )


def share_error(share: float, trials: int) -> float:
    """Standard error of a share of trials."""
    return float(np.sqrt(share * (1 - share) / trials))


def _influence(
    key: str,
    rank: float | None,
    worth: float,
    indices: Mapping[str, Indices] | None,
) -> Influence:
    shares = indices.get(key) if indices else None
    return Influence(
        driver=key,
        first_order=shares.first_order if shares else None,
        total=shares.total if shares else None,
        rank_correlation=rank,
        evppi_usd=worth,
    )


def _weight(influence: Influence) -> tuple[float, float, str]:
    """What is worth knowing first; where nothing is, what NPV follows most."""
    rank = influence.rank_correlation
    return -(influence.evppi_usd or 0.0), -abs(rank or 0.0), influence.driver
