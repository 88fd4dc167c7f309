"""What own servers' measurements say about the published coefficients: one factor on all times.

A result of a load generator (`modelworth load`, `modelworth import`) is predicted as if it hadn't
been measured; how much faster or slower it ran is a factor for its device and way of serving. Only
runs that the judge finds sound count, each once; of those that guessed tokens ahead, only where it
is known how many were kept. Few results are pulled towards 1, as they may tell more of their model
or load than of the device.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from modelworth.costmodel.architecture.identity import architecture_of
from modelworth.costmodel.architecture.memory import weights_bytes
from modelworth.costmodel.prediction.case import Case, cache_precision
from modelworth.costmodel.prediction.columns import coefficients, columns, times
from modelworth.costmodel.prediction.refusal import refused
from modelworth.costmodel.prediction.step.coefficients import Tables, achieved, shipped_tables
from modelworth.data.catalog import Catalog
from modelworth.data.errors import InputError
from modelworth.data.importers.judge import Judgement
from modelworth.data.importers.records import PromptCost, judged_all, sound
from modelworth.data.measurement import Measurement
from modelworth.data.words import BITS, SHORT, precision

Way = tuple[str, str | None, bool]
PULL = 0.5
"""How many results the pull towards 1 weighs: the scatter between results of one server, squared,
against that between servers."""
LEAST_LOG = 0.16
"""Least half-width of the 90% interval's log: loads and models differ by this on one server."""


@dataclass(frozen=True)
class ServedScale:
    """How much faster than published servers this device's own ran.

    Attributes:
        way: precision of products and of the cache, and whether tokens were guessed ahead.
        speed: factor on all rates.
        log_width: half-width of the 90% interval's log with it.
    """

    device_name: str
    way: Way
    speed: float
    log_width: float
    measurement_ids: tuple[str, ...]


def served_scales(
    measurements: Iterable[Measurement], catalog: Catalog, tables: Tables
) -> tuple[ServedScale, ...]:
    """Scales of every device and way of serving among own and imported serving results."""
    groups: defaultdict[tuple[str, Way], list[tuple[str, float]]] = defaultdict(list)
    for record in sound(measurements, prompt_costs(catalog)):
        case = served_case(record, catalog)
        if case is None or record.result is None or refused(case, tables) is not None:
            continue
        predicted = times("serve", columns([case], tables), coefficients([case], tables))
        log = math.log(record.result.throughput_per_s_per_device / float(predicted.value[0]))
        groups[case.accelerator.name, way_of(case)].append((record.id, log))
    return tuple(_scale(*key, found) for key, found in groups.items())


def scale_for(scales: Iterable[ServedScale], case: Case) -> ServedScale | None:
    """The scale of a case's device, served as it is; None where there is none."""
    asked = (case.accelerator.name, way_of(case))
    return next((one for one in scales if (one.device_name, one.way) == asked), None)


def way_of(case: Case) -> Way:
    """What is kept apart on a device: products, cached keys, and guessing ahead change its pace."""
    cached = cache_precision(case)
    return case.precision, None if cached in ("bf16", "fp16") else cached, case.drafted > 0


def served_case(record: Measurement, catalog: Catalog) -> Case | None:
    """The case that a serving result measured; None if it isn't one, or its model isn't known."""
    work = record.workload
    if work.kind != "serve" or record.status != "ok":
        return None
    architecture = architecture_of(record.model, catalog)
    if architecture is None or not (work.prompt_tokens and work.new_tokens and work.concurrency):
        return None
    with suppress(InputError):
        return Case.of_record(record, catalog.accelerator(record.machine.device), architecture)
    return None


def as_stored(record: Measurement, catalog: Catalog, *, counted: bool) -> Measurement:
    """An imported run of a server with its weights as its model's checkpoint stores them.

    Files rarely say the weights' precision; 16 bits, taken for want of a word, give way to what the
    model's own files say. `counted`: whether somebody said how many devices there were.

    Raises:
        InputError: if nobody did, and one can't hold the weights.
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
    if not counted and record.machine.count == 1 and needed > held:
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
