"""What servers call their metrics: a table, as names differ by server and by version."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from modelworth.data.csv_rows import Row, Text, read_table

Quantity = Literal[
    "input_tokens", "output_tokens", "cached_tokens", "cache_hits", "cache_queries", "requests",
    "running", "waiting", "cache_usage", "ttft_sum_s", "ttft_count",
]  # fmt: skip


class MetricName(Row):
    """One quantity's name at one server.

    Attributes:
        kind: counter: its increase counts; gauge: its value, added over replicas; share: a value
            from 0 to 1, averaged over replicas.
    """

    engine: Text
    quantity: Quantity
    name: Text
    kind: Literal["counter", "gauge", "share"]


@cache
def metric_names() -> dict[str, MetricName]:
    """The table, by name."""
    rows = read_table(Path(__file__).with_name("server_metrics.csv"), MetricName)
    return {row.name: row for row in rows}
