"""Ceilings are probed when they are needed, and once more when a case exceeds them."""

from __future__ import annotations

import pytest

from modelworth.bench.run import session
from modelworth.bench.run.isolation import WorkerEnd
from modelworth.data.measurement import Ceilings
from tests.bench import stub
from tests.bench.test_record import MACHINE, seen


@pytest.fixture
def probes(monkeypatch):
    """Each probe finds the next of these matmul rates; None: the probe fails."""
    rates = []

    class Probe:
        news = None

        def discard(self):
            pass

        def __init__(self, job, time_limit_s, start_limit_s=None):
            self.waits = 0
            assert (job["action"], job["precision"]) == ("probe", "float32")

        def wait(self, seconds):
            self.waits += 1
            if self.waits < 2:
                return None
            rate = rates.pop(0)
            if rate is None:
                return WorkerEnd(status="oom", reason="no memory")
            found = MACHINE.model_copy(update={"ceilings": Ceilings(matmul_flops_per_s=rate)})
            return WorkerEnd(status="ok", value=found.model_dump_json())

    monkeypatch.setattr(session, "attempt", Probe)
    return rates


def recorded(observation):
    """The record of an observation in a new session, probes included."""
    made = session.Session(None, stub.LIMITS)
    outcome = WorkerEnd(status="ok", value=observation.model_dump_json())
    list(made._probed(stub.case()))
    trial = made._recorded(stub.case(), outcome)
    while True:
        try:
            next(trial)
        except StopIteration as stop:
            return stop.value


def test_a_ceiling_measured_under_load_is_measured_again(probes):
    probes += [1e10, 1e11]
    found = recorded(seen())  # 5e10 FLOP/s
    assert (found.status, found.result.mfu) == ("ok", pytest.approx(0.5))
    assert probes == []


def test_work_that_still_exceeds_it_is_an_error(probes):
    probes += [1e10, 2e10]
    found = recorded(seen())
    assert (found.status, found.result) == ("error", None)
    assert "MFU is 2.500, above 1" in found.reason


def test_the_better_of_two_probes_counts(probes):
    probes += [4e10, 1e10]
    assert "MFU is 1.250" in recorded(seen()).reason


def test_a_probe_that_fails_leaves_the_ceiling_unknown(probes):
    probes += [None]
    found = recorded(seen())
    assert (found.status, found.result.mfu) == ("ok", None)
    assert found.machine.ceilings == Ceilings()
