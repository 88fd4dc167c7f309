"""A roofline of three coefficients, fitted to one machine's own measurements.

For each device, precision and kind of work: the share of the measured matrix rate and of the
measured bandwidth that steps reach, and the fixed time of a layer. They are pulled towards wide
priors, so that two sizes of a ladder already say something about a third. The error shown is that
of leaving out each model in turn. CPUs are fitted like GPUs.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from modelworth.costmodel.architecture.identity import content
from modelworth.costmodel.prediction.case import PREDICTED_KINDS, Case, precision_name
from modelworth.costmodel.prediction.columns import columns_on, times
from modelworth.costmodel.prediction.step.arrays import Columns, Times
from modelworth.costmodel.prediction.step.coefficients import NEUTRAL, Coefficients, shipped_tables
from modelworth.costmodel.prediction.step.device import RATES, Device, device_of
from modelworth.data.catalog import RATE_COLUMNS, Accelerator, Catalog
from modelworth.data.errors import InputError
from modelworth.data.measurement import Measurement, Result
from modelworth.data.words import BITS, WORK_OF, Work

Array = NDArray[np.float64]
Pairs = Sequence[tuple[Measurement, Case]]

KINDS = tuple(kind for kind in PREDICTED_KINDS if kind != "serve")
"""Kinds of measurements that one step explains."""
PRIORS = {"compute": (0.75, 0.35), "memory": (0.7, 0.15), "layer_s": (1e-4, 1.5)}
"""Coefficient → value and spread of its logarithm before this machine was seen."""
PROCESSOR_PRIORS = PRIORS | {"compute": (0.85, 0.15)}
"""A processor's products come nearer to its ceiling, which the same library reached."""
FIXED = replace(
    NEUTRAL, narrow_width=40.0, cache=0.6, attention=0.35, narrow_head=12.0, traffic=1.05,
    quantise=2.0, scores=6.0, experts_compute=0.5, narrow_expert=10.0, narrow_expert_width=10.0,
    experts_memory=0.9, expert_layer_s=1e-4, step_s=1e-6, sequence_s=1e-6, host_layer_s=1e-6,
    host_expert_layer_s=1e-6, link=0.7, network=0.7, collective_latency_s=1e-5, straggling=0.0,
)  # fmt: skip
"""Eager steps of transformers; what isn't fitted stays."""
PROCESSOR = replace(FIXED, attention=0.8, traffic=0.15, narrow_width=10.0)
"""A processor's caches hold a layer's activations, and its attention is plain products."""
CACHE_OF_MEMORY = 0.86
"""Share of the bandwidth that reading the cache reaches, against reading weights."""
ERROR = 0.08
"""Spread (of logarithms) that a record is trusted with; flagged ones with three times as much.
n repeats weigh as the root of n: they tell of noise, not of how far the formula is off."""
NORMAL_90 = 1.645
LEAST_ERROR, UNKNOWN_ERROR = 0.05, 0.25
WIDER_PER_DOUBLING = 0.04
"""What each doubling beyond the largest or smallest measured step adds to the interval's log."""


@dataclass(frozen=True)
class MachineFit:
    """Three coefficients of one device, precision and work, and how well they hold.

    Attributes:
        coefficients: compute and memory as shares of the ceilings measured just before.
        errors: (record's id, ln predicted / measured seconds) with its model left out of the fit.
        measured: (content of the model, batch, tokens, units per second) of its records.
        flops: smallest and largest step of the records, by which extrapolation is told.
    """

    device_name: str
    precision: str
    work: Work
    coefficients: Coefficients
    device: Device
    errors: tuple[tuple[str, float], ...]
    measured: tuple[tuple[str, float, float, float], ...]
    flops: tuple[float, float]
    measurement_ids: tuple[str, ...]

    @property
    def log_error(self) -> float:
        """Half-width of the 90% interval within the measured range, as a logarithm."""
        errors = np.array([error for _, error in self.errors])
        if errors.size < 2:
            return NORMAL_90 * UNKNOWN_ERROR
        return NORMAL_90 * max(float(np.sqrt(np.mean(errors**2))), LEAST_ERROR)

    def times(self, case: Case) -> Times:
        """What a case takes on this machine."""
        return times(case.work, self.columns([case]), self.coefficients)

    def columns(self, cases: Sequence[Case]) -> Columns:
        """Cases as arrays, on this machine's ceilings."""
        return columns_on(cases, [self.device] * len(cases))

    def factor90(self, case: Case) -> float:
        """Half-width of the 90% interval as a factor, wider beyond what was measured."""
        return math.exp(self.log_error + WIDER_PER_DOUBLING * self.doublings_beyond(case))

    def measured_value(self, case: Case) -> float | None:
        """What exactly this case did when it was measured here, if it was."""
        asked = (content(case.architecture), case.batch, case.tokens)
        found = [one[3] for one in self.measured if one[:3] == asked]
        return found[-1] if found else None

    def doublings_beyond(self, case: Case) -> float:
        """How many times a step must double to come from the measured range to this case."""
        flops = step_flops(case)
        low, high = self.flops
        return max(math.log2(low / flops), math.log2(flops / high), 0.0)


