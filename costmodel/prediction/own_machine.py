"""A roofline of three coefficients, fitted to one machine's own measurements.

For each device, precision and kind of work: the share of the measured matrix rate and of the
measured bandwidth that steps reach, and the fixed time of a layer. They are pulled towards wide
priors, so that two sizes of a ladder already say something about a third. The error shown is that
of leaving out each model in turn. CPUs are fitted like GPUs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from modelworth.costmodel.architecture.structure import Architecture
from modelworth.costmodel.prediction.case import (
    WEIGHT_BYTES,
    Case,
    Columns,
    Work,
    columns_on,
    precision_name,
)
from modelworth.costmodel.prediction.efficiency import Efficiency
from modelworth.costmodel.prediction.shape import Device
from modelworth.costmodel.prediction.times import Times, times
from modelworth.data.catalog import Accelerator
from modelworth.data.errors import InputError
from modelworth.data.measurement import Measurement

Array = NDArray[np.float64]

WORKS: dict[str, Work] = {
    "pretrain": "train",
    "prefill": "prefill",
    "forward": "forward",
    "decode": "decode",
}
"""Kinds of measurements that one step explains → work of a prediction."""
PRIORS = {"compute": (0.75, 0.35), "memory": (0.7, 0.15), "layer_s": (1e-4, 1.5)}
"""Coefficient → value and spread of its logarithm before this machine was seen."""
FIXED = Efficiency(
    compute=0.75, narrow_width=40.0, memory=0.7, cache=0.6, attention=0.35, narrow_head=12.0,
    traffic=1.5, experts_compute=0.6, experts_memory=0.9, expert_layer_s=1e-4, expert_s=1e-6,
    collective=0.7, collective_latency_s=1e-5, exposed=0.7, layer_s=1e-4, step_s=1e-6,
    sequence_s=1e-6, interference=0.9, first_token_s=1e-6, burst=1.0, queue=1.0,
)  # fmt: skip
"""Eager steps of transformers; what isn't fitted stays."""
ERROR = 0.08
"""Spread (of logarithms) that a record is trusted with; flagged ones with three times as much."""
NORMAL_90 = 1.645
LEAST_ERROR, UNKNOWN_ERROR = 0.05, 0.25
WIDER_PER_DOUBLING = 0.04
"""What each doubling beyond the largest or smallest measured step adds to the interval's log."""


@dataclass(frozen=True)
class MachineFit:
    """Three coefficients of one device, precision and work, and how well they hold.

    Attributes:
        compute, memory: shares of the ceilings measured just before.
        left_out: (model, ln predicted / measured) with that model left out of the fit.
        measured: (model, batch, tokens, units per second) of its records.
        flops: smallest and largest step of the records, by which extrapolation is told.
    """

    device_name: str
    precision: str
    work: Work
    compute: float
    memory: float
    layer_s: float
    device: Device
    left_out: tuple[tuple[str, float], ...]
    measured: tuple[tuple[str, float, float, float], ...]
    flops: tuple[float, float]
    measurement_ids: tuple[str, ...]

    @property
    def efficiency(self) -> Efficiency:
        """Coefficients for the formulas of `step_time`."""
        return _efficiency(self.compute, self.memory, self.layer_s)

    @property
    def log_error(self) -> float:
        """Half-width of the 90% interval within the measured range, as a logarithm."""
        errors = np.array([error for _, error in self.left_out])
        if errors.size < 2:
            return NORMAL_90 * UNKNOWN_ERROR
        return NORMAL_90 * max(float(np.sqrt(np.mean(errors**2))), LEAST_ERROR)

    def times(self, case: Case) -> Times:
        """What a case takes on this machine."""
        return times(case.work, self.columns([case]), self.efficiency)

    def columns(self, cases: Sequence[Case]) -> Columns:
        """Cases as arrays, on this machine's ceilings."""
        return columns_on(cases, [self.device] * len(cases))

    def factor90(self, case: Case) -> float:
        """Half-width of the 90% interval as a factor, wider beyond what was measured."""
        return math.exp(self.log_error + WIDER_PER_DOUBLING * self.doublings_beyond(case))

    def measured_value(self, case: Case) -> float | None:
        """What exactly this case did when it was measured here, if it was."""
        asked = (case.architecture.name, case.batch, case.tokens)
        found = [one[3] for one in self.measured if one[:3] == asked]
        return found[-1] if found else None

    def doublings_beyond(self, case: Case) -> float:
        """How many times a step must double to come from the measured range to this case."""
        flops = step_flops(case)
        low, high = self.flops
        return max(math.log2(low / flops), math.log2(flops / high), 0.0)


