"""`modelworth bench` and `modelworth compare-runs`, as typed."""

from __future__ import annotations

import json
import signal
from importlib import metadata
from pathlib import Path

import pytest
from torch.distributed.elastic.multiprocessing import api as torchrun_api
from torch.distributed.elastic.multiprocessing import errors as torchrun_errors

from modelworth.bench.run import session
from modelworth.cli import main
from modelworth.data.record_text import parse
from modelworth.data.store import open_store
from modelworth.verbs import bench, bench_display
from tests.bench import stub
from tests.bench.test_record import kept, seen

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def store(tmp_path) -> str:
    return str(tmp_path / "store.db")


def typed(capsys, *arguments) -> tuple[int, str, str]:
    status = main(list(arguments))
    out = capsys.readouterr()
    return status, out.out, out.err


def test_a_real_case_from_end_to_end(store, capsys):
    """Measured with the real model, shown beside its ceilings, stored, printed as JSON."""
    command = ("bench", "--model", "ladder-1m", "--work", "decode", "--prompt-tokens", "16",
               "--timed-s", "0.05", "--warmup-s", "0.05", "--store", store)  # fmt: skip
    status, out, err = typed(capsys, *command, "--json")
    assert status == 0, err
    measurement = parse(out)
    assert measurement.status == "ok"
    assert measurement.model.parameters_total == 918_592
    assert measurement.result.work_per_step == 1
    assert measurement.result.mfu <= 1
    assert measurement.machine.ceilings.matmul_flops_per_s > 0
    assert "1/1  ladder-1m decode fp32, batch 1 × 16" in err
    with open_store(store, create=False) as opened:
        assert opened.measurements() == [measurement]
    assert measurement.provenance.tool_version == metadata.version("modelworth")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--model", "ladder-1n", "--work", "decode"), "a known one, such as ladder-1m"),
        (("--model", "bert-tiny", "--work", "decode"), "must be one of pretrain"),
        (("--work", "decode"), "--work: no model"),
        (("--search", "best-batch"), "--search: no model"),
        (("--batch", "3"), "--batch: no model"),
        (("--model", "ladder-1m", "--work", "decode", "--batch", "0"), "--batch: 0"),
        (
            ("--model", "ladder-1m", "--work", "decode", "--suite", "quick"),
            "a suite or a model, not both",
        ),
        (("--suite", "quickly"), "must be one of quick, standard"),
        (("--budget", "soon"), "--budget: soon"),
        (("--budget", "0"), "--budget: 0"),
        (("--timed-s", "-1"), "--timed-s: -1"),
        (("--nproc", "0"), "--nproc: 0"),
        (("--nproc", "100000", "--device", "cpu"), "the cores that are here"),
        (("--suite", "quickly"), "full, gpu-proof"),
        (("--model", "ladder-1m", "--device", "cpu", "--precision", "tf32"), "--precision: tf32"),
        (("--store", "oracle://nowhere/x"), "oracle"),
        (("--report", "/no/such/folder/x.md"), "must be a store that exists"),
    ],
)
def test_nonsense_is_one_clear_line_and_status_2(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    status, out, err = typed(capsys, "bench", *arguments)
    assert (status, out) == (2, "")
    assert words in err
    assert "Traceback" not in err
    assert len(err.splitlines()) <= 2


def test_the_suites_are_listed(capsys):
    status, out, _ = typed(capsys, "bench", "--list")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()[:5]] == [
        "quick",
        "standard",
        "families",
        "ladder",
        "full",
    ]
    _, out, _ = typed(capsys, "bench", "--list", "--suite", "quick", "--device", "cpu")
    assert "ladder-16m prefill fp32, batch 1 × 256, on cpu" in out
    _, out, _ = typed(capsys, "bench", "--list", "--suite", "quick", "--budget", "15s")
    assert "2 cases" in out


class Events:
    """A run of two cases, one of which failed."""

    def __init__(self):
        from modelworth.bench.run.progress import Progress

        progress = Progress(stub.LIMITS, total=2)
        first = progress.event("plan", "2 cases")
        progress.begin("one")
        started = progress.event("case")
        progress.finish()
        done = progress.event("done", "", kept(seen()))
        progress.begin("two")
        progress.finish()
        failed = kept(seen(model_flops_per_step=1e12))
        unsaved = progress.event("unsaved", "not stored, will be tried again", failed)
        self.all = [first, started, done, unsaved, progress.event("end")]

    def iterator(self):
        yield from self.all


@pytest.mark.parametrize("how", ["bar", "plain", "none"])
def test_progress_for_people_goes_to_standard_error(capsys, how):
    measured = bench_display.follow(Events().iterator(), how)
    out = capsys.readouterr()
    assert [one.status for one in measured] == ["ok", "error"]
    assert out.out == ""
    if how == "none":
        assert out.err == ""
    else:
        assert "1/2  one: 250 tokens/s" in out.err
        assert "2/2  two: error: self-check: MFU" in out.err
        assert "not stored" in out.err


def test_progress_for_programs_is_a_line_of_json_an_event(capsys):
    bench_display.follow(Events().iterator(), "jsonl")
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == ["plan", "case", "done", "unsaved", "end"]
    assert events[2]["throughput_per_s"] == pytest.approx(250)
    assert events[3]["status"] == "error"
    assert events[1]["left_s"] > 0


