"""A measured run beside the published one that is nearest to it: 97% of what others got.

Comparable is what ran on the same device, at the same kind of work and precision, with a model
whose active parameters differ by a quarter at most, on sequences within twice as long, and, of
inference, at a batch within twice as large. Of those the same model comes first, then the nearest
size, batch and length. Models that differ in size are compared by tokens × parameters, to which a
step's arithmetic is proportional. What else differs is said, not corrected.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

from pydantic import PositiveInt

from modelworth.costmodel.prediction.nearest import MeasuredRow, measured_rows
from modelworth.costmodel.prediction.step.coefficients import PUBLISHED, Kind
from modelworth.data.catalog import Catalog
from modelworth.data.csv_rows import Row, Text, read_table
from modelworth.data.errors import InputError
from modelworth.data.measurement import Measurement
from modelworth.data.words import SHORT

KINDS: dict[str, Kind] = {
    "pretrain": "train", "finetune": "train", "forward": "forward", "generate": "serve",
    "serve": "serve",
}  # fmt: skip
"""A record's kind of work as the table calls it; a part of another step (decode) is none."""
UNITS = {"train": ("tokens",), "forward": ("sequences", "images"), "serve": ("tokens",)}
MIXED = {"amp": ("bf16", "fp16")}
"""Mixed precision that doesn't name its 16-bit format."""
SIZE, LENGTH, BATCH = 1.25, 2.0, 2.0
"""Ratios up to which sizes, lengths and batches of inference are alike."""


class ModelSize(Row):
    """Parameters of a published run's model that the catalogue lacks."""

    name: Text
    parameters: PositiveInt


@dataclass(frozen=True, slots=True)
class Beside:
    """A record and the published row nearest to it.

    Attributes:
        row: None where nothing published is comparable; `reason` says why.
        ratio: of the record's throughput a device to the row's, scaled by size where it differs.
        differs: what else differs, in words, the record's first.
    """

    record: Measurement
    row: MeasuredRow | None = None
    ratio: float | None = None
    scaled: bool = False
    differs: tuple[str, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Run:
    """A record in the table's terms."""

    kind: Kind
    device: str
    precision: str
    parameters: float
    batch: float
    tokens: float
    new_tokens: float
    gpus: int
    value: float


def beside(record: Measurement, catalog: Catalog) -> Beside:
    """The record beside the published row that is nearest to it."""
    run = _run(record, catalog)
    if isinstance(run, str):
        return Beside(record, reason=run)
    same_kind = [row for row in measured_rows() if row.kind == run.kind]
    here = [row for row in same_kind if row.device == run.device]
    if not here:
        return Beside(record, reason=f"nothing was published for {run.kind} on {run.device}")
    precise = [
        row for row in here if run.precision in (row.precision, *MIXED.get(row.precision, ()))
    ]
    sized = [(row, size) for row in precise if (size := _size(row.model, catalog)) is not None]
    alike = [(row, size) for row, size in sized if _alike(row, size, run)]
    if not alike:
        near = ", ".join(sorted({f"{row.model} {row.precision}" for row in here})[:4])
        reason = f"no published run is alike in precision, size, length and batch (there is {near})"
        return Beside(record, reason=reason)
    row, size = min(alike, key=lambda pair: _apart(pair[0], pair[1], run, record.model.name))
    scaled = not math.isclose(size, run.parameters, rel_tol=0.01)
    ratio = run.value / row.value * (run.parameters / size if scaled else 1.0)
    return Beside(record, row, ratio, scaled, _differences(row, run, record.model.name))


def _run(record: Measurement, catalog: Catalog) -> _Run | str:
    """The record in the table's terms, or why it has none."""
    work, result, model = record.workload, record.result, record.model
    kind = KINDS.get(work.kind)
    if result is None:
        return f"the run ended in {record.status}"
    if kind is None or result.unit not in UNITS[kind]:
        return f"no {work.kind} in {result.unit} was published"
    parameters = model.parameters_active or model.parameters_total or _size(model.name, catalog)
    if parameters is None:
        return "the size of its model isn't known"
    serving, load = result.serving, record.load
    gpus, value, batch = record.machine.count, result.throughput_per_s_per_device, work.batch
    if serving is not None and serving.output_tokens_per_s is not None:
        value = serving.output_tokens_per_s / gpus
    in_flight = (load and (load.in_flight_mean or load.concurrency_limit)) or work.concurrency
    tokens = work.prompt_tokens or _patches(record)
    return _Run(
        kind, _device(record.machine.device, catalog), SHORT[work.precision], parameters,
        in_flight or batch, tokens, work.new_tokens or 1, gpus, value,
    )  # fmt: skip


def _patches(record: Measurement) -> float:
    """Tokens of an image, its class token included; 1 where there are none to count."""
    side = record.workload.image_pixels or record.model.config.get("image_size")
    patch = record.model.config.get("patch_size")
    if not isinstance(side, int) or not isinstance(patch, int):
        return 1
    return (side // patch) ** 2 + 1


def _device(name: str, catalog: Catalog) -> str:
    """The device as the catalogue calls it; a name that it lacks as it is."""
    try:
        return catalog.accelerator(name).name
    except InputError:
        return name


def _size(name: str, catalog: Catalog) -> float | None:
    """Active parameters of a model by its name."""
    try:
        return float(catalog.model(name).parameters_active)
    except InputError:
        return _sizes().get(name)


@cache
def _sizes() -> dict[str, float]:
    rows = read_table(PUBLISHED / "model_sizes.csv", ModelSize)
    return {row.name: float(row.parameters) for row in rows}


def _ratio(one: float, other: float) -> float:
    """How many times the larger is the smaller."""
    return max(one, other) / min(one, other)


def _alike(row: MeasuredRow, size: float, run: _Run) -> bool:
    lengths = max(_ratio(row.tokens, run.tokens), _ratio(row.new_tokens, run.new_tokens))
    near = _ratio(size, run.parameters) <= SIZE and lengths <= LENGTH
    return near and (run.kind == "train" or _ratio(row.batch, run.batch) <= BATCH)


def _apart(row: MeasuredRow, size: float, run: _Run, name: str) -> tuple[bool, float]:
    pairs = ((size, run.parameters), (row.batch, run.batch), (row.tokens, run.tokens),
             (row.gpus, run.gpus))  # fmt: skip
    return row.model != name, sum(math.log2(_ratio(one, other)) for one, other in pairs)


def _differences(row: MeasuredRow, run: _Run, name: str) -> tuple[str, ...]:
    """What differs, in words."""
    found = [] if row.model == name else [f"{row.model} for {name}"]
    pairs = (
        ("batch", run.batch, row.batch),
        ("tokens", run.tokens, row.tokens),
        ("new tokens", run.new_tokens, row.new_tokens),
        ("devices", run.gpus, row.gpus),
    )
    found += [f"{what} {own:g}, not {other:g}" for what, own, other in pairs if own != other]
    return tuple(found)
