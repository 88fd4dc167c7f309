"""Searches find a limit that is known beforehand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelworth.bench.run import search
from modelworth.data.errors import InputError, ModelworthError
from modelworth.data.measurement import Interval
from modelworth.data.store import open_store
from tests.bench import stub


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "store.db")) as opened:
        yield opened


def climbed(limit: int, start: int, highest: int = search.HIGHEST) -> tuple[int, int]:
    """What is found when everything up to `limit` fits, and in how many attempts."""
    trials = search.climb(start, highest)
    attempts, trial = 0, next(trials)
    while True:
        attempts += 1
        try:
            trial = trials.send(trial <= limit)
        except StopIteration as stop:
            return stop.value, attempts


@given(st.integers(0, 2**24), st.integers(1, 10_000))
def test_the_limit_is_found_within_a_32nd(limit, start):
    found, attempts = climbed(limit, start)
    assert found <= limit <= found + found // search.FINENESS
    assert attempts <= 60


@given(st.integers(0, 64), st.integers(1, 100))
def test_small_limits_are_found_exactly(limit, start):
    assert climbed(limit, start)[0] == limit


def test_what_always_fits_ends_at_the_highest():
    assert climbed(10**9, 3, highest=1000)[0] == 1000


def searched(what, case, store):
    return list(search.run(what, case, stub.session(store)))


def test_the_largest_batch_is_measured_and_the_failure_kept(store):
    events = searched("largest-batch", stub.case("limit", batch=8), store)
    assert events[-1].message == (
        "the largest batch that fits is 11; 12 doesn't (oom: CUDA out of memory at batch 12)"
    )
    failed, fits = store.measurements()
    assert (failed.status, failed.workload.batch) == ("oom", 12)
    assert (fits.status, fits.workload.batch) == ("ok", 11)
    assert events[0].total is None
    assert events[0].left_s is None


def test_a_search_that_fails_for_another_reason_stops(store):
    with pytest.raises(ModelworthError, match="the search stopped: RuntimeError: shapes"):
        searched("largest-batch", stub.case("crash"), store)


def test_a_search_goes_on_where_the_device_fails_at_a_size(store):
    events = searched("largest-batch", stub.case("grid", batch=4), store)
    assert events[-1].message == (
        "the largest batch that fits is 5; 6 doesn't (error: the device failed: RuntimeError: "
        "CUDA error: invalid configuration argument)"
    )
    assert [one.status for one in store.measurements()] == ["error", "ok"]


def test_images_have_no_sequence(store):
    with pytest.raises(InputError, match="largest-batch"):
        searched("longest-sequence", stub.case("fine"), store)


class Recorded:
    """A session whose throughput by batch is given."""

    refuses = True

    def __init__(self, rates):
        self.rates, self.asked = rates, []

    def measured(self, case):
        batch = case.workload.batch
        self.asked.append(batch)
        return from_rate(case, self.rates.get(batch))
        yield


def from_rate(case, rate):
    from modelworth.bench.run import record
    from tests.bench.test_record import HERE, MACHINE, kept, seen

    if rate is None:
        return record.failed(case, "oom", "no memory", MACHINE, HERE, None)
    found = kept(seen())
    result = found.result.model_copy(update={"throughput_per_s": Interval(value=rate)})
    return found.model_copy(update={"result": result, "workload": case.workload})


@pytest.mark.parametrize(
    ("rates", "asked", "best"),
    [
        ({1: 100, 2: 190, 4: 200, 8: 201, 16: 202, 32: 500}, [1, 2, 4, 8, 16], 4),
        ({1: 100, 2: 190}, [1, 2, 4], 2),  # 4 runs out of memory
        ({1: 100, 2: 90, 4: 80}, [1, 2, 4], 1),
    ],
)
def test_the_best_batch_is_the_smallest_that_is_nearly_fastest(rates, asked, best):
    session = Recorded(rates)
    with pytest.raises(StopIteration) as stopped:
        next(search._best_batch(session, stub.case("fine")))
    assert session.asked == asked
    assert stopped.value.value.startswith(f"the best batch is {best}:")


def test_no_batch_at_all_is_said():
    with pytest.raises(StopIteration) as stopped:
        next(search._best_batch(Recorded({}), stub.case("fine")))
    assert stopped.value.value == "batch 1 can't be measured: no memory"
