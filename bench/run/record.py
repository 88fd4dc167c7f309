"""Turns what a worker saw into a `Measurement`: intervals, quantiles, utilisation, self-checks.

MFU and MBU are against the ceilings measured on this machine. MBU is None where the bytes that
must move fit the last cache several times over, as they then needn't come from memory. A record
that contradicts itself becomes one of status `error` that says so.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from modelworth.bench.models import zoo
from modelworth.bench.models.narrow_limits import WEIGHTS_ONLY
from modelworth.bench.run import checks
from modelworth.bench.run.observation import Observation
from modelworth.bench.timing import samples
from modelworth.bench.timing.machine import accelerator
from modelworth.bench.work.task import Task
from modelworth.data.measurement import (
    Ceilings,
    Condition,
    Interval,
    Latency,
    Machine,
    Measurement,
    Model,
    Provenance,
    Result,
)
from modelworth.data.words import SHORT, Status

CACHE_MULTIPLE = 4
"""Bytes per step below this multiple of the last cache say nothing about memory."""
MOST_SAMPLES = 2000
UNEVEN = 2.0
"""Steps whose mean is so many times their median have no one typical time: `unsteady`."""


def measured(
    case: Task, seen: Observation, machine: Machine, provenance: Provenance, suite: str | None
) -> Measurement:
    """The record of a case that ran; its status is `error` if it doesn't hold together."""
    mfu, mbu = utilisation(seen, machine.ceilings)
    mfu_datasheet = _mfu_datasheet(seen, machine)
    faults = checks.utilisation_faults(seen.of_kernels(mfu), mbu)
    faults += checks.utilisation_faults(
        seen.of_kernels(mfu_datasheet), None, " against the datasheet"
    )
    common = _common(case, machine, provenance, suite, seen.devices)
    common |= {"model": seen.model, "workload": seen.workload}
    if not faults:
        result = _result(seen, mfu, mbu, mfu_datasheet)
        faults = checks.faults(seen, result)
        if not faults:
            return Measurement(**common, status="ok", result=result)
    return Measurement(**common, status="error", reason="self-check: " + "; ".join(faults))


def failed(
    case: Task,
    status: Status,
    reason: str,
    machine: Machine,
    provenance: Provenance,
    suite: str | None,
) -> Measurement:
    """The record of a case that didn't run to its end."""
    blueprint = zoo.resolve(case.model, config=case.config or None)
    model = Model(
        name=blueprint.name,
        family=blueprint.family,
        weights=case.weights,
        config=dict(blueprint.config),
    )
    common = _common(case, machine, provenance, suite, case.workload.layout.devices)
    return Measurement(**common, model=model, workload=case.workload, status=status, reason=reason)


def _common(
    case: Task, machine: Machine, provenance: Provenance, suite: str | None, devices: int
) -> dict[str, Any]:
    """What a record says however the case went."""
    return {
        "recorded_at": datetime.now(UTC),
        "suite": suite,
        "case": case.id,
        "machine": machine.model_copy(update={"count": devices}),
        "provenance": provenance,
    }


def utilisation(seen: Observation, ceilings: Ceilings) -> tuple[float | None, float | None]:
    """MFU and MBU of the median step; None where work, ceiling or meaning is missing."""
    step_s = float(np.median(seen.samples_s)) * seen.devices
    mfu = mbu = None
    if seen.model_flops_per_step and ceilings.matmul_flops_per_s:
        mfu = seen.model_flops_per_step / step_s / ceilings.matmul_flops_per_s
    bandwidths = [
        rate for rate in (ceilings.read_bytes_per_s, ceilings.copy_bytes_per_s) if rate is not None
    ]
    if seen.bytes_per_step and bandwidths and not _fits_cache(seen):
        mbu = seen.bytes_per_step / step_s / max(bandwidths)
    return mfu, mbu


def _fits_cache(seen: Observation) -> bool:
    if seen.cache_bytes is None or seen.bytes_per_step is None:
        return False
    return seen.bytes_per_step / seen.devices < CACHE_MULTIPLE * seen.cache_bytes


def _mfu_datasheet(seen: Observation, machine: Machine) -> float | None:
    device = accelerator(machine.device) if machine.kind == "cuda" else None
    products = "bfloat16" if seen.workload.precision in WEIGHTS_ONLY else seen.workload.precision
    peak = device and device.matmul_flops_per_s.get(SHORT[products])
    if not peak or not seen.model_flops_per_step:
        return None
    return seen.model_flops_per_step / float(np.median(seen.samples_s)) / seen.devices / peak


def _result(
    seen: Observation, mfu: float | None, mbu: float | None, mfu_datasheet: float | None
) -> Result:
    middle = samples.median_interval(seen.samples_s)
    work, throughput = seen.work_per_step, seen.work_per_step / middle.value
    stride = -(-len(seen.samples_s) // MOST_SAMPLES)
    return Result(
        unit=seen.unit,
        work_per_step=work,
        throughput_per_s=rate_of(work, middle),
        throughput_per_s_per_device=throughput / seen.devices,
        latency=_latency(seen, middle),
        model_flops_per_step=seen.model_flops_per_step,
        kernel_flops_per_step=seen.kernel_flops_per_step,
        bytes_per_step=seen.bytes_per_step,
        attention_s=seen.attention_s,
        mfu=mfu,
        mbu=mbu,
        mfu_datasheet=mfu_datasheet,
        memory=seen.memory,
        energy=seen.energy,
        condition=_condition(seen, middle),
        warmup_steps=seen.warmup_steps,
        effective_samples=middle.effective_samples,
        samples_s=seen.samples_s[::stride],  # every figure is computed from all of them
    )


def rate_of(work: float, middle: samples.MedianInterval) -> Interval:
    """Units a second of the median step, with its interval."""
    rate = work / middle.value
    return Interval(
        value=rate,
        low=None if middle.high is None else min(rate, work / middle.high),
        high=None if middle.low is None else max(rate, work / middle.low),
    )


def _latency(seen: Observation, middle: samples.MedianInterval) -> Latency:
    p90, p95, p99 = (
        samples.quantile(seen.samples_s, share, middle.effective_samples)
        for share in (0.9, 0.95, 0.99)
    )
    prefill, decode = seen.parts_s.get("prefill"), seen.parts_s.get("decode")
    new_tokens = seen.workload.new_tokens
    per_token = None
    if decode and new_tokens and new_tokens > 1:
        per_token = float(np.median(decode)) / (new_tokens - 1)
    elif seen.workload.kind == "decode":
        per_token = middle.value
    return Latency(
        mean_s=float(np.mean(seen.samples_s)),
        p50_s=middle.value,
        p90_s=p90,
        p95_s=p95,
        p99_s=p99,
        first_token_s=float(np.median(prefill)) if prefill else None,
        per_token_s=per_token,
    )


def _condition(seen: Observation, middle: samples.MedianInterval) -> Condition:
    flags = list(seen.condition.flags)
    uneven = float(np.mean(seen.samples_s)) > UNEVEN * middle.value
    if not seen.settled or uneven or samples.drifts(seen.samples_s):
        flags.append("unsteady")
    if middle.low is None:
        flags.append("few_samples")
    return seen.condition.model_copy(update={"flags": tuple(flags)})
