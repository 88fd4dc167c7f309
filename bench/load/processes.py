"""Client processes: start one for each part of a point, and bring together what they saw."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Sequence
from time import perf_counter

from modelworth.bench.load.plan import Plan, Run
from modelworth.data.errors import ModelworthError

HEAD_START_S = 0.05
"""Between all processes being ready and the common start."""


def carry_out(plans: Sequence[Plan]) -> tuple[list[Run], bool]:
    """Run each plan in a process of its own, all from the same moment (one clock for all).

    Returns what they saw, and whether somebody interrupted them.

    Raises:
        ModelworthError: if a process dies.
    """
    command = [sys.executable, "-m", "modelworth.bench.load.worker"]
    pipe = subprocess.PIPE  # a session of their own: the parent alone hears Ctrl-C
    children = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True) for _ in plans
    ]
    try:
        for child, plan in zip(children, plans, strict=True):
            _send(child, plan)
        for child in children:
            _require(child, child.stdout.read(1) == b"\n")
        start_s = perf_counter() + HEAD_START_S
        for child in children:
            _send(child, start_s)
        return _collected(children)
    finally:
        for child in children:
            if child.poll() is None:
                child.kill()
            child.wait()
            child.stdin.close()
            child.stdout.close()


def _collected(children: list[subprocess.Popen[bytes]]) -> tuple[list[Run], bool]:
    answers: list[bytes] = []
    interrupted = False
    while len(answers) < len(children):
        try:
            answers.append(children[len(answers)].stdout.read())
        except KeyboardInterrupt:
            if interrupted:  # asked twice: at once
                raise
            interrupted = True
            for child in children:
                child.terminate()
    for child, answer in zip(children, answers, strict=True):
        _require(child, bool(answer))
    return [pickle.loads(answer) for answer in answers], interrupted


def _send(child: subprocess.Popen[bytes], message: object) -> None:
    try:
        pickle.dump(message, child.stdin)
        child.stdin.flush()
    except BrokenPipeError:
        _require(child, False)


def _require(child: subprocess.Popen[bytes], alive: bool) -> None:
    if not alive:
        raise ModelworthError(
            f"a client process ended without a result (exit status {child.wait()})\n"
            "  its own message stands above; --processes 1 uses a single one"
        )
