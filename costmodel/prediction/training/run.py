"""A whole training run: days, device-hours, energy and carbon, with failures and checkpoints.

A run takes as long as its tokens at the step's speed, divided by goodput: the part of wall-clock
time that becomes progress. Failures come at a constant rate for each device, so a cluster of n
fails n times as often. Each costs the work since the last checkpoint and a restart; each checkpoint
costs its own time. For exponential failures the expected time of an interval τ with checkpoint δ,
restart R and mean time between failures M is (Daly 2006, equation 20)

    M · exp(R/M) · (exp((τ + δ)/M) − 1),

whose best τ is M·(1 + W(−exp(−1 − δ/M))) with Lambert's W; √(2·δ·M) (Young 1974) is its first term.

Where no step speed is known, what published runs got from their hardware stands in
(`published_runs`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, expm1

import numpy as np
import scipy

from modelworth.costmodel.prediction.energy import energy_kwh
from modelworth.data.errors import InputError

HOURS_PER_DAY = 24.0
FLOPS_PER_PARAMETER_AND_TOKEN = 6.0
HOPELESS = 500.0
"""Mean times between failures without a checkpoint after which none is ever reached."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often devices fail and what that costs.

    Attributes:
        device_mtbf_hours: mean time between interruptions of one device, all causes.
        restart_s: from the interruption to the first new step.
        checkpoint_s: time that a checkpoint keeps the devices from working.
    """

    device_mtbf_hours: float = 50_000.0
    restart_s: float = 480.0
    checkpoint_s: float = 10.0

    def __post_init__(self) -> None:
        if not self.device_mtbf_hours > 0:
            raise InputError("device_mtbf_hours", self.device_mtbf_hours, "above 0")
        for name in ("restart_s", "checkpoint_s"):
            if not getattr(self, name) >= 0:
                raise InputError(name, getattr(self, name), "0 or more")


LLAMA_3 = Reliability()
"""419 unexpected interruptions in 54 days on 16,384 H100: one in 50,700 device-hours (Grattafiori
et al. 2024, arXiv:2407.21783, section 3.3). Kokolis et al. 2024 (arXiv:2410.21680) found one in
29,500 and one in 82,000 in two fleets of A100, and one in 8,100 in jobs of 1,024 devices. What a
restart and a checkpoint take is set so that the same run has the nine tenths of effective time that
its authors state."""


@dataclass(frozen=True, slots=True)
class Goodput:
    """Where the time goes, as parts of 1.

    Attributes:
        share: becomes progress.
        checkpoint_interval_s: the work between two checkpoints that wastes least.
        failures_per_day: of the whole cluster.
    """

    share: float
    checkpoint_interval_s: float
    failures_per_day: float


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """What a run takes.

    Attributes:
        utilisation: model FLOPs over the devices' dense peak, for the whole duration.
        energy_kwh, carbon_kg: None where the board's power, or the grid, isn't known.
    """

    tokens: float
    devices: int
    training_flops: float
    days: float
    device_hours: float
    goodput: Goodput
    utilisation: float
    energy_kwh: float | None = None
    carbon_kg: float | None = None


@dataclass(frozen=True, slots=True)
class Hardware:
    """The devices of a run.

    Attributes:
        peak_flops_per_s: dense, of one device, at the run's precision.
        gco2_per_kwh: of the grid.
    """

    devices: int
    peak_flops_per_s: float
    board_power_w: float | None = None
    gco2_per_kwh: float | None = None


def goodput(
    devices: int, reliability: Reliability = LLAMA_3, interval_s: float | None = None
) -> Goodput:
    """Part of the time that becomes progress, with the best checkpoint interval or a given one.

    A checkpoint that costs nothing is written all the time, and only restarts are lost.
    """
    mtbf_s = reliability.device_mtbf_hours * 3600 / devices
    if interval_s is None:
        interval_s = best_checkpoint_interval_s(mtbf_s, reliability.checkpoint_s)
    exposure = (interval_s + reliability.checkpoint_s) / mtbf_s
    kept = 0.0 if exposure > HOPELESS else 1.0
    if 0 < exposure <= HOPELESS:
        kept = interval_s / mtbf_s / expm1(exposure)
    restarted = exp(-reliability.restart_s / mtbf_s)
    return Goodput(kept * restarted, interval_s, HOURS_PER_DAY * 3600 / mtbf_s)


def best_checkpoint_interval_s(mtbf_s: float, checkpoint_s: float) -> float:
    """Work between checkpoints that makes a run shortest."""
    if checkpoint_s == 0:
        return 0.0
    spent = checkpoint_s / mtbf_s
    if spent < 1e-7:  # the closed form loses its digits: Daly's series
        return float(np.sqrt(2 * checkpoint_s * mtbf_s) - checkpoint_s * 2 / 3)
    return float(mtbf_s * (1 + scipy.special.lambertw(-np.exp(-1 - spent)).real))


def run_at_speed(
    tokens: float,
    tokens_per_s_per_device: float,
    training_flops: float,
    hardware: Hardware,
    reliability: Reliability = LLAMA_3,
) -> TrainingRun:
    """A run whose steps have a known speed.

    Raises:
        InputError: if tokens, speed or devices aren't above 0.
    """
    asked = {"tokens": tokens, "speed": tokens_per_s_per_device, "devices": hardware.devices}
    for name, value in asked.items():
        if not value > 0:
            raise InputError(name, value, "above 0")
    useful = goodput(hardware.devices, reliability)
    if useful.share < 1e-6:
        found = f"{hardware.devices} devices, {useful.failures_per_day:.0f} failures a day"
        raise InputError("reliability", found, "such that a checkpoint is ever reached")
    seconds = tokens / (tokens_per_s_per_device * hardware.devices) / useful.share
    hours = seconds / 3600 * hardware.devices
    watts, grid = hardware.board_power_w, hardware.gco2_per_kwh
    kwh = None if watts is None else energy_kwh(hours, watts)
    peak = hardware.peak_flops_per_s * hardware.devices
    return TrainingRun(
        tokens=tokens, devices=hardware.devices, training_flops=training_flops,
        days=seconds / 3600 / HOURS_PER_DAY, device_hours=hours, goodput=useful,
        utilisation=training_flops / (seconds * peak), energy_kwh=kwh,
        carbon_kg=None if kwh is None or grid is None else kwh * grid / 1000,
    )  # fmt: skip
