"""Work in the background: watched, finished, stopped."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from threading import Event
from time import perf_counter, sleep

import pytest

from modelworth.dashboard.parts import background_jobs as jobs
from modelworth.dashboard.parts.quick_suite import share
from modelworth.data.errors import ModelworthError

PATIENCE_S = 60


def until(done) -> None:
    end = perf_counter() + PATIENCE_S
    while not done():
        assert perf_counter() < end
        sleep(0.02)


def test_a_process_tells_its_events_and_its_status(monkeypatch):
    monkeypatch.setattr(jobs, "COMMAND", [sys.executable, "-c"])
    job = jobs.Process(
        ["import sys; print('{\"index\": 1}'); print('no json'); sys.stderr.write('oh')"]
    )
    until(lambda: not job.running and job.last and job.said)
    assert job.status == 0
    assert job.last == {"index": 1}
    assert job.said == "oh"


def test_a_process_is_interrupted_as_by_control_c(monkeypatch):
    monkeypatch.setattr(jobs, "COMMAND", [sys.executable, "-c"])
    script = (
        "import time\ntry:\n  print('{\"a\": 1}', flush=True); time.sleep(60)\n"
        "except KeyboardInterrupt: raise SystemExit(7)"
    )
    job = jobs.Process([script])
    until(lambda: job.last)
    job.stop()
    until(lambda: not job.running)
    assert job.status == 7


def test_a_process_is_stopped_though_the_dashboard_ignores_interrupts(tmp_path):
    """As one does that was started by `modelworth dashboard &`."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        job = jobs.Process(["evaluate", "base", "--trials", "100000", "--store", f"{tmp_path}/s"])
    finally:
        signal.signal(signal.SIGINT, before)
    status = Path(f"/proc/{job._process.pid}/status")

    def caught() -> bool:
        assert job.running, job.said
        line = next(x for x in status.read_text().splitlines() if x.startswith("SigCgt"))
        return bool(int(line.split()[1], 16) & 1 << signal.SIGINT - 1)

    until(caught)
    job.stop()
    until(lambda: not job.running)
    assert job.status == 130


def test_a_task_reports_and_gives_its_result():
    go = Event()

    def work(task):
        task.report(1, 4)
        go.wait(PATIENCE_S)
        return 42

    task = jobs.Task(work)
    task.start()
    until(lambda: task.done == 0.25)
    assert task.running
    go.set()
    until(lambda: not task.running)
    assert task.result == 42


def test_a_task_that_is_stopped_or_fails_says_so():
    def work(task):
        until(task.cancelled)
        raise ModelworthError("stopped half way")

    task = jobs.Task(work)
    task.start()
    task.stop()
    until(lambda: not task.running)
    assert task.result is None
    assert str(task.error) == "stopped half way"


@pytest.mark.parametrize(
    ("event", "done"),
    [({}, 0.0), ({"index": 1, "total": 4}, 0.25), ({"index": 9, "total": 4}, 1.0),
     ({"index": 1, "total": None}, 0.0), ({"index": "x", "total": 4}, 0.0)],
)  # fmt: skip
def test_the_share_done_lies_between_0_and_1(event, done):
    assert share(event) == done
