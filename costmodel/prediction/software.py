"""What a framework or engine is known to do, by its name and release: `software.csv` in words.

Traits: `static` runs one batch from its first to its last token; `scheduling` walks through the
sequences of a batch in Python; `unfused` attention writes its scores to memory; `ungrouped` kernels
read a group's keys and values for each query head; `eager` launches every kernel from the host;
`fusing` builds engines of fused layers; `plain_norms` leaves norms and functions to single
operations; `flash_2` brings FlashAttention 2, which Hopper runs at half its rate; `wide_gradients`
sums replicas' gradients in 32 bits, others in 16; `staged` divides layers between devices, never
products; `reserving` keeps room for all tokens of a request from its start; `narrow_cache` keeps
keys and values in 8 bits where the checkpoint has 8 or fewer; `scaling` turns the inputs of 8-bit
products to 8 bits in kernels of their own; `overlapping` does the host's work of a pass while the
device computes, unless there are stages.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from pydantic import Field

from modelworth.costmodel.prediction.step.coefficients import PUBLISHED
from modelworth.data.csv_rows import Row, Text, read_table

UNSTATED = {"wide_gradients"}
"""What isn't stated sums gradients as Llama 3's training did (Grattafiori et al. 2024, 3.3.2)."""
USUALLY_RECOMPUTED = 0.15
"""Share of the forward pass that selective checkpointing repeats: attention's inner part, norms."""


class Software(Row):
    """One framework or engine.

    Attributes:
        graphs_since: release from which decode passes are launched as graphs, and a group's cache
            is read once.
        static_before: release before which its benchmarks ran one batch at a time.
        selective_recomputed: share of the forward pass that its selective checkpointing repeats.
    """

    name: Text
    aliases: str = ""
    traits: str = ""
    graphs_since: str = ""
    static_before: str = ""
    selective_recomputed: float = Field(default=USUALLY_RECOMPUTED, ge=0, le=1)


@cache
def _softwares() -> dict[str, Software]:
    rows = read_table(PUBLISHED / "software.csv", Software)
    return {name: row for row in rows for name in (row.name, *row.aliases.split())}


@lru_cache(maxsize=4096)
def software_name(name: str | None) -> str | None:
    """A software's name without its version and without what people spell differently."""
    if not name:
        return None
    plain = re.sub(r"[^a-z]", "", re.split(r"[\s@=:]+", name.strip().casefold())[0])
    known = _softwares().get(plain)
    return known.name if known else plain or None


@lru_cache(maxsize=4096)
def version_of(name: str | None) -> tuple[int, ...] | None:
    """The numbers of a software's version; None where it has none."""
    found = re.search(r"\d+(?:\.\d+)*", (name or "").partition(" ")[2])
    return tuple(int(part) for part in found.group().split(".")) if found else None


@lru_cache(maxsize=4096)
def has_trait(name: str | None, trait: str) -> bool:
    """Whether a software, as people write it, is known to do so."""
    plain = software_name(name)
    if plain is None:
        return trait in UNSTATED
    known = _softwares().get(plain)
    return known is not None and trait in known.traits.split()


@lru_cache(maxsize=4096)
def is_before(name: str | None, release: str) -> bool:
    """Whether the stated version lies before `graphs_since` or `static_before`."""
    version, known = version_of(name), _softwares().get(software_name(name) or "")
    since = getattr(known, release, "")
    if version is None or not since:
        return False
    return version < tuple(int(part) for part in since.split("."))


def selective_share(name: str | None) -> float:
    """Share of the forward pass that a framework's selective checkpointing repeats."""
    known = _softwares().get(software_name(name) or "")
    return known.selective_recomputed if known else USUALLY_RECOMPUTED
