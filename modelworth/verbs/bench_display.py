"""How `modelworth bench` shows itself: progress on standard error, results on standard output."""

# ruff: noqa: T201
from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from modelworth.data.measurement import Measurement
from modelworth.data.record_text import serialise
from modelworth.data.words import SHORT

if TYPE_CHECKING:
    from modelworth.bench.run.progress import Event
    from modelworth.bench.run.suites import Suite


PHASES = {"starting": "first step", "warming": "warming up"}
"""What a phase is called here, where that isn't its own name."""
SILENCE_S = 5.0
"""After so long without a line, a phase is told when it begins."""


def follow(events: Iterator[Event], how: str) -> list[Measurement]:
    """Show events as they come; returns the measurements."""
    measured = []
    with closing(events):
        for event in {"bar": _bar, "plain": _plain, "jsonl": _jsonl}.get(how, iter)(events):
            if event.measurement is not None:
                measured.append(event.measurement)
    return measured


def results(
    measured: Sequence[Measurement], *, as_json: bool, as_table: bool, sweep: bool = False
) -> None:
    """The measurements as JSON lines, or as a table with the ceilings; of a sweep with bars."""
    from modelworth.bench.run import result_table as table
    from modelworth.bench.run.result_chart import chart

    if as_json:
        for measurement in measured:
            print(serialise(measurement))
        return
    if not as_table or not measured:
        return
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for column in table.COLUMNS:
        right = column in table.RIGHT
        shown.add_column(column, justify="right" if right else "left", no_wrap=right)
    for row in table.rows(measured):
        shown.add_row(*row)
    console.print(shown)
    lines: dict[str, set[str]] = {}  # a machine's ceilings, by the precisions that met them
    for one in measured:
        precisions = lines.setdefault(table.machine_line(one.machine), set())
        precisions.add(SHORT[one.workload.precision])
    for line, precisions in lines.items():
        if not any(other.startswith(f"{line},") for other in lines):
            of = f"{', '.join(sorted(precisions))}: " if len(lines) > 1 else ""
            console.print(f"{of}{line}", soft_wrap=True)
    if sweep and (bars := chart(measured)):
        print(f"\n{bars}")


def suites(all_suites: Iterable[Suite]) -> None:
    """The suites by name, size and time."""
    from modelworth.bench.run.expected import each_s
    from modelworth.bench.run.suites import NAMES

    for suite in all_suites:
        time = _clock(sum(each_s(suite.limits, suite.cases)))
        print(f"{suite.name:<10}{len(suite.cases):>4} cases  about {time:>8}  {NAMES[suite.name]}")
    print("modelworth bench --suite NAME --list shows a suite's cases")


def suite(one: Suite) -> None:
    """The cases of a suite."""
    from modelworth.bench.run.expected import each_s

    for case in one.cases:
        print(f"{case.id}  {case.label}, on {case.device}")
    cases = f"{len(one.cases)} case" + "s" * (len(one.cases) != 1)
    print(f"{cases}, about {_clock(sum(each_s(one.limits, one.cases)))}")


def _bar(events: Iterator[Event]) -> Iterator[Event]:
    """A bar with the case in progress, elapsed time and time left."""
    columns = (
        SpinnerColumn(),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[time]}"),
        TextColumn("{task.description}"),
    )
    console = Console(stderr=True, highlight=False)
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None, time="")
        for event in events:
            bar.update(
                task,
                total=event.total,
                completed=event.index,
                description=f"{event.label}{_standing(event)}",
                time=f"{_clock(event.elapsed_s)}{_left(event)}",
            )
            if event.message or event.kind == "done":
                bar.console.print(_line(event), soft_wrap=True, markup=False)
            yield event


def _plain(events: Iterator[Event]) -> Iterator[Event]:
    """A line with its time for each case, and for each phase that one stays in for long."""
    said_s, said = 0.0, ""
    for event in events:
        standing = f"{event.label}{_standing(event)}"
        phase = event.news.phase if event.news else ""
        lasts = phase not in ("", said) and event.elapsed_s - said_s >= SILENCE_S
        lasts = lasts or event.kind == "probe"
        if event.message or event.kind == "done":
            print(f"{_clock(event.elapsed_s)}  {_line(event)}", file=sys.stderr, flush=True)
        elif lasts:
            print(f"{_clock(event.elapsed_s)}  {standing}", file=sys.stderr, flush=True)
        if event.message or event.kind == "done" or lasts:
            said_s, said = event.elapsed_s, phase
        yield event


def _jsonl(events: Iterator[Event]) -> Iterator[Event]:
    """Each event as a line of JSON on standard output."""
    for event in events:
        print(event.as_json(), flush=True)
        yield event


def _standing(event: Event) -> str:
    """How far the case in progress is."""
    from modelworth.bench.run.result_table import rate

    news = event.news
    if news is None:
        return ""
    text = f": {PHASES.get(news.phase, news.phase)}"
    if news.samples:
        text += f", {news.samples} samples"
    if news.rate_per_s:
        width = f" ± {news.half_width:.1%}" if news.half_width is not None else ""
        text += f", {rate(news.rate_per_s, news.unit)}{width}"
    return text


def _left(event: Event) -> str:
    """The time left, as a range where that is wide."""
    if event.left_s is None:
        return ""
    low, high = _clock(event.left_s), _clock(event.left_high_s or event.left_s)
    return f", {low} left" if low == high else f", {low} to {high} left"


def _line(event: Event) -> str:
    """What happened, for people."""
    if event.measurement is None:
        return event.message
    of = "" if event.total is None else f"/{event.total}"
    text = f"{event.index}{of}  {event.label}: {_outcome(event.measurement)}"
    return f"{text}\n  {event.message}" if event.message else text


def _outcome(measurement: Measurement) -> str:
    from modelworth.bench.run.result_table import rate

    if measurement.result is None:
        return f"{measurement.status}: {measurement.reason}"
    done = rate(measurement.result.throughput_per_s.value, measurement.result.unit)
    flags = ", ".join(measurement.result.condition.flags)
    return f"{done}{f' ({flags})' if flags else ''}"


def _clock(seconds: float) -> str:
    """Minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
