"""Runs one job in a process of its own and says how it ended.

Workers are forked from a server that has imported torch and the models' code but never run any of
it (multiprocessing's forkserver): a fresh process in milliseconds instead of the seconds that an
import takes, and CUDA is untouched when a worker starts. Out of memory, a crash, a kill and a time
limit are outcomes, not exceptions. A worker whose runner dies ends itself.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from pathlib import Path
from time import perf_counter
from typing import Any

from modelworth.bench.run.news import News
from modelworth.data.record import Record
from modelworth.data.words import Status

PRELOADED = ("modelworth.bench.run.preload",)
LONGEST_REASON = 400
NEWS = "news "
"""What a message begins with that isn't the outcome."""
KILL_WAIT_S = 5.0
CACHES = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
PROFILER_LOG = re.compile(r"\w+:\d{4}-\d\d-\d\d .*\.cpp:\d+\] ")
"""A line that torch's profiler writes whatever happens; nobody's last words."""


class WorkerEnd(Record):
    """How a job ended.

    Attributes:
        value: what it returned, as JSON text, if it worked.
        reason: why it didn't.
        of_device: whether the device or its compiler failed, as either may at one size alone.
        bad_input: where, what was found and what is allowed, if the case itself was wrong.
    """

    status: Status
    value: str | None = None
    reason: str | None = None
    of_device: bool = False
    bad_input: tuple[str, str, str] | None = None


class Attempt:
    """A job on its way.

    Args:
        job: what `modelworth.bench.run.worker.run` is given.
        time_limit_s: after which it is killed; counted from its first step, if it tells of one.
        module: the module whose `run(job)` or `run(job, tell)` does the work.
        start_limit_s: seconds until the first step; None: the time limit counts from the start.

    Attributes:
        news: the last that the worker said of itself.
        began_s: when each phase that it told of began, in seconds from the start.
    """

    def __init__(
        self,
        job: dict[str, Any],
        time_limit_s: float,
        module: str = "modelworth.bench.run.worker",
        start_limit_s: float | None = None,
    ) -> None:
        _require_torch()
        self.news: News | None = None
        self.began_s: dict[str, float] = {}
        self._limit_s, self._outcome = time_limit_s, None
        self._ends_s, self._stepped = start_limit_s or time_limit_s, start_limit_s is None
        self._kills_before = _kernel_oom_kills()
        self._log = _log_file()
        self._receiver, sender = multiprocessing.Pipe(duplex=False)
        arguments = (sender, module, json.dumps(job), str(self._log))
        self._process = _context().Process(target=_child, args=arguments, daemon=True)
        self._start_s = perf_counter()
        self._process.start()
        sender.close()

    @property
    def elapsed_s(self) -> float:
        """Seconds since it was started."""
        return perf_counter() - self._start_s

    @property
    def pid(self) -> int | None:
        """The worker's process id."""
        return self._process.pid

    def wait(self, seconds: float) -> WorkerEnd | None:
        """The outcome, or None if it still runs after so many seconds."""
        until_s = self.elapsed_s + seconds
        while self._outcome is None:
            left_s = min(until_s, self._ends_s) - self.elapsed_s
            ready = wait([self._receiver, self._process.sentinel], max(0.0, left_s))
            if ready:
                self._outcome = self._heard()
            elif self.elapsed_s < self._ends_s:
                break
            else:
                self.kill()
                limit = f"the time limit of {self._limit_s:g} s"
                if not self._stepped:
                    limit = f"{self._ends_s:g} s, before its first step had ended"
                reason = f"stopped at {limit}{self._last_words()}"
                self._outcome = self._closed(WorkerEnd(status="timeout", reason=reason))
        return self._outcome

    def _heard(self) -> WorkerEnd | None:
        """The outcome, or None if the worker has only told news."""
        text = None
        with suppress(EOFError, OSError):
            while self._receiver.poll():
                text = self._receiver.recv()
                if not text.startswith(NEWS):
                    return self._ended(text)
                self.news = News.model_validate_json(text.removeprefix(NEWS))
                self.began_s.setdefault(self.news.phase, self.elapsed_s)
                if self.news.phase == "warming" and not self._stepped:
                    self._stepped, self._ends_s = True, self.elapsed_s + self._limit_s
        return self._ended(None) if text is None else None

    def kill(self) -> None:
        """End the worker and all that it started, whatever it does."""
        for stop in (self._kill_group, self._process.kill):
            with suppress(ProcessLookupError, PermissionError):
                stop()
        self._process.join(KILL_WAIT_S)

    def discard(self) -> None:
        """End it and forget it."""
        self.kill()
        self._closed(WorkerEnd(status="error", reason="discarded"))

    def _kill_group(self) -> None:
        if self.pid is not None and os.getpgid(self.pid) == self.pid:
            os.killpg(self.pid, signal.SIGKILL)

    def _ended(self, text: str | None) -> WorkerEnd:
        """What the worker sent, else how its process ended."""
        if text is not None:
            self._process.join(KILL_WAIT_S)
            self.kill()
            return self._closed(WorkerEnd.model_validate_json(text))
        self._process.join(KILL_WAIT_S)
        return self._closed(self._died())

    def _died(self) -> WorkerEnd:
        code = self._process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            if -code == signal.SIGKILL and _kernel_oom_kills() > self._kills_before:
                return WorkerEnd(status="oom", reason="the kernel killed the worker to free memory")
            return WorkerEnd(
                status="error", reason=f"the worker was killed by {name}{self._last_words()}"
            )
        reason = self._last_words().removeprefix(": ") or f"the worker ended with status {code}"
        return WorkerEnd(status="error", reason=reason)

    def _last_words(self) -> str:
        """The last line that the worker wrote, such as that of a traceback."""
        with suppress(OSError):
            written = self._log.read_text("utf-8", "replace").strip().splitlines()
            lines = [line for line in written if not PROFILER_LOG.match(line)]
            return f": {shortened(lines[-1])}" if lines else ""
        return ""

    def _closed(self, outcome: WorkerEnd) -> WorkerEnd:
        self._receiver.close()
        if self._log != Path(os.devnull):
            self._log.unlink(missing_ok=True)
        return outcome