def test_results_are_a_table_with_the_machine(capsys):
    bench_display.results([kept(seen())], as_json=False, as_table=True)
    out = capsys.readouterr().out
    assert "250 tokens/s" in out
    assert "Test CPU" in out


def test_the_page_of_benchmarks_comes_from_the_store(store, tmp_path, capsys):
    with open_store(store) as opened:
        opened.add(kept(seen()))
    page = tmp_path / "benchmarks.md"
    status, out, _ = typed(capsys, "bench", "--report", str(page), "--store", store)
    assert (status, out.strip()) == (0, str(page))
    assert "Not yet measured on a GPU." in page.read_text()
    status, _, err = typed(capsys, "bench", "--report", str(tmp_path), "--store", store)
    assert status == 2
    assert f"{tmp_path}: Is a directory" in err


class Stopped(torchrun_api.SignalException):
    def __init__(self):
        super().__init__("got signal 15", signal.SIGTERM)


class Failed(torchrun_errors.ChildFailedError):
    def __init__(self):
        first = torchrun_errors.ProcessFailure(0, 1, 3, "")
        super().__init__("bench", {0: first})


@pytest.mark.parametrize(
    ("end", "status", "said"),
    [(None, 0, ""), (Failed, 3, ""), (Stopped, 130, "stopped; what was finished is kept")],
)
def test_several_processes_are_started_by_torchrun(end, status, said, monkeypatch, capsys):
    """What ends it is a status and at most a line, never torchrun's traceback."""
    started = []

    def fake(command):
        started.append(command)
        if end is not None:
            raise end

    monkeypatch.setattr("torch.distributed.run.main", fake)
    monkeypatch.setattr("modelworth.bench.timing.machine.cores", lambda: 2)
    for name in ("OMP_NUM_THREADS", "LOGLEVEL"):
        monkeypatch.setenv(name, "1")
    arguments = ["modelworth", "bench", "--nproc", "2", "--model", "ladder-1m", "--work", "decode"]
    monkeypatch.setattr(bench.sys, "argv", arguments)
    assert main(arguments[1:]) == status
    assert said in capsys.readouterr().err
    (command,) = started
    assert command[:3] == ["--standalone", "--nproc-per-node", "2"]
    assert command[3:5] == ["--local-ranks-filter", "0"]
    assert command[5:] == ["-m", "modelworth", "bench", "--model", "ladder-1m", "--work", "decode"]


@pytest.mark.parametrize(("rank", "status"), [(None, 130), ("0", 130)])
def test_sigterm_stops_as_an_interrupt_does_and_a_rank_says_nothing(
    rank, status, monkeypatch, capsys
):
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(bench, "_run", lambda _: signal.raise_signal(signal.SIGTERM))
    assert main(["bench", "--model", "ladder-1m"]) == status
    assert ("what was finished is kept" in capsys.readouterr().err) == (rank is None)
    assert signal.getsignal(signal.SIGTERM) == before


def test_an_installed_copy_has_no_commit(monkeypatch, tmp_path):
    monkeypatch.setattr(session, "__file__", str(tmp_path / "bench" / "session.py"))
    assert session._commit() is None


@pytest.fixture
def two_runs(store) -> str:
    with open_store(store) as opened:
        for scale in (1.0, 2.0):
            opened.add(kept(seen(work_per_step=25.0 * scale)))
    return store


def test_two_runs_of_a_suite_side_by_side(two_runs, capsys):
    status, out, _ = typed(capsys, "compare-runs", "suite~1", "suite", "--store", two_runs)
    assert status == 0
    assert "2.000" in out
    assert "faster" in out
    assert "real differences: 1 of 1" in out


def test_runs_from_files_stores_and_ids(two_runs, tmp_path, capsys):
    exported = tmp_path / "runs.jsonl"
    typed(capsys, "export", str(exported), "--store", two_runs)
    with open_store(two_runs, create=False) as opened:
        first, second = opened.measurements()
    for before, after in (
        (first.id[:12], second.id[:12]),
        (first.id, str(exported)),
        (first.id, two_runs),
    ):
        command = ("compare-runs", before, after, "--store", two_runs, "--json")
        status, out, err = typed(capsys, *command)
        assert status == 0, err
        assert json.loads(out)["ratio"] == pytest.approx(2)


@pytest.mark.parametrize(
    ("before", "noise", "words"),
    [
        ("nothing", "0", "a suite in the store (suite)"),
        ("suite~7", "0", "suite has no 7 before"),
        ("suite", "2", "--noise"),
    ],
)
def test_an_unknown_run_is_refused(two_runs, capsys, before, noise, words):
    command = ("compare-runs", before, "suite", "--store", two_runs, "--noise", noise)
    status, _, err = typed(capsys, *command)
    assert status == 2
    assert words in err


@pytest.mark.parametrize("suite", ["quick", "gpu-proof"])
def test_a_gpu_that_is_not_here_is_refused_before_anything_runs(suite, monkeypatch, capsys):
    monkeypatch.setattr("modelworth.bench.timing.machine._torch_has_cuda", lambda: False)
    status, out, err = typed(capsys, "bench", "--device", "cuda", "--suite", suite)
    assert (status, out) == (2, "")
    assert err.splitlines()[0].endswith("--device: cuda")