def machine_fits(measurements: Iterable[Measurement]) -> tuple[MachineFit, ...]:
    """Fits of every device, precision and work among the records that ended well."""
    groups: dict[tuple[str, str, Work], list[Measurement]] = {}
    for record in measurements:
        work = WORKS.get(record.workload.kind)
        if work is None or not _usable(record):
            continue
        precision = precision_name(record.workload.precision)
        groups.setdefault((record.machine.device, precision, work), []).append(record)
    return tuple(_fit_group(*key, records) for key, records in groups.items())


def fit_for(fits: Iterable[MachineFit], case: Case) -> MachineFit | None:
    """The fit of a case's device, precision and work; None where there is none."""
    names = {case.accelerator.name, *case.accelerator.aliases}
    for fit in fits:
        if fit.device_name in names and (fit.precision, fit.work) == (case.precision, case.work):
            return fit
    return None


def machine_accelerator(record: Measurement) -> Accelerator:
    """The device of a record as the catalogue would hold it, by its measured ceilings.

    Raises:
        InputError: if the record has no ceilings.
    """
    ceilings = record.machine.ceilings
    rate, read = ceilings.matmul_flops_per_s, _read_rate(record)
    if rate is None or read is None:
        raise InputError(f"measurement {record.id}: ceilings", "unknown", "measured")
    memory = record.machine.memory_bytes or record.machine.host_memory_bytes or 2**34
    column = f"{precision_name(record.workload.precision)}_tflops"
    return Accelerator.model_validate(
        {
            "name": record.machine.device,
            "vendor": "unknown",
            "architecture": record.machine.kind,
            column: rate / 1e12,
            "bandwidth_gb_per_s": read / 1e9,
            "memory_gib": memory / 2**30,
            "source": f"ceilings of measurement {record.id}",
            "as_of": f"{record.recorded_at:%Y-%m-%d}",
        }
    )


def case_of(record: Measurement) -> Case:
    """The case that a record measured, on its own machine.

    Raises:
        InputError: if its model or ceilings can't be read.
    """
    work = record.workload
    architecture = Architecture.from_config(record.model.config, record.model.name)
    patches = architecture.patches.tokens if architecture.patches else 1
    return Case(
        work=WORKS[work.kind],
        architecture=architecture,
        accelerator=machine_accelerator(record),
        gpus=max(work.layout.devices, 1),
        precision=precision_name(work.precision),
        batch=work.batch,
        tokens=work.prompt_tokens or patches,
        software=work.engine,
        compiled=work.compiled,
        tensor=work.layout.tensor,
        pipeline=work.layout.pipeline,
        sharding="full" if work.layout.fully_sharded else "none",
        global_batch=work.batch * work.gradient_accumulation * work.layout.data,
        recomputed=1.0 if work.activation_checkpointing else 0.0,
    )


def step_flops(case: Case) -> float:
    """FLOPs of one pass of a case, near enough to tell sizes apart."""
    tokens = case.batch * (1 if case.work == "decode" else case.tokens)
    return 2.0 * case.architecture.active_matmul_parameters * tokens


def _fit_group(
    device_name: str, precision: str, work: Work, records: Sequence[Measurement]
) -> MachineFit:
    cases = [case_of(record) for record in records]
    devices = [_device(case) for case in cases]
    measured = np.array([_step_s(record) for record in records])
    trust = np.array([ERROR * (3 if _doubtful(record) else 1) for record in records])
    every = _Rows(cases, devices, measured, trust)
    compute, memory, layer_s = _fitted(every)
    names = [case.architecture.name for case in cases]
    sizes = [step_flops(case) for case in cases]
    return MachineFit(
        device_name, precision, work, compute, memory, layer_s, devices[-1],
        _leave_out(every, names), _measured(cases, records), (min(sizes), max(sizes)),
        tuple(record.id for record in records),
    )  # fmt: skip


