"""Feeds a reader changed inputs in a process of its own, under limits of time and memory."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from tests.soak.mutations import mutate_bytes, mutate_data
from tests.soak.readers import READERS, Reader

HANG_S = 10
MEMORY_BYTES = 2**30
MOST_CHANGES = 4
ROOT = Path(__file__).parents[2]


class HangError(Exception):
    """An input took too long."""


def run(name: str, seed: int, budget_s: float, most: int) -> dict[str, object]:
    """One reader in a child; what became of its inputs, by outcome."""
    command = [sys.executable, "-m", "tests.soak.fuzz", name, str(seed), str(budget_s), str(most)]
    limit = budget_s + 6 * HANG_S
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=limit
        )
    except subprocess.TimeoutExpired:
        return {"inputs": 0, "hangs": 1, "faults": [f"{name}: the process hung"]}
    if done.returncode != 0:
        line = (done.stderr.strip().splitlines() or ["died"])[-1]
        return {"inputs": 0, "crashes": 1, "faults": [f"{name}: {line[:300]}"]}
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def campaign(reader: Reader, seed: int, budget_s: float, most: int) -> dict[str, object]:
    """Inputs until the time or their number is used up."""
    seeds, counts, faults = reader.seeds(), Counter[str](), []
    start = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    number = 0
    while number < most and time.perf_counter() - start < budget_s:
        outcome, fault = _one(reader, seeds, seed + number)
        counts[outcome] += 1
        if fault is not None and len(faults) < 20:
            faults.append(f"{reader.name} {seed + number}: {fault}")
        number += 1
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    if grown > MEMORY_BYTES:
        counts["memory"] += 1
        faults.append(f"{reader.name} {seed}: memory grew by {grown / 2**30:.1f} GiB")
    return {"inputs": number, **counts, "faults": faults}


def _one(reader: Reader, seeds: list[object], number: int) -> tuple[str, str | None]:
    """What became of one input, and the fault if it is one."""
    found = made(reader, seeds, number)
    if found is None:
        return "unwritable", None
    signal.signal(signal.SIGALRM, _alarm)
    signal.alarm(HANG_S)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader.read(found)
    except reader.refusals:
        return "refused", None
    except HangError:
        return "hangs", f"over {HANG_S} s"
    except BaseException as error:  # noqa: BLE001 - whatever comes is the fault looked for
        return "tracebacks", f"{type(error).__name__}: {str(error)[:200]}"
    finally:
        signal.alarm(0)
    return "read", None


def made(reader: Reader, seeds: list[object], number: int) -> bytes | None:
    """The input of this number; None where no text can be made of it."""
    rng = np.random.default_rng(number)
    seed = seeds[int(rng.integers(len(seeds)))]
    changes = int(rng.integers(1, MOST_CHANGES + 1))
    try:
        if isinstance(seed, bytes) or rng.random() < 0.3:
            return mutate_bytes(reader.encode(seed), rng, changes)
        return reader.encode(mutate_data(seed, rng, changes))
    except (TypeError, ValueError, RecursionError, OverflowError):
        return None


def _alarm(*_: object) -> None:
    raise HangError


if __name__ == "__main__":
    chosen = next(reader for reader in READERS if reader.name == sys.argv[1])
    result = campaign(chosen, int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
    print(json.dumps(result))  # noqa: T201