def machine_fits(measurements: Iterable[Measurement]) -> tuple[MachineFit, ...]:
    """Fits of every device, precision and work among the records that ended well.

    Records of models that can't be read, or that a step's formula isn't about, are left out.
    """
    groups: defaultdict[tuple[str, str, Work], list[tuple[Measurement, Case]]] = defaultdict(list)
    for record in measurements:
        if record.workload.kind in KINDS and _usable(record):
            with suppress(InputError):
                case = case_of(record)
                groups[record.machine.device, case.precision, case.work].append((record, case))
    return tuple(_fit_group(*key, pairs) for key, pairs in groups.items())


def fit_for(records: Iterable[Measurement], case: Case) -> MachineFit | None:
    """The fit to records of a case's device, precision and work; None where there are none."""
    names = {case.accelerator.name, *case.accelerator.aliases}
    fits = machine_fits(
        record
        for record in records
        if record.machine.device in names
        if WORK_OF.get(record.workload.kind) == case.work
        if precision_name(record.workload.precision) == case.precision
    )
    return fits[0] if fits else None


def accelerator_of(record: Measurement, catalog: Catalog) -> Accelerator:
    """The device of a record: the catalogue's, else by its measured ceilings.

    Raises:
        InputError: if neither is known.
    """
    try:
        return catalog.accelerator(record.machine.device)
    except InputError:
        return machine_accelerator(record)


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
    name = RATES[precision_name(record.workload.precision)][0]
    narrow = BITS[record.workload.precision] < BITS["bfloat16"]  # what isn't, runs in bfloat16
    columns = {RATE_COLUMNS[name], *([RATE_COLUMNS["bf16"]] if narrow else [])}
    given = {
        "name": record.machine.device, "vendor": "unknown", "architecture": record.machine.kind,
        **dict.fromkeys(columns, rate / 1e12), "bandwidth_gb_per_s": read / 1e9,
        "memory_gib": memory / 2**30, "source": f"ceilings of measurement {record.id}",
        "as_of": f"{record.recorded_at:%Y-%m-%d}",
    }  # fmt: skip
    return Accelerator.model_validate(given)


def case_of(record: Measurement) -> Case:
    """The case that a record measured, on its own machine.

    Raises:
        InputError: if its model or ceilings can't be read.
    """
    return Case.of_record(record, machine_accelerator(record))


def step_flops(case: Case) -> float:
    """FLOPs of one pass of a case, near enough to tell sizes apart."""
    tokens = case.batch * (1 if case.work == "decode" else case.tokens)
    return 2.0 * case.architecture.active_matmul_parameters * tokens


def _fit_group(device_name: str, precision: str, work: Work, pairs: Pairs) -> MachineFit:
    sizes = [step_flops(case) for _, case in pairs]
    measured = tuple(
        (content(case.architecture), case.batch, case.tokens,
         _result(record).throughput_per_s_per_device)
        for record, case in pairs
    )  # fmt: skip
    return MachineFit(
        device_name, precision, work, _fitted(pairs), _device(pairs[-1][1]), _leave_out(pairs),
        measured, (min(sizes), max(sizes)), tuple(record.id for record, _ in pairs),
    )  # fmt: skip


