"""What own servers' measurements say about the published coefficients: one factor on all times.

A result of a load generator (`modelworth load`, `modelworth import`) is predicted as if it hadn't
been measured; how much faster or slower it ran is a factor for its device and precision. Only runs
that the judge finds sound count, each once. Few results are pulled towards 1, as they may tell more
of their model or load than of the device.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from modelworth.costmodel.architecture.identity import architecture_of
from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.columns import coefficients, columns
from modelworth.costmodel.prediction.refusal import refused
from modelworth.costmodel.prediction.step.coefficients import Tables
from modelworth.costmodel.prediction.times import times
from modelworth.data.catalog import Catalog
from modelworth.data.errors import InputError
from modelworth.data.importers.judge import Judgement
from modelworth.data.importers.records import PromptCost, judged_all, sound
from modelworth.data.measurement import Measurement
from modelworth.data.words import SHORT

PULL = 0.5
"""How many results the pull towards 1 weighs: the scatter between results of one server, squared,
against that between servers."""
LEAST_LOG = 0.16
"""Least half-width of the 90% interval's log: loads and models differ by this on one server."""


@dataclass(frozen=True)
class ServedScale:
    """How much faster than published servers this device's own ran.

    Attributes:
        speed: factor on all rates.
        log_width: half-width of the 90% interval's log with it.
    """

    device_name: str
    precision: str
    speed: float
    log_width: float
    measurement_ids: tuple[str, ...]


def served_scales(
    measurements: Iterable[Measurement], catalog: Catalog, tables: Tables
) -> tuple[ServedScale, ...]:
    """Scales of every device and precision among own and imported serving results."""
    groups: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for record in sound(measurements, prompt_costs(catalog)):
        case = served_case(record, catalog)
        if case is None or record.result is None or refused(case, tables) is not None:
            continue
        predicted = times("serve", columns([case], tables), coefficients([case], tables))
        log = math.log(record.result.throughput_per_s_per_device / float(predicted.value[0]))
        key = (case.accelerator.name, case.precision)
        groups.setdefault(key, []).append((record.id, log))
    return tuple(_scale(*key, found) for key, found in groups.items())


def scale_for(scales: Iterable[ServedScale], case: Case) -> ServedScale | None:
    """The scale of a case's device and precision; None where there is none."""
    for scale in scales:
        if (scale.device_name, scale.precision) == (case.accelerator.name, case.precision):
            return scale
    return None


def served_case(record: Measurement, catalog: Catalog) -> Case | None:
    """The case that a serving result measured; None if it isn't one, or its model isn't known."""
    work = record.workload
    if record.workload.kind != "serve" or record.status != "ok":
        return None
    if not work.prompt_tokens or not work.new_tokens or not work.concurrency:
        return None
    architecture = architecture_of(record.model, catalog)
    if architecture is None:
        return None
    try:
        return Case.of_record(record, catalog.accelerator(record.machine.device), architecture)
    except InputError:
        return None


def judgements(records: Sequence[Measurement], catalog: Catalog) -> dict[str, Judgement]:
    """The class of each record of a served endpoint by its id, by all that is known of it."""
    return judged_all(records, prompt_costs(catalog))


def prompt_costs(catalog: Catalog) -> PromptCost:
    """`prompt_cost` for many records: each server is looked up once."""
    found: dict[str, tuple[float, float] | None] = {}

    def cost(record: Measurement) -> tuple[float, float] | None:
        parts = (record.machine.device, record.machine.count, record.workload.precision)
        key = f"{record.model.model_dump_json(include={'name', 'config'})} {parts}"
        if key not in found:
            found[key] = prompt_cost(record, catalog)
        return found[key]

    return cost


def prompt_cost(record: Measurement, catalog: Catalog) -> tuple[float, float] | None:
    """FLOPs of a prompt token of a record's model, and its devices' dense peak.

    None where the catalogue doesn't know model or device. The attention's products and what the
    devices don't reach are left out: a prompt read faster than this came from a cache.
    """
    architecture = architecture_of(record.model, catalog)
    try:
        rates = catalog.accelerator(record.machine.device).matmul_flops_per_s
    except InputError:
        return None
    peak = rates.get(SHORT[record.workload.precision]) or rates["bf16"] or rates["fp16"]
    if architecture is None or peak is None:
        return None
    return 2.0 * architecture.active_matmul_parameters, peak * record.machine.count


def _scale(device: str, precision: str, found: Sequence[tuple[str, float]]) -> ServedScale:
    logs = np.array([log for _, log in found])
    scatter = float(np.std(logs)) if logs.size > 1 else LEAST_LOG
    width = math.hypot(LEAST_LOG, 1.645 * scatter * math.sqrt(1 / logs.size))
    speed = math.exp(float(logs.sum()) / (logs.size + PULL))
    return ServedScale(device, precision, speed, width, tuple(identity for identity, _ in found))
