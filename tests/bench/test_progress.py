"""What is told while a run goes on: phases, rates, the time left, a busy machine."""

from __future__ import annotations

import pytest

from modelworth.bench.run import progress as progress_module
from modelworth.bench.run.expected import PROBING_S, each_s, expected_s
from modelworth.bench.run.news import News, timing_news
from modelworth.bench.run.progress import Event, Progress
from modelworth.bench.timing import monitor as busy
from modelworth.bench.timing.monitor import Neighbours
from modelworth.bench.work.task import Work
from modelworth.data.measurement import Model
from modelworth.verbs import bench_display
from tests.bench import stub


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress_module, "perf_counter", lambda: now[0])
    return now


def left(progress: Progress) -> tuple[float | None, float | None]:
    event = progress.event("tick")
    return event.left_s, event.left_high_s


def test_the_time_left_widens_and_learns(clock):
    """Three cases of 10 s each: a guess of up to twice; then as the first case went."""
    progress = Progress(stub.LIMITS, 3, expected_s=[10.0] * 3, start_s=0.0)
    progress.begin("first")
    assert left(progress) == (30.0, 60.0)
    clock[0] = 5.0
    assert left(progress) == (25.0, 55.0)
    clock[0] = 25.0  # longer than was thought possible
    assert left(progress) == (20.0, 45.0)
    progress.finish()
    progress.begin("second")  # the first took 2.5 times its time, and so may the others
    assert left(progress) == (50.0, 50.0)
    clock[0] = 35.0
    progress.finish()  # the second took its time: 1.75 on average, 2.5 at worst
    assert left(progress) == (17.5, 25.0)
    assert left(Progress(stub.LIMITS)) == (None, None)


def test_a_running_rate_has_its_interval():
    model = Model(name="m", family="decoder")
    work = Work(step=lambda: None, unit="tokens", work_per_step=8, model=model)
    told = timing_news(work, "timing", [0.5] * 20)
    assert (told.samples, told.rate_per_s, told.half_width) == (20, 16.0, 0.0)
    assert timing_news(work, "timing", [0.5]).rate_per_s is None
    assert timing_news(work, "warming", [0.5] * 9) == News(phase="warming")


def events():
    def one(kind, elapsed_s, **more):
        return Event(kind, 0, 2, elapsed_s, 30.0, 60.0, label="tiny decode", **more)

    yield one("case", 0.0)
    yield one("tick", 1.0, news=News(phase="building"))
    yield one("tick", 65.0, news=News(phase="compiling"))
    yield one("tick", 66.0, news=News(phase="compiling"))
    timing = News(phase="timing", samples=34, rate_per_s=1234.0, half_width=0.013, unit="tokens")
    yield one("tick", 80.0, news=timing)


def test_lines_with_times_tell_the_phases_that_last(capsys):
    bench_display.follow(events(), "plain")
    assert capsys.readouterr().err.splitlines() == [
        "1:05  tiny decode: compiling",
        "1:20  tiny decode: timing, 34 samples, 1.23 ktokens/s ± 1.3%",
    ]


def test_the_time_left_is_a_range_where_it_is_wide():
    first, *_ = events()
    assert bench_display._left(first) == ", 0:30 to 1:00 left"


@pytest.mark.parametrize(("used", "told"), [(0.0, False), (64.0, True)])
def test_a_busy_processor_is_told(used, told):
    assert (busy._processor(used) is not None) == told


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (Neighbours(), False),
        (Neighbours(0, 3), False),
        (Neighbours(1, 0), True),
        (Neighbours(0, 60), True),
    ],
)
def test_a_gpu_in_use_is_told(found, told):
    assert (busy._gpu(found) is not None) == told


def test_a_suite_takes_its_cases_and_the_ceilings_of_its_precisions():
    cases = [stub.case("fine", batch=batch) for batch in (1, 2, 3)]
    each = expected_s(stub.LIMITS, cases[0])
    assert sum(each_s(stub.LIMITS, cases)) == pytest.approx(PROBING_S + 3 * each)
