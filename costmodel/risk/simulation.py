"""Runs the model over all trials, a chunk at a time, on as many threads as there are cores.

A chunk is a stretch of trials whose arrays fit in the processor's cache; its size doesn't depend on
the machine, and it draws its own values from the plan. So a chunk is the same whoever computes it,
and the results are put together in order: one thread or many give the same numbers to the last bit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelworth.costmodel.business.model import Model
from modelworth.costmodel.risk.freed_memory import keep_freed_memory
from modelworth.costmodel.risk.sampling import draw
from modelworth.costmodel.scenario.sampling_plan import SamplingPlan
from modelworth.data.errors import ModelworthError

Floats = NDArray[np.float64]
#: drivers' values (trials,) → indicators (trials,)
Indicators = Callable[[Mapping[str, Floats]], Mapping[str, Floats]]
Chunk = tuple[dict[str, Floats], dict[str, Floats]]
CHUNK = 2048


class CancelledError(ModelworthError):
    """The person asked to stop before all trials were done."""


@dataclass(frozen=True, slots=True)
class Draws:
    """All trials: what was drawn for each uncertain driver, and what came of it."""

    plan: SamplingPlan
    drivers: dict[str, Floats]
    indicators: dict[str, Floats]


@dataclass(frozen=True, slots=True)
class ModelIndicators:
    """The model with all drivers but the drawn ones fixed.

    Attributes:
        values: drivers that the scenario sets, by key.
        keys: indicators to compute; what they don't need isn't computed.
    """

    months: int
    values: Mapping[str, Any]
    keys: tuple[str, ...]

    def __call__(self, drawn: Mapping[str, Floats]) -> dict[str, Floats]:
        """Indicators of the trials whose values are `drawn`."""
        return Model(self.months).indicators({**self.values, **drawn}, self.keys)


def simulate(
    indicators: Indicators,
    plan: SamplingPlan,
    *,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Draws:
    """Every trial of the plan.

    Args:
        indicators: the model.
        plan: what to draw.
        progress: told (trials done, trials in all) after each chunk, in this thread.
        cancelled: asked after each chunk.

    Raises:
        CancelledError: if `cancelled` said so.
    """
    chunks: list[Chunk] = []
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        starts = range(0, plan.trials, CHUNK)
        for start, chunk in zip(
            starts, threads.map(partial(run_chunk, indicators, plan), starts), strict=True
        ):
            chunks.append(chunk)
            done = min(start + CHUNK, plan.trials)
            if cancelled():
                threads.shutdown(cancel_futures=True)
                raise CancelledError(f"stopped after {done} of {plan.trials} trials")
            if progress is not None:
                progress(done, plan.trials)
    return _joined(plan, chunks)


def simulate_few(
    run: ModelIndicators,
    plan: SamplingPlan,
    lines: Iterable[str],
    *,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[Draws, dict[str, Floats]]:
    """All trials of a plan of at most one chunk, and monthly lines, from one run of the model.

    The draws are to the last bit those of `simulate`; the lines are (months + 1, trials). The run
    can be cancelled before it begins.

    Raises:
        CancelledError: if `cancelled` said so.
    """
    if cancelled():
        raise CancelledError(f"stopped after 0 of {plan.trials} trials")
    keep_freed_memory()
    drawn = draw(plan)
    found, monthly = Model(run.months).indicators_and_lines({**run.values, **drawn}, lines)
    full = {key: _full(found[key], plan.trials) for key in run.keys}
    if progress is not None:
        progress(plan.trials, plan.trials)
    return Draws(plan, drawn, full), monthly


def run_chunk(indicators: Indicators, plan: SamplingPlan, start: int) -> Chunk:
    """Draws and indicators of the chunk that begins with a trial."""
    keep_freed_memory()
    drawn = draw(plan, start, start + CHUNK)
    size = min(CHUNK, plan.trials - start)
    found = {key: _full(values, size) for key, values in indicators(drawn).items()}
    return drawn, found


def _full(values: Floats, size: int) -> Floats:
    """One value a trial, also where the indicator is the same in all."""
    return np.array(np.broadcast_to(np.asarray(values, dtype=float).reshape(-1), size))


def _joined(plan: SamplingPlan, chunks: list[Chunk]) -> Draws:
    drawn, found = chunks[0]
    return Draws(
        plan,
        {key: np.concatenate([chunk[0][key] for chunk in chunks]) for key in drawn},
        {key: np.concatenate([chunk[1][key] for chunk in chunks]) for key in found},
    )
