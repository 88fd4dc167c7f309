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
    assert quick.high < plain.high


def test_results_of_unknown_models_or_devices_are_left_out():
    assert served_case(served(1.0, "someone/their-own-model"), CATALOG) is None
    assert served_scales([served(1.0, "someone/their-own-model")], CATALOG, TABLES) == ()
