"""One client process: keeps requests in flight on plain sockets and notes what came when.

A single loop over epoll serves all connections. What arrived while the loop was busy is dated to
the middle of that time, and how long it was busy is kept as the client's own lag; a request that
the client sends late counts from when it was sent. Waiting for a place below the in-flight limit is
the server's doing and stays in the latency.
"""

from __future__ import annotations

import heapq
import math
import select
import ssl
from collections.abc import Callable
from time import perf_counter, process_time

from modelworth.bench.load.connection import Connection
from modelworth.bench.load.plan import Outcome, Plan, Run
from modelworth.bench.load.words import nonce

TICK_S = 0.1
BACK_OFF_S = 0.1
"""Before the place of a failed request is taken again, so that refusals aren't hammered."""


class Client:
    """Carries out one plan; `run` may be called once."""

    def __init__(self, plan: Plan, stop: Callable[[], bool] = lambda: False) -> None:
        self._plan, self._stop = plan, stop
        self._run = Run()
        self._epoll = select.epoll()
        self._by_fd: dict[int, Connection] = {}
        self._idle: list[Connection] = []
        self._flying: dict[Connection, None] = {}  # in the order they began
        self._due: list[float] = []
        self._context = ssl.create_default_context() if plan.target.tls else None
        self._sent = self._counted = self._counted_flying = self._first_wave = 0
        self._failed_in_a_row = 0
        self._place_free_s = self._looked_s = self._idle_s = self._idle_before_s = 0.0
        self._missed = dict.fromkeys(plan.limits.misses, 0)
        self._nonce = plan.first_nonce
        self._begin_s = self._arrived_s = 0.0

    def run(self, start_s: float) -> Run:
        """Carry the plan out from the moment `start_s` on."""
        self._schedule(start_s)
        began_s, self._looked_s = process_time(), perf_counter()
        next_tick_s = self._looked_s
        try:
            while not self._finished(self._looked_s):
                self._launch(perf_counter())
                for fd, _ in self._wait(min(next_tick_s, self._next_due_s())):
                    self._serve(fd)
                if self._looked_s >= next_tick_s:
                    next_tick_s = self._looked_s + TICK_S
                    self._tick(self._looked_s)
        finally:
            self._close()
        self._run.processor_s = process_time() - began_s
        return self._run

    # When to send

    def _schedule(self, start_s: float) -> None:
        plan, self._begin_s = self._plan, start_s
        if plan.due_s:
            self._due = [start_s + due for due in plan.due_s]
            self._run.steady_from_s = start_s + plan.warmup_s
            self._run.steady_to_s = start_s + plan.warmup_s + (plan.duration_s or 0.0)
            return
        step_s = plan.ramp_s / plan.concurrency
        self._due = [start_s + place * step_s for place in range(plan.concurrency)]

    def _finished(self, now_s: float) -> bool:
        run = self._run
        if self._stop() or run.stopped or run.decided:
            self._cut_short(now_s)
            return True
        to_s = run.steady_to_s
        if to_s is None or now_s < to_s or self._counted_flying:
            return False
        done = not (self._due and self._due[0] < to_s) or not self._plan.due_s
        if done:
            self._settle_busy(now_s)
        return done

    def _cut_short(self, now_s: float) -> None:
        """End the counted part where the first request that has no answer yet began."""
        self._settle_busy(now_s)
        run = self._run
        ends = [now_s, *(one.due_s for one in self._flying)]
        if run.steady_to_s is not None:
            ends.append(run.steady_to_s)
        run.steady_to_s = min(ends)

    def _settle_busy(self, now_s: float) -> None:
        """Share of the time since the first counted request in which there was work to do."""
        from_s = self._begin_s if self._plan.due_s else self._run.steady_from_s
        if from_s is not None and now_s > from_s:
            idle_s = self._idle_s - self._idle_before_s
            self._run.busy = min(1.0, max(0.0, 1 - idle_s / (now_s - from_s)))

    def _launch(self, now_s: float) -> None:
        """Send what is due, as far as there is place."""
        due, plan = self._due, self._plan
        while due and due[0] <= now_s and len(self._flying) < plan.concurrency:
            due_s = heapq.heappop(due)
            late_s = now_s - max(due_s, self._place_free_s)
            if plan.due_s:
                self._run.lags_s.append(late_s)
            begin_s = due_s + late_s if plan.due_s else now_s
            counted = self._count(begin_s)
            self._begin(begin_s, counted)
            now_s = perf_counter()

    def _next_due_s(self) -> float:
        """When there is something to send and a place for it, as far as that is known."""
        free = len(self._flying) < self._plan.concurrency
        return self._due[0] if self._due and free else math.inf

    def _count(self, begin_s: float) -> bool:
        """Whether a request that begins now comes before the end of the counted part."""
        run, plan = self._run, self._plan
        self._sent += 1
        if plan.due_s:
            return begin_s < (run.steady_to_s or 0.0)
        if run.steady_from_s is None:
            warm = begin_s >= self._begin_s + plan.warmup_s
            if self._first_wave < plan.concurrency or not warm:
                return True
            run.steady_from_s, self._idle_before_s = begin_s, self._idle_s
        enough = plan.count is not None and self._counted >= plan.count
        late = plan.duration_s is not None and begin_s >= run.steady_from_s + plan.duration_s
        if run.steady_to_s is None and (enough or late):
            run.steady_to_s = begin_s
        self._counted += 1
        return run.steady_to_s is None

    def _request(self) -> bytes:
        plan = self._plan
        body = plan.bodies[(self._sent - 1) % len(plan.bodies)]
        if len(body) == 1:
            content = body[0]
        else:
            content = nonce(self._nonce).join(body)
            self._nonce += plan.nonce_step
        return b"%b%d\r\n\r\n%b" % (plan.target.head, len(content), content)

    def _begin(self, due_s: float, counted: bool) -> None:
        connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = Connection(self._plan.target, self._context)
        connection.begin(self._request(), due_s, counted)
        self._put_in_flight(connection)

    def _put_in_flight(self, connection: Connection) -> None:
        self._flying[connection] = None
        self._counted_flying += connection.counted
        self._advance(connection)

    def _again(self, connection: Connection) -> None:
        """Send on a new connection what a kept one turned out to be closed for."""
        self._forget(connection)
        fresh = Connection(self._plan.target, self._context)
        fresh.begin(connection.request, connection.due_s, connection.counted)
        self._put_in_flight(fresh)

    # What comes back

    def _wait(self, until_s: float) -> list[tuple[int, int]]:
        """Wait for answers or the next moment; dates what comes in `_looked_s`."""
        events = self._epoll.poll(0)
        now_s = perf_counter()
        if events:
            away_s = now_s - self._looked_s
            self._run.lags_s.append(away_s)
            self._arrived_s = now_s - away_s / 2
            self._looked_s = now_s
            return events
        wait_s = until_s - now_s
        if wait_s > 0:
            # The descriptor itself is waited for: epoll's own time-outs are whole milliseconds.
            select.select([self._epoll], [], [], wait_s)
            woken_s = perf_counter()
            self._idle_s += woken_s - now_s
            events, now_s = self._epoll.poll(0), woken_s
            if events:
                self._run.lags_s.append(0.0)
        self._arrived_s = self._looked_s = now_s
        return events

    def _serve(self, fd: int) -> None:
        connection = self._by_fd.get(fd)
        if connection is None:
            return
        if connection in self._flying:
            self._advance(connection)
        else:  # an idle connection that the server closed
            self._idle.remove(connection)
            self._drop(connection)

    def _advance(self, connection: Connection) -> None:
        """Let a connection do what it can, and watch for what it waits for."""
        before = connection.waits_for
        arrived_s = self._arrived_s
        if arrived_s < connection.due_s:  # it was sent while the loop was busy, after the middle
            arrived_s = max(connection.due_s, (connection.due_s + self._looked_s) / 2)
        connection.advance(arrived_s)
        if connection.stale:
            self._again(connection)
            return
        if connection.failure is None and not connection.complete:
            self._watch(connection, before)
            return
        self._end(connection)

    def _watch(self, connection: Connection, before: int) -> None:
        fd = connection.fd
        if fd not in self._by_fd:
            self._by_fd[fd] = connection
            self._epoll.register(fd, connection.waits_for)
        elif connection.waits_for != before:
            self._epoll.modify(fd, connection.waits_for)

    def _end(self, connection: Connection) -> None:
        outcome = connection.outcome(max(self._arrived_s, connection.due_s))
        self._run.outcomes.append(outcome)
        if connection.reusable:
            self._flying.pop(connection)
            self._counted_flying -= connection.counted
            self._watch(connection, connection.waits_for)
            self._idle.append(connection)
        else:
            self._forget(connection)
        self._place_free_s = self._arrived_s
        self._first_wave += 1
        self._judge(outcome, connection.counted)
        if not self._plan.due_s:
            wait_s = BACK_OFF_S if outcome.failure else 0.0
            heapq.heappush(self._due, self._looked_s + wait_s)

    def _judge(self, outcome: Outcome, counted: bool) -> None:
        """Count what makes going on useless: failures in a row, misses of the objective."""
        limits = self._plan.limits
        self._failed_in_a_row = self._failed_in_a_row + 1 if outcome.failure else 0
        if self._failed_in_a_row >= limits.failures_in_a_row:
            self._run.stopped = f"{self._failed_in_a_row} requests failed in a row"
        from_s = self._run.steady_from_s
        if not counted or from_s is None or outcome.due_s < from_s:
            return
        for miss in limits.misses:
            value = outcome.value(miss.quantity)
            self._missed[miss] += outcome.failure is not None or (value or 0.0) > miss.most_s
            if self._missed[miss] > miss.allowed:
                self._run.decided = True

    def _tick(self, now_s: float) -> None:
        """Give up requests that take too long; see whether waiting ones decide the point."""
        timeout_s = self._plan.limits.timeout_s
        for connection in list(self._flying):
            if now_s - connection.due_s < timeout_s:
                break
            connection.failure, connection.detail = "timeout", f"no end within {timeout_s:g} s"
            self._end(connection)
        from_s = self._run.steady_from_s
        for miss in self._plan.limits.misses if from_s is not None else ():
            waiting = sum(
                one.counted
                and one.due_s >= from_s
                and one.lacks(miss.quantity)
                and now_s - one.due_s > miss.most_s
                for one in self._flying
            )
            if self._missed[miss] + waiting > miss.allowed:
                self._run.decided = True

    def _forget(self, connection: Connection) -> None:
        if connection in self._flying:
            self._flying.pop(connection)
            self._counted_flying -= connection.counted
        self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        if self._by_fd.pop(connection.fd, None):
            self._epoll.unregister(connection.fd)
        connection.close()

    def _close(self) -> None:
        for connection in [*self._flying, *self._idle]:
            connection.close()
        self._epoll.close()


def drive(plan: Plan) -> Run:
    """Carry a plan out in this process."""
    return Client(plan).run(perf_counter())
