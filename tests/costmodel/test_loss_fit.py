"""The fit of the law of loss, held to laws whose constants are known."""

from __future__ import annotations

import numpy as np
import pytest

from modelworth.costmodel.architecture.loss_fit import Run, fit_law
from modelworth.costmodel.architecture.scaling_law import LossLaw, effective_tokens, loss
from modelworth.data.errors import InputError
from tests.costmodel.laws import BESIROGLU

CONSTANTS = ("irreducible", "a", "b", "alpha", "beta")


def drawn(law, count, noise, seed=0, repeated=False):
    """Runs of a law, over Chinchilla's range of sizes and data."""
    rng = np.random.default_rng(seed)
    sizes, tokens = 10 ** rng.uniform(7.6, 10.2, count), 10 ** rng.uniform(9, 12, count)
    unique = tokens / np.where(rng.random(count) < 0.4, 10 ** rng.uniform(0, 1.5, count), 1)
    if not repeated:
        unique = tokens
    worth = effective_tokens(law, tokens, unique)
    seen = loss(law, sizes, worth) * np.exp(rng.normal(0, noise, count))
    table = zip(sizes, tokens, seen, unique, strict=True)
    return [Run(*(float(value) for value in row)) for row in table]


def fitted(runs, resamples=60):
    return fit_law(runs, "a test", "made up", np.random.default_rng(1), resamples)


@pytest.fixture(scope="module")
def chinchilla():
    """240 runs, as many as the published refit had, of the law that it found."""
    return fitted(drawn(BESIROGLU, 240, 0.003))


@pytest.mark.parametrize("name", CONSTANTS)
def test_the_published_refits_constants_come_back_inside_their_intervals(chinchilla, name):
    low, high = chinchilla.interval(name, 0.999)
    assert low <= getattr(BESIROGLU, name) <= high
    assert getattr(chinchilla.law, name) == pytest.approx(getattr(BESIROGLU, name), rel=0.15)
    assert chinchilla.doubts == ()


def test_a_larger_run_is_foretold_inside_its_interval(chinchilla):
    value, low, high = chinchilla.predicted(7e10, 1.4e12)
    true = loss(BESIROGLU, 7e10, 1.4e12)
    assert low <= true <= high
    assert value == pytest.approx(true, rel=0.005)
    assert chinchilla.reach(7e10, 1.4e12) == pytest.approx(7e10 / chinchilla.parameters[1])


def test_repeated_data_gives_back_how_fast_it_loses_its_worth():
    law = LossLaw("made up", 1.8, 500.0, 1900.0, 0.35, 0.35, "", unique_halving=6.0)
    found = fitted(drawn(law, 120, 0.002, repeated=True), resamples=5)
    assert found.law.unique_halving == pytest.approx(6.0, rel=0.1)
    assert found.law.irreducible == pytest.approx(1.8, rel=0.02)


def test_without_noise_the_law_is_found_exactly():
    found = fitted(drawn(BESIROGLU, 40, 0.0), resamples=5)
    for name in CONSTANTS:
        assert getattr(found.law, name) == pytest.approx(getattr(BESIROGLU, name), rel=0.02)
    assert max(map(abs, found.residuals)) < 1e-5


def test_runs_that_show_no_bend_are_doubted():
    flat = [Run(n, d, 3.0 + noise) for (n, d), noise in
            zip(((n, d) for n in (1e6, 2e6, 4e6) for d in (1e8, 2e8, 4e8)),
                np.random.default_rng(3).normal(0, 0.2, 9), strict=True)]  # fmt: skip
    assert fitted(flat, resamples=30).doubts


@pytest.mark.parametrize(
    "runs",
    [
        [Run(1e6, 1e8, 3.0)] * 3,
        [Run(1e6, 10**d, 3.0) for d in range(6, 14)],
        [Run(10**n, 1e8, 3.0) for n in range(6, 14)],
    ],
)
def test_too_little_to_fit_is_said(runs):
    with pytest.raises(InputError, match="runs"):
        fitted(runs)
