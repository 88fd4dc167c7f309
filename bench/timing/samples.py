"""What a series of step times says: its median, how sure that is, and which quantiles it can know.

Step times are neither normal nor independent. The interval of the median is made of order
statistics, for as many samples as the autocorrelation leaves (Geyer's initial positive sequence),
and a quantile is given only where enough samples lie beyond it.
Sources: Conover 1999, 3.2 (order-statistic intervals); Geyer 1992 (initial sequence estimators);
Kendall 1938 and Mann 1945 (trend). Left out: the small loss of coverage from stopping when the
interval is narrow enough.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

BEYOND_QUANTILE = 5
"""Samples that must lie beyond a quantile before it is given."""
CORRELATED_SAMPLES = 16
"""Fewest samples whose autocorrelation is looked at; fewer are taken as independent."""
TREND_LIMIT = 400
"""Values that a trend is looked for in; more are thinned evenly."""
TREND_SAMPLES = 8
"""Fewest samples that a trend is looked for in."""
FLAT, DRIFT = 0.02, 0.05
"""Relative change that is too small to matter: of a warm-up, and of timed steps."""
EXACT_BINOMIAL_UP_TO = 500


@dataclass(frozen=True, slots=True)
class MedianInterval:
    """A median with its interval; None where the samples are too few for one."""

    value: float
    low: float | None
    high: float | None
    effective_samples: float

    @property
    def relative_half_width(self) -> float | None:
        """Half the interval's width as a share of the median."""
        if self.low is None or self.high is None:
            return None
        return (self.high - self.low) / 2 / self.value


def effective_samples(series: ArrayLike) -> float:
    """How many independent samples would tell as much about the mean of this stationary series.

    n / (1 + 2 Σ ρ_k), summed over pairs of lags while their sums stay positive and fall (Geyer).
    Never more than n.
    """
    values = np.asarray(series, dtype=float)
    count = len(values)
    if count < CORRELATED_SAMPLES or np.ptp(values) == 0:
        return float(count)
    correlations = _autocorrelations(values)
    pairs = correlations[0 : 2 * (count // 2) : 2] + correlations[1 : 2 * (count // 2) : 2]
    negative = np.flatnonzero(pairs <= 0)
    kept = pairs[: negative[0]] if negative.size else pairs
    time = 2 * np.minimum.accumulate(kept).sum() - 1 if kept.size else 1.0
    return float(count / max(time, 1.0))


def median_interval(series: ArrayLike) -> MedianInterval:
    """Median with its distribution-free 95% interval.

    The variance of a sample median under dependence is that of the series "at most the median":
    its effective sample size takes the place of n.
    """
    values = np.sort(np.asarray(series, dtype=float))
    count, middle = len(values), float(np.median(values))
    effective = effective_samples(np.asarray(series, dtype=float) <= middle)
    ranks = _ranks(math.floor(effective + 1e-9))
    if ranks is None:
        return MedianInterval(middle, None, None, effective)
    stretch = count / math.floor(effective + 1e-9)
    low = max(0, math.floor((ranks[0] - 0.5) * stretch - 0.5 + 1e-9))
    high = count - 1 - low
    return MedianInterval(middle, float(values[low]), float(values[high]), effective)


def quantile(series: ArrayLike, share: float, effective: float | None = None) -> float | None:
    """The quantile, or None where fewer than five (effective) samples lie beyond it."""
    values = np.asarray(series, dtype=float)
    known = len(values) if effective is None else effective
    if known * min(share, 1 - share) < BEYOND_QUANTILE - 1e-9:
        return None
    return float(np.quantile(values, share))


def kendall_z(series: ArrayLike) -> float:
    """Mann-Kendall statistic of a trend over time, standard normal without one."""
    values = np.asarray(series, dtype=float)
    values = values[:: -(-len(values) // TREND_LIMIT) or 1]  # every pair is compared
    count = len(values)
    score = float(np.sign(values[None, :] - values[:, None])[np.triu_indices(count, 1)].sum())
    _, ties = np.unique(values, return_counts=True)
    variance = _pairs_variance(count) - sum(_pairs_variance(int(tie)) for tie in ties)
    if variance <= 0:
        return 0.0
    return (score - math.copysign(1, score) * (score != 0)) / math.sqrt(variance)


def drift(series: ArrayLike) -> float:
    """Relative change of the median from the first half to the second."""
    values = np.asarray(series, dtype=float)
    half = len(values) // 2
    return float(np.median(values[-half:]) / np.median(values[:half]) - 1)


def is_flat(series: Sequence[float]) -> bool:
    """Whether a warm-up has settled: its later half shows no trend, or one too small to matter.

    With few steps (long ones), the last two must agree within five times that.
    """
    if len(series) < 2:
        return False
    later = series[len(series) // 2 :]
    if len(later) < TREND_SAMPLES:
        before, last = series[-2:]
        return abs(last / before - 1) <= 5 * FLAT
    return abs(kendall_z(later)) < 1.96 or abs(drift(later)) <= FLAT


def drifts(series: Sequence[float]) -> bool:
    """Whether timed steps show a trend that matters, so that no one figure describes them."""
    if len(series) < TREND_SAMPLES:
        return False
    return abs(kendall_z(series)) > 2.58 and abs(drift(series)) > DRIFT


def _autocorrelations(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Biased autocorrelations of all lags, by the Fourier transform."""
    count = len(values)
    centred = values - values.mean()
    spectrum = np.fft.rfft(centred, 2 * count)
    covariances = np.fft.irfft(spectrum * spectrum.conj(), 2 * count)[:count]
    return np.asarray(covariances / covariances[0])


def _ranks(count: int) -> tuple[int, int] | None:
    """Ranks, from 1, of the order statistics that enclose the median with 95% certainty."""
    tail = 0.025
    if count > EXACT_BINOMIAL_UP_TO:
        spread = NormalDist().inv_cdf(1 - tail) * math.sqrt(count) / 2
        low = math.floor(count / 2 - spread)
        return low, count + 1 - low
    below, low = 0.0, 0
    for successes in range(count // 2):
        below += math.comb(count, successes) / 2**count
        if below > tail:
            break
        low = successes + 1
    return (low, count + 1 - low) if low else None


def _pairs_variance(count: int) -> float:
    return count * (count - 1) * (2 * count + 5) / 18
