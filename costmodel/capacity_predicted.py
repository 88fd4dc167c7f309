"""Throughput by the calibrated serving model, where a scenario asks for it or nothing was measured.

A prediction gives the requests a second of one replica within the latency objective, and how its
time divides between prefill and decode. Both rates follow so that this mix of lengths takes exactly
this time. The prediction's interval becomes the spread of one factor on both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from costmodel.analysis import PredictionUse
from costmodel.capacity_measured import Evidence
from costmodel.distributions import parse
from costmodel.scenario import Scenario, Setting
from data.catalog import Catalog
from data.errors import ModelworthError
from data.measurement import Measurement

if TYPE_CHECKING:
    from costmodel.serving import ServingPoint

PRECISION = "bfloat16"


def evidence(scenario: Scenario, measurements: Sequence[Measurement], catalog: Catalog) -> Evidence:
    """What the serving model says; empty if the scenario doesn't name a model and a device."""
    hardware = scenario.hardware
    if hardware.model is None or hardware.accelerator is None:
        return Evidence()
    from costmodel.serving import largest_load

    config = catalog.model(hardware.model).config
    accelerator = catalog.accelerator(hardware.accelerator)
    try:
        point = largest_load(
            config,
            accelerator,
            gpus=int(scenario.number("capacity.gpus_per_replica")),
            precision=hardware.precision or PRECISION,
            prompt_tokens=round(scenario.number("demand.prompt_tokens_per_request")),
            new_tokens=round(_new_tokens(scenario)),
            cached_share=scenario.number("demand.cached_share"),
            ttft_p95_s=scenario.number("capacity.objective.ttft_p95_s"),
            tpot_p95_s=scenario.number("capacity.objective.tpot_p95_s"),
            measurements=tuple(measurements),
        )
    except ModelworthError as error:
        raise type(error)(f"capacity: {error}") from error
    return Evidence(
        _settings(scenario, point),
        predictions=(_use(point),),
        device=accelerator.name,
    )


def _new_tokens(scenario: Scenario) -> float:
    """Tokens generated for a request, at least one."""
    factor = scenario.number("demand.reasoning_factor")
    return max(1.0, scenario.number("demand.output_tokens_per_request") * factor)


def _settings(scenario: Scenario, point: ServingPoint) -> dict[str, Setting]:
    """Rates of both phases, and the interval as the spread of one factor."""
    gpus = scenario.number("capacity.gpus_per_replica")
    fresh = scenario.number("demand.prompt_tokens_per_request")
    fresh *= 1 - scenario.number("demand.cached_share")
    gpu_s = gpus / point.requests_per_s
    rates = {
        "capacity.prefill_tokens_per_s_per_gpu": max(fresh, 1.0) / (gpu_s * point.prefill_share),
        "capacity.decode_tokens_per_s_per_gpu": _new_tokens(scenario)
        / (gpu_s * (1 - point.prefill_share)),
    }
    source = f"calibrated serving model: {point.note}"
    found = {key: Setting(rate, source=source, basis=point.basis) for key, rate in rates.items()}
    return found | {"capacity.throughput_factor": _factor(point, source)}


def _factor(point: ServingPoint, source: str) -> Setting:
    """1, as uncertain as the prediction."""
    low, high = point.low / point.requests_per_s, point.high / point.requests_per_s
    spec: dict[str, Any] | None = None
    if low < 1 < high:
        spec = {"low": low, "mode": 1.0, "high": high}
    drawn = parse("capacity.throughput_factor", spec, (0.01, 100.0)) if spec else None
    return Setting(1.0 if drawn is None else drawn.base, drawn, spec, source, basis=point.basis)


def _use(point: ServingPoint) -> PredictionUse:
    return PredictionUse(
        key="requests_per_s_per_replica",
        unit="requests/s",
        value=point.requests_per_s,
        low=point.low,
        high=point.high,
        basis=point.basis,
        note=point.note,
    )
