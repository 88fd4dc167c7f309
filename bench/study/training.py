"""Trains a small net and says how good it got: step times, held-out loss and accuracy.

AdamW (Loshchilov & Hutter 2019) with a short warm-up and a linear fall to 0, tuned to each run's
own budget as a fit of the loss law needs (Hoffmann et al. 2022). The peak rate falls with the
square root of the width. A loss that is no longer a number ends a run: that is its result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from modelworth.bench.timing import peak_memory as memory
from modelworth.bench.timing.samples import median_interval
from modelworth.bench.work.task import Work
from modelworth.data.measurement import Model
from modelworth.data.study import Estimate

Batch = tuple[Tensor, Tensor]
PEAK_RATE: Final = 6e-3
"""For a width of 64; half or twice of it ends some hundredths of a nat off."""
WARMUP_SHARE: Final = 0.05
CLIP: Final = 1.0
IGNORED: Final = -100
Z_95: Final = 1.96
PAIRS, RESAMPLES = 12, 1000


@dataclass(frozen=True, slots=True)
class Trained:
    """How training went: seconds of each step, and the step at which the loss was lost."""

    samples_s: tuple[float, ...]
    diverged: str | None = None


def train(
    net: nn.Module,
    batches: Iterator[Batch],
    steps: int,
    width: int,
    peak_rate: float | None = None,
) -> Trained:
    """Train for some steps."""
    parameters = [tensor for tensor in net.parameters() if tensor.requires_grad]
    rate = peak_rate or PEAK_RATE * math.sqrt(64 / width)
    optimizer = torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.95), weight_decay=0.01)
    times = []
    net.train()
    for step, (inputs, targets) in zip(range(steps), batches, strict=False):
        began = perf_counter()
        for group in optimizer.param_groups:
            group["lr"] = rate * schedule(step, steps)
        loss = loss_of(net(inputs), targets)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, CLIP)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seen = loss.item()
        times.append(perf_counter() - began)
        if not math.isfinite(seen):
            return Trained(tuple(times), lost(step, steps))
    return Trained(tuple(times))


def lost(step: int, steps: int) -> str:
    """What a diverged run says."""
    return f"diverged: the loss was no longer a number at step {step + 1} of {steps}"


def schedule(step: int, steps: int) -> float:
    """Share of the peak rate: up over the warm-up, then down to 0 in a line."""
    warmup = max(1.0, WARMUP_SHARE * steps)
    return min((step + 1) / warmup, (steps - step) / max(1.0, steps - warmup))


def loss_of(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross entropy in nats, over positions or over examples."""
    return functional.cross_entropy(logits.flatten(0, -2), targets.flatten(), ignore_index=IGNORED)


@torch.no_grad()
def held_out(net: nn.Module, batches: list[Batch]) -> dict[str, Estimate]:
    """Loss in nats and share of right answers, with intervals from the batches' scatter."""
    net.eval()
    losses, rights = [], []
    for inputs, targets in batches:
        logits = net(inputs)
        losses.append(loss_of(logits, targets).item())
        asked = targets != IGNORED
        rights.append((logits.argmax(-1) == targets)[asked].float().mean().item())
    return {"held_out_loss_nats": mean(losses), "accuracy_share": share(rights)}


def mean(values: list[float]) -> Estimate:
    """Mean with its interval from the standard error."""
    middle = float(np.mean(values))
    if len(values) < 2:
        return Estimate(value=middle)
    error = Z_95 * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Estimate(value=middle, low=middle - error, high=middle + error)


def share(values: list[float]) -> Estimate:
    """The same of shares, whose interval stays between 0 and 1."""
    found = mean(values)
    if found.low is None or found.high is None:
        return found
    return Estimate(value=found.value, low=max(0.0, found.low), high=min(1.0, found.high))


def seconds(step: Callable[[], object], rounds: int = 15, warmup: int = 3) -> Estimate:
    """Median seconds of a step on a processor, or of one that waits for its device."""
    for _ in range(warmup):
        step()
    times = []
    for _ in range(rounds):
        began = perf_counter()
        step()
        times.append(perf_counter() - began)
    middle = median_interval(times)
    return Estimate(value=middle.value, low=middle.low, high=middle.high)


def in_turn(
    own: Callable[[], object], plain: Callable[[], object], device: torch.device
) -> tuple[tuple[float, ...], Estimate, Estimate | None]:
    """A step and a plain one in turn, so that a busy machine slows both.

    Returns the seconds of the own steps, and how many times the plain one's time and memory they
    take.
    """
    times: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(2 * PAIRS + 4):
        mine = turn % 2 == 0
        began = perf_counter()
        (own if mine else plain)()
        if device.type == "cuda":
            torch.cuda.synchronize()
        if turn >= 4:  # the first steps make optimizer state
            times[mine].append(perf_counter() - began)
    model = Model(name="study", family="decoder")
    works = [Work(step=it, unit="tokens", work_per_step=1, model=model) for it in (own, plain)]
    most, least = (memory.measure(work, device).allocated_peak_bytes for work in works)
    held = Estimate(value=most / least) if most and least else None
    return tuple(times[True]), ratio(times[True], times[False]), held


def ratio(one: list[float], other: list[float]) -> Estimate:
    """Ratio of medians with its interval, from resampled pairs."""
    pairs, rng = np.array([one, other]), np.random.default_rng(0)
    drawn = pairs[:, rng.integers(0, len(one), (RESAMPLES, len(one)))]
    ratios = np.median(drawn[0], axis=1) / np.median(drawn[1], axis=1)
    value = float(np.median(pairs[0]) / np.median(pairs[1]))
    low, high = np.quantile(ratios, [0.025, 0.975])
    return Estimate(value=value, low=min(float(low), value), high=max(float(high), value))


def windows(
    ids: np.ndarray, length: int, batch: int, rng: np.random.Generator, device: torch.device
) -> Iterator[Batch]:
    """Batches of text without end; each pass takes every window once, in a new order."""
    count = (len(ids) - 1) // length
    while True:
        order = rng.permutation(count)
        for start in range(0, count - batch + 1, batch):
            yield cut(ids, order[start : start + batch] * length, length, device)


def cut(ids: np.ndarray, starts: np.ndarray, length: int, device: torch.device) -> Batch:
    """Inputs and next tokens of the windows that begin at `starts`."""
    rows = torch.from_numpy(ids[starts[:, None] + np.arange(length + 1)]).to(device)
    return rows[:, :-1], rows[:, 1:]
