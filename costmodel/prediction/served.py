"""What own servers' measurements say about the published coefficients: one factor on all times.

A result of a load generator (`modelworth load`, `modelworth import`) is predicted as if it hadn't
been measured; how much faster or slower it ran is a factor for its device and way of serving. Tests
of single steps by other tools (llama-bench) correct prompts and decoding in the same way. Of
servers, only sound runs count, each once; of those that guessed tokens ahead, only where it is
known how many were kept. Few results are pulled towards 1, as they may tell more of their model or
load than of the device.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from modelworth.costmodel.architecture.identity import architecture_of
from modelworth.costmodel.architecture.memory import weights_bytes
from modelworth.costmodel.prediction.case import Case, cache_precision
from modelworth.costmodel.prediction.columns import coefficients, columns, device_for, times
from modelworth.costmodel.prediction.refusal import refused
from modelworth.costmodel.prediction.software import software_name
from modelworth.costmodel.prediction.step.coefficients import Tables, achieved, shipped_tables
from modelworth.data.catalog import Catalog
from modelworth.data.errors import InputError
from modelworth.data.importers.judge import Judgement
from modelworth.data.importers.judging import PromptCost, distinct, judged_all, sound
from modelworth.data.importers.told import Told
from modelworth.data.measurement import Measurement, Workload
from modelworth.data.words import BITS, SHORT, precision

Way = tuple[str, str, str | None, bool, str | None]
STEPS = ("prefill", "decode")
SAME_BITS = 0.15
"""Stored bits of a weight may differ by this share from those that its precision usually takes."""
PULL = 0.5
"""How many results the pull towards 1 weighs: the scatter between results of one server, squared,
against that between servers."""
LEAST_LOG = 0.16
"""Least half-width of the 90% interval's log: loads and models differ by this on one server."""


@dataclass(frozen=True)
class ServedScale:
    """How much faster than published servers, or steps, this device's own ran.

    Attributes:
        way: kind of work, precision of products and of the cache, whether tokens were guessed
            ahead, and of single steps the software.
        speed: factor on all rates.
        log_width: half-width of the 90% interval's log with it.
    """

    device_name: str
    way: Way
    speed: float
    log_width: float
    measurement_ids: tuple[str, ...]

    @property
    def said(self) -> str:
        """On what a prediction with it rests."""
        number, software = len(self.measurement_ids), self.way[-1]
        what = "results of own servers" if self.way[0] == "serve" else f"own tests with {software}"
        return f"corrected by {number} {what} on this device"


def served_scales(
    measurements: Iterable[Measurement], catalog: Catalog, tables: Tables
) -> tuple[ServedScale, ...]:
    """Scales of every device and way of running among serving results and imported steps."""
    records = tuple(measurements)
    steps = fastest(distinct(filter(_is_step, records)))
    runs = [
        (record, record.result.throughput_per_s_per_device, case)
        for record in (*sound(records, prompt_costs(catalog)), *steps)
        if (case := served_case(record, catalog)) is not None and record.result is not None
    ]
    refusals = refused([case for *_, case in runs], tables)
    groups: defaultdict[tuple[str, Way], list[tuple[str, float]]] = defaultdict(list)
    for (record, measured, case), refusal in zip(runs, refusals, strict=True):
        if refusal is None:
            found = times(case.work, columns([case], tables), coefficients([case], tables))
            log = math.log(measured / float(found.value[0]))
            groups[case.accelerator.name, way_of(case)].append((record.id, log))
    return tuple(_scale(*key, found) for key, found in groups.items())


def scale_for(scales: Iterable[ServedScale], case: Case) -> ServedScale | None:
    """The scale of a case's device, run as it is; None where there is none."""
    asked = (case.accelerator.name, way_of(case))
    return next((one for one in scales if (one.device_name, one.way) == asked), None)


def way_of(case: Case) -> Way:
    """What is kept apart on a device: products, cached keys, and guessing ahead change its pace."""
    cached = cache_precision(case)
    cached = None if cached in ("bf16", "fp16") else cached
    software = None if case.work == "serve" else software_name(case.software)
    return case.work, case.precision, cached, case.drafted > 0, software


def as_run(scales: Iterable[ServedScale], case: Case) -> Case:
    """A step whose software isn't said, with that of the device's own tests."""
    if case.software is not None or case.work not in STEPS:
        return case
    device, way = case.accelerator.name, way_of(case)[:-1]
    own = [one for one in scales if one.device_name == device and one.way[:-1] == way]
    return replace(case, software=own[-1].way[-1]) if own else case


def served_case(record: Measurement, catalog: Catalog) -> Case | None:
    """The case that a serving result, or another tool's test of single steps, measured.

    None if it is neither, or its model isn't known. A prompt read at a depth, layers left on the
    processor, and weights that don't take what their precision usually takes are no case of a step.
    """
    work, step = record.workload, _is_step(record)
    serving = work.kind == "serve" and work.prompt_tokens and work.new_tokens and work.concurrency
    architecture = architecture_of(record.model, catalog) if serving or step else None
    if architecture is None or record.status != "ok":
        return None
    try:
        device = catalog.accelerator(record.machine.device)
        case = Case.of_record(record, device, architecture)
    except InputError:
        return None
    return _step_case(case, work) if step else case


