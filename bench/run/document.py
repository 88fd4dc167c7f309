"""The measurements of a store as a Markdown page: machine, versions, and a table for each family.

Of each case on each machine the newest record counts. Figures stand beside their ceilings; where no
record comes from a GPU, the page says so.
"""

from __future__ import annotations

from collections.abc import Iterable

from modelworth.bench.run import result_table as table
from modelworth.data.measurement import Machine, Measurement

FAMILIES = {
    "decoder": "Decoders",
    "encoder": "Encoders",
    "encoder-decoder": "Encoder-decoders",
    "vision": "Vision",
    "detector": "Detectors",
    "image-decoder": "Image generation",
    "speech": "Speech",
    "image-text": "Images and texts",
    "vision-language": "Vision and language",
    "diffusion": "Diffusion transformers",
}
READING = """\
A row is one case, measured in a process of its own. Throughput is from the median step; ± is half
of its 95% interval, from this run's own steps. The share is model FLOPs per second of the best
matrix product that this machine reached just before, or, for decoding, bytes that must move per
second of the best bandwidth; a decode step whose bytes fit the processor's cache has no such
ceiling. Peak memory is what was allocated at once."""
NO_GPU = "Not yet measured on a GPU."


def document(measurements: Iterable[Measurement]) -> str:
    """The page."""
    newest = _newest(measurements)
    machines = {_key(one.machine): one.machine for one in newest}
    parts = ["# Benchmarks", "", READING, ""]
    if all(machine.kind == "cpu" for machine in machines.values()):
        parts += [NO_GPU, ""]
    for key, machine in machines.items():
        parts += _machine(machine, [one for one in newest if _key(one.machine) == key])
    return "\n".join(parts).rstrip() + "\n"


def _machine(machine: Machine, measured: list[Measurement]) -> list[str]:
    days = sorted({f"{one.recorded_at:%Y-%m-%d}" for one in measured})
    suites = sorted({one.suite for one in measured if one.suite})
    command = (
        f"`modelworth bench --suite {suites[0]}`" if len(suites) == 1 else "`modelworth bench`"
    )
    versions = ", ".join(f"{name} {version}" for name, version in machine.libraries.items())
    failed = sum(one.status != "ok" for one in measured)
    parts = [
        f"## {machine.device}",
        "",
        f"- Measured {' to '.join(dict.fromkeys((days[0], days[-1])))} by {command}: "
        f"{len(measured)} cases, {failed or 'none'} failed",
        f"- {table.machine_line(measured[-1].machine)}",
        f"- {machine.system or 'system unknown'}; {versions}",
        "",
    ]
    for family, title in FAMILIES.items():
        rows = [one for one in measured if one.model.family == family]
        if rows:
            parts += [f"### {title}", "", table.markdown(rows), ""]
    return parts


def _newest(measurements: Iterable[Measurement]) -> list[Measurement]:
    """The last record of each case on each machine, in the order in which cases first came."""
    last: dict[tuple[str, ...], Measurement] = {}
    for one in measurements:
        if one.provenance.origin == "measured":
            last[(one.case or one.id, *_key(one.machine))] = one
    return list(last.values())


def _key(machine: Machine) -> tuple[str, str]:
    return machine.machine_id or "", machine.device
