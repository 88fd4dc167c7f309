"""The learning study's runs in the store, as what a law of loss is fitted to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from modelworth.costmodel.architecture.loss_fit import REACH, LawFit, Run, fit_law
from modelworth.data.errors import InputError
from modelworth.data.measurement import Measurement

LOSS: Final = "held_out_loss_nats"
SEED: Final = 0


def learned(measurements: Iterable[Measurement]) -> tuple[Measurement, ...]:
    """Language models trained from nothing on the text that was studied last, oldest first.

    Losses are comparable only within one text and tokenizer, so one corpus and length count; of
    each case the newest run.
    """
    found = [it for it in measurements if _is_run(it)]
    if not found:
        return ()
    last = max(found, key=lambda it: it.recorded_at)
    newest = {it.case: it for it in sorted(found, key=lambda it: it.recorded_at) if _same(it, last)}
    return tuple(newest.values())


def run_of(record: Measurement) -> Run:
    """A record as a point of the fit."""
    assert record.study is not None
    settings = record.study.settings
    return Run(
        float(record.model.parameters_total or 0),
        float(settings["tokens"]),
        record.study.figures[LOSS].value,
        float(settings.get("unique_tokens", settings["tokens"])),
    )


def fitted(records: Iterable[Measurement]) -> LawFit | None:
    """The law of the runs; None where they are too few for one."""
    return _fitted(tuple(run_of(record) for record in records))


@lru_cache(maxsize=16)
def _fitted(runs: tuple[Run, ...]) -> LawFit | None:
    source = f"{len(runs)} runs of modelworth study learning"
    try:
        return fit_law(runs, "measured here", source, np.random.default_rng(SEED))
    except InputError:
        return None


def foretold(records: Iterable[Measurement]) -> tuple[Measurement, LawFit] | None:
    """The largest run, and the law of the runs that are smaller in size and data alike."""
    every = list(records)
    if not every:
        return None
    largest = max(every, key=_flops)
    own = run_of(largest)
    smaller = [
        it
        for it in every
        if run_of(it).parameters < own.parameters and run_of(it).tokens <= own.tokens
    ]
    law = fitted(smaller)
    return None if law is None else (largest, law)


def _flops(record: Measurement) -> float:
    run = run_of(record)
    return 6 * run.parameters * run.tokens if _fresh(record) else 0.0


def _is_run(record: Measurement) -> bool:
    study = record.study
    return (
        record.status == "ok"
        and study is not None
        and (study.name, study.method) == ("learning", "scratch")
        and LOSS in study.figures
        and "peak_rate" not in study.settings
    )


def _same(record: Measurement, other: Measurement) -> bool:
    assert record.study is not None
    assert other.study is not None
    same_text = record.study.corpus == other.study.corpus
    return same_text and record.workload.prompt_tokens == other.workload.prompt_tokens


@dataclass(frozen=True, slots=True)
class Curve:
    """Loss of one size of model against tokens: what was seen, and what the law says.

    Attributes:
        seen: tokens, held-out loss, low, high of each run on data that was all different.
        inside, beyond: tokens, fitted loss, low, high among the runs, and up to `REACH` beyond.
    """

    parameters: float
    seen: tuple[tuple[float, ...], ...]
    inside: tuple[tuple[float, ...], ...]
    beyond: tuple[tuple[float, ...], ...]


def curves(records: Iterable[Measurement]) -> tuple[LawFit, tuple[Curve, ...]] | None:
    """The law of the runs with a curve for each size; None where they are too few."""
    every = tuple(records)
    law = fitted(every)
    if law is None:
        return None
    least, most = law.tokens
    inside, beyond = np.geomspace(least, most, 9), np.geomspace(most, REACH * most, 7)
    found = []
    for size in sorted({run_of(it).parameters for it in every}):
        own = [it for it in every if run_of(it).parameters == size]
        parts = [
            tuple((float(tokens), *law.predicted(size, tokens)) for tokens in part)
            for part in (inside, beyond)
        ]
        found.append(Curve(size, tuple(sorted(map(_point, filter(_fresh, own)))), *parts))
    return law, tuple(found)


def _point(record: Measurement) -> tuple[float, ...]:
    assert record.study is not None
    seen = record.study.figures[LOSS]
    low = seen.value if seen.low is None else seen.low
    high = seen.value if seen.high is None else seen.high
    return run_of(record).tokens, seen.value, low, high


def _fresh(record: Measurement) -> bool:
    return run_of(record).unique_tokens == run_of(record).tokens
