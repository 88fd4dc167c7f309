"""Which differences between two runs are real."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from modelworth.data import comparison
from modelworth.data.measurement import Condition
from tests.bench.test_record import HERE, MACHINE, kept, seen


def run(scale: float, seed: int, case: str, count: int = 60, spread: float = 0.02):
    """A record whose steps are lognormal around 0.1 s × scale."""
    steps = 0.1 * scale * np.random.default_rng(seed).lognormal(0, spread, size=count)
    found = kept(seen(samples_s=tuple(steps), model_flops_per_step=None))
    content = found.model_copy(update={"case": case, "id": ""})
    return type(found).model_validate(content.model_dump())


def test_a_tenth_faster_is_faster():
    (found,) = comparison.compare([run(1.0, 0, "a")], [run(0.9, 1, "a")])
    assert found.verdict == "faster"
    assert found.low < 1 / 0.9 < found.high
    (back,) = comparison.compare([run(0.9, 1, "a")], [run(1.0, 0, "a")])
    assert back.verdict == "slower"
    assert back.ratio == pytest.approx(1 / found.ratio)


def test_a_difference_in_a_disturbed_run_is_doubtful():
    one, other = run(1.0, 0, "a"), run(0.7, 1, "a")
    condition = Condition(flags=("contended",))
    result = other.result.model_copy(update={"condition": condition})
    (found,) = comparison.compare([one], [other.model_copy(update={"result": result})])
    assert found.verdict == "doubtful"
    assert found.p_value < 0.001


def test_equal_runs_are_rarely_called_different():
    """Holm keeps the chance of any false verdict in a whole table at 5%."""
    tables = 30
    wrong = 0
    for table in range(tables):
        cases = [str(number) for number in range(10)]
        one = [run(1, 1000 * table + n, case, spread=0.1) for n, case in enumerate(cases)]
        other = [run(1, 1000 * table + 500 + n, c, spread=0.1) for n, c in enumerate(cases)]
        verdicts = {found.verdict for found in comparison.compare(one, other, noise=0)}
        wrong += verdicts != {"no difference shown"}
    assert wrong <= stats.binom.ppf(0.999, tables, 0.05)


def test_a_difference_within_the_noise_of_runs_is_none():
    (found,) = comparison.compare(
        [run(1.0, 0, "a", spread=0.001)], [run(0.99, 1, "a", spread=0.001)]
    )
    assert found.p_value < 0.001
    assert found.verdict == "no difference shown"
    (strict,) = comparison.compare(
        [run(1.0, 0, "a", spread=0.001)], [run(0.99, 1, "a", spread=0.001)], noise=0.0
    )
    assert strict.verdict == "faster"


def test_what_cant_be_compared_is_said():
    from modelworth.bench.run import record
    from tests.bench import stub

    few = run(1.0, 0, "few", count=3)
    failed = record.failed(stub.case("crash"), "error", "why", MACHINE, HERE, None)
    found = comparison.compare(
        [few, run(1, 0, "old"), failed], [few, run(1, 0, "new"), failed], noise=0
    )
    assert {one.either.case: one.verdict for one in found} == {
        "few": "too few samples",
        "old": "only in A",
        "new": "only in B",
        failed.case: "failed",
    }


def test_two_single_measurements_are_a_pair_whatever_they_are():
    (found,) = comparison.compare([run(1.0, 0, "a")], [run(0.5, 1, "b")])
    assert found.ratio == pytest.approx(2, rel=0.05)


@given(st.lists(st.floats(0, 1), max_size=30))
def test_holm_rejects_what_the_textbook_rejects(p_values):
    """Step down: reject while the k-th smallest of m is at most α / (m − k + 1)."""
    adjusted = comparison.holm(p_values)
    rejected = set()
    for place, index in enumerate(np.argsort(p_values, kind="stable")):
        if p_values[index] * (len(p_values) - place) >= 0.05:
            break
        rejected.add(int(index))
    assert {index for index, value in enumerate(adjusted) if value < 0.05} == rejected


def test_the_newest_run_and_those_before():
    first, second, other = run(1, 0, "a"), run(1, 1, "a"), run(1, 2, "b")
    assert comparison.newest_run([first, other, second]) == [second, other]
    assert comparison.newest_run([first, other, second], back=1) == [first]
    assert comparison.newest_run([first], back=1) == []


def test_a_case_over_time_is_compared_with_the_run_before():
    runs = [run(speed, place, "a") for place, speed in enumerate((1.0, 1.001, 1.25, 1.25))]
    verdicts = [one.verdict for one in comparison.over_time(runs)]
    assert verdicts == ["no difference shown", "slower", "no difference shown"]
    assert comparison.over_time(runs[:1]) == []
