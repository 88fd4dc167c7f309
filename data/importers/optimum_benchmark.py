"""Hugging Face optimum-benchmark: `benchmark.json`, or `benchmark_report.json` alone.

A report has a part for prefill, decode or forward, each with the seconds of its repetitions and its
throughput; the work of one is the product. Model, device and shapes stand in the settings, where
those were saved. Read: optimum-benchmark 0.2 to 0.6 (benchmark/report.py, scenarios/inference).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from modelworth.data.errors import InputError
from modelworth.data.importers import read
from modelworth.data.importers.read import Content, Json
from modelworth.data.importers.told import Timed, Told, cited, device_name, model_of, named
from modelworth.data.importers.told import stored_format as format_of
from modelworth.data.measurement import Machine, Measurement, Workload
from modelworth.data.words import Kind, Precision, precision

TOOL: Final = "optimum-benchmark"
PARTS: Final[tuple[Kind, ...]] = ("prefill", "decode", "forward")
DTYPES: Final[tuple[Precision, ...]] = ("float32", "float16", "bfloat16")


def knows(content: Content) -> bool:
    """Whether a file is of this tool."""
    return bool(content.objects) and all(any(True for _ in _parts(one)) for one in content.objects)


@dataclass(frozen=True, slots=True)
class Part:
    """One timed part of a report, with the settings that it ran under."""

    kind: Kind
    timed: Json
    config: Json

    @property
    def backend(self) -> Json:
        """Settings of the software and the model."""
        return read.object_at(self.config, "backend")

    @property
    def shapes(self) -> Json:
        """Sizes of the input."""
        shapes = read.object_at(self.config, "scenario", "input_shapes")
        return shapes or read.object_at(self.config, "benchmark", "input_shapes")


def runs(content: Content) -> Iterator[Part]:
    """Each timed part of each report."""
    return (found for one in content.objects for found in _parts(one))


def _parts(document: Json) -> Iterator[Part]:
    for kind in PARTS:
        timed = read.object_at(document.get("report", document), kind)
        if read.object_at(timed, "latency"):
            yield Part(kind, timed, read.object_at(document, "config"))


def measurement(part: Part, told: Told, where: str) -> Measurement:
    """A part as a record.

    Raises:
        InputError: if it lacks its times, or a device, a model, a date or a batch isn't given.
    """
    backend, config = part.backend, part.config
    on_cpu = backend.get("device") == "cpu"
    cpu = read.text(read.at(config, "environment", "cpu"))
    ran = named(
        where,
        told.device or (cpu if on_cpu else device_name(_gpu(config))),
        told.model or read.text(backend.get("model")),
        read.moment(read.first(config, "date", "timestamp")) or told.date,
        read.count(part.shapes.get("batch_size")) or told.batch,
    )
    samples_s, mean_s, per_s = _timed(part.timed, where)
    tokens = max(1, round(per_s * mean_s / ran.batch)) if _unit(part.timed) == "tokens" else None
    devices = told.count or _devices(backend, on_cpu)
    timed = Timed(
        unit="tokens" if tokens else "sequences",
        work=(tokens or 1) * ran.batch,
        mean_s=mean_s,
        samples_s=samples_s,
        per_token=tokens if part.kind == "decode" else None,
    )
    return Measurement(
        recorded_at=ran.date,
        model=model_of(ran.model),
        workload=_workload(part, told, ran.batch, tokens),
        machine=Machine(
            device=ran.device, kind="cpu" if on_cpu else "other", count=devices, cpu=cpu
        ),
        status="ok",
        result=timed.result(devices),
        provenance=cited(
            TOOL,
            [config, part.timed],
            read.text(read.at(config, "environment", "optimum_benchmark_version")),
        ),
    )


def _workload(part: Part, told: Told, batch: int, tokens: int | None) -> Workload:
    return Workload(
        kind=part.kind,
        batch=batch,
        prompt_tokens=_prompt(part.kind, tokens, part.shapes, told),
        new_tokens=tokens if part.kind == "decode" else None,
        precision=told.precision or _precision(part.backend),
        engine=_engine(part.config, part.backend),
        quantization=read.text(part.backend.get("quantization_scheme")),
    )


def _gpu(config: Json) -> str | None:
    """The first device of the environment."""
    gpus = read.at(config, "environment", "gpu")
    return read.text(gpus[0] if isinstance(gpus, list) and gpus else gpus)


def _timed(timed: Json, where: str) -> tuple[tuple[float, ...], float, float]:
    """Seconds of each repetition, their mean, and what was done a second."""
    listed = read.list_at(timed, "latency", "values")
    samples = tuple(it for one in listed if (it := read.positive(one)) is not None)
    mean_s = fmean(samples) if samples else read.positive(read.at(timed, "latency", "mean"))
    per_s = read.positive(read.at(timed, "throughput", "value"))
    if mean_s is None or per_s is None:
        raise InputError(where, "no seconds or no throughput", "latency and throughput of a part")
    return samples, mean_s, per_s


def _unit(timed: Json) -> str:
    return str(read.at(timed, "throughput", "unit") or "tokens/s").split("/")[0]


def _prompt(kind: Kind, tokens: int | None, shapes: Json, told: Told) -> int | None:
    stated = read.count(shapes.get("sequence_length")) or told.prompt_tokens
    return (stated or tokens) if kind == "prefill" else stated


def _precision(backend: Json) -> Precision:
    """Of the weights where they are quantised, else of the arithmetic."""
    scheme = read.text(backend.get("quantization_scheme"))
    stored = format_of(scheme, read.text(backend.get("model")))
    if stored is not None:
        return precision(stored.products)
    said = read.first(backend, "torch_dtype", "dtype")
    return next((name for name in DTYPES if name == said), "bfloat16")


def _engine(config: Json, backend: Json) -> str:
    name = read.text(backend.get("name")) or read.text(config.get("name")) or "pytorch"
    return "transformers" if name == "pytorch" else name


def _devices(backend: Json, on_cpu: bool) -> int:
    chosen = read.text(backend.get("device_ids"))
    return 1 if on_cpu or chosen is None else len(chosen.split(","))
