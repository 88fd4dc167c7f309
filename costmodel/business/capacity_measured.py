"""Throughput from the measurement store: the best records that keep the latency objective.

A rate is the record's own (from the median step); its uncertainty is that of a mean of its samples
(bootstrap), scaled to that rate. One run on one machine: what differs between machines, days and
real traffic isn't in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from modelworth.costmodel.analysis import Finding, PredictionUse
from modelworth.costmodel.architecture.identity import identifier, named_identity
from modelworth.costmodel.scenario.distributions import parse
from modelworth.costmodel.scenario.drivers import load_drivers
from modelworth.costmodel.scenario.scenario import Scenario
from modelworth.costmodel.scenario.settings import Setting
from modelworth.data.catalog import Catalog
from modelworth.data.measurement import Measurement
from modelworth.data.words import Kind

OBJECTIVE_MISSED: Final = "C04"
#: family of models → driver and kinds of work that tell how many items a device does in a second
ITEMS: Final[Mapping[str, tuple[str, tuple[Kind, ...]]]] = {
    "encoder": ("capacity.calls_per_s_per_gpu", ("forward",)),
    "vision": ("capacity.calls_per_s_per_gpu", ("forward",)),
    "detector": ("capacity.calls_per_s_per_gpu", ("forward",)),
    "image-decoder": ("capacity.images_per_s_per_gpu", ("generate", "decode")),
    "diffusion": ("capacity.images_per_s_per_gpu", ("generate",)),
}
MAX_SAMPLES: Final = 2_000


@dataclass(frozen=True, slots=True)
class Evidence:
    """Settings with what they rest on.

    Attributes:
        device: what the records ran on, or the prediction is for.
        cpu_cores: its cores, where it is a CPU.
    """

    settings: Mapping[str, Setting] = field(default_factory=dict)
    records: tuple[Measurement, ...] = ()
    predictions: tuple[PredictionUse, ...] = ()
    findings: tuple[Finding, ...] = ()
    device: str | None = None
    cpu_cores: int | None = None


def evidence(scenario: Scenario, measurements: Sequence[Measurement], catalog: Catalog) -> Evidence:
    """What the store says about the scenario's model and device; empty if it says nothing.

    Without a named device: the one measured last, before any that was only read about.
    """
    hardware = scenario.hardware
    is_device = catalog.same_device(hardware.accelerator)
    is_model = _models(hardware.model, catalog)
    fitting = [
        record
        for record in measurements
        if _fits(record, hardware.precision)
        if is_device(record.machine.device) and is_model(record)
    ]
    if not fitting:
        return Evidence()
    own = [record for record in fitting if record.provenance.origin == "measured"]
    device = max(own or fitting, key=lambda record: record.recorded_at).machine.device
    here = [record for record in fitting if record.machine.device == device]
    family = here[-1].model.family if scenario.hardware.model else "decoder"
    if family in ITEMS:
        return _items(here, *ITEMS[family])
    decoders = [record for record in here if record.model.family == "decoder"]
    return _tokens(scenario, decoders, catalog)


def _fits(record: Measurement, precision: str | None) -> bool:
    """Whether a record is of a step that worked, at the precision that the scenario names."""
    if record.status != "ok" or record.result is None or record.workload.kind == "serve":
        return False
    return not precision or record.workload.precision == precision


def _models(named: str | None, catalog: Catalog) -> Callable[[Measurement], bool]:
    """Whether a record is of the named model.

    By content where the catalogue knows the name, else by the name itself.
    """
    if named is None:
        return lambda _: True
    wanted, who = named_identity(named, catalog), identifier(catalog)
    if wanted.startswith("name "):
        return lambda record: record.model.name == named
    return lambda record: who(record.model) == wanted


def _tokens(scenario: Scenario, records: Sequence[Measurement], catalog: Catalog) -> Evidence:
    """Prefill and decode rates of the largest model that keeps the objective.

    Where none does: of the model that comes nearest in decoding.
    """
    ttft_s = scenario.number("capacity.objective.ttft_p95_s")
    tpot_s = scenario.number("capacity.objective.tpot_p95_s")
    pairs = []
    models: dict[str, list[Measurement]] = {}
    who = identifier(catalog)
    for record in records:
        models.setdefault(f"{who(record.model)} {_way(record)}", []).append(record)
    prompt = scenario.number("demand.prompt_tokens_per_request")
    answer = scenario.number("demand.output_tokens_per_request")
    answer *= scenario.number("demand.reasoning_factor")
    for own in models.values():
        prefill, late = _best(_nearest(own, "prefill", prompt), ttft_s)
        decode, slow = _best(_nearest(own, "decode", prompt + answer / 2), tpot_s)
        if prefill is not None and decode is not None:
            pairs.append((prefill, late, decode, slow))
    if not pairs:
        return Evidence()
    kept = [pair for pair in pairs if not pair[1] and not pair[3]]
    prefill, late, decode, slow = (
        max(kept, key=lambda pair: pair[2].model.parameters_total or 0)
        if kept
        else min(pairs, key=lambda pair: _step_s(pair[2]))
    )
    rates = {
        "capacity.prefill_tokens_per_s_per_gpu": prefill,
        "capacity.decode_tokens_per_s_per_gpu": decode,
    }
    settings = {key: _rate(key, record) for key, record in rates.items()}
    settings["capacity.gpus_per_replica"] = _replica(decode)
    settings |= _power(decode)
    missed = [
        _missed(record, f"capacity.objective.{path}")
        for record, path, miss in ((prefill, "ttft_p95_s", late), (decode, "tpot_p95_s", slow))
        if miss
    ]
    return _found(settings, (prefill, decode), missed)


def _way(record: Measurement) -> str:
    """What both rates of a model must have in common: formats, software, and where it ran."""
    work = record.workload
    formats = (work.precision, work.quantization, work.cache_format)
    parts = (work.engine, work.gpu_layers, work.host_expert_layers, work.layout)
    return f"{formats} {parts}"


def _nearest(records: Sequence[Measurement], kind: Kind, tokens: float) -> list[Measurement]:
    """The records of a kind whose sequences are nearest in length to the plan's."""
    own = [record for record in records if record.workload.kind == kind]
    least = min((abs(_length(record) - tokens) for record in own), default=0.0)
    return [record for record in own if abs(_length(record) - tokens) <= least]


