"""Whole runs: Daly's formula against a simulation, energy and hours against published runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.energy import LOAD, PUE, SERVER, energy_kwh, facility_power_w
from modelworth.costmodel.prediction.published_runs import (
    hours_by_prior,
    load_training_runs,
    utilisation_prior,
    validate_training_runs,
)
from modelworth.costmodel.prediction.training_run import (
    Reliability,
    best_checkpoint_interval_s,
    goodput,
    run_of,
)
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError

NEVER_FAILS = Reliability(device_mtbf_hours=1e12, restart_s=0, checkpoint_s=0)
EPOCH = Path(__file__).parents[3] / "shared" / "facts" / "training_runs_epoch.csv"


def simulated_share(
    mtbf_s: float, restart_s: float, checkpoint_s: float, interval_s: float, seed: int
) -> float:
    """Progress over time of a run that lives through random failures, one after another."""
    draws = np.random.default_rng(seed)
    clock, done = 0.0, 0.0
    target = 3000 * mtbf_s
    left = draws.exponential(mtbf_s)
    while clock < target:
        needed = interval_s + checkpoint_s
        if left >= needed:
            left -= needed
            clock += needed
            done += interval_s
            continue
        clock += left
        left = draws.exponential(mtbf_s)
        while left < restart_s:  # failures strike restarts too
            clock += left
            left = draws.exponential(mtbf_s)
        left -= restart_s
        clock += restart_s
    return done / clock


@pytest.mark.parametrize(
    ("mtbf_s", "restart_s", "checkpoint_s", "interval_s"),
    [(10_000, 900, 60, 1000), (3000, 300, 30, 400), (100_000, 600, 120, 5000)],
)
def test_goodput_is_what_a_simulation_finds(mtbf_s, restart_s, checkpoint_s, interval_s):
    reliability = Reliability(mtbf_s / 3600, restart_s, checkpoint_s)
    found = simulated_share(mtbf_s, restart_s, checkpoint_s, interval_s, seed=1)
    computed = goodput(1, reliability, interval_s).share
    assert computed == pytest.approx(found, abs=0.012)


@pytest.mark.parametrize("mtbf_s", [2000.0, 1e5, 1e7, 1e12])
@pytest.mark.parametrize("checkpoint_s", [1.0, 60.0, 600.0])
def test_best_interval_is_the_minimisers(mtbf_s, checkpoint_s):
    best = best_checkpoint_interval_s(mtbf_s, checkpoint_s)
    reliability = Reliability(mtbf_s / 3600, 300, checkpoint_s)
    found = minimize_scalar(
        lambda power: -goodput(1, reliability, np.exp(power)).share,
        bounds=(0, 30),
        method="bounded",
        options={"xatol": 1e-9},
    )
    assert goodput(1, reliability).share >= -found.fun - 1e-9
    young = np.sqrt(2 * checkpoint_s * mtbf_s)
    assert best < young
    if checkpoint_s / mtbf_s < 1e-4:
        assert best == pytest.approx(young, rel=0.02)


def test_failures_grow_with_the_cluster_as_published():
    """Kokolis et al. 2024: 6.50 failures per 1,000 node-days of eight devices make a failure every
    1.8 hours at 16,384 devices and every 0.23 at 131,072."""
    fleet = Reliability(device_mtbf_hours=1000 * 24 * 8 / 6.50)
    assert 24 / goodput(16_384, fleet).failures_per_day == pytest.approx(1.8, rel=0.01)
    assert 24 / goodput(131_072, fleet).failures_per_day == pytest.approx(0.23, rel=0.03)


def test_llama_3_had_419_interruptions_and_nine_tenths_of_its_time():
    useful = goodput(16_384)
    assert 54 * useful.failures_per_day == pytest.approx(419, rel=0.02)
    assert 0.90 < useful.share < 0.93


@given(st.integers(1, 100_000), st.floats(0, 3600), st.floats(0, 600))
def test_larger_clusters_never_have_more_goodput(devices, restart_s, checkpoint_s):
    reliability = Reliability(50_000, restart_s, checkpoint_s)
    small, large = goodput(devices, reliability), goodput(2 * devices, reliability)
    assert 0 <= large.share <= small.share + 1e-12 <= 1 + 1e-12


def test_free_checkpoints_lose_restarts_only():
    assert goodput(1000, Reliability(1000, 0, 0)).share == 1
    assert goodput(1000, Reliability(1000, 0, 10), interval_s=0.0).share == 0


def test_deepseek_v3_took_its_published_hours():
    """DeepSeek-AI 2024: 180,000 H800-hours and 3.7 days for each trillion tokens on 2,048 devices;
    2,664,000 hours for 14.8 trillion."""
    asked = {"work": "train", "gpus": 2048, "tokens": 4096, "sharding": "full"}
    case = Case.of("deepseek-v3", "H800 SXM 80GB", **asked)
    speed = 1e12 / (180_000 * 3600)
    each = run_of(case, speed, 1e12, reliability=NEVER_FAILS)
    assert each.days == pytest.approx(3.7, abs=0.05)
    whole = run_of(case, speed, 14.8e12, reliability=NEVER_FAILS)
    assert whole.device_hours == pytest.approx(2_664_000)
    products = 6 * 37e9 * 14.8e12  # attention's scores come on top
    assert products < whole.training_flops < 1.2 * products
    peak = 2_664_000 * 3600 * 989e12
    assert whole.utilisation == pytest.approx(whole.training_flops / peak, rel=1e-3)
    assert whole.carbon_kg is None


def test_bloom_used_its_published_energy():
    """Luccioni et al. 2022: 1,082,990 hours at 400 W, the board's alone, are 433,196 kWh."""
    assert energy_kwh(1_082_990, 400 / LOAD / SERVER / PUE) == pytest.approx(433_196)


