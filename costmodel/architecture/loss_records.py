"""The learning study's runs in the store, as what a law of loss is fitted to."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import numpy as np

from modelworth.costmodel.architecture.loss_fit import LawFit, Run, fit_law
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
    fresh = run.unique_tokens == run.tokens
    return 6 * run.parameters * run.tokens if fresh else 0.0


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
