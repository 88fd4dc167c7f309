"""What the person importing says where a file doesn't, and asking for it by the flag's name.

Device, model, how many and the precision are as the person says, who may know better than a label
in a file; for the rest a file's own word goes first. A format of the weights is read from the
model's name where nothing else says it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError
from modelworth.data.measurement import Interval, Latency, Model, Provenance, Result
from modelworth.data.quality import Score
from modelworth.data.serving import Drafting
from modelworth.data.weight_formats import WeightFormat, named_in
from modelworth.data.words import Precision, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The flags of `modelworth import`; None: not given."""

    device: str | None = None
    count: int | None = None
    precision: Precision | None = None
    model: str | None = None
    date: datetime | None = None
    concurrency: int | None = None
    rate_per_s: float | None = None
    batch: int | None = None
    prompt_tokens: int | None = None
    new_tokens: int | None = None
    cache_format: str | None = None
    drafting: Drafting | None = None


FLAGS: Mapping[str, str] = {
    "device": "--device 'H100 SXM 80GB'",
    "model": "--model llama-3.1-8b",
    "date": "--date 2026-01-31",
    "batch": "--batch 1",
}


@dataclass(frozen=True, slots=True)
class Named:
    """What a record can't be without."""

    device: str
    model: str
    date: datetime
    batch: int


def named(
    where: str,
    device: str | None,
    model: str | None,
    date: datetime | None,
    batch: int | None = 1,
) -> Named:
    """What ran when on what, or a refusal.

    Raises:
        InputError: with everything that is missing, and the flags that give it.
    """
    if device is not None and model is not None and date is not None and batch is not None:
        return Named(device, model, date, batch)
    found = {"device": device, "model": model, "date": date, "batch": batch}
    missing = [name for name, value in found.items() if value is None]
    flags = " ".join(FLAGS[name] for name in missing)
    raise InputError(where, f"no {', no '.join(missing)} in the file", f"given: {flags}")


def device_name(name: str | None) -> str | None:
    """The catalogue's name of a device where it knows it, else as it was."""
    if name is None:
        return None
    try:
        return load_catalog().accelerator(name).name
    except InputError:
        return name


def counted(name: str | None) -> tuple[str | None, int | None]:
    """A label such as "4xNVIDIA_L40S" or "H100 x8" as a device and how many; None: not said."""
    label = (name or "").strip()
    if said := re.fullmatch(r"([1-9]\d{0,4})\s*[x×*]\s*(\D.*)", label):
        return said[2], int(said[1])
    if said := re.fullmatch(r"(.*\S)(?:\s*[×*]\s*|\s+x\s*)([1-9]\d{0,4})", label):
        return said[1], int(said[2])
    return name, None


def stored_format(said: str | None, model: str | None) -> WeightFormat | None:
    """The format of the weights, as the file says it, else as the model's name does."""
    known = named_in(said.replace("_", " ")) or named_in(said) if said else None
    return known or (named_in(model) if model else None)


def model_of(name: str, parameters: int | None = None) -> Model:
    """A served or tested model by its name alone; who it is, is found out when it is used."""
    return Model(name=name, family="decoder", parameters_total=parameters, weights="pretrained")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """What came out of a test that was timed on a machine: `work` units in each sample."""

    unit: Unit
    work: float
    mean_s: float
    samples_s: tuple[float, ...] = ()
    per_token: int | None = None
    quality: tuple[Score, ...] | None = None

    def result(self, devices: int) -> Result:
        """As a record's result; by the median where there are samples."""
        middle_s = median(self.samples_s) if self.samples_s else self.mean_s
        return Result(
            unit=self.unit,
            work_per_step=self.work,
            throughput_per_s=Interval(value=self.work / middle_s),
            throughput_per_s_per_device=self.work / middle_s / devices,
            latency=Latency(
                mean_s=self.mean_s,
                p50_s=middle_s,
                per_token_s=middle_s / self.per_token if self.per_token else None,
            ),
            samples_s=self.samples_s,
            quality=self.quality,
        )


def cited(
    tool: str, content: object, version: str | None = None, commit: str | None = None
) -> Provenance:
    """Where a record comes from: the tool, and a digest of what it wrote about the run.

    The file's name isn't in it, so that one run under two names is one record.
    """
    text = json.dumps(content, sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Provenance(
        origin="imported",
        tool=tool,
        tool_version=version,
        citation=f"result of {tool}, content sha256 {digest}",
        commit=commit,
    )