def test_a_server_draws_more_than_its_boards():
    assert facility_power_w(700) == pytest.approx(0.75 * 10_200 / 8 * 1.15)


def test_run_reports_energy_and_carbon_where_known():
    case = Case.of("llama-3.1-8b", "H100 SXM 80GB", work="train", gpus=1024)
    run = run_of(case, 10_000, 1e12, gco2_per_kwh=400)
    assert run.days > 1e12 / 10_000 / 1024 / 86_400
    assert run.days == pytest.approx(1e12 / 10_000 / 1024 / 86_400 / run.goodput.share)
    assert run.carbon_kg == pytest.approx(run.energy_kwh * 0.4)
    assert run.device_hours == pytest.approx(run.days * 24 * 1024)


def test_hours_by_prior_are_the_rule_of_thumb():
    prior = utilisation_prior()
    least, typical, most = hours_by_prior(6 * 8e9 * 15e12, load_catalog().accelerator("H100"))
    assert typical == pytest.approx(6 * 8e9 * 15e12 / (prior.typical * 989.4e12) / 3600, rel=1e-3)
    assert most / typical == pytest.approx(typical / least)
    low, high = prior.interval()
    assert low < prior.typical < high
    assert 0.25 < prior.typical < 0.4


def test_every_shipped_run_is_plausible():
    runs = load_training_runs()
    checked = validate_training_runs()
    assert len(checked) == len(runs) >= 20
    assert (checked.note == "").all()
    for run in runs:
        load_catalog().accelerator(run.accelerator)


def _factor(checked: pd.DataFrame) -> pd.Series:
    """The larger over the smaller of predicted and published hours."""
    logs = np.log((checked.predicted / checked.device_hours).astype(float))
    return np.exp(np.abs(logs))


def test_published_runs_are_predicted_within_a_quarter_at_the_median():
    """Each without the runs of its own organisation."""
    checked = validate_training_runs()
    assert _factor(checked).median() <= 1.25
    inside = (checked.low < checked.device_hours) & (checked.device_hours < checked.high)
    assert 0.8 <= inside.mean() <= 1.0


@pytest.mark.skipif(not EPOCH.exists(), reason="the shared facts aren't here")
def test_epochs_runs_are_predicted_within_a_quarter_at_the_median():
    checked = validate_training_runs(pd.read_csv(EPOCH))
    used = checked[checked.predicted.notna()]
    assert len(used) >= 12
    assert _factor(used).median() <= 1.25
    assert set(checked.note[checked.predicted.isna()]) - {""}


def test_runs_that_cannot_be_checked_say_why():
    row = {
        "Model": "m",
        "Organization": "Someone",
        "Parameters": 1e9,
        "Training dataset size (datapoints)": 1e11,
        "Training hardware": "NVIDIA A100",
        "Hardware quantity": 8.0,
        "Training time (hours)": 1000.0,
        "Training compute (FLOP)": float("nan"),
    }
    changes = {
        "": {},
        "tokens not published": {"Training dataset size (datapoints)": float("nan")},
        "fewer data points than parameters: they aren't tokens": {
            "Training dataset size (datapoints)": 1e8
        },
        "Abacus isn't in the catalogue": {"Training hardware": "Abacus"},
        "published FLOPs aren't 6 × parameters × data points": {"Training compute (FLOP)": 6e21},
        "published FLOPs were made from the hours": {
            "Training compute (FLOP)": 0.3 * 8000 * 3600 * 312e12,
            "Training dataset size (datapoints)": 4.4e11,
        },
        "device hours not published": {"Training time (hours)": float("nan")},
    }
    table = pd.DataFrame([row | change for change in changes.values()])
    assert list(validate_training_runs(table).note) == list(changes)
    table.index = [0] * len(table)  # as of tables put together
    assert list(validate_training_runs(table).note) == list(changes)


def test_refusals():
    case = Case.of("gpt2", "H100 SXM 80GB", work="train")
    with pytest.raises(InputError, match="training runs"):
        validate_training_runs(pd.DataFrame({"a": [1]}))
    with pytest.raises(InputError, match="tokens"):
        run_of(case, 1e4, 0)
    with pytest.raises(InputError, match="reliability"):
        run_of(replace(case, gpus=100_000), 1e4, 1e12, reliability=Reliability(100))
    for wrong in ({"device_mtbf_hours": 0}, {"restart_s": -1}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            Reliability(**wrong)


def test_a_run_on_images_counts_their_tokens():
    case = Case.of("vit-base", "H100 SXM 80GB", work="train", gpus=8)
    run = run_of(case, 1000, 1e12, reliability=NEVER_FAILS)
    assert run.days == pytest.approx(1e12 / (1000 * 197 * 8) / 86_400)
