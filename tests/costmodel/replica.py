"""A server simulated event by event: the oracle for the closed forms of serving.

Prompts that wait are read one at a time before any decoding; then all running sequences get a
token. Lengths are drawn around their mean, so that requests don't march in step.
"""

from __future__ import annotations

import heapq
from collections import deque
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


@dataclass(frozen=True)
class PoolTimes:
    """What a simulation of two pools takes: seconds by prompts read together, by sequences."""

    read_s: Callable[[int], float]
    decode_s: Callable[[float], float]
    sent_s: float
    most_prompts: int
    readers: int
    writers: int
    room: int


class _Pools:
    """Two pools and their events: a free reader takes what waits, a writer decodes what it has."""

    def __init__(self, times: PoolTimes, tokens: np.ndarray) -> None:
        self.times, self.tokens = times, tokens
        self.came, self.first, self.last = (np.full(tokens.size, np.nan) for _ in range(3))
        self.events: list[tuple[float, int, str, tuple[int, ...]]] = []
        self.number, self.free = 0, times.readers
        self.waiting, self.sent = deque[int](), deque[int]()
        self.running: list[dict[int, int]] = [{} for _ in range(times.writers)]
        self.busy = [False] * times.writers

    def plan(self, when: float, what: str, *which: int) -> None:
        self.number += 1
        heapq.heappush(self.events, (when, self.number, what, which))

    def happen(self, clock: float, what: str, which: tuple[int, ...]) -> list[int]:
        """One event; the requests that it ends."""
        if what == "asked":
            self.came[which[0]] = clock
            self.waiting.extend(which)
        elif what == "read":
            self.free += 1
            self.plan(clock + self.times.sent_s, "sent", *which)
        elif what == "sent":
            self.sent.extend(which)
        else:
            return self._decoded(clock, which[0])
        return []

    def _decoded(self, clock: float, writer: int) -> list[int]:
        self.busy[writer] = False
        held = self.running[writer]
        ended = [one for one, left in held.items() if left == 1]
        self.last[ended] = clock
        self.running[writer] = {one: left - 1 for one, left in held.items() if left > 1}
        return ended

    def go_on(self, clock: float) -> None:
        """Whatever can begin."""
        while self.waiting and self.free:
            self.free -= 1
            count = min(len(self.waiting), self.times.most_prompts)
            together = [self.waiting.popleft() for _ in range(count)]
            self.plan(clock + self.times.read_s(count), "read", *together)
        while self.sent and min(map(len, self.running)) < self.times.room:
            joined = self.sent.popleft()
            self.first[joined] = clock
            min(self.running, key=len)[joined] = int(self.tokens[joined])
        for writer, held in enumerate(self.running):
            if held and not self.busy[writer]:
                self.busy[writer] = True
                self.plan(clock + self.times.decode_s(len(held)), "decoded", writer)


def simulate_apart(
    times: PoolTimes,
    new_tokens: int,
    *,
    rate: float | None = None,
    clients: int | None = None,
    requests: int = 3000,
    seed: int = 0,
) -> Simulated:
    """Requests at a Poisson `rate`, or kept in flight by `clients`, on readers and writers apart.

    A free reader takes the prompts that wait, as many as a pass holds; what is read is sent and
    joins the writer with the fewest sequences, once that has room.
    """
    rng = np.random.default_rng(seed)
    tokens = rng.integers(new_tokens // 2, new_tokens + new_tokens // 2 + 1, requests)
    pools = _Pools(times, tokens)
    due = np.zeros(requests) if rate is None else np.cumsum(rng.exponential(1 / rate, requests))
    started = requests if clients is None else min(clients, requests)
    for one in range(started):
        pools.plan(due[one], "asked", one)
    while pools.events:
        clock, _, what, which = heapq.heappop(pools.events)
        for _ in pools.happen(clock, what, which):
            if started < requests:
                pools.plan(clock, "asked", started)
                started += 1
        pools.go_on(clock)
    kept = slice(requests // 5, requests - requests // 5)
    ended = np.sort(pools.last)[kept]
    return Simulated(
        (pools.first - pools.came)[kept],
        ((pools.last - pools.first) / tokens)[kept],
        (ended.size - 1) / (ended[-1] - ended[0]),
    )
