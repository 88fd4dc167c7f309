"""Keeps records in the store; those that it won't take wait, and end in a temporary file."""

from __future__ import annotations

import os
import tempfile

from modelworth.data.errors import ModelworthError
from modelworth.data.measurement import Measurement
from modelworth.data.record_text import serialise
from modelworth.data.store import Store


class Keeper:
    """Stores records, and holds on to those that the store won't take."""

    def __init__(self, store: Store | None) -> None:
        self._store = store
        self._waiting: list[Measurement] = []
        self._trouble = ""

    def keep(self, measurement: Measurement) -> str | None:
        """Store it and all that wait; returns what is wrong if that failed."""
        if self._store is None:
            return None
        self._waiting.append(measurement)
        while self._waiting:
            try:
                self._store.add(self._waiting[0])
            except (ModelworthError, OSError) as error:
                self._trouble = str(error)
                return f"not stored, will be tried again: {error}"
            self._waiting.pop(0)
        return None

    def close(self) -> None:
        """Write what still waits to a temporary file.

        Raises:
            ModelworthError: if anything waits; it says where it is.
        """
        if not self._waiting:
            return
        lines = "".join(serialise(measurement) + "\n" for measurement in self._waiting)
        count = len(self._waiting)
        try:
            handle, name = tempfile.mkstemp(prefix="modelworth-unsaved-", suffix=".jsonl")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(lines)
        except OSError as error:
            raise ModelworthError(
                f"{count} measurements are lost: {self._trouble}\n"
                f"  nor could they be written to a temporary file: {error}"
            ) from error
        raise ModelworthError(
            f"{count} measurements couldn't be stored: {self._trouble}\n"
            f"  they are in {name}; once there is room: modelworth import {name}"
        )
