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
from importlib import import_module
from pathlib import Path

import numpy as np

from tests.soak.mutations import mutate_bytes, mutate_data
from tests.soak.page import FOUND
from tests.soak.readers import READERS, NonsenseError, Reader

HANG_S = 10
"""Of processor time; a machine that is busy beside it makes no input hang."""
WAIT_S = 120
"""Of the clock, for what waits without working."""
MEMORY_BYTES = 2**30
CHANGES = (1, 1, 1, 2, 3, 4)
MOST_FAULTS = 20
ROOT = Path(__file__).parents[2]


class HangError(Exception):
    """An input took too long."""


def run(name: str, seed: int, budget_s: float, most: int) -> dict[str, object]:
    """One reader in a child; what became of its inputs, by outcome."""
    command = [sys.executable, "-m", "tests.soak.fuzz", name, str(seed), str(budget_s), str(most)]
    limit = budget_s + 5 * WAIT_S
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=limit
        )
    except subprocess.TimeoutExpired:
        return {"inputs": 0, "hangs": 1, "faults": [f"{name}: the process hung"]}
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        line = f"ended with {done.returncode}: {last}"
        return {"inputs": 0, "crashes": 1, "faults": [f"{name}: {line[:300]}"]}
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def campaign(reader: Reader, seed: int, budget_s: float, most: int) -> dict[str, object]:
    """Inputs until the time or their number is used up; one that fails is kept in `FOUND`."""
    seeds, counts, faults = reader.seeds(), Counter[str](), []
    if reader.loads:
        import_module(reader.loads)  # an alarm in the midst of it would leave half a library
    start = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    number = 0
    while number < most and time.perf_counter() - start < budget_s:
        content = made(reader, seeds, seed + number)
        outcome, fault = ("unwritable", None) if content is None else tried(reader, content)
        counts[outcome] += 1
        if fault is not None and len(faults) < MOST_FAULTS:
            faults.append(f"{reader.name} {seed + number}: {fault}")
            keep(reader, smallest(reader, seeds, seed + number, fault), seed + number)
        number += 1
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    if grown > MEMORY_BYTES:
        counts["memory"] += 1
        faults.append(f"{reader.name} {seed}: memory grew by {grown / 2**30:.1f} GiB")
    return {"inputs": number, **counts, "faults": faults}


def tried(reader: Reader, content: bytes) -> tuple[str, str | None]:
    """What became of one input, and the fault if it is one."""
    signal.signal(signal.SIGALRM, _alarm)
    signal.signal(signal.SIGPROF, _alarm)
    signal.setitimer(signal.ITIMER_PROF, HANG_S)
    signal.alarm(WAIT_S)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader.read(content)
    except reader.refusals:
        return "refused", None
    except HangError:
        return "hangs", f"over {HANG_S} s of work, or {WAIT_S} s of waiting"
    except NonsenseError as error:
        return "nonsense", f"nonsense: {str(error)[:200]}"
    except BaseException as error:  # noqa: BLE001 - whatever comes is the fault looked for
        return "tracebacks", f"{type(error).__name__}: {str(error)[:200]}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
    return "read", None


def made(
    reader: Reader, seeds: list[object], number: int, without: frozenset[int] = frozenset()
) -> bytes | None:
    """The input of this number, some of its changes left out; None where it can't be written."""
    rng = np.random.default_rng(number)
    seed = seeds[int(rng.integers(len(seeds)))]
    count, raw = int(rng.choice(CHANGES)), rng.random() < 0.3
    changes = [np.random.default_rng([number, n]) for n in range(count) if n not in without]
    try:
        if isinstance(seed, bytes) or raw:
            return mutate_bytes(reader.encode(seed), changes)
        return reader.encode(mutate_data(seed, changes))
    except (TypeError, ValueError, RecursionError, OverflowError):
        return None


def smallest(reader: Reader, seeds: list[object], number: int, fault: str) -> bytes | None:
    """The input with every change left out that the fault doesn't need."""
    without: frozenset[int] = frozenset()
    for change in range(max(CHANGES)):
        content = made(reader, seeds, number, without | {change})
        again = None if content is None else tried(reader, content)[1]
        if again is not None and again.split(":")[0] == fault.split(":")[0]:
            without |= {change}
    return made(reader, seeds, number, without)


def keep(reader: Reader, content: bytes | None, number: int) -> None:
    """Save an input beside the tests, which try it from then on."""
    if content is not None:
        FOUND.mkdir(exist_ok=True)
        (FOUND / f"{reader.name}-{number}").write_bytes(content)


def _alarm(*_: object) -> None:
    raise HangError


if __name__ == "__main__":
    chosen = next(reader for reader in READERS if reader.name == sys.argv[1])
    result = campaign(chosen, int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
    print(json.dumps(result))  # noqa: T201
