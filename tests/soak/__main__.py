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
from datetime import UTC, datetime

from modelworth.bench.timing.machine import cores, cpu_name
from tests.soak import fuzz, kills
from tests.soak.page import LOG, write
from tests.soak.readers import READERS

FUZZED_SHARE = 0.6


def main() -> int:
    """Run every campaign within the time; returns the exit status."""
    parser = argparse.ArgumentParser(prog="tests.soak", description=__doc__)
    minutes = float(os.environ.get("SOAK_MINUTES", "10"))
    parser.add_argument("--minutes", type=float, default=minutes)
    parser.add_argument("--seed", type=int, default=int(datetime.now(UTC).timestamp()))
    options = parser.parse_args()
    seconds = options.minutes * 60
    rows = []
    for reader in READERS:
        budget_s = seconds * FUZZED_SHARE / len(READERS)
        found = fuzz.run(reader.name, options.seed, budget_s, 10**9)
        rows.append({"campaign": reader.name, **found})
        print(_line(rows[-1]), flush=True)
    for name in kills.CAMPAIGNS:
        budget_s = seconds * (1 - FUZZED_SHARE) / len(kills.CAMPAIGNS)
        rows.append({"campaign": f"kill {name}", **kills.run(name, options.seed, budget_s, 10**9)})
        print(_line(rows[-1]), flush=True)
    _keep(rows, options)
    write()
    return 1 if any(row["faults"] for row in rows) else 0


def _line(row: dict[str, object]) -> str:
    counts = ", ".join(f"{value:,} {key}" for key, value in row.items() if isinstance(value, int))
    faults = "".join(f"\n  {fault}" for fault in row["faults"])  # type: ignore[attr-defined]
    return f"{row['campaign']:<14} {counts}{faults}"


def _keep(rows: list[dict[str, object]], options: argparse.Namespace) -> None:
    run = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": f"{cpu_name()}, {cores()} cores",
        "minutes": options.minutes, "seed": options.seed, "campaigns": rows,
    }  # fmt: skip
    with LOG.open("a", encoding="utf-8") as file:
        file.write(json.dumps(run) + "\n")


if __name__ == "__main__":
    sys.exit(main())
