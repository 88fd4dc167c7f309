"""Processes on this machine as the ranks of a process group: two, unless more are asked for."""

from __future__ import annotations

import socket

import torch
from torch import distributed, multiprocessing


def both_ranks(function, *arguments, world=2):
    """What `function(rank, *arguments)` returns on each rank, rank 0 first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    ranks = [
        context.Process(target=_rank, args=(rank, world, port, queue, function, arguments))
        for rank in range(world)
    ]
    for rank in ranks:
        rank.start()
    found = sorted((queue.get(timeout=400) for _ in ranks), key=lambda pair: pair[0])
    for rank in ranks:
        rank.join(timeout=60)
        assert rank.exitcode == 0
    return [result for _, result in found]


def _rank(rank, world, port, queue, function, arguments):
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world
    )
    queue.put((rank, function(rank, *arguments)))
    distributed.barrier()
    distributed.destroy_process_group()