@dataclass(frozen=True)
class _Rows:
    cases: list[Case]
    devices: list[Device]
    measured: Array
    trust: Array

    def only(self, kept: NDArray[np.bool_]) -> _Rows:
        places = np.flatnonzero(kept)
        return _Rows(
            [self.cases[place] for place in places],
            [self.devices[place] for place in places],
            self.measured[kept],
            self.trust[kept],
        )

    def predicted(self, coefficients: tuple[float, float, float]) -> Array:
        work = columns_on(self.cases, self.devices)
        found = times(self.cases[0].work, work, _efficiency(*coefficients))
        return np.asarray(found.step_s)


def _fitted(rows: _Rows) -> tuple[float, float, float]:
    start = np.log([value for value, _ in PRIORS.values()])
    spreads = np.array([spread for _, spread in PRIORS.values()])
    work = columns_on(rows.cases, rows.devices)

    def residuals(logs: Array) -> Array:
        found = times(rows.cases[0].work, work, _efficiency(*np.exp(logs)))
        errors = np.log(np.asarray(found.step_s) / rows.measured) / rows.trust
        soft = np.sign(errors) * np.sqrt(2 * (np.sqrt(1 + errors**2) - 1))
        return np.concatenate([soft, (logs - start) / spreads])

    found = np.exp(least_squares(residuals, start, max_nfev=60).x)
    return float(found[0]), float(found[1]), float(found[2])


def _leave_out(rows: _Rows, names: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """Error of each record with its model left out of the fit."""
    found: list[tuple[str, float]] = []
    if len(set(names)) < 2:
        return ()
    for name in dict.fromkeys(names):
        out = np.array([other == name for other in names])
        asked = rows.only(out)
        errors = np.log(asked.predicted(_fitted(rows.only(~out))) / asked.measured)
        found += [(name, float(error)) for error in errors]
    return tuple(found)


def _measured(
    cases: Sequence[Case], records: Sequence[Measurement]
) -> tuple[tuple[str, float, float, float], ...]:
    """Each record's case, and units per second and device."""
    return tuple(
        (case.architecture.name, case.batch, case.tokens, record.result.throughput_per_s_per_device)
        for case, record in zip(cases, records, strict=True)
        if record.result is not None
    )


def _efficiency(compute: float, memory: float, layer_s: float) -> Efficiency:
    return replace(
        FIXED,
        compute=compute,
        memory=memory,
        cache=memory * FIXED.cache / FIXED.memory,
        traffic=FIXED.traffic * FIXED.memory / memory,
        layer_s=layer_s,
    )


def _device(case: Case) -> Device:
    """A machine by its measured ceilings: kernels' shares are in them already."""
    rate = case.accelerator.matmul_flops_per_s[case.precision]
    weights = WEIGHT_BYTES.get(case.precision, 2)
    wide = case.precision in ("fp32", "tf32")
    bandwidth = case.accelerator.bandwidth_bytes_per_s
    return Device(
        dense_flops_per_s=rate,
        expert_flops_per_s=rate,
        attention_flops_per_s=rate,
        kernel_compute=1.0,
        kernel_expert_compute=1.0,
        kernel_memory=1.0,
        bandwidth_bytes_per_s=bandwidth,
        memory_bytes=case.accelerator.memory_bytes,
        link_bytes_per_s=bandwidth,
        network_bytes_per_s=bandwidth,
        devices_per_node=8,
        dense_bytes=weights,
        expert_bytes=weights,
        cache_bytes=4.0 if wide else 2.0,
        activation_bytes=4.0 if wide else 2.0,
    )


def _usable(record: Measurement) -> bool:
    return bool(
        record.status == "ok"
        and record.result is not None
        and record.model.config
        and record.workload.lora_rank is None
        and record.machine.ceilings.matmul_flops_per_s
        and _read_rate(record)
        and record.provenance.origin == "measured"
        and record.workload.layout.devices == 1
        and record.model.family != "encoder-decoder"
    )


def _read_rate(record: Measurement) -> float | None:
    ceilings = record.machine.ceilings
    return ceilings.read_bytes_per_s or ceilings.copy_bytes_per_s


def _doubtful(record: Measurement) -> bool:
    return bool(record.result and record.result.condition.flags)


def _step_s(record: Measurement) -> float:
    """Seconds of one pass: a step of training divided by its passes."""
    assert record.result is not None
    return record.result.latency.p50_s / record.workload.gradient_accumulation
