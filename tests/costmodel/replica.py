"""A server simulated event by event: the oracle for the closed forms of serving.

Prompts that wait are read one at a time before any decoding; then all running sequences get a
token. Lengths are drawn around their mean, so that requests don't march in step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Simulated:
    """What each finished request saw."""

    ttft_s: np.ndarray
    tpot_s: np.ndarray
    requests_per_s: float


def simulate(
    prefill_s: float,
    decode_s: Callable[[float], float],
    new_tokens: int,
    *,
    rate: float | None = None,
    clients: int | None = None,
    requests: int = 4000,
    seed: int = 0,
    variation: float = 0.0,
) -> Simulated:
    """Requests at a Poisson `rate`, or kept in flight by so many `clients`.

    Prompts take `prefill_s` on average, with a standard deviation of `variation` times as much.
    """
    rng = np.random.default_rng(seed)
    spread = max(variation, 1e-3) ** -2
    reading = prefill_s * rng.gamma(spread, 1 / spread, requests)
    tokens = rng.integers(new_tokens // 2, new_tokens + new_tokens // 2 + 1, requests)
    due = np.zeros(requests) if rate is None else np.cumsum(rng.exponential(1 / rate, requests))
    if clients is not None:
        due[clients:] = np.inf
    first, last = np.zeros(requests), np.zeros(requests)
    steps = {n: decode_s(n) for n in range(1, 2000)} if clients is None else {}
    running: dict[int, int] = {}
    clock, arrived = 0.0, 0
    while arrived < requests or running:
        if arrived < requests and due[arrived] <= clock:
            clock += reading[arrived]
            first[arrived] = clock
            running[arrived] = int(tokens[arrived])
            arrived += 1
            continue
        if not running:
            clock = due[arrived]
            continue
        count = len(running)
        clock += steps.get(count) or steps.setdefault(count, decode_s(count))
        for request in [one for one in running if running[one] == 1]:
            last[request] = clock
            del running[request]
            if clients is not None and (later := np.flatnonzero(np.isinf(due))).size:
                due[later[0]] = clock
        for request in running:
            running[request] -= 1
    kept = slice(requests // 5, requests - requests // 5)
    span = last[kept].max() - due[kept].min()
    return Simulated(
        (first - due)[kept],
        ((last - first) / tokens)[kept],
        (requests - 2 * (requests // 5)) / span,
    )
