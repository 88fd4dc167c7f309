"""Several ranks do one job: with a board of their own here, under torchrun in the slow test."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from modelworth.bench.run import together
from modelworth.bench.run.isolation import WorkerEnd
from modelworth.bench.run.place import Place, place
from modelworth.data.errors import InputError
from modelworth.data.store import open_store

ROOT = Path(__file__).parent.parent.parent
FINE = WorkerEnd(status="ok", value="1")


class Board(dict):
    """The agent's store, in one process."""

    set = dict.__setitem__
    get = dict.__getitem__

    def check(self, keys):
        return all(key in self for key in keys)

    def compare_set(self, key, expected, value):
        if self.get_or(key) == expected:
            self[key] = value

    def get_or(self, key):
        return super().get(key, "")


class FakeAttempt:
    """This rank's worker, whose outcome the test gives; None: it still runs."""

    def __init__(self, job, time_limit_s, start_limit_s=None):
        self.job, self.outcome, self.discarded = job, None, False

    def wait(self, seconds):
        return self.outcome

    def discard(self):
        self.discarded = True


@pytest.fixture
def ranks(monkeypatch):
    """Two ranks' parts of one job."""
    board = Board()
    monkeypatch.setattr(together, "_board", lambda: board)
    monkeypatch.setattr(together, "Attempt", FakeAttempt)
    monkeypatch.setattr(together, "POLL_S", 0)
    parts = []
    for rank in (0, 1):
        monkeypatch.setattr(together, "_numbers", count())
        parts.append(together.RankedAttempt({}, 9.0, Place(rank, 2, rank)))
    return parts


def test_a_job_has_worked_when_it_has_on_every_rank(ranks):
    first, second = ranks
    assert first._own.job == second._own.job
    assert first.wait(0) is None
    first._own.outcome = FINE
    assert first.wait(0) is None
    second._own.outcome = FINE
    assert second.wait(0) == FINE
    assert first.wait(0) == FINE


def test_the_first_failure_ends_the_job_on_all(ranks):
    first, second = ranks
    second._own.outcome = WorkerEnd(status="oom", reason="CUDA out of memory")
    expected = WorkerEnd(status="oom", reason="rank 1: CUDA out of memory")
    assert second.wait(0) == expected
    assert first.wait(0) == expected
    assert first._own.discarded
    first._own.outcome = WorkerEnd(status="error", reason="lost its peer")
    assert first.wait(0) == expected


def test_a_rank_that_is_stopped_tells_the_others(ranks):
    first, second = ranks
    first.discard()
    assert second.wait(0).reason == "rank 0: stopped"


def test_rank_0_decides(monkeypatch):
    board = Board()
    monkeypatch.setattr(together, "_board", lambda: board)
    for rank, own in ((0, ["a"]), (1, ["b"])):
        monkeypatch.setattr(together, "_numbers", count())
        monkeypatch.setattr(together, "place", lambda rank=rank: Place(rank, 2, rank))
        assert together.one_decides(own) == ["a"]


def test_one_alone_decides_itself():
    assert together.one_decides({"x": 1}) == {"x": 1}
    assert place() == Place(0, 1, 0)


def test_the_environment_tells_the_place(monkeypatch):
    for name, value in (("RANK", "3"), ("WORLD_SIZE", "4"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    assert place() == Place(3, 4, 1)


def test_several_ranks_without_torchrun_are_refused(monkeypatch):
    from modelworth.bench.run.ranks import agent_store

    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("TORCHELASTIC_USE_AGENT_STORE", raising=False)
    with pytest.raises(InputError, match="started by torchrun"):
        agent_store()


@pytest.mark.slow
@pytest.mark.parametrize("sharded", [False, True])
def test_two_processes_measure_one_case_and_the_first_keeps_it(tmp_path, sharded):
    store = str(tmp_path / "store.db")
    command = [sys.executable, "-m", "modelworth", "bench", "--nproc", "2", "--model", "ladder-1m",
               "--work", "pretrain", "--prompt-tokens", "32",
               "--timed-s", "0.1", "--warmup-s", "0.1", "--store", store, "--json"]  # fmt: skip
    command += ["--data-parallel", "2", "--fully-sharded"] if sharded else []
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    with open_store(store, create=False) as opened:
        (found,) = opened.measurements()
    assert json.loads(ran.stdout)["id"] == found.id
    assert found.status == "ok", found.reason
    assert (found.machine.count, found.result.work_per_step) == (2, 64)
    assert found.machine.ceilings.collective_bytes_per_s > 0
