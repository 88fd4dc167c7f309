"""The processes that do one case together, as torchrun starts them; one alone is the usual case.

Each case joins a process group of its own, kept apart from the others by its name in the store
that torchrun's agent holds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import distributed

from modelworth.bench.run.observation import Observation
from modelworth.bench.run.place import Place, place
from modelworth.bench.work.task import DeviceKind
from modelworth.data.errors import InputError

TIMEOUT = timedelta(minutes=10)


class Ranks(Place):
    """What the processes that do one case together need of each other."""

    __slots__ = ()

    def device(self, kind: DeviceKind) -> torch.device:
        """This rank's device; on CUDA it becomes the current one."""
        if kind == "cpu":
            return torch.device("cpu")
        if not torch.cuda.is_available():
            raise InputError("device", "cuda", "cpu: torch sees no GPU here")
        torch.cuda.set_device(self.local_rank)
        return torch.device("cuda", self.local_rank)

    def agree(self, value: float) -> float:
        """Rank 0's value."""
        if self.world == 1:
            return value
        held = [value]
        distributed.broadcast_object_list(held, src=0, device=torch.device("cpu"))
        return held[0]

    def gather(self, seen: Observation) -> list[Observation]:
        """What every rank saw."""
        if self.world == 1:
            return [seen]
        held: list[Observation | None] = [None] * self.world
        distributed.all_gather_object(held, seen)
        return [rank for rank in held if rank is not None]


@contextmanager
def join(group: str, device: DeviceKind) -> Iterator[Ranks]:
    """Be one of the ranks, in a process group of this name; alone nothing is set up."""
    here = place()
    ranks = Ranks(here.rank, here.world, here.local_rank)
    if ranks.world == 1:
        yield ranks
        return
    if device == "cuda":
        torch.cuda.set_device(ranks.local_rank)
    distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo",
        store=distributed.PrefixStore(group, agent_store()),
        rank=ranks.rank,
        world_size=ranks.world,
        timeout=TIMEOUT,
    )
    try:
        yield ranks
    finally:
        distributed.destroy_process_group()


def agent_store() -> distributed.TCPStore:
    """The store of torchrun's agent.

    Raises:
        InputError: if this wasn't started by torchrun.
    """
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        found = f"WORLD_SIZE={os.environ.get('WORLD_SIZE')} without torchrun's agent"
        raise InputError("environment", found, "started by torchrun, or by --nproc")
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    return distributed.TCPStore(address, port, is_master=False, timeout=TIMEOUT)
