"""Objectives, the search, and queues: against closed forms and a simulated queue."""

from __future__ import annotations

import heapq

import numpy as np
import pytest

from modelworth.bench.load import objective
from modelworth.bench.load.plan import Outcome, Run
from modelworth.bench.load.prompts import Length
from modelworth.bench.load.record import Served, measurement
from modelworth.bench.load.search import MOST_TRIALS, Trial, growing, search
from modelworth.bench.load.session import moments
from modelworth.bench.load.summary import client_bound, in_flight, steady_from, summarise
from modelworth.data.errors import InputError
from modelworth.data.importers.judging import judged
from modelworth.data.measurement import Machine, Model
from modelworth.data.serving import Load, Spread

TTFT_S, TPOT_S, TOKENS = 0.1, 0.01, 64
SERVICE_S = TTFT_S + (TOKENS - 1) * TPOT_S


def queue(due: tuple[float, ...], slots: int) -> list[Outcome]:
    """Each request of a first-come server with so many slots and a fixed service time."""
    free, outcomes = [0.0] * slots, []
    for moment in due:
        begun = max(moment, heapq.heappop(free))
        heapq.heappush(free, begun + SERVICE_S)
        outcomes.append(
            Outcome(
                due_s=moment, end_s=begun + SERVICE_S, first_s=begun + TTFT_S,
                last_s=begun + SERVICE_S, chunks=TOKENS, input_tokens=100, output_tokens=TOKENS,
                after_first=TOKENS - 1,
            )
        )  # fmt: skip
    return outcomes


def point(rate: float, slots: int, duration_s: float, arrivals="constant", terms=()):
    due = moments(rate, 2 * duration_s, arrivals, np.random.default_rng(0))
    run = Run(queue(due, slots), 0.0, duration_s)
    return summarise([run], Load(mode="open", rate_per_s=rate), terms)


def test_at_130_percent_the_tail_grows_as_the_queue_does():
    """Constant arrivals at λ into c slots of service S: the wait at t is t·(λ·S/c − 1)."""
    slots, duration_s = 8, 60.0
    summary = point(1.3 * slots / SERVICE_S, slots, duration_s)
    ttft = summary.serving.ttft
    for name, share in (("p50_s", 0.5), ("p90_s", 0.9), ("p95_s", 0.95)):
        expected = TTFT_S + 0.3 * share * duration_s
        assert getattr(ttft, name) == pytest.approx(expected, rel=0.02)
    assert summary.serving.tpot.p95_s == pytest.approx(TPOT_S)
    assert summary.serving.requests_per_s == pytest.approx(slots / SERVICE_S, rel=0.02)
    assert growing(summary.load.in_flight, 1.3 * slots / SERVICE_S, duration_s)


def test_waiting_below_capacity_is_that_of_m_d_1():
    """Pollaczek-Khinchine: the mean wait is ρ·S/(2·(1 − ρ)) with one server of fixed service."""
    load = 0.6
    summary = point(load / SERVICE_S, 1, 20_000.0, "poisson")
    wait_s = load * SERVICE_S / (2 * (1 - load))
    assert summary.serving.ttft.mean_s == pytest.approx(TTFT_S + wait_s, rel=0.05)
    assert summary.load.in_flight_mean == pytest.approx(
        load / SERVICE_S * (wait_s + SERVICE_S), rel=0.05
    )


@pytest.mark.parametrize("slots", [1, 8, 40])
def test_the_search_finds_the_capacity(slots):
    """Within 5% of slots / service time, whatever the server, in at most 12 trials."""
    terms = objective.parse("ttft_p95<1s,tpot_p95<50ms")

    def trial(rate: float) -> Trial:
        duration_s = max(30.0, 30 / rate)
        summary = point(rate, slots, duration_s, terms=terms)
        piling = growing(summary.load.in_flight, rate, duration_s)
        return Trial(rate, summary.held and not piling, summary.serving.requests_per_s)

    found = search(trial, 1 / SERVICE_S, most=1e5)
    assert found.end == "found"
    assert len(found.trials) <= MOST_TRIALS
    assert found.low == pytest.approx(slots / SERVICE_S, rel=0.05)
    assert found.low < found.high


@pytest.mark.parametrize("limit", [1, 3, 7, 50, 300])
def test_the_search_of_a_number_in_flight_is_exact_or_near(limit):
    found = search(lambda n: Trial(n, n <= limit), 1.0, most=4096, whole=True)
    assert found.low <= limit < found.high
    assert found.low == limit or found.high <= found.low * 1.05
    assert len(found.trials) <= MOST_TRIALS


def test_the_search_ends_where_more_in_flight_adds_nothing():
    found = search(lambda n: Trial(n, True, min(n, 30.0)), 1.0, most=4096, whole=True)
    assert found.end == "more in flight adds nothing"
    assert found.low == 64


def test_a_stall_is_tried_again():
    """Fails once while the server does more than is offered, then holds."""
    stalls = iter([True])

    def trial(load: float) -> Trial:
        stalled = 60 < load < 100 and next(stalls, False)
        return Trial(load, load < 100 and not stalled, 100.0 if stalled else min(load, 100.0))

    found = search(trial, 1.0, most=1e5)
    assert found.low == pytest.approx(100, rel=0.05)