def _step_case(case: Case, work: Workload) -> Case | None:
    layers, prompt = case.architecture.layers, work.kind == "prefill"
    on_device = layers if work.gpu_layers is None else work.gpu_layers
    if on_device < layers or work.host_expert_layers or (prompt and work.context_tokens):
        return None
    usual = 8 * float(device_for(case, shipped_tables()).dense_bytes)
    if work.weight_bits and abs(work.weight_bits / usual - 1) > SAME_BITS:
        return None
    held = max(1, (work.prompt_tokens or 0) + (work.new_tokens or 0) / 2)
    return case if prompt else replace(case, tokens=held)


def fastest(records: Iterable[Measurement]) -> Iterable[Measurement]:
    """Of tests that differ in what is free to choose (kernel, chunk, backend), the fastest."""
    found: dict[str, Measurement] = {}
    for record in records:
        work = record.workload.model_copy(update={"attention": None, "chunk_tokens": None})
        key = f"{record.model} {record.machine.device} {record.machine.count} {work}"
        found[key] = max(found.get(key, record), record, key=_rate)
    return found.values()


def _rate(record: Measurement) -> float:
    return record.result.throughput_per_s_per_device if record.result else 0.0


def _is_step(record: Measurement) -> bool:
    """Whether it is another tool's test of single steps."""
    if record.provenance.origin != "imported" or record.result is None:
        return False
    return record.workload.kind in STEPS and record.result.unit == "tokens"


def as_stored(record: Measurement, catalog: Catalog, told: Told) -> Measurement:
    """An imported run of a server with its weights as its model's checkpoint stores them.

    Files rarely say the weights' precision; 16 bits, taken for want of a word, give way to what the
    model's own files say.

    Raises:
        InputError: if nobody said how many devices there were, and one can't hold the weights.
    """
    imported = record.workload.kind == "serve" and record.provenance.origin == "imported"
    architecture = architecture_of(record.model, catalog) if imported else None
    if architecture is None:
        return record
    own, work = precision(architecture.own_precision), record.workload
    if work.precision == "bfloat16" and work.quantization is None and BITS[own] < 16:
        fields = record.model_dump(exclude={"id"})
        fields["workload"] |= {"precision": own}
        record = Measurement.model_validate(fields)
    needed = weights_bytes(architecture, SHORT[record.workload.precision])
    held = _memory_bytes(record.machine.device, catalog)
    if told.count is None and record.machine.count == 1 and needed > held:
        found = f"{needed / 1e9:,.0f} GB of weights on 1 × {record.machine.device}"
        raise InputError(record.model.name, found, "on as many devices as hold them: say --count")
    return record


def _memory_bytes(device: str, catalog: Catalog) -> float:
    """A device's memory; no bound where it isn't known."""
    with suppress(InputError):
        return catalog.accelerator(device).memory_bytes
    return math.inf


def judgements(records: Sequence[Measurement], catalog: Catalog) -> dict[str, Judgement]:
    """The class of each record of a served endpoint by its id, by all that is known of it."""
    return judged_all(records, prompt_costs(catalog))


def prompt_costs(catalog: Catalog) -> PromptCost:
    """For a record, FLOPs of a token of its model, and what its devices' single products reach.

    None where the catalogue doesn't know model or device; each server is looked up once. The
    attention's products are left out: tokens that need more than this weren't all computed.
    """
    found: dict[str, tuple[float, float] | None] = {}

    def cost(record: Measurement) -> tuple[float, float] | None:
        machine, precision = record.machine, record.workload.precision
        model = record.model.model_dump_json(include={"name", "config"})
        key = f"{model} {machine.device} {machine.count} {precision}"
        if key not in found:
            architecture = architecture_of(record.model, catalog)
            peak = _peak(machine.device, SHORT[precision], catalog)
            found[key] = (
                (2.0 * architecture.active_matmul_parameters, peak * machine.count)
                if architecture is not None and peak is not None
                else None
            )
        return found[key]

    return cost


def _peak(device: str, precision: str, catalog: Catalog) -> float | None:
    """What a device's products at a precision, or in 16 bits, reach of their dense peak."""
    with suppress(InputError):
        accelerator = catalog.accelerator(device)
        rates = accelerator.matmul_flops_per_s
        peak = rates.get(precision) or rates["bf16"] or rates["fp16"]
        share, _ = achieved(shipped_tables(), accelerator, precision)
        return None if peak is None else peak * share
    return None


def _scale(device: str, way: Way, found: Sequence[tuple[str, float]]) -> ServedScale:
    logs = np.array([log for _, log in found])
    scatter = float(np.std(logs)) if logs.size > 1 else LEAST_LOG
    width = math.hypot(LEAST_LOG, 1.645 * scatter * math.sqrt(1 / logs.size))
    speed = math.exp(float(logs.sum()) / (logs.size + PULL))
    return ServedScale(device, way, speed, width, tuple(identity for identity, _ in found))
