"""Reading what another tool wrote: its objects and rows, numbers, statistics, dates, words, errors.

Of a file: byte-order marks are taken off, UTF-16 is read, lines of a program's own before and after
the JSON are skipped, and one object, a list, and objects one after another (JSONL, appended runs)
give the same: a tuple of objects. What is cut off in the middle is refused with its line. Tools
write figures as numbers, as text (CSV), as NaN for "no data" and as 0 where nothing was measured:
a number here is finite, positive where it must be, and None where unknown.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, TypeVar

from modelworth.data.errors import InputError
from modelworth.data.foreign_file import read_text
from modelworth.data.plain_text import LONGEST_NAME, plain_number
from modelworth.data.serving import Spread

T = TypeVar("T")
Json = dict[str, Any]
_OPENS: Final = re.compile(r"^[ \t]*(\{|\[(?=\s*[\[{\]]))", re.MULTILINE)
"""An object, or a list of objects: a program's own lines may begin with `[INFO]`."""
_FOLLOWS: Final = re.compile(r"\s*(\{|\[(?=\s*[\[{\]]))")
MOST_TRIES: Final = 100
"""Lists that are none, before a file is taken for one without JSON."""
LARGEST: Final = 1e19
"""No count, rate or time in such a file is larger."""

SHORT: Final = {status.phrase.casefold(): f"HTTP {status.value}" for status in HTTPStatus}
ENGINES: Final = (
    "vllm", "sglang", "tensorrt-llm", "trt", "tgi", "lmdeploy", "deepspeed-mii", "llama.cpp",
)  # fmt: skip


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
    position, fault, tries = 0, None, 0
    while tries < MOST_TRIES and (opening := _next(text, position, bool(found))) is not None:
        start = opening.start(1)
        try:
            value, position = json.JSONDecoder().raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            fault = fault or (text.count("\n", 0, start) + 1, error)
            if found or opening[1] == "{":
                break
            position, tries = opening.end(), tries + 1
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


def middle_s(spread: Spread) -> float | None:
    """The median, else the mean."""
    return spread.mean_s if spread.p50_s is None else spread.p50_s


def average_s(spread: Spread) -> float | None:
    """The mean, else the median."""
    return spread.p50_s if spread.mean_s is None else spread.mean_s


def number(value: Any) -> float | None:
    """A finite number, written as one or as text; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    found = plain_number(value.replace(",", "")) if isinstance(value, str) else value
    return float(found) if abs(found) <= LARGEST else None


def positive(value: Any) -> float | None:
    """A number above 0; None for 0, which such files write where nothing was measured."""
    found = number(value)
    return found if found is not None and found > 0 else None


def count(value: Any) -> int | None:
    """A whole number of 0 or more."""
    found = number(value)
    return int(found) if found is not None and found >= 0 and found == int(found) else None


def rate(value: Any) -> float | None:
    """A request rate: `inf` (all at once) stays infinite."""
    if isinstance(value, str) and value.strip().casefold() in ("inf", "infinity"):
        return math.inf
    if isinstance(value, float) and value == math.inf:
        return math.inf
    return positive(value)


def first(source: Any, *keys: str) -> Any:
    """The value of the first key that is there and not None."""
    found = source if isinstance(source, Mapping) else {}
    return next((found[key] for key in keys if found.get(key) is not None), None)


def at(source: Any, *path: str) -> Any:
    """The value at a path of keys; None where any is missing."""
    for key in path:
        source = source.get(key) if isinstance(source, Mapping) else None
    return source


def object_at(source: Any, *path: str) -> dict[str, Any]:
    """The object at a path of keys; an empty one where there is none."""
    found = at(source, *path)
    return found if isinstance(found, dict) else {}


def list_at(source: Any, *path: str) -> list[Any]:
    """The list at a path of keys; an empty one where there is none."""
    found = at(source, *path)
    return found if isinstance(found, list) else []


def named_lines(text: str) -> dict[str, str]:
    """Lines of `name: value`, names in small letters; the first of several counts."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            found.setdefault(re.sub(r"\s+", " ", name.strip().casefold()), value.strip())
    return found


