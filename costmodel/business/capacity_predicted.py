"""Throughput by the calibrated model, where a scenario asks for it or nothing was measured.

For decoders: the requests a second of one replica within the latency objective, and how its time
divides between prefill and decode; both rates follow so that this mix of lengths takes exactly that
time. For encoders and vision: inputs a second in batches. The prediction's interval becomes the
spread of one factor on all rates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from modelworth.costmodel.analysis import PredictionUse
from modelworth.costmodel.architecture.read import read_model
from modelworth.costmodel.business.capacity_measured import ITEMS, Evidence
from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.largest_load import Objective, largest_load
from modelworth.costmodel.prediction.predictor import Predictor
from modelworth.costmodel.scenario.distributions import parse
from modelworth.costmodel.scenario.drivers import load_drivers
from modelworth.costmodel.scenario.scenario import Scenario
from modelworth.costmodel.scenario.settings import Setting
from modelworth.data.catalog import Catalog
from modelworth.data.measurement import Measurement
from modelworth.data.words import Basis

BATCH: Final = 32
FACTOR: Final = "capacity.throughput_factor"


def evidence(scenario: Scenario, measurements: Sequence[Measurement], catalog: Catalog) -> Evidence:
    """What the calibrated model says of the model and device that the scenario names.

    Raises:
        InputError: if the model doesn't fit or can't keep the objective, with what would.
    """
    hardware = scenario.hardware
    assert hardware.model is not None
    assert hardware.accelerator is not None
    model = catalog.model(hardware.model)
    asked: dict[str, Any] = {
        "precision": hardware.precision, "software": hardware.engine,
        "tokens": max(1.0, scenario.number("demand.prompt_tokens_per_request")),
    }  # fmt: skip
    if model.family in ITEMS:
        asked |= {"work": "forward", "batch": BATCH}
    else:
        factor = scenario.number("demand.reasoning_factor")
        new_tokens = scenario.number("demand.output_tokens_per_request") * factor
        asked |= {
            "gpus": int(scenario.number("capacity.gpus_per_replica")),
            "new_tokens": max(1.0, new_tokens),
            "prefix_share": min(0.99, scenario.number("demand.cached_share")),
        }
    device = catalog.accelerator(hardware.accelerator)
    case = Case.on(read_model(model.config, model.name), device, **asked)
    predictor = Predictor(catalog, records=measurements)
    if model.family in ITEMS:
        return _items(ITEMS[model.family][0], case, predictor)
    return _tokens(scenario, case, predictor)


def _tokens(scenario: Scenario, case: Case, predictor: Predictor) -> Evidence:
    """Both phases of a decoder within the objective."""
    objective = Objective(
        scenario.number("capacity.objective.ttft_p95_s"),
        scenario.number("capacity.objective.tpot_p95_s"),
    )
    point = largest_load(case, objective, predictor)
    gpu_s = case.gpus / point.requests_per_s
    fresh = max(1.0, case.tokens * (1 - scenario.number("demand.cached_share")))
    rates = {
        "capacity.prefill_tokens_per_s_per_gpu": fresh / (gpu_s * point.prefill_share),
        "capacity.decode_tokens_per_s_per_gpu": case.new_tokens
        / (gpu_s * (1 - point.prefill_share)),
    }
    name, device = case.architecture.name, case.accelerator.name
    source = f"serving model, {name} on {device}: {point.note}"
    settings = {key: Setting(rate, source=source, basis=point.basis) for key, rate in rates.items()}
    settings[FACTOR] = throughput_factor(1 / point.factor, point.factor, source, point.basis)
    rate = point.requests_per_s
    use = PredictionUse(
        "requests_per_s_per_replica", "requests/s", rate, rate * (1 / point.factor),
        rate * point.factor, point.basis, point.note,
    )  # fmt: skip
    return Evidence(settings, predictions=(use,), device=device)


def _items(key: str, case: Case, predictor: Predictor) -> Evidence:
    """Inputs a second of an encoder or a vision model."""
    found = predictor.predict(case)
    if found.value is None or found.low is None or found.high is None:
        return Evidence()
    basis: Basis = found.basis or "assumed"
    name, device = case.architecture.name, case.accelerator.name
    source = f"calibrated roofline, {name} on {device}: {found.note}"
    settings = {
        key: Setting(found.value, source=source, basis=basis),
        FACTOR: throughput_factor(found.low / found.value, found.high / found.value, source, basis),
    }
    use = PredictionUse(key, found.unit, found.value, found.low, found.high, basis, found.note)
    return Evidence(settings, predictions=(use,), device=device)


def throughput_factor(low: float, high: float, source: str, basis: Basis) -> Setting:
    """1, as uncertain as the prediction."""
    return as_uncertain(FACTOR, 1.0, (low, high), source, basis)


def as_uncertain(
    key: str, value: float, interval: tuple[float, float], source: str, basis: Basis
) -> Setting:
    """A predicted driver, drawn from its interval where the value lies inside."""
    low, high = interval
    if not low < value < high:
        return Setting(value, source=source, basis=basis)
    spec = {"low": low, "mode": value, "high": high}
    row = load_drivers()[key]
    drawn = parse(key, spec, (row.minimum, row.maximum))
    return Setting(drawn.base, drawn, spec, source, basis=basis)
