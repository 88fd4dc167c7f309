"""What a tool's result file holds, whatever its suffix: JSON objects, tables, or plain lines.

Byte-order marks are taken off, UTF-16 is read, lines of a program's own before and after the JSON
are skipped, and one object, a list, and objects one after another (JSONL, appended runs) give the
same: a tuple of objects. What is cut off in the middle is refused with its line.
"""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from modelworth.data.errors import InputError
from modelworth.data.foreign_file import read_text

_OPENS: Final = re.compile(r"^[ \t]*([\[{])", re.MULTILINE)
_FOLLOWS: Final = re.compile(r"\s*([\[{])")

Json = dict[str, Any]


@dataclass(frozen=True)
class Content:
    """A file's text and the JSON objects in it.

    Attributes:
        objects: of the top level, of a list there, or of lines; empty for a file without JSON.
    """

    name: str
    text: str
    objects: tuple[Json, ...]

    @cached_property
    def rows(self) -> tuple[dict[str, str], ...]:
        """Rows of a CSV file whose first line names the columns."""
        reader = csv.DictReader(io.StringIO(self.text, newline=""))
        return tuple(
            {str(key): cell for key, cell in row.items() if isinstance(cell, str)} for row in reader
        )

    @property
    def head(self) -> str:
        """The first line that says anything."""
        return next((line for line in self.text.splitlines() if line.strip()), "")


def read_content(path: Path) -> Content:
    """Read a file.

    Raises:
        InputError: if it can't be read, is too large, or holds JSON that breaks off.
    """
    text = read_text(path, "a tool's result, single requests left out,")
    return Content(path.name, text, _objects(str(path), text))


def _objects(where: str, text: str) -> tuple[Json, ...]:
    """Every JSON object, from the first line that begins one to the last."""
    found: list[Json] = []
    position, fault = 0, None
    while (opening := _next(text, position, bool(found))) is not None:
        start = opening.start(1)
        try:
            value, position = json.JSONDecoder().raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            fault = fault or (text.count("\n", 0, start) + 1, error)
            if found or opening[1] == "{":
                break
            position = opening.end()
            continue
        fault = None if not found else fault
        found += [item for item in _flat(value) if isinstance(item, dict)]
    if fault is not None and (found or text.lstrip()[:1] == "{"):
        line, said = fault
        raise InputError(f"{where}:{line}", str(said), "complete JSON: is the file cut off?")
    return tuple(found)


def _next(text: str, position: int, begun: bool) -> re.Match[str] | None:
    """Where the next value opens: at the start of a line, or right after the one before."""
    follows = _FOLLOWS.match(text, position) if begun else None
    return follows or _OPENS.search(text, position)


def _flat(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