def shortened(text: str) -> str:
    """One printable line, not too long for a table."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 1] + "…"


def _log_file() -> Path:
    """Where a worker's last words go; nowhere if the disk for temporary files is full."""
    try:
        handle, name = tempfile.mkstemp(prefix="modelworth-worker-", suffix=".log")
    except OSError:
        return Path(os.devnull)
    os.close(handle)
    return Path(name)


def _context() -> Any:
    """The fork server, started at the first use in this process."""
    # CUDA must not be woken in the server, and torch's own check would.
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    # NVML counts devices so; CUDA, left alone, the fastest first.
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # What one worker has compiled, the next ones find.
    shared = CACHES / "modelworth" / "inductor"
    with suppress(OSError):  # a home that nobody may write to: PyTorch has a place of its own
        shared.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(shared))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    with _interrupts_ignored():
        forkserver.ensure_running()
    return context


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """What is started inside ignores Ctrl-C, which a terminal sends to all; the runner heeds it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _child(sender: Connection, module: str, job: str, log: str) -> None:
    """The worker's life: run the job, send its outcome."""
    os.setsid()
    handle = os.open(log, os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(handle, stream)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    run = import_module(module).run

    def tell(news: News) -> None:
        with suppress(OSError):
            sender.send(f"{NEWS}{news.model_dump_json()}")

    given = (tell,) if "tell" in signature(run).parameters else ()
    outcome: WorkerEnd = run(json.loads(job), *given)
    # Leaving may hang (compiler workers, collectives): the runner waits for it, but not for long.
    sender.send(outcome.model_dump_json())
    sender.close()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        with suppress(ProcessLookupError):
            os.killpg(os.getpid(), signal.SIGKILL)


def _kernel_oom_kills() -> int:
    """How often the kernel has killed a process to free memory since it started."""
    statistics = Path("/proc/vmstat")
    if not statistics.exists():
        return 0
    for line in statistics.read_text().splitlines():
        if line.startswith("oom_kill "):
            return int(line.split()[1])
    return 0


def _require_torch() -> None:
    for package in ("torch", "transformers"):
        if find_spec(package) is None:
            raise ModuleNotFoundError(f"No module named '{package}'", name=package)