def _errors_of(pairs: Pairs) -> Callable[[Coefficients], Array]:
    """From coefficients to ln(predicted / measured seconds) of each record's step."""
    cases = [case for _, case in pairs]
    work = columns_on(cases, [_device(case) for case in cases])
    measured = np.array([_result(record).latency.p50_s for record, _ in pairs])
    return lambda fit: np.log(np.asarray(times(cases[0].work, work, fit).step_s) / measured)


def _fitted(pairs: Pairs) -> Coefficients:
    processor = pairs[0][1].accelerator.architecture == "cpu"
    priors = PROCESSOR_PRIORS if processor else PRIORS
    start = np.log([value for value, _ in priors.values()])
    spreads = np.array([spread for _, spread in priors.values()])
    asked = [(content(case.architecture), case.batch, case.tokens) for _, case in pairs]
    flagged = [3 if _result(record).condition.flags else 1 for record, _ in pairs]
    repeats = np.array([asked.count(one) for one in asked])
    trust = ERROR * np.array(flagged) * repeats**0.25
    errors_of = _errors_of(pairs)

    def residuals(logs: Array) -> Array:
        errors = errors_of(_coefficients(processor, *np.exp(logs))) / trust
        soft = np.sign(errors) * np.sqrt(2 * (np.sqrt(1 + errors**2) - 1))
        return np.concatenate([soft, (logs - start) / spreads])

    from scipy.optimize import least_squares  # slow to import, and needed only where one measured

    found = np.exp(least_squares(residuals, start, max_nfev=60).x)
    return _coefficients(processor, *map(float, found))


def _leave_out(pairs: Pairs) -> tuple[tuple[str, float], ...]:
    """Error of each record with its model left out of the fit; none where there is but one."""
    models: defaultdict[str, list[tuple[Measurement, Case]]] = defaultdict(list)
    for record, case in pairs:
        models[content(case.architecture)].append((record, case))
    found: list[tuple[str, float]] = []
    for model, out in models.items() if len(models) > 1 else ():
        rest = [pair for pair in pairs if content(pair[1].architecture) != model]
        errors = _errors_of(out)(_fitted(rest))
        found += [(record.id, float(error)) for (record, _), error in zip(out, errors, strict=True)]
    return tuple(found)


def _coefficients(processor: bool, compute: float, memory: float, layer_s: float) -> Coefficients:
    fixed, cache = PROCESSOR if processor else FIXED, memory * CACHE_OF_MEMORY
    return replace(fixed, compute=compute, memory=memory, cache=cache, layer_s=layer_s)


def _device(case: Case) -> Device:
    """A machine by its measured ceilings: kernels' shares are in them already."""
    mixed = case.architecture.has_experts
    found = device_of(shipped_tables(), case.accelerator, case.precision, mixed=mixed)
    return replace(
        found, dense_share=1.0, expert_share=1.0, wide_share=1.0, memory_share=1.0, quantised=0.0,
        wide_flops_per_s=found.expert_flops_per_s, dense_flops_per_s=found.expert_flops_per_s,
        dense_bytes=found.expert_bytes,
    )  # fmt: skip


def _usable(record: Measurement) -> bool:
    work, model = record.workload, record.model
    ended = record.status == "ok" and record.result is not None
    ceilings = bool(record.machine.ceilings.matmul_flops_per_s and _read_rate(record))
    whole = work.lora_rank is None and work.layout.devices == 1
    read = bool(model.config) and model.family != "encoder-decoder"
    return ended and ceilings and whole and read and record.provenance.origin == "measured"


def _read_rate(record: Measurement) -> float | None:
    """Bytes per second: read and written for an optimizer's step, else read."""
    ceilings = record.machine.ceilings
    rates = [ceilings.read_bytes_per_s, ceilings.copy_bytes_per_s]
    rates = rates[::-1] if WORK_OF[record.workload.kind] == "train" else rates
    return rates[0] or rates[1]


def _result(record: Measurement) -> Result:
    assert record.result is not None
    return record.result
