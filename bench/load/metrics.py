"""A server's Prometheus text to the few quantities that cost and load follow from.

Series of one name are added over their labels (models, sources, replicas), except that ranks of one
replica say the same and count once. Source: Prometheus text exposition format 0.0.4.
"""

from __future__ import annotations

import io
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, pairwise

from modelworth.data.errors import InputError
from modelworth.data.plain_text import LONGEST_NAME, plain_or_none
from modelworth.data.server_metrics import MetricName, Quantity, metric_names

_LINE = re.compile(r"([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*")
_LABEL = re.compile(r'(?<!\w)(\w+)="((?:[^"\\]|\\.)*)"')
RANKS = frozenset({"tp_rank", "pp_rank", "moe_ep_rank", "pid"})
MAX_LINES = 200_000


@dataclass(frozen=True, slots=True)
class Reading:
    """What a server's metrics said at one moment (seconds of one clock).

    Attributes:
        model: what it serves, where its series name one model alone.
    """

    engine: str
    at_s: float
    values: Mapping[Quantity, float]
    model: str | None = None


def read_metrics(text: str, at_s: float, where: str = "metrics") -> Reading:
    """The known quantities of a metrics text.

    Raises:
        InputError: if it has none of a server that is known.
    """
    names = metric_names()
    found: dict[MetricName, dict[str, float]] = defaultdict(dict)
    models: set[str] = set()
    for name, labels, value in _series(text):
        known = names.get(name)
        if known is not None:
            models |= {said for label, said in _LABEL.findall(labels) if label == "model_name"}
            replica = _without_ranks(labels)
            before = found[known].get(replica, -math.inf)
            found[known][replica] = max(before, value)
    if not found:
        engines = ", ".join(sorted({row.engine for row in names.values()}))
        raise InputError(where, "no metric of a known server", f"those of {engines}")
    engine = max(
        {row.engine for row in found}, key=lambda one: sum(row.engine == one for row in found)
    )
    values: dict[Quantity, float] = {}
    for row, series in found.items():
        if row.engine == engine and row.quantity not in values:
            total = sum(series.values())
            values[row.quantity] = total / len(series) if row.kind == "share" else total
    named = plain_or_none(models.pop(), LONGEST_NAME) if len(models) == 1 else None
    return Reading(engine, at_s, values, named)


def _series(text: str) -> Iterator[tuple[str, str, float]]:
    for line in islice(io.StringIO(text), MAX_LINES):
        found = None if line.startswith("#") else _LINE.fullmatch(line)
        if found is None:
            continue
        try:
            value = float(found[3])
        except ValueError:
            continue
        if math.isfinite(value):
            yield found[1], found[2] or "", value


def _without_ranks(labels: str) -> str:
    pairs = sorted(pair for pair in _LABEL.findall(labels) if pair[0] not in RANKS)
    return repr(pairs)


@dataclass(frozen=True, slots=True)
class Window:
    """What a server did between two moments; unknown is None.

    Attributes:
        running, waiting: requests, mean over the window.
        busy_share: of the readings, those with a request running.
        cached_share: of the prompt tokens, taken from the prefix cache.
        ttft_mean_s: of the requests that got their first token in the window.
    """

    engine: str
    duration_s: float
    input_tokens: float | None
    output_tokens: float | None
    cached_share: float | None
    requests: float | None
    running: float | None
    running_max: float | None
    waiting: float | None
    busy_share: float | None
    cache_usage: float | None
    ttft_mean_s: float | None


def window(readings: list[Reading]) -> Window:
    """What happened from the first to the last reading.

    A counter that fell was reset by a restart: what it counted since is what is known.

    Raises:
        ValueError: with fewer than two readings, or no time between them.
    """
    if len(readings) < 2 or readings[-1].at_s <= readings[0].at_s:
        raise ValueError("a window needs two readings and time between them")
    first, last = readings[0], readings[-1]
    input_tokens = _increase(readings, "input_tokens")
    ttft_s, ttft_count = _increase(readings, "ttft_sum_s"), _increase(readings, "ttft_count")
    running = [one.values["running"] for one in readings if "running" in one.values]
    return Window(
        engine=last.engine,
        duration_s=last.at_s - first.at_s,
        input_tokens=input_tokens,
        output_tokens=_increase(readings, "output_tokens"),
        cached_share=_cached(readings, input_tokens),
        requests=_increase(readings, "requests"),
        running=_mean(running),
        running_max=max(running, default=None),
        waiting=_mean([one.values["waiting"] for one in readings if "waiting" in one.values]),
        busy_share=_mean([float(value > 0) for value in running]),
        cache_usage=_mean([one.values["cache_usage"] for one in readings
                           if "cache_usage" in one.values]),
        ttft_mean_s=ttft_s / ttft_count if ttft_s is not None and ttft_count else None,
    )  # fmt: skip


def _increase(readings: list[Reading], quantity: Quantity) -> float | None:
    values = [one.values[quantity] for one in readings if quantity in one.values]
    if len(values) < 2:
        return None
    return sum(after - before if after >= before else after for before, after in pairwise(values))


def _cached(readings: list[Reading], input_tokens: float | None) -> float | None:
    hits, asked = _increase(readings, "cache_hits"), _increase(readings, "cache_queries")
    if hits is None:
        hits, asked = _increase(readings, "cached_tokens"), input_tokens
    return min(1.0, hits / asked) if hits is not None and asked else None


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
