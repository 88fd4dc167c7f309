"""Keeping what was imported: a run that was read before under other words isn't kept twice.

A record is known by the digest of what its tool wrote. A file imported again under another device,
number, model or length gives way to the last word: the earlier record is taken back by a further
one, in the transaction that adds the new. Records out of an export never take back what the store
holds, nor bring back what it took back.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from modelworth.data.flat import COLUMNS, row_of
from modelworth.data.measurement import Measurement
from modelworth.data.record_text import serialise
from modelworth.data.store import Store

AGAIN: Final = "imported again under other words, as "
_DIGEST: Final = re.compile(r"content sha256 [0-9a-f]{16}")
SETTINGS: Final = ("recorded_at", "model.", "workload.", "machine.")
"""What somebody may say of a run; the rest is what came out of it."""
MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of records that were read.

    Attributes:
        added: how many are new in the store.
        replaced: records that gave way, each with the one that takes its place.
        left_out: records that the store took back, or of which, out of an export, it has another
            word.
    """

    read: int
    added: int
    replaced: tuple[tuple[Measurement, Measurement], ...] = ()
    left_out: int = 0

    @property
    def lines(self) -> list[str]:
        """Each record that gave way, and what is said otherwise."""
        found = [
            f"{old.id} gave way to {new.id}: {changes(old, new)}" for old, new in self.replaced
        ]
        more = len(found) - MOST_NAMED
        return found[:MOST_NAMED] + ([f"and {more} more"] if more > 0 else [])


def changes(old: Measurement, new: Measurement) -> str:
    """What two records of one run say differently: `count 1 → 2, model a → b`."""
    rows = (row_of(serialise(record)) or () for record in (old, new))
    pairs = zip(COLUMNS.items(), *rows, strict=True)
    return ", ".join(
        f"{name} {one or 'not said'} → {other or 'not said'}"
        for (name, (path, _)), one, other in pairs
        if one != other and path.startswith(SETTINGS)
    )


def keep(store: Store, foreign: Sequence[Measurement], own: Sequence[Measurement] = ()) -> Kept:
    """Add records of other tools' files (`foreign`) and of exports (`own`), all or none.

    Raises:
        InputError: if the store can't be read or written.
    """
    held, taken_back = _held(store, [*foreign, *own]), store.retracted()
    adding, replaced, reasons = [], [], {}
    for record in foreign:
        earlier = held[_digest(record)]
        same = next((one for one in earlier if _said(one) == _said(record)), None)
        if record.id in taken_back and same is None and record.provenance.origin == "imported":
            same = _anew(record, earlier) if taken_back[record.id].startswith(AGAIN) else record
        kept = same or record
        adding.append(kept)
        for old in earlier:
            if old.id != kept.id and kept.id not in taken_back:
                replaced.append((old, kept))
                reasons[old.id] = AGAIN + kept.id
    welcome = [
        record
        for record in own
        if record.id not in taken_back
        if all(one.id == record.id for one in held[_digest(record)])
    ]
    added = store.add_all([*adding, *welcome], taken_back=reasons)
    left_out = len(own) - len(welcome) + sum(one.id in taken_back for one in adding)
    return Kept(len(foreign) + len(own), added, tuple(replaced), left_out)


def _held(
    store: Store, records: Iterable[Measurement]
) -> defaultdict[str | None, list[Measurement]]:
    """What the store has of the same runs, by their digest."""
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for record in records:
        if (digest := _digest(record)) is not None:
            wanted[record.workload.kind].add(digest)
    found: defaultdict[str | None, list[Measurement]] = defaultdict(list)
    for kind, digests in wanted.items():
        for record in store.citing("content sha256 ", kind=kind):
            if (digest := _digest(record)) in digests:
                found[digest].append(record)
    return found


def _digest(record: Measurement) -> str | None:
    """By what its tool wrote; None for a record that isn't of another tool's file."""
    found = _DIGEST.search(record.provenance.citation or "")
    return found and found.group()


def _said(record: Measurement) -> str:
    return record.model_dump_json(exclude={"id": True, "provenance": {"citation"}})


def _anew(record: Measurement, earlier: Sequence[Measurement]) -> Measurement:
    """A record that was taken back for another word, and is now the last word again."""
    after = ", ".join(one.id for one in earlier) or "it was taken back"
    citation = f"{record.provenance.citation}; read again after {after}"
    provenance = record.provenance.model_copy(update={"citation": citation})
    return Measurement.model_validate(
        record.model_dump(exclude={"id", "provenance"}) | {"provenance": provenance}
    )
