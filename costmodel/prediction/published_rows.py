"""The published measurements nearest to a case or to a run: what to hold it against.

A small table of cited rows, one for each model, device, software and precision. To a case is near
what shares the model, the device or its generation, the software, the precision; then what is alike
in parameters used, batch and length. To a measured run comparable is what ran on the same device,
at the same kind of work and precision, with a model whose active parameters differ by a quarter at
most, on sequences within twice as long, and, of inference, at a batch within twice as large: the
same model first, then the nearest sizes. Models that differ in size are compared by tokens ×
parameters, to which a step's arithmetic is proportional. What else differs is said, not corrected.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from pydantic import Field, PositiveFloat, PositiveInt

from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.software import software_name
from modelworth.costmodel.prediction.step.coefficients import PUBLISHED, Kind
from modelworth.data.catalog import Catalog
from modelworth.data.csv_rows import Row, Text, read_table
from modelworth.data.errors import InputError
from modelworth.data.measurement import Measurement
from modelworth.data.words import SHORT

WEIGHTS = {"model": 3.0, "device": 2.0, "generation": 1.0, "software": 2.0, "precision": 1.0}
SHOWN = 3
DOUBLING = 0.15
"""What each doubling of batch, length or devices takes off."""
SIZE_DOUBLING, MOST_SIZE = 0.5, 6.0
"""What each doubling of the parameters used takes off, and how many count."""


class MeasuredRow(Row):
    """One published measurement: units per second and device."""

    kind: Kind
    model: Text
    active_parameters: PositiveFloat | None = None
    device: Text
    generation: Text
    software: str = ""
    precision: Text
    gpus: PositiveInt
    batch: PositiveFloat
    tokens: PositiveFloat
    new_tokens: PositiveFloat = Field(default=1)
    value: PositiveFloat
    unit: Text


@cache
def measured_rows() -> tuple[MeasuredRow, ...]:
    """The shipped rows."""
    return tuple(read_table(PUBLISHED / "measured_rows.csv", MeasuredRow))


def nearest(case: Case) -> list[MeasuredRow]:
    """The rows of the case's kind of work that are nearest to it."""
    some = [row for row in measured_rows() if row.kind == case.kind]
    return sorted(some, key=lambda row: -_likeness(row, case))[:SHOWN]


def _likeness(row: MeasuredRow, case: Case) -> float:
    own = case.architecture.active_parameters
    size = min(_doublings(row.active_parameters or math.inf, own), MOST_SIZE)
    same = {
        "model": row.model == case.architecture.name,
        "device": row.device == case.accelerator.name,
        "generation": row.generation == case.accelerator.architecture,
        "software": software_name(row.software) == software_name(case.software),
        "precision": row.precision == case.precision,
    }
    alike = sum(WEIGHTS[name] for name, yes in same.items() if yes)
    return alike - DOUBLING * _apart(row, case) - SIZE_DOUBLING * size


KINDS: dict[str, Kind] = {
    "pretrain": "train", "finetune": "train", "forward": "forward", "generate": "serve",
    "serve": "serve",
}  # fmt: skip
"""A record's kind of work as the table calls it; a part of another step (decode) is none."""
UNITS = {"train": ("tokens",), "forward": ("sequences", "images"), "serve": ("tokens",)}
MIXED = {"amp": ("bf16", "fp16")}
"""Mixed precision that doesn't name its 16-bit format."""
SIZE, LENGTH, BATCH = math.log2(1.25), 1.0, 1.0
"""Doublings up to which sizes, lengths and batches of inference are alike."""


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


def beside(record: Measurement, catalog: Catalog) -> Beside:
    """The record beside the published row that is nearest to it."""
    run = _as_row(record, catalog)
    if isinstance(run, str):
        return Beside(record, reason=run)
    if run.active_parameters is None:
        return Beside(record, reason="the size of its model isn't known")
    here = [row for row in measured_rows() if (row.kind, row.device) == (run.kind, run.device)]
    if not here:
        return Beside(record, reason=f"nothing was published for {run.kind} on {run.device}")
    alike = [row for row in here if _is_alike(row, run)]
    if not alike:
        near = ", ".join(sorted({f"{row.model} {row.precision}" for row in here})[:4])
        reason = f"no published run is alike in precision, size, length and batch (there is {near})"
        return Beside(record, reason=reason)
    row = min(alike, key=lambda row: (row.model != run.model, _apart(row, run) + _larger(row, run)))
    scaled = not math.isclose(_larger(row, run), 0, abs_tol=math.log2(1.01))
    size = run.active_parameters / (row.active_parameters or math.inf) if scaled else 1.0
    return Beside(record, row, run.value / row.value * size, scaled, _differences(row, run))


