"""docs/reliability.md, made from the log of all campaigns."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
LOG = DOCS / "reliability.jsonl"
FOUND = Path(__file__).parent / "found"
PAGE = DOCS / "reliability.md"
COLUMNS = (
    "inputs", "refused", "nonsense", "tracebacks", "hangs", "memory", "crashes", "kills", "losses",
)  # fmt: skip
HEAD = """# Reliability

Made by `make soak` from docs/reliability.jsonl, which every run adds to.

- **A reader** is fed inputs that nearly are what it expects, in a process of its own; anything but
  taking them in or refusing them in its own words is a fault: a traceback, over 10 s of processor
  time (or two minutes of waiting), over 1 GiB more memory, or nonsense (a number that is infinite
  or can't be negative, a store that can't be read again). An input that fails is made smaller, kept
  in tests/soak/found and tried by the tests from then on. Each can be made again from its reader
  and number. The five suites of seed 1795657382 had two mistakes each and were told both, two lines
  for each; the campaign took that for a fault then. The one of seed 71901 read a killed export back
  from Parquet, which `import` had just ceased to take, and took that for a crash.
- **A verb** is killed with SIGKILL at a random moment of its work; only kills that met it at work
  count. A loss is a record that had been told of and isn't there, half a file under its name, a
  helper that lives on, or a port that is still served. The verb runs in a fork of a process that
  has its libraries loaded; bench measures small work there, and report is handed its analysis nine
  times in ten, so that kills fall into measuring, storing and writing. A hidden draft may stay
  beside a document or export that was being written, until the next run.
- **Eight writers** add records one by one to one store, and one of them is killed in each round.
- **Twenty readers** open the dashboard at once, each with a plan of its own, over its websocket.
- **Twenty browsers** are pages of one Chromium, on a dashboard over PostgreSQL, each with a plan of
  its own; they take part in campaigns of eight minutes or more.
"""
SCALE = """## 200,000 records, before and after

On 2026-11-26, all commands one after another on an AMD EPYC with 2 cores at a load average of 4 to
6, so that wall times are three to six times what they are alone; processor time and memory suffer
little from others. Before: the code of 2026-11-25 (b883d4c), which read every record and had no
index to ask, on a store of 1,028 MB that it filled itself. After: the code of 2026-11-26, on one of
1,029 MB. Both hold the shipped measurements of their day under 200 models, five devices and other
times.

| command | database | wall s | | processor s | | MiB | |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |
| | | before | after | before | after | before | after |
| `evaluate base --trials 0` | SQLite | 122 | 5.9 | 61.8 | 2.2 | 3,460 | 147 |
| | PostgreSQL | 149 | 8.7 | 63.2 | 2.2 | 3,474 | 161 |
| `predict --model llama-3.1-8b` | SQLite | 637 | 3.2 | 305.9 | 1.4 | 3,614 | 93 |
| | PostgreSQL | not tried | 5.4 | | 1.3 | | 105 |
| `export` to CSV | SQLite | 63 | 110 | 28.0 | 32.8 | 57 | 55 |
| | PostgreSQL | 90 | 108 | 28.3 | 30.3 | 68 | 68 |
| `export` to Parquet | SQLite | 57 | 76 | 26.3 | 22.3 | 3,011 | 229 |
| | PostgreSQL | 109 | 79 | 25.8 | 21.6 | 3,017 | 242 |

Alone on the machine, `evaluate` and `predict` take 1.5
and 0.9 s on SQLite and 2.0 and 1.1 s on PostgreSQL (benchmarks/store_scale.md).
"""


def write() -> None:
    """The page, from the log as it is."""
    runs = [json.loads(line) for line in LOG.read_text("utf-8").splitlines()]
    totals: dict[str, Counter[str]] = {}
    for run in runs:
        for row in run["campaigns"]:
            counts = totals.setdefault(row["campaign"], Counter())
            counts.update({key: row[key] for key in COLUMNS if key in row})
    found = len(list(FOUND.iterdir()))
    kept = f"{found} inputs that once failed are kept, each of a fault that was mended since."
    lines = [HEAD, *_totals(totals), "", kept, "", SCALE, *_runs(runs)]
    PAGE.write_text("\n".join(lines) + "\n", "utf-8")


def _totals(totals: dict[str, Counter[str]]) -> list[str]:
    lines = ["## All runs together", "", f"| campaign | {' | '.join(COLUMNS)} |"]
    lines.append("| --- |" + " ---: |" * len(COLUMNS))
    for name, counts in totals.items():
        fuzzed = "losses" not in counts
        own = COLUMNS[:-2] if fuzzed else [key for key in COLUMNS if key in counts]
        cells = [f"{counts[key]:,}" if key in own else "" for key in COLUMNS]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    killed = {name: counts["kills"] for name, counts in totals.items() if counts["kills"]}
    middle = sum(killed.get(f"kill {verb}", 0) for verb in ("import", "bench", "report"))
    lines += [
        "",
        f"{sum(killed.values()):,} kills, {middle:,} of them in import, bench and report.",
    ]
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
