"""This process's place among those that torchrun started together; one alone is the usual case."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Rank of this process, of how many, and its number on this node."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0


def place() -> Place:
    """As the environment tells it."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    rank, world, local = (
        int(os.environ.get(name, default)) for name, default in zip(names, "010", strict=True)
    )
    return Place(rank, world, local)