def table_cells(line: str) -> list[str]:
    """A line's cells, of a table drawn with bars."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def spread(values: Any, seconds: float = 1.0) -> Spread:
    """From statistics under any of the usual names; `seconds` is the unit they are in."""
    if not isinstance(values, Mapping):
        return Spread()
    names = {
        "mean_s": ("mean", "avg", "average"),
        "p50_s": ("p50", "median"),
        "p90_s": ("p90",),
        "p95_s": ("p95",),
        "p99_s": ("p99",),
    }
    inner = values.get("percentiles")
    every = {**inner, **values} if isinstance(inner, Mapping) else values
    found = {field: positive(first(every, *keys)) for field, keys in names.items()}
    return Spread(**{name: None if it is None else it * seconds for name, it in found.items()})


def spread_of(samples_s: Iterable[float]) -> Spread:
    """From single requests' times; a quantile only where there are enough of them to know it."""
    ordered = sorted(sample for sample in samples_s if sample > 0)
    if not ordered:
        return Spread()
    least = {"p50_s": (0.5, 1), "p90_s": (0.9, 10), "p95_s": (0.95, 20), "p99_s": (0.99, 100)}
    known = {
        name: quantile(ordered, share)
        for name, (share, samples) in least.items()
        if len(ordered) >= samples
    }
    return Spread(mean_s=sum(ordered) / len(ordered), **known)


def quantile(ordered: Sequence[float], share: float) -> float:
    """Linear between the two nearest of sorted values."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def moment(value: Any) -> datetime | None:
    """A date in any form that tools write: ISO, 20260131-235959, seconds since 1970; else UTC."""
    stamp = number(value)
    if isinstance(value, int | float) and stamp is not None:
        stamp = stamp / 1e9 if stamp > 1e17 else stamp / 1e3 if stamp > 1e11 else stamp
        return datetime.fromtimestamp(stamp, UTC) if 0 < stamp < 2e10 else None
    if not isinstance(value, str):
        return None
    said = value.strip()
    if re.fullmatch(r"\d{8}-\d{6}", said):
        said = f"{said[:8]}T{said[9:]}"
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def named_spread(run: Mapping[str, Any], metric: str, unit: str = "_ms") -> Spread:
    """`mean_ttft_ms`, `p99_ttft_ms` and their like; seconds where `unit` is empty."""
    words = ("mean", "median", "p50", "p90", "p95", "p99")
    stated = {word: run.get(f"{word}_{metric}{unit}") for word in words}
    return spread(stated, 1e-3 if unit else 1.0)


def each_object(
    is_run: Callable[[Json], bool], run: Callable[[Json], T]
) -> tuple[Callable[[Content], bool], Callable[[Content], Iterator[T]]]:
    """`knows` and `runs` of a tool whose files hold a run in each object, and nothing else."""
    return (
        lambda content: bool(content.objects) and all(map(is_run, content.objects)),
        lambda content: map(run, content.objects),
    )


def error_kinds(errors: Any, failed: int) -> dict[str, int]:
    """Failed requests by kind; `unknown` for those without a text."""
    texts = [one for one in errors if one] if isinstance(errors, list) else []
    kinds = Counter(short_error(str(one)) for one in texts)
    if failed > kinds.total():
        kinds["unknown"] += failed - kinds.total()
    return dict(kinds)


def short_error(said: str) -> str:
    """An error's kind in a few words: the HTTP status where there is one, no addresses."""
    status = re.search(r"\b([45]\d\d)\b", said)
    if status is not None:
        return f"HTTP {status[1]}"
    lines = said.strip().splitlines() or ["unknown"]
    line = lines[-1] if lines[0].startswith("Traceback") else lines[0]
    known = SHORT.get(line.casefold())
    plain = text(re.sub(r"\S*://\S*", "", line))
    return known or (plain or "unknown")[:60]


def engine(run: Mapping[str, Any]) -> str | None:
    """The server's software, where the client's way of speaking to it says so."""
    said = first(run, "backend", "endpoint_type", "framework")
    return next((name for name in ENGINES if isinstance(said, str) and said.startswith(name)), None)


def mean(total: Any, requests: int | None) -> float | None:
    """A total over completed requests."""
    found = positive(total)
    return found / requests if found is not None and requests else None


def text(value: Any) -> str | None:
    """A word or name, without what could disturb a terminal; None where there is none."""
    if not isinstance(value, str):
        return None
    return "".join(one for one in value if one.isprintable()).strip()[:LONGEST_NAME] or None
