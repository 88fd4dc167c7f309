"""Whatever goes wrong with a case is a recorded, explained result, and the suite goes on."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from modelworth.bench.run import isolation, keeper, runner, worker
from modelworth.data.errors import InputError, ModelworthError
from modelworth.data.exchange import read
from modelworth.data.store import open_store
from tests.bench import stub

ROOT = Path(__file__).parent.parent.parent
LIMITS = stub.LIMITS


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "store.db")) as opened:
        yield opened


def measured(cases, store, *, limits=LIMITS, again=False):
    events = runner.run(cases, stub.session(store, limits, suite="faults"), again=again)
    return [event for event in events if event.kind != "tick"]


@pytest.mark.parametrize(
    ("behaviour", "status", "reason"),
    [
        ("limit", "oom", "CUDA out of memory at batch 12"),
        ("greedy", "oom", "the host has no memory for another 262144.00 GiB"),
        ("crash", "error", "RuntimeError: shapes don't match"),
        ("die", "error", "the worker was killed by SIGKILL"),
        ("segfault", "error", "the worker was killed by SIGSEGV"),
        ("full disk", "error", "the disk is full: /somewhere/cache"),
    ],
)
def test_a_fault_is_recorded_and_the_suite_goes_on(store, behaviour, status, reason):
    cases = [stub.case(behaviour, batch=12), stub.case("fine")]
    events = measured(cases, store)
    assert [event.kind for event in events][-1] == "end"
    first, second = store.measurements(suite="faults")
    assert first.status == status
    assert first.reason.startswith(reason)
    assert (first.model.name, first.workload.batch) == (f"stub-{behaviour}", 12)
    assert second.status == "ok"


def test_a_worker_that_hangs_is_given_up(store):
    # The first attempt of a process pays for starting the fork server.
    isolation.Attempt({"action": "nothing"}, 60).wait(60)
    limits = LIMITS.model_copy(update={"start_limit_s": 2.0})
    measured([stub.case("hang"), stub.case("fine")], store, limits=limits)
    first, second = store.measurements()
    assert first.status == "timeout"
    assert first.reason == "stopped at 2 s, before its first step had ended"
    assert second.status == "ok"


@pytest.mark.slow
def test_the_time_limit_starts_when_the_first_step_has_ended(store):
    """Building takes longer than the limit allows for steps; a step that hangs later is ended."""
    limits = LIMITS.model_copy(update={"time_limit_s": 2.2})
    measured([stub.case("late")], store, limits=limits)
    measured([stub.case("hang later")], store, limits=LIMITS.model_copy(update={"time_limit_s": 1}))
    built, hung = store.measurements()
    assert built.status == "ok"
    assert (hung.status, hung.reason) == ("timeout", "stopped at the time limit of 1 s")


def test_a_worker_tells_its_phases(monkeypatch):
    monkeypatch.setattr(worker.memory, "limit_host_memory", lambda: None)  # this process goes on
    told = []
    limits = LIMITS.model_copy(update={"timed_s": 0.5, "precision": 1e-9, "max_samples": 10**6})
    worker.measure(stub.case("busy"), limits, stub.prepare, tell=told.append)
    phases = [one.phase for one in told]
    assert phases[:2] == ["building", "starting"]
    assert phases[-1] == "memory"
    assert phases.index("warming") < phases.index("timing")


def test_a_runs_progress_carries_what_its_worker_tells(store):
    limits = LIMITS.model_copy(update={"timed_s": 1.5, "precision": 1e-9, "max_samples": 10**6})
    events = runner.run([stub.case("busy")], stub.session(store, limits))
    news = [event.news for event in events if event.news]
    timing = [one for one in news if one.phase == "timing" and one.rate_per_s]
    assert timing[-1].samples > timing[0].samples
    assert 0 < timing[-1].rate_per_s <= 25 / 0.1 * 1.01, "a sleep is never shorter"
    assert timing[-1].unit == "tokens"


def test_the_kernels_killer_is_known_by_its_count(monkeypatch):
    counts = iter([4, 5])
    monkeypatch.setattr(isolation, "_kernel_oom_kills", lambda: next(counts))
    job = {"action": "measure", "case": stub.case("die").model_dump(mode="json"),
           "limits": LIMITS.model_dump(mode="json"), "prepare": stub.PREPARE}  # fmt: skip
    outcome = isolation.Attempt(job, 60).wait(60)
    assert (outcome.status, outcome.reason) == (
        "oom",
        "the kernel killed the worker to free memory",
    )


def test_stopping_leaves_no_worker_behind(store):
    """Ctrl-C reaches the generator as an exception or as its closing."""
    events = runner.run([stub.case("hang")], stub.session(store))
    workers = []
    while not workers:  # it goes on until its time limit, which would end the events
        next(events)
        children = psutil.Process().children(recursive=True)
        workers = [child for child in children if is_worker(child)]
    events.close()
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert not alive
    assert store.count() == 0


def is_worker(process: psutil.Process) -> bool:
    """A worker leads a session of its own."""
    try:
        return process.pid == __import__("os").getsid(process.pid)
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False


def test_a_case_that_cant_be_asked_for_is_an_error_alone_and_a_record_in_a_suite(store):
    wrong = stub.case("fine").model_copy(update={"device": "cuda"})
    with pytest.raises(InputError, match="torch sees no GPU here"):
        measured([wrong], store)
    assert store.count() == 0
    measured([wrong, stub.case("fine")], store)
    assert [one.status for one in store.measurements()] == ["error", "ok"]


class FullStore:
    """A store whose disk has room again after so many refusals."""

    def __init__(self, store, refusals):
        self.store, self.left = store, refusals
        self.documents = store.documents

    def add(self, measurement):
        if self.left:
            self.left -= 1
            raise ModelworthError("store.db: database or disk is full")
        self.store.add(measurement)


def test_a_full_disk_delays_records(store):
    events = measured([stub.case("fine"), stub.case("crash")], FullStore(store, refusals=1))
    first, second = (event for event in events if event.measurement)
    assert (first.kind, second.kind) == ("unsaved", "done")
    assert "disk is full" in first.message
    assert [one.status for one in store.measurements()] == ["ok", "error"]


def test_a_disk_that_stays_full_sends_records_to_a_temporary_file(store, tmp_path, monkeypatch):
    monkeypatch.setattr(keeper.tempfile, "tempdir", str(tmp_path))
    with pytest.raises(ModelworthError, match="1 measurements couldn't be stored") as caught:
        measured([stub.case("crash")], FullStore(store, refusals=99))
    file = next(tmp_path.glob("modelworth-unsaved-*.jsonl"))
    assert str(file) in str(caught.value)
    assert [one.status for one in read(file)] == ["error"]


def test_a_store_on_a_full_file_system_says_so(tmp_path, monkeypatch):
    """The real thing: SQLite under a limit on the size of files."""
    script = (
        "import resource, signal, sys\n"
        "from modelworth.data.store import open_store\n"
        "from tests.bench import stub\n"
        "from modelworth.bench.run import record, session, keeper\n"
        "from modelworth.bench.timing import machine\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "store = open_store(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "one = record.failed(stub.case('x' * 150), 'error', 'why', machine.detect('cpu'),\n"
        "                    session.provenance(None), None)\n"
        "print(keeper.Keeper(store).keep(one))\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "store.db")]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "not stored, will be tried again" in ran.stdout, ran.stderr


def test_no_room_even_for_the_temporary_file(store, monkeypatch):
    def full(**_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(keeper.tempfile, "mkstemp", full)
    kept = keeper.Keeper(FullStore(store, refusals=99))
    (measurement,) = [
        event.measurement for event in measured([stub.case("crash")], None) if event.measurement
    ]
    assert "not stored" in kept.keep(measurement)
    with pytest.raises(ModelworthError, match="1 measurements are lost"):
        kept.close()


HARNESS = """
from modelworth.data.store import open_store
from modelworth.bench.run import runner
from tests.bench import stub
cases = [stub.case("slow", batch=n) for n in range(1, 5)]
with open_store({store!r}) as store:
    for event in runner.run(cases, stub.session(store, suite="killed")):
        print(event.as_json(), flush=True)