def _length(record: Measurement) -> float:
    """Tokens of a sequence: of a prompt at its end, of an answer at its middle."""
    work = record.workload
    written = (work.new_tokens or 0) / 2 if work.kind == "decode" else 0
    return (work.context_tokens or 0) + (work.prompt_tokens or 0) + written


def _items(records: Sequence[Measurement], key: str, kinds: Iterable[Kind]) -> Evidence:
    """Rate of whole items: classifications, or images generated."""
    right = [
        record
        for record in records
        if record.workload.kind in kinds and record.result and record.result.unit != "tokens"
    ]
    if not right:
        return Evidence()
    best = max(right, key=_per_device)
    settings = {key: _rate(key, best), "capacity.gpus_per_replica": _replica(best)}
    return _found(settings, (best,), [])


def _found(
    settings: Mapping[str, Setting], records: tuple[Measurement, ...], missed: list[Finding]
) -> Evidence:
    machine = records[-1].machine
    cores = machine.cpu_cores if machine.kind == "cpu" else None
    return Evidence(
        settings, records, findings=tuple(missed), device=machine.device, cpu_cores=cores
    )


def _best(records: Sequence[Measurement], objective_s: float) -> tuple[Measurement | None, bool]:
    """The fastest record within the objective, else the one nearest to it and True."""
    within = [record for record in records if _step_s(record) <= objective_s]
    if within:
        return max(within, key=_per_device), False
    return min(records, key=_step_s, default=None), True


def _step_s(record: Measurement) -> float:
    """What the objective is held against: p95 of a step where known, else the median."""
    assert record.result is not None
    latency = record.result.latency
    if record.workload.kind == "decode" and latency.per_token_s is not None:
        ratio = (latency.p95_s or latency.p50_s) / latency.p50_s
        return latency.per_token_s * ratio
    return latency.p95_s or latency.p50_s


def _per_device(record: Measurement) -> float:
    assert record.result is not None
    return record.result.throughput_per_s_per_device


def _rate(key: str, record: Measurement) -> Setting:
    """A record's rate on one device, as uncertain as its samples."""
    rate, driver = _per_device(record), load_drivers()[key]
    spec = _bootstrap(record, rate)
    drawn = parse(key, spec, (driver.minimum, driver.maximum)) if spec else None
    return Setting(
        value=rate,
        distribution=drawn,
        spec=spec,
        source=f"measurement {record.id}, {record.model.name} on {record.machine.device}",
        as_of=record.recorded_at.date().isoformat(),
        basis="published" if record.provenance.origin == "published" else "measured",
        measurement_ids=(record.id,),
    )


def _bootstrap(record: Measurement, rate: float) -> dict[str, Any] | None:
    """The samples' rates, scaled so that their mean is the record's rate."""
    assert record.result is not None
    samples = np.array(record.result.samples_s[:MAX_SAMPLES])
    if len(samples) < 3 or samples.min() == samples.max():
        return None
    rates = 1 / samples
    scaled = rates * (rate / rates.mean())
    return {"empirical": {"values": scaled.tolist(), "of": "mean"}}


def _replica(record: Measurement) -> Setting:
    return Setting(
        float(record.workload.layout.devices),
        source=f"measurement {record.id}",
        as_of=record.recorded_at.date().isoformat(),
        basis="measured",
        measurement_ids=(record.id,),
    )


def _power(record: Measurement) -> dict[str, Setting]:
    """The device's mean draw over its limit, where both were measured."""
    assert record.result is not None
    energy, limit_w = record.result.energy, record.machine.power_limit_w
    if energy is None or not energy.valid or energy.mean_power_w is None or limit_w is None:
        return {}
    share = energy.mean_power_w / (limit_w * record.machine.count)
    setting = Setting(
        min(share, 1.0),
        source=f"measurement {record.id}: {energy.mean_power_w:.0f} of {limit_w:.0f} W",
        as_of=record.recorded_at.date().isoformat(),
        basis="measured",
        measurement_ids=(record.id,),
    )
    return {"compute.power_average_share": setting}


def _missed(record: Measurement, path: str) -> Finding:
    values: dict[str, float | str] = {
        "measured_s": _step_s(record), "model": record.model.name,
    }  # fmt: skip
    return Finding(OBJECTIVE_MISSED, "warning", path, values)
