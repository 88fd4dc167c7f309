"""Numbers out of other tools' files: finite, positive where they must be, None where unknown.

Tools write figures as numbers, as text (CSV), as NaN for "no data" and as 0 where nothing was
measured; none of these passes for a measurement here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from modelworth.data.plain_text import plain_number
from modelworth.data.serving import Spread

LARGEST: Final = 1e19
"""No count, rate or time in such a file is larger."""


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
    text = value.strip()
    if re.fullmatch(r"\d{8}-\d{6}", text):
        text = f"{text[:8]}T{text[9:]}"
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
