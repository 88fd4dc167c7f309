"""What `modelworth load` shows: a line for each level, and what to make of it."""

# ruff: noqa: T201
from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from modelworth.data.importers.judging import judged
from modelworth.verbs.shown import figure

if TYPE_CHECKING:
    from modelworth.bench.load.probe import Understood
    from modelworth.bench.load.record import Served
    from modelworth.bench.load.search import Found
    from modelworth.bench.load.session import Settings
    from modelworth.data.measurement import Measurement
    from modelworth.data.serving import Spread

COLUMNS = ("load", "requests", "failed", "in flight", "TTFT p50", "p95 ms", "TPOT p50", "p95 ms",
           "tokens/s", "requests/s", "judged")  # fmt: skip
WIDTHS = (15, 10, 8, 11, 10, 9, 10, 9, 11, 12, 18)


def heading(settings: Settings, understood: Understood, served: Served) -> None:
    """What is about to be measured."""
    machine = served.machine
    print(f"{served.model.name} ({settings.label}) on {machine.count} × {machine.device}")
    shape = understood.shape
    said = "your own traffic"
    if settings.traffic is None:
        said = f"{shape.prompt.mean:g} tokens in, {shape.new.mean:g} out"
    print(f"  {said}; alone, a request takes {understood.e2e_s:.3g} s")
    if not understood.usage:
        print("  the server counts no tokens: no tokens per second will be known")
    elif understood.new_tokens is not None and understood.new_tokens < 0.9 * shape.new.mean:
        print(f"  it stopped by itself after {understood.new_tokens} tokens")
    print(_line(COLUMNS))


def point(record: Measurement, *, as_json: bool) -> None:
    """One level, as a line of the table or of JSON."""
    load = record.load
    if load is None:
        return
    if as_json:
        print(record.model_dump_json(), flush=True)
    else:
        print(_line(_cells(record)), flush=True)
    if record.status != "ok":
        print(f"  no result: {record.reason}", file=sys.stderr)
    if load.failures:
        kinds = ", ".join(f"{count} {kind}" for kind, count in load.failures.items())
        print(f"  failed: {kinds}", file=sys.stderr)
    if load.client_bound:
        print(
            "  the client was the limit: this says little of the server and is no capacity;\n"
            "  give it more cores, or load from several machines",
            file=sys.stderr,
        )


def found(found: Found, objective: str, by: str, *, as_json: bool) -> None:
    """What the search came to."""
    unit = "requests a second" if by == "rate" else "in flight"
    if found.low is None:
        text = f"no load keeps {objective}: {figure(found.high)} {unit} was the least tried"
    else:
        held = max((one for one in found.trials if one.load == found.low), key=lambda it: it.load)
        text = f"largest load within {objective}: {figure(found.low)} {unit}"
        if found.high is not None:
            text += f"; {figure(found.high)} was too much"
        text += f"; goodput {figure(held.goodput)} requests a second"
    if found.end not in ("found", "no load holds"):
        text += f" ({found.end})"
    text += f"; {len(found.trials)} trials"
    print(text, file=sys.stderr if as_json else sys.stdout)


def _cells(record: Measurement) -> tuple[str, ...]:
    load, serving = record.load, record.result.serving if record.result else None
    assert load is not None
    judgement = judged(record)
    said = f"{load.concurrency_limit} in flight"
    if load.mode == "open":
        said = f"{load.rate_per_s:g} a second"
    return (
        said,
        str(load.requests_ok),
        str(load.requests_failed),
        figure(load.in_flight_mean),
        *_times(serving.ttft if serving else None),
        *_times(serving.tpot if serving else None),
        figure(serving.output_tokens_per_s if serving else None),
        figure(serving.requests_per_s if serving else None),
        judgement.title if judgement is not None else "—",
    )


def _times(spread: Spread | None) -> tuple[str, str]:
    if spread is None:
        return "—", "—"
    return figure(_ms(spread.p50_s)), figure(_ms(spread.p95_s))


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1e3


def _line(cells: tuple[str, ...]) -> str:
    first, *others = zip(cells, WIDTHS, strict=True)
    return f"{first[0]:<{first[1]}}" + "".join(f"{cell:>{width}}" for cell, width in others)
