"""Fits find the coefficients that made synthetic measurements, and their intervals hold."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from modelworth.costmodel.architecture.structure import Architecture
from modelworth.costmodel.prediction.calibration import Design, Observed, fit, read_priors
from modelworth.costmodel.prediction.case import Case, columns
from modelworth.costmodel.prediction.efficiency import CoefficientRow, Tables, shipped_tables
from modelworth.costmodel.prediction.intervals import leave_out, log_errors
from modelworth.costmodel.prediction.times import times
from modelworth.data.catalog import load_catalog

CATALOG = load_catalog()
BARE = Tables(shipped_tables().kernels, (), ())
TRUE = {"compute": 0.8, "traffic": 1.6, "exposed": 0.5}


def cases() -> list[Case]:
    found = []
    for name in ("gpt2", "gpt3-1.3b", "llama-2-7b", "llama-2-13b"):
        architecture = Architecture.from_config(CATALOG.model(name).config, name)
        for tokens in (512, 2048, 8192):
            for gpus in (1, 8, 64):
                found.append(
                    Case(
                        work="train",
                        architecture=architecture,
                        accelerator=CATALOG.accelerator("A100 SXM 80GB"),
                        gpus=gpus,
                        batch=max(1, 16384 // tokens),
                        tokens=tokens,
                        software="made-up",
                        sharding="full",
                    )
                )
    return found


def synthetic(noise: float, seed: int = 0) -> list[Observed]:
    asked = cases()
    priors = read_priors("train")
    design = Design(asked, priors)
    truth = replace(
        design.efficiency(design.start),
        **{name: np.full(len(asked), value) for name, value in TRUE.items()},
    )
    value = times("train", columns(asked, BARE), truth).value
    scatter = np.exp(np.random.default_rng(seed).normal(0, noise, len(asked)))
    return [Observed(case, float(v)) for case, v in zip(asked, value * scatter, strict=True)]


def product(rows: list[CoefficientRow], coefficient: str) -> float:
    return math.prod(row.value for row in rows if row.coefficient == coefficient)


def test_a_fit_finds_what_made_the_measurements():
    priors = {
        name: row.model_copy(update={"log_sd": max(row.log_sd, 0.5)})
        for name, row in read_priors("train").items()
    }
    observed = synthetic(0.0)
    rows = fit(observed, priors, BARE)
    assert product(rows, "compute") == pytest.approx(0.8, rel=0.05)
    assert product(rows, "traffic") == pytest.approx(1.6, rel=0.15)
    assert np.max(np.abs(log_errors(observed, Tables(BARE.kernels, tuple(rows), ())))) < 0.03


def test_one_wrong_row_does_not_bend_the_fit():
    observed = synthetic(0.02)
    priors = read_priors("train")
    spoiled = [replace(observed[0], value=observed[0].value * 25), *observed[1:]]
    clean = Tables(BARE.kernels, tuple(fit(observed, priors, BARE)), ())
    bent = Tables(BARE.kernels, tuple(fit(spoiled, priors, BARE)), ())
    moved = log_errors(observed, bent) - log_errors(observed, clean)
    assert np.max(np.abs(moved)) < 0.06


def test_slopes_agree_with_finite_differences():
    asked = cases()
    design = Design(asked, read_priors("train"))
    work = columns(asked, BARE)

    def errors(efficiency):
        return np.log(times("train", work, efficiency).value)

    at = design.start
    slopes = design.slopes(errors, at)
    for place in range(at.size):
        step = np.zeros(at.size)
        step[place] = 1e-5
        numeric = (errors(design.efficiency(at + step)) - errors(design.efficiency(at))) / 1e-5
        assert np.allclose(slopes[:, place], numeric, atol=2e-3)


def test_intervals_from_left_out_models_hold_new_measurements():
    """Widths learnt on one draw of noise, tried on another: 90% within a binomial's scatter."""
    priors = read_priors("train")
    seen = synthetic(0.08, seed=1)
    errors = leave_out(seen, lambda one: one.case.architecture.name, priors, BARE)
    width = float(np.quantile(np.abs(errors), 0.9))
    rows = tuple(fit(seen, priors, BARE))
    fresh = [
        log_errors(synthetic(0.08, seed), Tables(BARE.kernels, rows, ())) for seed in (2, 3, 4)
    ]
    inside = np.mean(np.abs(np.concatenate(fresh)) <= width)
    assert 0.82 <= inside <= 0.98


def test_every_shipped_coefficient_is_near_what_was_known_of_it():
    """None is fitted further than four spreads of its prior: nothing there is a free constant."""
    for row in shipped_tables().coefficients:
        assert abs(math.log(row.value / row.prior)) <= 4 * row.log_sd, row


def test_every_shipped_row_says_where_it_comes_from():
    tables = shipped_tables()
    for row in (*tables.kernels, *tables.coefficients, *tables.residuals):
        assert row.source
        assert row.as_of
