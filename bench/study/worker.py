"""Runs one case of a study in this process; what the case can't help is an outcome.

It is called in a process made for the case (`modelworth.bench.run.isolation`).
"""

from __future__ import annotations

from time import process_time
from typing import Any

import torch

from modelworth.bench.run import worker
from modelworth.bench.run.isolation import WorkerEnd
from modelworth.bench.study import learning
from modelworth.bench.study.case import Seen, StudyCase
from modelworth.bench.study.corpus import Corpus
from modelworth.bench.timing import peak_memory as memory
from modelworth.bench.timing.monitor import Monitor, neighbours
from modelworth.data.study import Estimate

SHARED_FROM = 128
"""Width from which a net's products are worth several cores."""


def run(job: dict[str, Any]) -> WorkerEnd:
    """Do a job: a case and the file of its corpus."""
    return worker.end_of(lambda: _seen(job).model_dump_json())


def threads(case: StudyCase) -> int:
    """Cores for a case on a processor: one where a net is too small to share its work out."""
    small = case.shape is not None and case.shape.width < SHARED_FROM
    return 1 if small else torch.get_num_threads()


def _seen(job: dict[str, Any]) -> Seen:
    case = StudyCase.model_validate(job["case"])
    before = neighbours(case.device)
    if case.device == "cpu":
        memory.limit_host_memory(job.get("memory_share", 0.9))
        torch.set_num_threads(threads(case))
    with Monitor(case.device, 0, before) as monitor:
        monitor.start()
        seen = _run(case, job)
    figures = seen.figures | {"processor_s": Estimate(value=process_time())}
    return seen.model_copy(update={"condition": monitor.condition(), "figures": figures})


def _run(case: StudyCase, job: dict[str, Any]) -> Seen:
    """The case by its study; only that study's packages are imported."""
    if case.study == "data":
        from modelworth.bench.study import data

        return data.run(case, data.source_files(job.get("folder"), case.method))
    corpus = Corpus.load(job["corpus_file"]) if case.corpus else None
    device = torch.device(case.device)
    if case.study == "privacy":
        from modelworth.bench.study import privacy

        return privacy.run(case, learning.needed(corpus), device)
    if case.study == "explain":
        from modelworth.bench.study import explain

        return explain.run(case, device)
    return learning.run(case, corpus, device)
