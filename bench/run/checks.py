"""Self-checks of a record before it is kept: a figure that contradicts itself is never published.

They are the mistakes that benchmark tools have made: throughput divided by the wrong count (25
times too high), per-token times of another run, parts that don't add up to the whole, utilisation
above what the hardware can do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from modelworth.bench.run.observation import Observation
from modelworth.data.measurement import Result

PARTS_TOLERANCE = 0.02
WALL_TOLERANCE = 0.02
IDLE_SHARE = 0.5
"""Share of a round that may pass between its steps (resetting a cache, scheduling)."""
NOTICEABLE_S = 1e-3
"""Shorter steps are no longer than what lies between them."""


def faults(seen: Observation, result: Result) -> list[str]:
    """What is wrong, in words; empty when the record holds together."""
    found: list[str] = []
    for check in (_throughput, _mean, _wall, _parts, _per_token, _devices):
        found += check(seen, result)
    return found


def utilisation_faults(mfu: float | None, mbu: float | None, against: str = "") -> list[str]:
    """Utilisation beyond 1 means a wrong count of work or a ceiling measured under load."""
    pairs = (("MFU", mfu), ("MBU", mbu))
    return [
        f"{name}{against} is {value:.3f}, above 1: the work is counted too high or the ceiling "
        "was measured too low"
        for name, value in pairs
        if value is not None and value > 1
    ]


def _throughput(seen: Observation, result: Result) -> Iterator[str]:
    """Throughput × time of the median step = work of a step."""
    done = result.throughput_per_s.value * result.latency.p50_s
    if not math.isclose(done, seen.work_per_step, rel_tol=1e-6):
        yield f"throughput × median time is {done:.6g} {seen.unit}, not {seen.work_per_step:.6g}"


def _mean(seen: Observation, result: Result) -> Iterator[str]:
    """Throughput × all timed seconds is at least about all work done: a mean has a longer tail."""
    total = sum(seen.samples_s)
    ratio = result.throughput_per_s.value * total / (seen.work_per_step * len(seen.samples_s))
    if ratio < 0.5:
        yield f"throughput × timed seconds is only {ratio:.3g} of the work done in them"
    if not math.isclose(result.latency.mean_s, total / len(seen.samples_s), rel_tol=1e-6):
        yield f"mean {result.latency.mean_s:.6g} s isn't that of the samples"


def _wall(seen: Observation, result: Result) -> Iterator[str]:
    """The clock on the wall saw the samples pass."""
    total = sum(seen.samples_s)
    if total > seen.wall_s * (1 + WALL_TOLERANCE):
        yield f"the steps took {total:.4g} s, more than the {seen.wall_s:.4g} s that went by"
    if result.latency.p50_s > NOTICEABLE_S and total < seen.wall_s * (1 - IDLE_SHARE):
        yield f"the steps took {total:.4g} s of {seen.wall_s:.4g} s: something isn't timed"


def _parts(seen: Observation, _: Result) -> Iterator[str]:
    """Prefill + decode = end to end."""
    if not seen.parts_s:
        return
    for name, times in seen.parts_s.items():
        if len(times) != len(seen.samples_s):
            yield f"{name} was timed {len(times)} times in {len(seen.samples_s)} steps"
            return
    total = sum(sum(times) for times in seen.parts_s.values())
    whole = sum(seen.samples_s)
    if abs(total / whole - 1) > PARTS_TOLERANCE:
        names = " + ".join(seen.parts_s)
        yield f"{names} take {total:.4g} s, end to end {whole:.4g} s: more than 2% apart"


def _per_token(seen: Observation, result: Result) -> Iterator[str]:
    """First token + the others = the whole; a decode step gives each sequence one token."""
    latency, workload = result.latency, seen.workload
    if workload.kind == "decode" and not seen.parts_s and seen.unit == "tokens":
        expected = float(workload.batch * workload.layout.data)
        if not math.isclose(seen.work_per_step, expected, rel_tol=1e-6):
            yield f"a decode step of {expected:.0f} tokens is counted as {seen.work_per_step:.6g}"
    if latency.first_token_s is None or latency.per_token_s is None or not workload.new_tokens:
        return
    total = latency.first_token_s + latency.per_token_s * (workload.new_tokens - 1)
    if abs(total / latency.p50_s - 1) > 5 * PARTS_TOLERANCE:
        yield (
            f"first token + {workload.new_tokens - 1} others take {total:.4g} s, "
            f"the median step {latency.p50_s:.4g} s"
        )


def _devices(seen: Observation, result: Result) -> Iterator[str]:
    whole = result.throughput_per_s_per_device * seen.devices
    if not math.isclose(whole, result.throughput_per_s.value, rel_tol=1e-6):
        yield f"throughput per device × {seen.devices} devices isn't the whole throughput"
