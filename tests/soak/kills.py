"""Sudden death: work is killed at a random moment, and what it had finished must be there."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from modelworth.data.checkup import checkup
from modelworth.data.record_text import serialise
from modelworth.data.store import open_store
from tests.data.records import made_up

ROOT = Path(__file__).parents[2]
RECORDS = 3000
BENCH = """
import sys
from modelworth.bench.run import runner
from modelworth.data.store import open_store
from tests.bench import stub
cases = [stub.case("fine", batch=n) for n in range(1, 40)]
with open_store(sys.argv[1]) as store:
    for event in runner.run(cases, store, limits=stub.LIMITS, suite="soak", prepare=stub.PREPARE,
                            ceilings=False):
        if event.measurement is not None:
            print(event.measurement.id, flush=True)
"""


def importing(folder: Path, rng: np.random.Generator) -> str | None:
    """All of a file's records are there after a killed import, or none."""
    source = folder / "in.jsonl"
    if not source.exists():
        source.write_text("".join(serialise(made_up(n)) + "\n" for n in range(RECORDS)))
    path = folder / "import.db"
    _delete(path)
    _killed(["-m", "modelworth", "import", str(source), "--store", str(path)], 0.6, 4.0, rng)
    if not path.exists():
        return None
    with open_store(str(path)) as store:
        count = store.count()
        healthy = count in (0, RECORDS) and not store.damage()
    return None if healthy else f"{count} of {RECORDS} records"


def exporting(folder: Path, rng: np.random.Generator) -> str | None:
    """A killed export leaves a whole file, or none under its name."""
    path, out = folder / "full.db", folder / "out.jsonl"
    if not path.exists():
        with open_store(str(path)) as store:
            store.add_all(made_up(n) for n in range(RECORDS))
    out.unlink(missing_ok=True)
    _killed(["-m", "modelworth", "export", str(out), "--store", str(path)], 0.6, 2.5, rng)
    if not out.exists():
        return None
    lines = len(out.read_text().splitlines())
    return None if lines == RECORDS else f"a file of {lines} lines"


def benching(folder: Path, rng: np.random.Generator) -> str | None:
    """Every case that a killed run had told of is in the store, and readable."""
    path = folder / "bench.db"
    told = _killed(["-c", BENCH, str(path)], 4.0, 14.0, rng).split()
    if not path.exists():
        return None
    with open_store(str(path)) as store:
        found = checkup(store)
        kept = {key for key, _ in store.rows()}
    lost = set(told) - kept
    return None if not lost and found.healthy else f"{len(lost)} lost, {found.unreadable}"


def reporting(folder: Path, rng: np.random.Generator) -> str | None:
    """A killed report leaves whole documents only."""
    out = folder / "out"
    for path in out.glob("*.json"):
        path.unlink()
    words = ["-m", "modelworth", "report", "base", "--formats", "json,md", "--trials", "0"]
    _killed([*words, "--out", str(out)], 0.8, 3.5, rng)
    for path in out.glob("*.json"):
        try:
            json.loads(path.read_text("utf-8"))
        except ValueError as error:
            return f"half a document: {error}"
    return None


CAMPAIGNS: dict[str, Callable[[Path, np.random.Generator], str | None]] = {
    "import": importing, "export": exporting, "bench": benching, "report": reporting,
}  # fmt: skip


def run(name: str, seed: int, budget_s: float, most: int) -> dict[str, object]:
    """Kills of one campaign until the time or their number is used up."""
    rng, faults, kills = np.random.default_rng(seed), [], 0
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        while kills < most and time.perf_counter() - start < budget_s:
            fault = CAMPAIGNS[name](Path(folder), rng)
            kills += 1
            if fault is not None:
                faults.append(f"{name} {seed}/{kills}: {fault}")
    return {"kills": kills, "losses": len(faults), "faults": faults}


def _killed(words: list[str], low_s: float, high_s: float, rng: np.random.Generator) -> str:
    """Run Python with these words and kill it at a random moment; what it had said."""
    process = subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    try:
        said, _ = process.communicate(timeout=float(rng.uniform(low_s, high_s)))
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
    return said


def _delete(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
