"""Own servers' results correct what the published tables say of their device."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.largest_load import Objective, largest_load
from modelworth.costmodel.prediction.predictor import Predictor
from modelworth.costmodel.prediction.served import served_case, served_scales
from modelworth.costmodel.prediction.step.coefficients import shipped_tables
from modelworth.data.catalog import load_catalog
from modelworth.data.measurement import Measurement
from modelworth.data.serving import Drafting
from tests.costmodel.served_records import served as load_test

CATALOG = load_catalog()
TABLES = shipped_tables()


def served(
    throughput: float, model: str = "meta-llama/Llama-3.1-8B-Instruct", day: int = 24
) -> Measurement:
    return load_test(
        16, throughput, prompt=1000, new=200, model=model, device="A100 SXM 80GB",
        recorded_at=datetime(2026, 11, day, tzinfo=UTC),
    )  # fmt: skip


def days(throughput: float, count: int) -> list[Measurement]:
    """The same on several days."""
    return [served(throughput, day=day) for day in range(1, count + 1)]


def expected() -> float:
    return Predictor(CATALOG).predict(served_case(served(1.0), CATALOG)).value


@pytest.mark.parametrize("faster", [0.7, 1.3])
def test_more_results_pull_the_prediction_to_what_they_show(faster):
    case = served_case(served(1.0), CATALOG)
    moved = []
    for count in (1, 4):
        own = Predictor(CATALOG, records=days(expected() * faster, count))
        moved.append(own.predict(case).value / expected())
    assert abs(moved[1] - faster) < abs(moved[0] - faster) < abs(1 - faster)


def test_a_corrected_prediction_is_surer_and_says_why():
    case = served_case(served(1.0), CATALOG)
    own = Predictor(CATALOG, records=days(expected(), 3))
    plain, corrected = Predictor(CATALOG).predict(case), own.predict(case)
    assert corrected.high / corrected.value < plain.high / plain.value
    assert "own servers" in corrected.note


def test_a_faster_server_carries_more():
    case = Case.of("llama-3.1-8b", "A100 SXM 80GB", tokens=1000, new_tokens=200)
    objective = Objective(1.0, 0.05)
    plain = largest_load(case, objective, Predictor(CATALOG))
    own = Predictor(CATALOG, records=days(expected() * 1.4, 4))
    quick = largest_load(case, objective, own)
    assert quick.requests_per_s > plain.requests_per_s
    assert quick.factor < plain.factor


def test_results_of_unknown_models_or_devices_are_left_out():
    assert served_case(served(1.0, "someone/their-own-model"), CATALOG) is None
    assert served_scales([served(1.0, "someone/their-own-model")], CATALOG, TABLES) == ()


def way(throughput: float, **workload) -> Measurement:
    return load_test(
        16, throughput, prompt=1000, new=200, device="A100 SXM 80GB", workload=workload
    )


EAGLE = {"method": "EAGLE3", "drafted": 3, "acceptance": 0.7, "tokens_per_pass": 3.1}


@pytest.mark.parametrize(
    "workload",
    [
        {"drafting": EAGLE}, {"drafting": {"method": "mtp"}}, {"cache_format": "fp8"},
        {"cache_format": "q8_0/q4_0"},
    ],
)  # fmt: skip
def test_another_way_of_serving_leaves_the_plain_prediction_alone(workload):
    """Three times as fast by guessing ahead says nothing of a server that doesn't guess."""
    plain = served_case(served(1.0), CATALOG)
    own = Predictor(CATALOG, records=[way(3 * expected(), **workload)])
    assert own.predict(plain) == Predictor(CATALOG).predict(plain)


@pytest.mark.parametrize("workload", [{"drafting": EAGLE}, {"cache_format": "fp8"}])
def test_a_way_of_serving_corrects_itself(workload):
    case = served_case(way(1.0, **workload), CATALOG)
    before = Predictor(CATALOG).predict(case).value
    assert before > expected()
    after = Predictor(CATALOG, records=[way(1.4 * before, **workload)]).predict(case).value
    assert before < after < 1.4 * before


def test_a_sixteen_bit_cache_is_the_plain_way():
    own = Predictor(CATALOG, records=[way(1.4 * expected(), cache_format="bf16")])
    assert "own servers" in own.predict(served_case(served(1.0), CATALOG)).note


@pytest.mark.parametrize(("drafted", "share"), [(1, 0.8), (3, 0.7), (7, 0.95)])
def test_guesses_kept_give_back_the_tokens_of_a_pass(drafted, share):
    """Each place is kept with one share: 1 + s + s² + … tokens a pass (Leviathan et al. 2023)."""
    tokens = (1 - share ** (drafted + 1)) / (1 - share)
    found = Drafting(drafted=drafted, tokens_per_pass=tokens).kept_at_each_place
    assert found == pytest.approx(share, rel=1e-6)
    assert Drafting(drafted=drafted, tokens_per_pass=drafted + 2).kept_at_each_place is None
