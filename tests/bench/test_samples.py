"""Step-time statistics against closed forms, scipy and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal, stats

from modelworth.bench.timing import samples

SERIES = st.lists(st.floats(1e-6, 1e3), min_size=2, max_size=60)


def autoregressive(phi: float, count: int, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=count + 500)
    return signal.lfilter([1], [1, -phi], noise)[500:]


@pytest.mark.parametrize("phi", [0.0, 0.3, 0.6, 0.9])
def test_effective_samples_of_an_autoregressive_series(phi):
    """The closed form is n (1 − φ) / (1 + φ)."""
    count = 4000
    found = [samples.effective_samples(autoregressive(phi, count, seed)) for seed in range(20)]
    assert np.mean(found) == pytest.approx(count * (1 - phi) / (1 + phi), rel=0.1)


def test_a_constant_or_short_series_counts_in_full():
    assert samples.effective_samples([2.0] * 50) == 50
    assert samples.effective_samples([1.0, 2.0, 1.0]) == 3


@pytest.mark.parametrize("count", range(6, 40))
def test_the_interval_is_the_narrowest_that_the_binomial_allows(count):
    """Order statistics k and n + 1 − k enclose the median with 1 − 2 P(B < k)."""
    ranks = samples._ranks(count)
    tail = stats.binom.cdf(ranks[0] - 1, count, 0.5)
    wider = stats.binom.cdf(ranks[0], count, 0.5)
    assert tail <= 0.025 < wider
    assert sum(ranks) == count + 1


def test_too_few_samples_have_no_interval():
    assert samples.median_interval([1.0, 2.0, 3.0, 4.0, 5.0]).low is None
    assert samples.median_interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).low == 1.0


@pytest.mark.parametrize(("phi", "count"), [(0.0, 12), (0.0, 200), (0.5, 200), (0.8, 600)])
def test_the_interval_covers_the_median_as_often_as_it_says(phi, count):
    covered = []
    for seed in range(400):
        found = samples.median_interval(50 + autoregressive(phi, count, seed))
        covered.append(found.low <= 50 <= found.high)
    assert np.mean(covered) >= 0.92


def test_a_skewed_series_is_covered_as_well():
    generator = np.random.default_rng(1)
    found = [samples.median_interval(generator.lognormal(size=40)) for _ in range(400)]
    assert np.mean([one.low <= 1 <= one.high for one in found]) >= 0.93


def test_a_quantile_needs_five_samples_beyond_it():
    series = np.linspace(1, 2, 99)
    assert samples.quantile(series, 0.95) is None
    series = np.linspace(1, 2, 100)
    assert samples.quantile(series, 0.95) == pytest.approx(np.quantile(series, 0.95))
    assert samples.quantile(series, 0.95, effective=50) is None


@given(SERIES)
def test_the_trend_statistic_agrees_with_kendalls_tau(series):
    """S is tau-b's numerator; without ties its variance is n(n − 1)(2n + 5)/18."""
    count = len(series)
    if len(set(series)) < count:
        return
    tau = stats.kendalltau(np.arange(count), series).statistic
    score = tau * count * (count - 1) / 2
    expected = (score - np.sign(score)) / np.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    assert samples.kendall_z(series) == pytest.approx(expected, abs=1e-9)


def test_a_warm_up_that_falls_isnt_flat_and_one_that_has_fallen_is():
    falling = [2.0 - 0.02 * step for step in range(40)]
    assert not samples.is_flat(falling)
    assert samples.is_flat([9.0, 5.0, *[1.0] * 20])
    assert not samples.is_flat([1.0])
    assert samples.is_flat([3.0, 1.0, 1.05])
    assert not samples.is_flat([3.0, 1.0, 1.5])


def test_timed_steps_that_slow_down_are_noticed():
    assert samples.drifts([1.0 + 0.01 * step for step in range(40)])
    assert not samples.drifts(list(1 + 0.01 * np.random.default_rng(0).normal(size=40)))
    assert not samples.drifts([1.0, 2.0])


@given(SERIES)
def test_the_median_lies_in_its_interval(series):
    found = samples.median_interval(series)
    assert found.value == pytest.approx(np.median(series))
    if found.low is not None:
        assert found.low <= found.value <= found.high
        assert found.relative_half_width >= 0