def test_the_search_ends_at_the_client_and_at_a_server_that_never_keeps_it():
    bound = search(lambda load: Trial(load, True, client_bound=load > 5), 1.0, most=1e5)
    assert (bound.low, bound.end) == (4.0, "the client was the limit")
    never = search(lambda load: Trial(load, False), 1.0, most=1e5)
    assert (never.low, never.end) == (None, "no load holds")
    assert len(never.trials) <= 5
    always = search(lambda load: Trial(load, True), 1.0, most=50.0)
    assert (always.low, always.end) == (50.0, "every load holds")


def test_an_objective_is_read_and_judged():
    terms = objective.parse(" TTFT_p95 < 1s, tpot_p50<=50ms ,e2e_p99<2.5s")
    assert [str(term) for term in terms] == ["ttft_p95<1000ms", "tpot_p50<50ms", "e2e_p99<2500ms"]
    outcomes = queue(tuple(float(n) for n in range(100)), 1)
    term = objective.parse("ttft_p95<150ms")
    assert objective.holds(term, outcomes)
    for one in outcomes[:5]:
        one.first_s += 1
    assert objective.holds(term, outcomes)
    outcomes[5].failure = "timeout"
    assert not objective.holds(term, outcomes)
    assert [miss.allowed for miss in objective.misses(term, 100)] == [5]


@pytest.mark.parametrize(
    "text",
    ["", "fast", "ttft_p95<1", "ttft_p95>1s", "ttft_p20<1s", "x_p95<1s", "ttft_p95<0s", "ttft<1s",
     ",".join(["ttft_p95<1s"] * 9)],
)  # fmt: skip
def test_what_is_no_objective_is_refused(text):
    with pytest.raises(InputError, match="--objective"):
        objective.parse(text)


def test_goodput_counts_what_kept_the_limits():
    terms = objective.parse("ttft_p95<150ms")
    summary = point(0.5 / SERVICE_S, 1, 200.0, terms=terms)
    assert summary.serving.goodput_per_s == pytest.approx(summary.serving.requests_per_s)
    late = point(1.3 / SERVICE_S, 1, 200.0, terms=terms)
    assert not late.held
    assert late.serving.goodput_per_s < 0.1 * late.serving.requests_per_s


def test_a_closed_loop_s_rates_are_little_s_law_whatever_the_edges():
    """64 in flight in one wave, 0.73 s each: 64/0.73 requests a second in any whole waves."""
    outcomes = []
    for wave in range(-1, 12):
        begun = wave * SERVICE_S
        outcomes += [
            Outcome(begun, begun + SERVICE_S, first_s=begun + TTFT_S, last_s=begun + SERVICE_S,
                    chunks=TOKENS, output_tokens=TOKENS, after_first=TOKENS - 1)
            for _ in range(64)
        ]  # fmt: skip
    window = Run(outcomes, 0.0, 10 * SERVICE_S)
    summary = summarise([window], Load(mode="closed", concurrency_limit=64))
    assert summary.requests_per_s == pytest.approx(64 / SERVICE_S, rel=1e-6)
    assert summary.tokens_per_s[0] == pytest.approx(64 * TOKENS / SERVICE_S, rel=1e-6)
    assert summary.load.in_flight_mean == pytest.approx(64)
    assert summary.load.in_flight_max == 64


@pytest.mark.parametrize(
    ("load", "kind"), [(0.5, "load_limited"), (1.3, "saturated"), (None, "concurrency_held")]
)
def test_the_judge_sees_what_a_load_was(load, kind):
    """Half and 1.3 times of what 8 slots do; and a closed loop of 8."""
    served = Served(
        Model(name="m", family="decoder"), Machine(device="x", kind="other"), "bfloat16", "stub"
    )
    if load is None:
        due = tuple(wave * SERVICE_S + place / 100 for wave in range(40) for place in range(8))
        run = Run(queue(due, 8), SERVICE_S, 30 * SERVICE_S)
        summary = summarise([run], Load(mode="closed", concurrency_limit=8))
    else:
        summary = point(load * 8 / SERVICE_S, 8, 60.0)
    record = measurement(summary, served, Length(100.0), Length(TOKENS))
    assert judged(record).kind == kind
    assert record.workload.new_tokens == TOKENS


def test_in_flight_over_time():
    outcomes = [Outcome(0.0, 4.0), Outcome(1.0, 2.0), Outcome(3.0, 9.0)]
    mean, most, parts = in_flight(outcomes, (0.0, 4.0), parts=4)
    assert (mean, most, parts) == (1.5, 2.0, (1.0, 2.0, 1.0, 2.0))


def test_a_slow_beginning_is_left_out():
    rng = np.random.default_rng(1)
    series = np.concatenate([np.linspace(5, 1, 30), rng.normal(1, 0.05, 170)])
    assert 20 <= steady_from(series) <= 40
    assert steady_from(rng.normal(1, 0.05, 200)) <= 100
    assert steady_from([1.0] * 10) == 0


@pytest.mark.parametrize(
    ("busy", "late_s", "ttft_s", "bound"),
    [(0.95, 0.0, 0.1, True), (0.3, 0.001, 0.1, False), (0.3, 0.02, 0.1, True),
     (0.3, 0.02, 1.0, False), (0.0, 0.0, None, False)],
)  # fmt: skip
def test_when_the_client_is_the_limit(busy, late_s, ttft_s, bound):
    assert client_bound(busy, Spread(p50_s=0.0, p99_s=late_s), ttft_s) is bound
