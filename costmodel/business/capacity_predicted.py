"""Throughput by the calibrated model, where a scenario asks for it or nothing was measured.

For decoders: the requests a second of one replica within the latency objective, and how its time
divides between prefill and decode; both rates follow so that this mix of lengths takes exactly that
time. For encoders and vision: inputs a second in batches. The prediction's interval becomes the
spread of one factor on all rates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

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
from modelworth.data.catalog import Accelerator, Catalog, ModelEntry
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
    accelerator = catalog.accelerator(hardware.accelerator)
    if model.family in ITEMS:
        return _items(scenario, model, accelerator, measurements, catalog)
    return _tokens(scenario, model, accelerator, measurements, catalog)


def _tokens(
    scenario: Scenario,
    model: ModelEntry,
    accelerator: Accelerator,
    measurements: Sequence[Measurement],
    catalog: Catalog,
) -> Evidence:
    """Both phases of a decoder within the objective."""
    gpus = int(scenario.number("capacity.gpus_per_replica"))
    fresh_share = 1 - scenario.number("demand.cached_share")
    prompt = max(1.0, scenario.number("demand.prompt_tokens_per_request"))
    case = Case.on(
        read_model(model.config, model.name),
        accelerator,
        gpus=gpus,
        precision=scenario.hardware.precision,
        tokens=prompt,
        new_tokens=_new_tokens(scenario),
        prefix_share=min(0.99, 1 - fresh_share),
        software=scenario.hardware.engine,
    )
    objective = Objective(
        scenario.number("capacity.objective.ttft_p95_s"),
        scenario.number("capacity.objective.tpot_p95_s"),
    )
    point = largest_load(case, objective, Predictor(catalog, records=measurements))
    gpu_s = gpus / point.requests_per_s
    rates = {
        "capacity.prefill_tokens_per_s_per_gpu": max(1.0, prompt * fresh_share)
        / (gpu_s * point.prefill_share),
        "capacity.decode_tokens_per_s_per_gpu": _new_tokens(scenario)
        / (gpu_s * (1 - point.prefill_share)),
    }
    source = f"serving model, {model.name} on {accelerator.name}: {point.note}"
    settings = {key: Setting(rate, source=source, basis=point.basis) for key, rate in rates.items()}
    settings[FACTOR] = throughput_factor(1 / point.factor, point.factor, source, point.basis)
    rate = point.requests_per_s
    use = PredictionUse(
        "requests_per_s_per_replica", "requests/s", rate, rate * (1 / point.factor),
        rate * point.factor, point.basis, point.note,
    )  # fmt: skip
    return Evidence(settings, predictions=(use,), device=accelerator.name)


def _items(
    scenario: Scenario,
    model: ModelEntry,
    accelerator: Accelerator,
    measurements: Sequence[Measurement],
    catalog: Catalog,
) -> Evidence:
    """Inputs a second of an encoder or a vision model."""
    case = Case.on(
        read_model(model.config, model.name),
        accelerator,
        work="forward",
        precision=scenario.hardware.precision,
        tokens=max(1.0, scenario.number("demand.prompt_tokens_per_request")),
        batch=BATCH,
        software=scenario.hardware.engine,
    )
    found = Predictor(catalog, records=measurements).predict(case)
    if found.value is None or found.low is None or found.high is None:
        return Evidence()
    key, _ = ITEMS[model.family]
    basis: Basis = found.basis or "assumed"
    source = f"calibrated roofline, {model.name} on {accelerator.name}: {found.note}"
    settings = {
        key: Setting(found.value, source=source, basis=basis),
        FACTOR: throughput_factor(found.low / found.value, found.high / found.value, source, basis),
    }
    use = PredictionUse(key, found.unit, found.value, found.low, found.high, basis, found.note)
    return Evidence(settings, predictions=(use,), device=accelerator.name)


def _new_tokens(scenario: Scenario) -> float:
    """Tokens generated for a request, at least one."""
    factor = scenario.number("demand.reasoning_factor")
    return max(1.0, scenario.number("demand.output_tokens_per_request") * factor)


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
