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
from modelworth.bench.run.place import place
from modelworth.bench.work.task import DeviceKind
from modelworth.data.errors import InputError

TIMEOUT = timedelta(minutes=10)


def own_device(kind: DeviceKind) -> torch.device:
    """This rank's device; on CUDA it becomes the current one."""
    if kind == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise InputError("device", "cuda", "cpu: torch sees no GPU here")
    torch.cuda.set_device(place().local_rank)
    return torch.device("cuda", place().local_rank)


def agreed(value: float) -> float:
    """Rank 0's value."""
    if place().world == 1:
        return value
    held = [value]
    distributed.broadcast_object_list(held, src=0, device=torch.device("cpu"))
    return held[0]


def gathered(seen: Observation) -> list[Observation]:
    """What every rank saw."""
    if place().world == 1:
        return [seen]
    held: list[Observation | None] = [None] * place().world
    distributed.all_gather_object(held, seen)
    return [rank for rank in held if rank is not None]


@contextmanager
def joined(group: str, device: DeviceKind) -> Iterator[None]:
    """Be one of the ranks, in a process group of this name; alone nothing is set up."""
    here = place()
    if here.world == 1:
        yield
        return
    own_device(device)
    distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo",
        store=distributed.PrefixStore(group, agent_store()),
        rank=here.rank,
        world_size=here.world,
        timeout=TIMEOUT,
    )
    try:
        yield
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
