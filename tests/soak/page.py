"""docs/reliability.md, made from the log of all campaigns."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
LOG = DOCS / "reliability.jsonl"
PAGE = DOCS / "reliability.md"
COLUMNS = ("inputs", "refused", "tracebacks", "hangs", "memory", "crashes", "kills", "losses")
HEAD = """# Reliability

Made by `make soak` from docs/reliability.jsonl, which every run adds to. A reader is fed inputs
that nearly are what it expects, in a process of its own; anything but taking them in or refusing
them in its own words is a fault: a traceback, over 10 s, over 1 GiB more memory. Work is killed
with SIGKILL at random moments; a loss is a record that had been told of and isn't there, or half
a file. Each input can be made again from its reader and number.
"""


def write() -> None:
    """The page, from the log as it is."""
    runs = [json.loads(line) for line in LOG.read_text("utf-8").splitlines()]
    totals: dict[str, Counter[str]] = {}
    for run in runs:
        for row in run["campaigns"]:
            counts = totals.setdefault(row["campaign"], Counter())
            counts.update({key: row[key] for key in COLUMNS if key in row})
    PAGE.write_text("\n".join([HEAD, *_totals(totals), "", *_runs(runs)]) + "\n", "utf-8")


def _totals(totals: dict[str, Counter[str]]) -> list[str]:
    lines = ["## All runs together", "", f"| campaign | {' | '.join(COLUMNS)} |"]
    lines.append("| --- |" + " ---: |" * len(COLUMNS))
    for name, counts in totals.items():
        killed = name.startswith("kill ")
        own = COLUMNS[6:] if killed else COLUMNS[:6]
        cells = [f"{counts[key]:,}" if key in own else "" for key in COLUMNS]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _runs(runs: list[dict[str, object]]) -> list[str]:
    lines = ["## Runs", "", "| date | machine | minutes | seed | faults |"]
    lines.append("| --- | --- | ---: | ---: | --- |")
    for run in runs:
        faults = [fault for row in run["campaigns"] for fault in row["faults"]]  # type: ignore[attr-defined]
        shown = f"{len(faults)}: {faults[0][:80]}" if faults else "none"
        shown = shown.replace("|", "/")
        minutes = f"{run['minutes']:g}"
        lines.append(f"| {run['date']} | {run['machine']} | {minutes} | {run['seed']} | {shown} |")
    return lines