"""


def killed_after(
    store: Path, done: int, delay_s: float, how: signal.Signals = signal.SIGKILL
) -> list[str]:
    """Run the harness and end it a while after so many cases; returns the finished ids."""
    command = [sys.executable, "-c", HARNESS.format(store=str(store))]
    finished = []
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as harness:
        for line in harness.stdout:
            event = json.loads(line)
            if event["event"] == "done":
                finished.append(event["id"])
            if event["event"] == "case" and len(finished) == done:
                break
        time.sleep(delay_s)
        workers = psutil.Process(harness.pid).children(recursive=True)
        harness.send_signal(how)
        rest = [json.loads(line) for line in harness.stdout]
        finished += [event["id"] for event in rest if event["event"] == "done"]
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert not alive, "a worker outlived its runner"
    return finished


def complete(store: Path) -> list[dict]:
    command = [sys.executable, "-c", HARNESS.format(store=str(store))]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in ran.stdout.splitlines()]


def check_killed(store: Path, moments: list[tuple[int, float]]) -> None:
    finished = []
    for done, delay_s in moments:
        finished += killed_after(store, done, delay_s)
    events = complete(store)
    assert events[-1]["event"] == "end"
    with open_store(str(store), create=False) as opened:
        kept = opened.measurements(suite="killed")
    assert set(finished) <= {one.id for one in kept}
    assert len({one.case for one in kept}) == 4
    assert len(kept) == 4, "a finished case was measured again"
    assert all(one.status == "ok" for one in kept)


def test_a_record_is_in_the_store_before_its_event(store):
    cases = [stub.case("crash", batch=n) for n in (1, 2)]
    events = runner.run(cases, stub.session(store))
    counts = [store.count() for event in events if event.kind == "done"]
    assert counts == [1, 2]


@pytest.mark.slow
def test_sigkill_at_five_moments_loses_no_finished_case(tmp_path):
    check_killed(tmp_path / "store.db", [(0, 0.0), (0, 0.5), (1, 0.1), (1, 0.43), (0, 0.3)])


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done(tmp_path):
    store = tmp_path / "store.db"
    finished = killed_after(store, 1, 0.2, signal.SIGINT)
    with open_store(str(store), create=False) as opened:
        assert {one.id for one in opened.measurements()} == set(finished)


def at(*minutes: float) -> list[datetime]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return [start + timedelta(minutes=minute) for minute in minutes]


@pytest.mark.parametrize(
    ("seen", "minutes", "expected"),
    [
        ("", [], ""),
        ("a", [0], "a"),
        ("ab", [0, 1], "ab"),
        ("abc", [0, 1, 2], ""),  # complete: begin anew
        ("abca", [0, 1, 2, 3], "a"),  # a second run, cut short
        ("aab", [0, 1, 2], "ab"),  # begun anew, cut short
        ("ab", [0, 3000], "b"),  # a day lies between
    ],
)
def test_a_run_is_taken_up_only_if_it_was_cut_short(seen, minutes, expected):
    times = at(*minutes)
    now = times[-1] + timedelta(minutes=1) if times else datetime(2026, 1, 1, tzinfo=UTC)
    found = runner.finished_in_last_run(zip(seen, times, strict=True), set("abc"), now)
    assert found == set(expected)


def test_an_old_run_isnt_taken_up():
    (moment,) = at(0)
    later = moment + timedelta(days=2)
    assert runner.finished_in_last_run([("a", moment)], {"a", "b"}, later) == set()


def test_again_begins_anew(store):
    cases = [stub.case("crash", batch=n) for n in (1, 2, 3)]
    measured(cases[:2], store)
    events = measured(cases, store)
    assert "2 of 3 cases are there already" in events[0].message
    assert store.count() == 3
    measured(cases[:1], store, again=True)
    assert store.count() == 4


class DynamoError(RuntimeError):
    pass


DynamoError.__module__ = "torch._dynamo.exc"


def _raised(*errors: BaseException) -> BaseException:
    """The first error, caused by the second, and so on."""
    for error, cause in pairwise(errors):
        error.__cause__ = cause
    return errors[0]


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (RuntimeError("CUDA error: an illegal memory access was encountered\nCUDA kernel"),
         "error", "the device failed: RuntimeError: CUDA error: an illegal memory access"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
         "oom", "ALLOC_FAILED"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
         "oom", "DEVICE_ALLOCATION_FAILED"),
        (_raised(RuntimeError("operation failed due to a previous error during capture"),
                 RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")),
         "oom", "CUDA out of memory"),
        (_raised(ModelworthError("the decode step can't be captured; --cuda-graphs off"),
                 RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")),
         "oom", "CUDA out of memory"),
        (_raised(DynamoError("backend='inductor' raised"), TypeError("unsupported: x\nmore")),
         "error", "compilation failed: TypeError: unsupported: x"),
    ],
)  # fmt: skip
def test_what_a_gpu_or_its_compiler_did_wrong_keeps_its_kind_and_first_line(error, status, said):
    def action():
        raise error

    end = worker.end_of(action)
    assert (end.status, said in end.reason) == (status, True), end.reason


def test_an_error_of_our_own_is_not_taken_for_the_gpus():
    with pytest.raises(KeyError):
        worker.end_of(lambda: {}["missing"])


def test_workers_share_what_was_compiled_and_count_devices_as_nvml_does(monkeypatch):
    for name in ("TORCHINDUCTOR_CACHE_DIR", "CUDA_DEVICE_ORDER"):
        monkeypatch.delenv(name, raising=False)
    isolation._context()
    assert __import__("os").environ["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    shared = Path(__import__("os").environ["TORCHINDUCTOR_CACHE_DIR"])
    assert shared == isolation.CACHES / "modelworth" / "inductor"


def test_a_home_that_is_read_only_leaves_compilers_their_own_place(monkeypatch, tmp_path):
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    (tmp_path / "file").touch()
    monkeypatch.setattr(isolation, "CACHES", tmp_path / "file")
    isolation._context()
    assert "TORCHINDUCTOR_CACHE_DIR" not in __import__("os").environ
