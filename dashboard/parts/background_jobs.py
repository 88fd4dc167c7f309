"""Long work beside the pages: started once, watched by anyone, stopped on request.

The quick suite runs as `modelworth bench` in a process group of its own, so that a page never
blocks and a crash takes nothing with it; its progress comes as a line of JSON an event. Many trials
run in a thread that looks after every chunk whether it should stop.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from modelworth.data.errors import ModelworthError

COMMAND = [sys.executable, "-m", "modelworth"]
KEPT_LINES = 200
T = TypeVar("T")


class Process:
    """A command of ours in the background, and what it said so far."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._events: deque[dict[str, Any]] = deque(maxlen=KEPT_LINES)
        self._errors: deque[str] = deque(maxlen=KEPT_LINES)
        self._process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for stream, keep in (("stdout", self._take), ("stderr", self._errors.append)):
            pipe = getattr(self._process, stream)
            threading.Thread(target=_drain, args=(pipe, keep), daemon=True).start()

    def _take(self, line: str) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            return
        if isinstance(event, dict):
            self._events.append(event)

    @property
    def running(self) -> bool:
        """Whether it still works."""
        return self._process.poll() is None

    @property
    def status(self) -> int | None:
        """Exit status; None while it works."""
        return self._process.poll()

    @property
    def last(self) -> dict[str, Any]:
        """The newest event; empty before the first."""
        return self._events[-1] if self._events else {}

    @property
    def said(self) -> str:
        """What it wrote to standard error, for whoever wants to know why it failed."""
        return "".join(self._errors)[-2000:]

    def stop(self) -> None:
        """Interrupt it and its workers, as Ctrl-C would: what is finished is kept."""
        if self.running:
            os.killpg(self._process.pid, signal.SIGINT)


def _drain(pipe: Any, keep: Callable[[str], None]) -> None:
    with pipe:
        for line in pipe:
            keep(line)


@dataclass
class Task(Generic[T]):
    """Work in a thread: `work` gets the task, to report what is done and ask whether to stop."""

    work: Callable[[Task[T]], T]
    done: float = 0.0
    result: T | None = None
    error: ModelworthError | None = None
    stopped: bool = False
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = self.work(self)
        except ModelworthError as error:
            self.error = error

    def report(self, done: int, total: int) -> None:
        """Say how many of how many parts are done."""
        self.done = done / total if total else 0.0

    def cancelled(self) -> bool:
        """Whether somebody asked to stop."""
        return self.stopped

    @property
    def running(self) -> bool:
        """Whether it still works."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        """Let it end after the part at hand."""
        self.stopped = True
