"""Looks a store over and, where something is wrong, saves what is whole into a new file.

Nothing is mended in place: the store that was looked at stays as it was found, so that a mistake
here can't cost a measurement.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from modelworth.data.errors import InputError
from modelworth.data.measurement import Measurement
from modelworth.data.record_text import parse
from modelworth.data.store import Store, open_store


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that can't be served: its id as the table has it, and what is wrong."""

    id: str
    fault: str


@dataclass(frozen=True, slots=True)
class Checkup:
    """What was found.

    Attributes:
        damage: what the database says of its own file; empty where it is whole.
        revision: the schema's.
        size_bytes: of the database; None where it doesn't say.
        records: rows, the unreadable and the retracted included.
        retracted: measurements taken back, with the reason.
    """

    where: str
    damage: tuple[str, ...]
    revision: str
    size_bytes: int | None
    records: int
    unreadable: tuple[Unreadable, ...]
    retracted: dict[str, str]

    @property
    def healthy(self) -> bool:
        """Whether every record can be served."""
        return not self.damage and not self.unreadable


def checkup(store: Store) -> Checkup:
    """Look a store over: its file, its schema, every record and the hash of its content."""
    unreadable = []
    for key, text in store.rows():
        found = _read(key, text)
        if isinstance(found, Unreadable):
            unreadable.append(found)
    return Checkup(
        where=store.where,
        damage=store.damage(),
        revision=store.revision(),
        size_bytes=store.size_bytes(),
        records=store.count(),
        unreadable=tuple(unreadable),
        retracted=store.retracted(),
    )


def _read(key: str, text: str) -> Measurement | Unreadable:
    """The record of a row, or why it can't be served."""
    try:
        record = parse(text)
    except InputError as error:
        return Unreadable(key, " ".join(str(error).split()))
    if record.id != key:
        return Unreadable(key, f"kept under {key}, but its content is {record.id}")
    return record


def repair(store: Store, target: Path) -> int:
    """Save every readable record, and the retractions of those, into a new store; how many.

    Raises:
        InputError: if the target exists.
    """
    if target.exists():
        raise InputError(str(target), "a file that exists", advice="name a file that isn't there")
    with open_store(str(target)) as mended:
        found = (_read(*row) for row in store.rows())
        saved = mended.add_all(one for one in found if isinstance(one, Measurement))
        kept = {key for key, _ in mended.rows()}
        for key, reason in store.retracted().items():
            if key in kept:
                mended.retract(key, reason)
        for text in store.scenario_texts():
            mended.save_scenario(text)
    return saved
