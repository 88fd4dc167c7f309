"""The page on the studies: data, learning, privacy, explanations, as they came out on a machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from modelworth.data.measurement import Measurement
from modelworth.report import study_data, study_explain, study_learning, study_privacy
from modelworth.report.study_table import estimate

SECTIONS: Final[dict[str, Callable[[Sequence[Measurement]], list[str]]]] = {
    "data": study_data.lines,
    "learning": study_learning.lines,
    "privacy": study_privacy.lines,
    "explain": study_explain.lines,
}
READING: Final = """\
Each stage from text to trust, measured in a process of its own on the machine below. Intervals are
95%. Small nets on a small machine: a plan takes these figures up to ten times beyond their sizes as
measured, further only as extrapolated, with a wider interval."""


def document(records: Sequence[Measurement], picture: str | None = None) -> str:
    """The whole page; `picture` is the file with the learning curves, beside it."""
    parts = ["# The chain, measured", "", READING, "", *_machines(records), ""]
    for name in SECTIONS:
        if any(it.study and it.study.name == name for it in records):
            parts += section(name, records, picture)
    return "\n".join(parts).rstrip() + "\n"


def section(name: str, records: Sequence[Measurement], picture: str | None = None) -> list[str]:
    """One study's part."""
    if name == "learning":
        return study_learning.lines(records, picture)
    return SECTIONS[name](records)


def _machines(records: Sequence[Measurement]) -> list[str]:
    said = {}
    for it in records:
        machine = it.machine
        versions = ", ".join(f"{name} {version}" for name, version in machine.libraries.items())
        where = "a processor (CPU), no accelerator" if machine.kind == "cpu" else machine.kind
        key = machine.machine_id or machine.device
        said[key] = (
            f"- {machine.device}, {machine.cpu_cores} cores: {where}; {machine.system}; {versions}"
        )
    days = sorted({f"{it.recorded_at:%Y-%m-%d}" for it in records})
    when = " to ".join(dict.fromkeys((days[0], days[-1]))) if days else "never"
    runs = f"- Measured {when} by `modelworth study`: {len(records)} runs{_minutes(records)}"
    return [runs, *said.values()]


def _minutes(records: Sequence[Measurement]) -> str:
    """Processor time of the runs, where all of them know theirs."""
    known = [it for it in (estimate(record, "processor_s") for record in records) if it]
    if not known or len(known) < len(records):
        return ""
    return f", {sum(it.value for it in known) / 60:.1f} minutes of processor time"
