"""What a dying verb works on: small work for the bench, a made analysis, a server, a free port."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

from modelworth.bench.run import isolation
from modelworth.bench.work.task import Task, Work
from modelworth.costmodel.analysis import Analysis
from modelworth.data.measurement import Model
from tests.soak.victims import Victims

STUB = Path(__file__).parents[1] / "bench" / "served_stub.py"
SUITE = json.dumps({
    "name": "soak", "limits": {"timed_s": 0.05, "warmup_s": 0.02, "memory": False},
    "cases": [{"model": ["ladder-1m"], "work": ["decode"], "batch": list(range(1, 25)),
               "prompt_tokens": [32]}],
})  # fmt: skip


def small(case: Task, device: Any) -> Work:
    """Work of some microseconds in the place of a model's step."""
    import torch

    matrix = torch.full((64, 64), 0.5, device=device)
    return Work(
        step=lambda: matrix + matrix, unit="tokens", work_per_step=float(case.workload.batch),
        model=Model(name=case.model, family="decoder", config=case.config),
        model_flops_per_step=2.0 * 64**3, weights_bytes=64 * 64 * 4,
    )  # fmt: skip


def start_workers(victims: Victims) -> None:
    """The server that workers are forked from, once for all deaths."""
    isolation._context()
    victims.know_helpers()


def inherit_workers() -> None:
    """In a fork: use the parent's server of workers, which a fork can't wait for."""
    forkserver._forkserver.ensure_running = lambda: None  # type: ignore[method-assign]
    forkserver.ensure_running = lambda: None


def small_bench() -> None:
    """In a fork: the bench measures small work."""
    from modelworth.bench.run import session

    inherit_workers()
    session.Session = partial(session.Session, prepare="tests.soak.stand_ins:small", ceilings=False)


def analysis_of(name: str) -> Analysis:
    """A shipped scenario's analysis, base case only."""
    from modelworth.api import evaluate

    return evaluate(name, [], trials=0)


def give_analysis(analysis: Analysis) -> None:
    """In a fork: the report is given this analysis instead of making it."""
    from modelworth.verbs import report

    given = replace(analysis, provenance=replace(analysis.provenance, command="modelworth report"))
    report._analysis = lambda options, day: given


@contextmanager
def served() -> Iterator[str]:
    """The address of the tests' own server of a model."""
    command = [sys.executable, str(STUB), "--ttft-s", "0.005", "--tpot-s", "0.001"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as it:
        assert it.stdin is not None
        assert it.stdout is not None
        yield f"http://127.0.0.1:{it.stdout.readline().strip()}"
        it.stdin.close()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def answers(port: int) -> bool:
    """Whether somebody listens on the port."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
