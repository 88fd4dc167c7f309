"""Verbs that die: run in a fork of this process, killed with SIGKILL, and who outlived them.

A fork has the interpreter's libraries loaded, so that a death costs what the verb does and no more;
the verb itself is `modelworth.cli.main`, as a shell would run it. This process adopts what a dead
verb leaves behind (PR_SET_CHILD_SUBREAPER), so that no helper can hide.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from modelworth.cli import main

PR_SET_CHILD_SUBREAPER = 36
GRACE_S = 60.0
"""How long helpers may take to notice that the verb is dead."""
STEP_S = 0.002


@dataclass(frozen=True, slots=True)
class Death:
    """How a verb ended.

    Attributes:
        said: what it had written.
        midway: whether it was still at work when it was killed.
        survivors: helpers that were alive long after.
    """

    said: str
    midway: bool
    survivors: tuple[str, ...]


class Victims:
    """One verb's deaths; the moment is drawn from the time that the verb was seen to take."""

    def __init__(self, folder: Path, rng: np.random.Generator, span_s: float) -> None:
        self.folder, self.rng, self.span_s = folder, rng, span_s
        self.midway = 0
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._known = {child.pid for child in psutil.Process().children(recursive=True)}

    def know_helpers(self) -> None:
        """What runs now isn't a verb's helper."""
        self._known = {child.pid for child in psutil.Process().children(recursive=True)}

    def kill(self, words: list[str], prepare: Callable[[], None] | None = None) -> Death:
        """Run the verb, kill it at a random moment, and see what it leaves."""
        said = self._nothing_said()
        delay_s = float(self.rng.uniform(0, self.span_s))
        start = time.perf_counter()
        pid = os.fork()
        if pid == 0:
            _life(words, said, self.folder, prepare)
        midway = not _ends_within(pid, delay_s)
        if midway:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            self.midway += 1
            self.span_s *= 1.02
        else:  # it was quicker than was thought
            self.span_s = (self.span_s + time.perf_counter() - start) / 2
        return Death(said.read_text("utf-8", "replace"), midway, self.survivors())

    def finish(self, words: list[str], prepare: Callable[[], None] | None = None) -> str:
        """Run the verb to its end; what it said, and its time is known from then on."""
        said = self._nothing_said()
        start = time.perf_counter()
        pid = os.fork()
        if pid == 0:
            _life(words, said, self.folder, prepare)
        _, status = os.waitpid(pid, 0)
        self.span_s = time.perf_counter() - start
        text = said.read_text("utf-8", "replace")
        if os.waitstatus_to_exitcode(status) != 0:
            raise RuntimeError(f"modelworth {words[0]} failed: {text[-500:]}")
        return text

    def _nothing_said(self) -> Path:
        """Where the next verb's words go: empty, also if it dies before its first."""
        said = self.folder / "said.txt"
        said.write_text("")
        return said

    def survivors(self) -> tuple[str, ...]:
        """Descendants that came with the verb and live on."""
        end = time.perf_counter() + GRACE_S
        while True:
            left = [one for one in psutil.Process().children(recursive=True) if self._lives(one)]
            if not left or time.perf_counter() > end:
                return tuple(_described(one) for one in left)
            time.sleep(0.01)

    def _lives(self, child: psutil.Process) -> bool:
        if child.pid in self._known:
            return False
        with suppress(ChildProcessError):
            os.waitpid(child.pid, os.WNOHANG)
        with suppress(psutil.NoSuchProcess):
            return child.status() != psutil.STATUS_ZOMBIE
        return False


def _life(words: list[str], said: Path, folder: Path, prepare: Callable[[], None] | None) -> None:
    """The child's: run the verb with its words going to a file, then end without cleaning up."""
    status = 1
    try:
        handle = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(handle, stream)
        sys.stdout = sys.stderr = os.fdopen(1, "w", buffering=1)
        tempfile.tempdir = str(folder)
        if prepare is not None:
            prepare()
        status = main(words)
    finally:
        os._exit(status)


def _ends_within(pid: int, seconds: float) -> bool:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return True
        time.sleep(STEP_S)
    return os.waitpid(pid, os.WNOHANG)[0] == pid


def _described(one: psutil.Process) -> str:
    with suppress(psutil.Error):
        return f"{one.pid} {' '.join(one.cmdline())[:120]}"
    return str(one.pid)
