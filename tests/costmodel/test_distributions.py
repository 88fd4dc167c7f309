"""Distributions against scipy.stats; what a scenario writes against what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from modelworth.costmodel.scenario.distributions import is_distribution, parse
from modelworth.data.errors import InputError

U = np.linspace(0.0005, 0.9995, 1999)


def _sigma(mean: float, sd: float) -> float:
    return float(np.sqrt(np.log1p((sd / mean) ** 2)))


ORACLES = [
    ({"uniform": {"low": -1, "high": 3}}, stats.uniform(-1, 4)),
    ({"triangular": {"low": 1, "mode": 2, "high": 5}}, stats.triang(0.25, 1, 4)),
    ({"triangular": {"low": 1, "mode": 1, "high": 5}}, stats.triang(0, 1, 4)),
    ({"triangular": {"low": 1, "mode": 5, "high": 5}}, stats.triang(1, 1, 4)),
    ({"low": 1, "mode": 2, "high": 5}, stats.beta(2, 4, 1, 4)),
    ({"pert": {"low": 0, "mode": 0, "high": 1}}, stats.beta(1, 5)),
    ({"low": -3, "mode": 1, "high": 1}, stats.beta(5, 1, -3, 4)),
    ({"normal": {"mean": 5, "sd": 2}}, stats.norm(5, 2)),
    ({"normal": {"mean": 5, "sd": 2, "low": 4, "high": 9}}, stats.truncnorm(-0.5, 2, 5, 2)),
    ({"lognormal": {"median": 3, "sigma": 0.7}}, stats.lognorm(0.7, scale=3)),
    (
        {"lognormal": {"mean": 3, "sd": 1.5}},
        stats.lognorm(_sigma(3, 1.5), scale=3 / np.sqrt(1.25)),
    ),
]


@pytest.mark.parametrize(("spec", "oracle"), ORACLES, ids=lambda item: str(item)[:50])
def test_quantiles_and_means_are_those_of_scipy(spec, oracle):
    drawn = parse("driver", spec)
    assert drawn.ppf(U) == pytest.approx(oracle.ppf(U), rel=1e-5, abs=3e-6)
    assert drawn.mean == pytest.approx(oracle.mean(), rel=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.floats(-50, 50), st.floats(0.01, 100), st.floats(0, 1))
def test_any_pert_is_scipys_beta(low, width, place):
    mode = min(low + place * width, low + width)
    drawn = parse("driver", {"low": low, "mode": mode, "high": low + width})
    a = 1 + 4 * (mode - low) / (low + width - low)
    exact = stats.beta(a, 6 - a, low, width).ppf(U)
    assert np.abs(drawn.ppf(U) - exact).max() <= 1e-6 * width


def test_a_truncated_lognormal_keeps_its_shape_inside():
    drawn = parse("driver", {"lognormal": {"median": 1, "sigma": 1}}, (0.5, 4))
    whole = stats.lognorm(1)
    below, above = whole.cdf([0.5, 4])
    assert drawn.ppf(U) == pytest.approx(whole.ppf(below + (above - below) * U))
    assert drawn.mean == pytest.approx(whole.expect(lb=0.5, ub=4, conditional=True), rel=1e-4)


def test_a_discrete_driver_takes_its_values_as_often_as_it_says():
    drawn = parse("driver", {"discrete": {"values": [5, 0, 1], "weights": [1, 6, 3]}})
    u = (np.arange(1000) + 0.5) / 1000
    values, counts = np.unique(drawn.ppf(u), return_counts=True)
    assert values.tolist() == [0, 1, 5]
    assert counts.tolist() == [600, 300, 100]
    assert drawn.base == 0
    assert drawn.mean == pytest.approx(0.8)


def test_an_empirical_driver_draws_every_sample_as_often():
    samples = [9.0, 10.0, 10.5, 14.0]
    drawn = parse("driver", {"empirical": {"values": samples}})
    u = (np.arange(400) + 0.5) / 400
    assert np.unique(drawn.ppf(u), return_counts=True)[1].tolist() == [100] * 4
    assert drawn.base == pytest.approx(10.25)


def test_resampled_means_spread_like_scipys_bootstrap():
    samples = np.random.default_rng(3).gamma(4.0, 25.0, size=40)
    drawn = parse("driver", {"empirical": {"values": samples.tolist(), "of": "mean"}})
    scipys = stats.bootstrap(
        (samples,), np.mean, confidence_level=0.9, method="percentile",
        rng=np.random.default_rng(8),
    )  # fmt: skip
    low, high = drawn.ppf(np.array([0.05, 0.95]))
    assert low == pytest.approx(scipys.confidence_interval.low, rel=0.01)
    assert high == pytest.approx(scipys.confidence_interval.high, rel=0.01)
    assert drawn.base == pytest.approx(samples.mean())


@pytest.mark.parametrize(
    ("spec", "allowed", "where"),
    [
        ({"low": 2, "mode": 1, "high": 3}, (None, None), "share.mode"),
        ({"low": 3, "mode": 3, "high": 3}, (None, None), "share"),
        ({"low": 0, "high": 3}, (None, None), "share.mode"),
        ({"low": 0.2, "mode": 0.5, "high": 1.5}, (0, 1), "share"),
        ({"low": -0.2, "mode": 0.5, "high": 1}, (0, None), "share"),
        ({"normal": {"mean": 0.5, "sd": 0}}, (0, 1), "share.normal.sd"),
        ({"normal": {"mean": 0.5, "sd": 100}}, (0, 1), "share.normal"),
        ({"normal": {"mean": 2, "sd": 0.1}}, (0, 1), "share.normal"),
        ({"normal": {"mean": "x", "sd": 0.1}}, (0, 1), "share.normal.mean"),
        ({"normal": {"mean": float("nan"), "sd": 0.1}}, (0, 1), "share.normal.mean"),
        ({"normal": {"mean": 10**400, "sd": 0.1}}, (0, 1), "share.normal.mean"),
        ({"normal": {"mean": True, "sd": 0.1}}, (0, 1), "share.normal.mean"),
        ({"normal": {"mean": 0.5, "sd": 0.1, "skew": 1}}, (0, 1), "share.normal"),
        ({"normal": 3}, (0, 1), "share.normal"),
        ({"lognormal": {"median": -1, "sigma": 1}}, (0, None), "share.lognormal.median"),
        ({"lognormal": {"median": 1, "sd": 1}}, (0, None), "share.lognormal"),
        ({"lognormal": {"median": 1, "sigma": 99}}, (0, None), "share.lognormal.sigma"),
        ({"discrete": {"values": [1]}}, (0, 1), "share.discrete.values"),
        ({"discrete": {"values": [0, 1], "weights": [1]}}, (0, 1), "share.discrete.weights"),
        ({"discrete": {"values": [0, 1], "weights": [1, -1]}}, (0, 1), "share.discrete.weights"),
        ({"discrete": {"values": [0, 1, 2]}}, (0, 1), "share.discrete"),
        ({"empirical": {"values": [1, 2], "of": "median"}}, (0, 3), "share.empirical.of"),
        ({"empirical": {"values": [1, None]}}, (0, 3), "share.empirical.values[1]"),
        ({"gamma": {"shape": 2}}, (0, 3), "share"),
        ({}, (0, 3), "share"),
        ([1, 2], (0, 3), "share"),
    ],
)
def test_what_cannot_be_right_is_refused_by_its_path(spec, allowed, where):
    with pytest.raises(InputError) as refused:
        parse("share", spec, allowed)
    assert refused.value.where == where
    assert len(str(refused.value).splitlines()) == 2


def test_nested_drivers_are_not_taken_for_a_distribution():
    assert is_distribution({"low": 1, "mode": 2, "high": 3})
    assert is_distribution({"uniform": {}})
    assert not is_distribution({"requests_per_month": 3})
    assert not is_distribution({"uniform": {}, "normal": {}})
    assert not is_distribution(3)
