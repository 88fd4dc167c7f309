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

if TYPE_CHECKING:
    from modelworth.bench.run.progress import Event
    from modelworth.bench.run.suites import Suite


def follow(events: Iterator[Event], how: str) -> list[Measurement]:
    """Show events as they come; returns the measurements."""
    measured = []
    with closing(events):
        for event in {"bar": _bar, "plain": _plain, "jsonl": _jsonl}.get(how, iter)(events):
            if event.measurement is not None:
                measured.append(event.measurement)
    return measured


def results(measured: Sequence[Measurement], *, as_json: bool, as_table: bool) -> None:
    """The measurements as JSON lines, or as a table with the ceilings."""
    from modelworth.bench.run import result_table as table

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
    lines = dict.fromkeys(table.machine_line(one.machine) for one in measured)
    for line in lines:
        if not any(other.startswith(f"{line},") for other in lines):
            console.print(line, soft_wrap=True)


def suites(all_suites: Iterable[Suite]) -> None:
    """The suites by name, size and time."""
    from modelworth.bench.run.suites import NAMES, expected_s

    for suite in all_suites:
        time = _clock(len(suite.cases) * expected_s(suite.limits))
        print(f"{suite.name:<10}{len(suite.cases):>4} cases  about {time:>8}  {NAMES[suite.name]}")
    print("modelworth bench --suite NAME --list shows a suite's cases")


def suite(one: Suite) -> None:
    """The cases of a suite."""
    from modelworth.bench.run.suites import expected_s

    for case in one.cases:
        workload = case.workload
        compiled = ", compiled" if workload.compiled else ""
        print(f"{case.id}  {case.label}, {workload.precision} on {case.device}{compiled}")
    print(f"{len(one.cases)} cases, about {_clock(len(one.cases) * expected_s(one.limits))}")


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
            left = "" if event.left_s is None else f", {_clock(event.left_s)} left"
            bar.update(
                task,
                total=event.total,
                completed=event.index,
                description=event.label,
                time=f"{_clock(event.elapsed_s)}{left}",
            )
            if event.message or event.kind == "done":
                bar.console.print(_line(event), soft_wrap=True, markup=False)
            yield event


def _plain(events: Iterator[Event]) -> Iterator[Event]:
    """A line for each case."""
    for event in events:
        if event.message or event.kind == "done":
            print(_line(event), file=sys.stderr, flush=True)
        yield event


def _jsonl(events: Iterator[Event]) -> Iterator[Event]:
    """Each event as a line of JSON on standard output."""
    for event in events:
        print(event.as_json(), flush=True)
        yield event


def _line(event: Event) -> str:
    """What happened, for people."""
    if event.measurement is None:
        return event.message
    of = "" if event.total is None else f"/{event.total}"
    text = f"{event.index}{of}  {event.label}: {_outcome(event.measurement)}"
    return f"{text}\n  {event.message}" if event.message else text


def _outcome(measurement: Measurement) -> str:
    from modelworth.bench.run.result_table import number

    if measurement.result is None:
        return f"{measurement.status}: {measurement.reason}"
    rate = measurement.result.throughput_per_s.value
    flags = ", ".join(measurement.result.condition.flags)
    return f"{number(rate)}{measurement.result.unit}/s{f' ({flags})' if flags else ''}"


def _clock(seconds: float) -> str:
    """Minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