def _as_row(record: Measurement, catalog: Catalog) -> MeasuredRow | str:
    """The record in the table's terms, or why it has none."""
    work, result = record.workload, record.result
    kind = KINDS.get(work.kind)
    if result is None:
        return f"the run ended in {record.status}"
    if kind is None or result.unit not in UNITS[kind]:
        return f"no {work.kind} in {result.unit} was published"
    serving, load, gpus = result.serving, record.load, record.machine.count
    value = result.throughput_per_s_per_device
    if serving is not None and serving.output_tokens_per_s is not None:
        value = serving.output_tokens_per_s / gpus
    in_flight = (load and (load.in_flight_mean or load.concurrency_limit)) or work.concurrency
    size = record.model.parameters_active or record.model.parameters_total
    return MeasuredRow(
        kind=kind, model=record.model.name, device=_device(record.machine.device, catalog),
        active_parameters=size or _size(record.model.name, catalog),
        generation="own", precision=SHORT[work.precision], gpus=gpus,
        batch=in_flight or work.batch, tokens=work.prompt_tokens or _patches(record),
        new_tokens=work.new_tokens or 1, value=value, unit=result.unit, source=record.id,
        as_of=f"{record.recorded_at:%Y-%m-%d}",
    )  # fmt: skip


def _patches(record: Measurement) -> float:
    """Tokens of an image, its class token included; 1 where there are none to count."""
    config = record.model.config
    side, patch = record.workload.image_pixels or config.get("image_size"), config.get("patch_size")
    if isinstance(side, int) and isinstance(patch, int):
        return (side // patch) ** 2 + 1
    return 1


def _device(name: str, catalog: Catalog) -> str:
    """The device as the catalogue calls it; a name that it lacks as it is."""
    with suppress(InputError):
        return catalog.accelerator(name).name
    return name


def _size(name: str, catalog: Catalog) -> float | None:
    """Active parameters of a model by its name."""
    with suppress(InputError):
        return float(catalog.model(name).parameters_active)
    named = (row.active_parameters for row in measured_rows() if row.model == name)
    return next(named, None)


def _doublings(one: float, other: float) -> float:
    return abs(math.log2(one / other))


def _larger(row: MeasuredRow, run: MeasuredRow) -> float:
    """Doublings between the sizes of both models; inf where the row's isn't known."""
    return _doublings(row.active_parameters or math.inf, run.active_parameters or 1.0)


def _is_alike(row: MeasuredRow, run: MeasuredRow) -> bool:
    pairs = (row.tokens, run.tokens), (row.new_tokens, run.new_tokens)
    lengths = max(_doublings(*pair) for pair in pairs)
    batches = 0.0 if run.kind == "train" else _doublings(row.batch, run.batch)
    precise = run.precision in (row.precision, *MIXED.get(row.precision, ()))
    return precise and _larger(row, run) <= SIZE and lengths <= LENGTH and batches <= BATCH


def _apart(row: MeasuredRow, run: MeasuredRow | Case) -> float:
    pairs = ((row.gpus, run.gpus), (row.batch, run.batch), (row.tokens, run.tokens))
    return sum(_doublings(one, other) for one, other in pairs)


def _differences(row: MeasuredRow, run: MeasuredRow) -> tuple[str, ...]:
    """What differs, in words."""
    found = [] if row.model == run.model else [f"{row.model} for {run.model}"]
    names = {"batch": "batch", "tokens": "tokens", "new_tokens": "new tokens", "gpus": "devices"}
    pairs = [(what, getattr(run, name), getattr(row, name)) for name, what in names.items()]
    found += [f"{what} {own:g}, not {other:g}" for what, own, other in pairs if own != other]
    return tuple(found)
