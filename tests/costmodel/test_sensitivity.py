"""Sobol indices against SALib and Ishigami's closed form; the tornado against arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from SALib.analyze import sobol as salib_sobol
from scipy import stats

from modelworth.costmodel.risk.sampling import sobol_points
from modelworth.costmodel.risk.sensitivity import ranges_of, sobol_indices, tornado
from modelworth.costmodel.scenario.distributions import Normal, Pert, Uniform
from modelworth.data.errors import InputError

ISHIGAMI = {f"x{place}": Uniform(-np.pi, np.pi) for place in (1, 2, 3)}
A, B = 7.0, 0.1


def ishigami(x):
    return np.sin(x["x1"]) + A * np.sin(x["x2"]) ** 2 + B * x["x3"] ** 4 * np.sin(x["x1"])


def closed_form() -> dict[str, tuple[float, float]]:
    """First-order and total indices of Ishigami's function (Ishigami and Homma 1990)."""
    by_1 = 0.5 * (1 + B * np.pi**4 / 5) ** 2
    by_2 = A**2 / 8
    by_13 = B**2 * np.pi**8 * (1 / 18 - 1 / 50)
    whole = by_1 + by_2 + by_13
    return {
        "x1": (by_1 / whole, (by_1 + by_13) / whole),
        "x2": (by_2 / whole, by_2 / whole),
        "x3": (0.0, by_13 / whole),
    }


def test_ishigami_comes_out_as_its_closed_form():
    found = sobol_indices(ishigami, ISHIGAMI, draws=2**14, seed=0)
    for key, (first, total) in closed_form().items():
        assert found[key].first_order == pytest.approx(first, abs=0.01)
        assert found[key].total == pytest.approx(total, abs=0.01)


def test_the_same_evaluations_give_salibs_indices():
    draws = 512
    points = sobol_points(6, 0, draws, seed=3) * 2 * np.pi - np.pi
    one, other = points[:, :3], points[:, 3:]
    rows = np.empty((draws * 8, 3))  # SALib's order with second-order terms: A, AB, BA, B
    rows[0::8], rows[7::8] = one, other
    for place in range(3):
        rows[1 + place :: 8] = one
        rows[1 + place :: 8, place] = other[:, place]
        rows[4 + place :: 8] = other
        rows[4 + place :: 8, place] = one[:, place]
    values = ishigami({f"x{place + 1}": rows[:, place] for place in range(3)})
    problem = {"num_vars": 3, "names": list(ISHIGAMI), "bounds": [[-np.pi, np.pi]] * 3}
    theirs = salib_sobol.analyze(problem, values, calc_second_order=True, seed=1)
    ours = sobol_indices(ishigami, ISHIGAMI, draws=draws, seed=3)
    # SALib centres on all its values, ours on the two tables': the first order feels that
    assert [ours[key].first_order for key in ISHIGAMI] == pytest.approx(theirs["S1"], abs=0.01)
    assert [ours[key].total for key in ISHIGAMI] == pytest.approx(theirs["ST"], abs=1e-9)


def test_a_constant_has_no_influences_and_odd_draws_are_refused():
    found = sobol_indices(lambda x: np.full(len(x["x1"]), 3.0), ISHIGAMI, draws=8)
    assert {(found[key].first_order, found[key].total) for key in ISHIGAMI} == {(0.0, 0.0)}
    assert sobol_indices(ishigami, {}) == {}
    with pytest.raises(InputError, match="power of two"):
        sobol_indices(ishigami, ISHIGAMI, draws=1000)


def test_the_tornado_swings_one_driver_at_a_time_and_puts_the_widest_first():
    base = {"price": 2.0, "volume": 10.0, "fixed": 5.0}
    ranges = {"price": (1.0, 2.5), "volume": (9.0, 12.0)}
    ends = tornado(lambda x: x["price"] * x["volume"] - x["fixed"], base, ranges)
    assert list(ends.items()) == [("price", (5.0, 20.0)), ("volume", (13.0, 19.0))]
    assert tornado(lambda x: x["price"], base, {}) == {}


def test_ranges_are_the_10th_and_90th_percentile():
    found = ranges_of({"a": Normal(3, 2), "b": Pert(0, 1, 4)})
    assert found["a"] == pytest.approx(stats.norm(3, 2).ppf([0.1, 0.9]))
    assert found["b"] == pytest.approx(stats.beta(2, 4, 0, 4).ppf([0.1, 0.9]), rel=1e-5)
