"""`python -m tests.soak`: campaigns for SOAK_MINUTES (10), then docs/reliability.md made anew.

The seed is the moment's, printed and kept, so that a later run tries other inputs; any input can be
made again from its reader and number. Status 1 if anything went wrong.
"""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from modelworth.bench.timing.machine import cores, cpu_name
from tests.soak import browsers, fuzz, kills, sessions, writers
from tests.soak.page import LOG, write
from tests.soak.readers import READERS

FUZZED_SHARE = 0.42
KILLED_SHARE = 0.42
"""Of the time; the rest is for writers and readers at once."""
BROWSERS_FROM = 8.0
"""Minutes of a campaign that has time for twenty browser pages."""
Campaign = tuple[str, Callable[[], dict[str, object]]]
WEIGHTS = {"import": 5, "export": 2, "bench": 5, "report": 6, "load": 3, "study": 2, "dashboard": 1}
"""How the time for kills is divided."""


def main() -> int:
    """Run every campaign within the time; returns the exit status."""
    parser = argparse.ArgumentParser(prog="tests.soak", description=__doc__)
    minutes = float(os.environ.get("SOAK_MINUTES", "10"))
    parser.add_argument("--minutes", type=float, default=minutes)
    parser.add_argument("--seed", type=int, default=int(datetime.now(UTC).timestamp()))
    parser.add_argument("--kills", action="store_true", help="nothing but sudden deaths")
    parser.add_argument("--log", type=Path, help="file to add to instead of docs/reliability.jsonl")
    options = parser.parse_args()
    rows = []
    seconds = options.minutes * 60
    made = _kills(seconds, options.seed) if options.kills else _all(seconds, options.seed)
    for name, campaign in made:
        rows.append({"campaign": name, **campaign()})
        print(_line(rows[-1]), flush=True)
    _keep(rows, options)
    if options.log is None:
        write()
    return 1 if any(row["faults"] for row in rows) else 0


def _all(seconds: float, seed: int) -> Iterator[Campaign]:
    for reader in READERS:
        budget_s = seconds * FUZZED_SHARE / len(READERS)
        yield reader.name, partial(fuzz.run, reader.name, seed, budget_s, 10**9)
    yield from _kills(seconds * KILLED_SHARE, seed)
    rest_s = seconds * (1 - FUZZED_SHARE - KILLED_SHARE) / 4
    for database in writers.DATABASES:
        yield f"eight writers, {database}", partial(writers.run, database, rest_s)
    yield "twenty readers", partial(sessions.run, rest_s)
    if seconds >= BROWSERS_FROM * 60 and browsers.there():
        yield "twenty browsers", partial(browsers.run, rest_s)


def _kills(seconds: float, seed: int) -> Iterator[Campaign]:
    for name in kills.CAMPAIGNS:
        budget_s = seconds * WEIGHTS[name] / sum(WEIGHTS.values())
        yield f"kill {name}", partial(kills.run, name, seed, budget_s, 10**9)


def _line(row: dict[str, object]) -> str:
    counts = ", ".join(f"{value:,} {key}" for key, value in row.items() if isinstance(value, int))
    faults = "".join(f"\n  {fault}" for fault in row["faults"])  # type: ignore[attr-defined]
    return f"{row['campaign']:<26} {counts}{faults}"


def _keep(rows: list[dict[str, object]], options: argparse.Namespace) -> None:
    run = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": f"{cpu_name()}, {cores()} cores",
        "minutes": options.minutes, "seed": options.seed, "campaigns": rows,
    }  # fmt: skip
    with (options.log or LOG).open("a", encoding="utf-8") as file:
        file.write(json.dumps(run) + "\n")


if __name__ == "__main__":
    sys.exit(main())
