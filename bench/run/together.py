"""One attempt at a job on all ranks: it has worked when it has worked on every one.

Alone, this is just an attempt. Under torchrun each rank has its own runner and its own worker;
rank 0 decides what is to be done, and the rank that fails first ends the job on all. They talk
through the store that torchrun's agent holds.
"""

from __future__ import annotations

import json
from functools import cache
from itertools import count
from time import sleep
from typing import TYPE_CHECKING, Any

from modelworth.bench.run.isolation import Attempt, WorkerEnd
from modelworth.bench.run.news import News
from modelworth.bench.run.place import Place, place

if TYPE_CHECKING:
    from torch import distributed

POLL_S = 0.1
_numbers = count()  # the same on all ranks, as all make the same calls


def attempt(
    job: dict[str, Any], time_limit_s: float, start_limit_s: float | None = None
) -> Attempt | RankedAttempt:
    """Start a job, or this rank's part of it."""
    here = place()
    if here.world == 1:
        return Attempt(job, time_limit_s, start_limit_s=start_limit_s)
    return RankedAttempt(job, time_limit_s, here, start_limit_s)


def one_decides(value: Any) -> Any:
    """Rank 0's value, on every rank; it must survive JSON."""
    here = place()
    if here.world == 1:
        return value
    board, key = _board(), f"modelworth/decided/{next(_numbers)}"
    if here.rank == 0:
        board.set(key, json.dumps(value))
    return json.loads(board.get(key))


class RankedAttempt:
    """This rank's part of a job that all ranks do; used like an `Attempt`."""

    def __init__(
        self,
        job: dict[str, Any],
        time_limit_s: float,
        here: Place,
        start_limit_s: float | None = None,
    ) -> None:
        name = f"modelworth/job/{next(_numbers)}"
        self._rank, self._board = here.rank, _board()
        self._failed = f"{name}/failed"
        self._worked = [f"{name}/worked/{rank}" for rank in range(here.world)]
        self._own = Attempt({**job, "group": name}, time_limit_s, start_limit_s=start_limit_s)

    @property
    def news(self) -> News | None:
        """The last that this rank's worker said of itself."""
        return self._own.news

    @property
    def began_s(self) -> dict[str, float]:
        """When its phases began."""
        return self._own.began_s

    def wait(self, seconds: float) -> WorkerEnd | None:
        """The outcome of all ranks together, or None if it isn't known after so many seconds."""
        own = self._own.wait(min(seconds, POLL_S))
        if own is not None:
            self._report(own)
        if self._board.check([self._failed]):
            self._own.discard()
            return WorkerEnd.model_validate_json(self._board.get(self._failed))
        if own is not None and self._board.check(self._worked):
            return own
        sleep(POLL_S if own is not None else 0)
        return None

    def discard(self) -> None:
        """End this rank's part and, by the report, the others'."""
        self._own.discard()
        self._report(WorkerEnd(status="error", reason="stopped"))

    def _report(self, own: WorkerEnd) -> None:
        if own.status == "ok":
            self._board.set(self._worked[self._rank], "yes")
        else:
            reason = f"rank {self._rank}: {own.reason}"
            failed = own.model_copy(update={"reason": reason})
            self._board.compare_set(self._failed, "", failed.model_dump_json())


@cache
def _board() -> distributed.TCPStore:
    """The agent's store, through which the ranks' runners talk."""
    from modelworth.bench.run.ranks import agent_store

    return agent_store()
