"""Tables and figures of the page on the studies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from modelworth.data.measurement import Measurement
from modelworth.data.study import Estimate

Column = tuple[str, Callable[[Measurement], str]]
"""A column's head, and what it says of a record."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table; all columns but the first are numbers."""
    marks = ["---", *("---:" for _ in head[1:])]
    return [_row(head), _row(marks), *(_row(row) for row in rows)]


def table_of(columns: Sequence[Column], records: Iterable[Measurement]) -> list[str]:
    """A table with a row a record."""
    rows = ([say(it) for _, say in columns] for it in records)
    return table([head for head, _ in columns], rows)


def figure(key: str, shown: str = "{:.3g}") -> Callable[[Measurement], str]:
    """A figure of a study with its interval; a dash where it has none."""

    def say(record: Measurement) -> str:
        found = estimate(record, key)
        return "—" if found is None else interval(found, shown)

    return say


def setting(key: str) -> Callable[[Measurement], str]:
    """A setting of a study, numbers in groups of three."""

    def say(record: Measurement) -> str:
        found = record.study.settings.get(key) if record.study else None
        if isinstance(found, bool) or found is None:
            return "—" if found is None else str(found).lower()
        return f"{found:,}" if isinstance(found, int) else str(found)

    return say


def estimate(record: Measurement, key: str) -> Estimate | None:
    """A figure of a study."""
    return record.study.figures.get(key) if record.study else None


def interval(found: Estimate, shown: str = "{:.3g}") -> str:
    """A value with its ends."""
    text = shown.format(found.value)
    if found.low is None or found.high is None:
        return text
    return f"{text} ({shown.format(found.low)} to {shown.format(found.high)})"


def method(record: Measurement) -> str:
    """Which of a study's methods it was."""
    return record.study.method if record.study else ""


def parameters(record: Measurement) -> str:
    """Size of the net."""
    return f"{record.model.parameters_total:,}" if record.model.parameters_total else "—"


def rate(record: Measurement) -> str:
    """Throughput with its unit; how it ended where it didn't."""
    if record.result is None:
        return f"{record.status}: {record.reason}"
    value = record.result.throughput_per_s.value
    unit = record.result.unit
    return f"{value / 1e6:,.1f} MB/s" if unit == "bytes" else f"{value:,.0f} {unit}/s"


def of(records: Iterable[Measurement], *methods: str) -> list[Measurement]:
    """Records of some methods, by size and settings; of each case the newest."""
    newest = {it.case: it for it in records if method(it) in methods}
    return sorted(newest.values(), key=_order)


def _order(record: Measurement) -> tuple[str, int, list[str]]:
    assert record.study is not None
    settings = [
        f"{value:020.4f}" if isinstance(value, int | float) else str(value)
        for value in record.study.settings.values()
    ]
    return record.study.method, record.model.parameters_total or 0, settings


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"
