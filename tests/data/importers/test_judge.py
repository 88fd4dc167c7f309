"""The judge against Little's law worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelworth.data.importers.judge import SOUND, LoadFacts, judge, judge_sweep

HELD = LoadFacts(
    completed=1000, duration_s=100.0, limit=20, request_s=2.0, ttft_s=0.2, tpot_s=0.018,
    output_tokens=101.0,
)  # fmt: skip


def like(**changes):
    fields = {name: getattr(HELD, name) for name in LoadFacts.__slots__}
    return LoadFacts(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "kind", "arithmetic"),
    [
        ({}, "concurrency_held", "10 requests/s × 2 s = 20.0 in flight, of 20 allowed (100%)"),
        ({"limit": 64}, "load_limited", "20.0 in flight, of 64 allowed (31%)"),
        ({"limit": None, "rate_per_s": 10.0}, "load_limited", "10 requests/s sent"),
        (
            {"limit": None, "rate_per_s": 13.0, "request_s": 12.0, "ttft_s": 10.2},
            "saturated",
            "13 requests/s sent, 10 requests/s done",
        ),
        ({"limit": None, "rate_per_s": 13.0}, "client_bound", "ended 23.1 s late, one takes 2 s"),
        (
            {"limit": None, "rate_per_s": 13.0, "request_s": 12.0, "tpot_s": 0.118},
            "load_limited",
            "13 requests/s sent: 10 requests/s × 12 s",
        ),
        ({"limit": None}, "unknown_load", "--concurrency or --rate"),
        ({"limit": None, "paced": True}, "load_limited", "10 requests/s × 2 s = 20.0 in flight"),
        (
            {"limit": None, "rate_per_s": math.inf},
            "unknown_load",
            "20.0 in flight, not about half of 1,000; say --concurrency or --rate",
        ),
        (
            {
                "limit": None,
                "rate_per_s": math.inf,
                "completed": 10,
                "duration_s": 1.07,
                "request_s": 0.3,
                "ttft_s": 0.044,
                "tpot_s": 0.006,
                "output_tokens": 44.0,
            },
            "too_short",
            "a first token after 0.044 s of 1.07 s",
        ),
        ({"waiting": 3.0}, "saturated", "3.0 requests waited"),
        ({"failed": 30}, "error_bearing", "30 of 1,030 requests failed (2.9%)"),
        ({"failed": 3}, "concurrency_held", "3 of 1,003 requests failed (0.3%)"),
        ({"lag_s": 0.5}, "client_bound", "0.5 s late"),
        ({"client_bound": True}, "client_bound", ""),
        ({"cached_share": 0.4}, "cache_warmed", "40%"),
        ({"completed": 9, "duration_s": 0.9}, "too_short", "9 requests"),
        ({"completed": 50, "duration_s": 5.0}, "too_short", "2.5 each"),
        ({"stated_requests_per_s": 1.0}, "contradictory", "= 10.000 a second, the file says 1.000"),
        ({"stated_output_per_s": 900.0}, "contradictory", "1,010.0 a second, the file says 900.0"),
        ({"limit": 10}, "contradictory", "20.0 in flight, the limit was 10"),
        ({"limit": None, "peak_in_flight": 8.0}, "contradictory", "at most 8"),
        ({"ttft_s": 2.5}, "contradictory", "first token after 2.500 s"),
        ({"tpot_s": 0.08}, "contradictory", "a request took 2.00 s"),
    ],
)
def test_each_class_says_its_arithmetic(changes, kind, arithmetic):
    judgement = judge(like(**changes))
    assert judgement.kind == kind
    assert arithmetic in judgement.arithmetic
    assert judgement.sound == (kind in SOUND)


def test_prompts_read_faster_than_the_devices_compute_came_from_a_cache():
    """10 requests/s × (2,000 + 101) tokens × 16 GFLOP = 336 TFLOP/s."""
    facts = {"prompt_tokens": 2000.0, "flops_per_token": 16e9}
    warmed = judge(like(**facts, ceiling_flops_per_s=300e12))
    assert (warmed.kind, "336 TFLOP/s" in warmed.arithmetic) == ("cache_warmed", True)
    assert judge(like(**facts, ceiling_flops_per_s=400e12)).kind == "concurrency_held"


def test_all_at_once_is_saturated_if_a_queue_drained_and_too_short_if_it_was_one_wave():
    burst = {"limit": None, "rate_per_s": math.inf, "completed": 1000, "duration_s": 100.0}
    assert judge(like(**burst, request_s=50.0, ttft_s=48.0, tpot_s=None)).kind == "saturated"
    assert judge(like(**burst, request_s=95.0, tpot_s=None)).kind == "too_short"


@given(st.integers(20, 400), st.integers(1, 40), st.floats(0.1, 5.0))
def test_a_burst_that_a_server_drains_evenly_is_never_taken_for_a_scattered_one(sent, places, each):
    """Simulated: every request takes `each` seconds once one of the places is free."""
    ends = [each * (at // places + 1) for at in range(sent)]
    facts = LoadFacts(
        completed=sent, duration_s=ends[-1], rate_per_s=math.inf, request_s=float(np.mean(ends))
    )
    assert not facts.scattered


def test_where_more_load_adds_nothing_both_points_are_saturated():
    """20 → 40 → 80 in flight: 10, 19, 19.4 requests a second."""
    points = [
        like(),
        like(completed=1900, limit=40, request_s=40 / 19),
        like(completed=1940, limit=80, request_s=80 / 19.4, ttft_s=2.0),
    ]
    kinds = [judgement.kind for judgement in judge_sweep(points)]
    assert kinds == ["concurrency_held", "saturated", "saturated"]


def test_an_unsound_point_says_nothing_of_its_neighbours():
    points = [like(), like(limit=40, request_s=4.0, tpot_s=0.038, failed=500)]
    assert [it.kind for it in judge_sweep(points)] == ["concurrency_held", "error_bearing"]


@given(
    st.integers(10, 10**5), st.floats(1, 1e4), st.integers(1, 500), st.floats(0.01, 100),
    st.one_of(st.none(), st.floats(0.01, 1e3)),
)  # fmt: skip
def test_a_closed_run_is_sound_only_when_its_limit_was_held(done, lasted, limit, each, rate):
    judgement = judge(
        LoadFacts(completed=done, duration_s=lasted, limit=limit, request_s=each, rate_per_s=rate)
    )
    held = done / lasted * each
    assert not judgement.sound or 0.9 * limit <= held <= 1.1 * limit + 0.5 + 1e-9


@pytest.mark.parametrize(("capacity_per_s", "kind"), [(40.0, "load_limited"), (8.0, "saturated")])
def test_an_open_loops_short_end_is_no_overload(capacity_per_s, kind):
    """One server after another's requests, simulated: its speed decides, not the run's length."""
    rng = np.random.default_rng(1)
    sent, rate = 300, 12.0
    arrivals = np.cumsum(rng.exponential(1 / rate, sent))
    free, waits = 0.0, []
    for at in arrivals:  # requests begin one after another, and overlap from then on
        begun = max(at, free)
        free = begun + 1 / capacity_per_s
        waits.append(begun - at)
    takes = rng.uniform(2.0, 10.0, sent)
    ends = arrivals + waits + takes
    ttft_s = float(np.mean(waits)) + 0.1
    facts = LoadFacts(
        completed=sent,
        duration_s=float(ends.max()),
        rate_per_s=rate,
        request_s=float(np.mean(ends - arrivals)),
        ttft_s=ttft_s,
    )
    assert facts.behind
    assert judge(facts).kind == kind
