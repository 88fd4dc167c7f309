"""The timer on a clock that a test turns by hand."""

from __future__ import annotations

import gc

import pytest
import torch

from modelworth.bench.timing import clock as timing
from modelworth.bench.work.task import Limits, Work
from modelworth.data.measurement import Model

MODEL = Model(name="stub", family="decoder")


class HandClock:
    """A device whose steps take as long as the test says."""

    settling_s = 0.0

    def __init__(self, monkeypatch) -> None:
        self.now_s = 0.0
        self.waits = 0
        monkeypatch.setattr(timing, "perf_counter", lambda: self.now_s)

    def mark(self) -> float:
        return self.now_s

    def seconds(self, start: float, end: float) -> float:
        return end - start

    def wait(self) -> None:
        self.waits += 1


@pytest.fixture
def clock(monkeypatch) -> HandClock:
    return HandClock(monkeypatch)


def work(clock: HandClock, times, **more) -> Work:
    """A work whose steps take these times, the last one for ever."""
    queue = list(times)

    def step() -> None:
        clock.now_s += queue.pop(0) if len(queue) > 1 else queue[0]

    return Work(step=step, unit="tokens", work_per_step=1, model=MODEL, **more)


def test_slow_first_steps_are_warm_up(clock):
    limits = Limits(timed_s=1, warmup_s=10)
    timed = timing.time_work(work(clock, [3.0, 2.0, 0.1]), clock, limits)
    assert timed.settled
    assert timed.warmup_steps >= 3
    assert set(map(round_ms, timed.samples_s)) == {100}


def round_ms(seconds: float) -> int:
    return round(seconds * 1e3)


def test_compiling_in_the_first_step_doesnt_use_up_the_warm_up(clock):
    """Graphs are captured in the second and third step; timing starts after them."""
    limits = Limits(timed_s=1, warmup_s=5)
    timed = timing.time_work(work(clock, [300.0, 2.0, 0.1]), clock, limits)
    assert timed.settled
    assert set(map(round_ms, timed.samples_s)) == {100}


def test_a_step_that_never_settles_is_said_so_and_timed_all_the_same(clock):
    falling = [10.0 * 0.8**step for step in range(60)]
    timed = timing.time_work(work(clock, falling), clock, Limits(timed_s=1, warmup_s=3))
    assert not timed.settled
    assert timed.samples_s


def test_equal_steps_stop_at_the_target(clock):
    limits = Limits(timed_s=1000, min_samples=8, precision=0.01)
    timed = timing.time_work(work(clock, [0.2]), clock, limits)
    assert len(timed.samples_s) == 8


def test_uneven_steps_go_on_until_the_time_is_spent(clock):
    uneven = [0.1, 0.3] * 5000
    limits = Limits(timed_s=20, warmup_s=1, precision=1e-6)
    timed = timing.time_work(work(clock, uneven), clock, limits)
    assert 20 <= timed.wall_s < 22
    assert timed.wall_s == pytest.approx(sum(timed.samples_s))


def test_very_long_steps_dont_wait_for_all_samples(clock):
    timed = timing.time_work(work(clock, [100.0]), clock, Limits(timed_s=1, min_samples=8))
    assert len(timed.samples_s) < 8


def test_the_number_of_samples_is_capped(clock):
    uneven = [0.001, 0.003] * 50000
    limits = Limits(timed_s=1e6, warmup_s=0.01, precision=1e-9, max_samples=700)
    assert len(timing.time_work(work(clock, uneven), clock, limits).samples_s) == 700


def test_parts_add_up_to_the_step(clock):
    def taking(seconds: float):
        def part() -> None:
            clock.now_s += seconds

        return part

    parts = (("prefill", taking(0.3)), ("decode", taking(0.7)))
    timed = timing.time_work(work(clock, [1.0], parts=parts), clock, Limits(timed_s=1))
    assert timed.samples_s[0] == pytest.approx(1.0)
    assert timed.parts_s["prefill"][0] == pytest.approx(0.3)
    assert timed.parts_s["decode"][0] == pytest.approx(0.7)


def test_reset_isnt_timed_but_seen_on_the_wall(clock):
    def reset() -> None:
        clock.now_s += 5.0

    timed = timing.time_work(work(clock, [1.0], reset=reset), clock, Limits(timed_s=1))
    assert timed.samples_s[0] == pytest.approx(1.0)
    assert timed.wall_s == pytest.approx(6.0 * len(timed.samples_s))


def test_a_round_shares_one_synchronisation(clock):
    timing.time_work(work(clock, [0.01]), clock, Limits(timed_s=1, min_samples=50))
    before = clock.waits
    timed = timing.Timed()
    timing._round(work(clock, [0.01]), clock, 40, timed)
    assert clock.waits - before == 2
    assert len(timed.samples_s) == 40


def test_no_garbage_is_collected_while_timing():
    assert gc.isenabled()
    with timing.frozen_garbage():
        assert not gc.isenabled()
        assert gc.get_freeze_count() > 0
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_another_ranks_decision_holds(clock):
    """Rank 0 stops after one round, though this rank would go on."""
    answers = iter([1.0, 1.0, 5.0, 0.0])  # settled, warm, five steps, no more
    timed = timing.time_work(
        work(clock, [0.1, 0.5] * 100), clock, Limits(timed_s=100), agree=lambda _: next(answers)
    )
    assert len(timed.samples_s) == 5


def test_a_processor_reads_the_clock_on_the_wall():
    clock = timing.clock_for(torch.device("cpu"))
    clock.wait()
    assert clock.seconds(clock.mark(), clock.mark()) >= 0


@pytest.mark.parametrize("warmup_s", [10, 1.8])
@pytest.mark.parametrize("step_s", [0.0002, 0.007, 0.3, 1.7])
def test_a_gpu_is_warmed_and_timed_until_its_clocks_have_settled(clock, step_s, warmup_s):
    clock.settling_s = timing.CudaClock.settling_s
    moments = []
    timed = timing.time_work(
        work(clock, [40.0, step_s]), clock, Limits(timed_s=5, warmup_s=warmup_s, precision=0.5),
        before_timing=lambda: moments.append(clock.now_s),
    )  # fmt: skip
    assert moments[0] - 40.0 >= 2.0, "warm-up after the first step, which compiles"
    assert 2.0 <= timed.wall_s <= max(5.0, 8 * step_s) * 1.5
    assert sum(timed.samples_s) == pytest.approx(timed.wall_s)


def test_a_processor_stops_as_soon_as_the_median_is_known(clock):
    timed = timing.time_work(work(clock, [0.01]), clock, Limits(timed_s=5, warmup_s=10))
    assert timed.wall_s < 1.0
