"""Which attention kernel is fastest for a step's own calls, seen on the device itself.

The calls are noted while the step runs on tensors without storage; each of PyTorch's kernels that
can do all of them is then timed: forward, and for training backward as well. For single tokens
over a cache there is one more, `split`: products over all pieces of the cache at once, as
flash-decoding does (Dao et al. 2023). On CUDA calls without gradients are timed inside a captured
graph, as they are in the step; a launch costs more than such a call.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode

from modelworth.bench.work.attention import SPLIT, product_format, split_attention
from modelworth.data.errors import InputError

KERNELS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "math": SDPBackend.MATH,
}
TIMES, ENOUGH_S = 5, 0.2
"""Of which the shortest counts, after one that doesn't; and seconds after which no more follow."""
IN_A_GRAPH = 10
"""Calls captured together."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of `scaled_dot_product_attention`, without what the tensors hold."""

    query: tuple[int, ...]
    key: tuple[int, ...]
    value: tuple[int, ...]
    mask: tuple[int, ...] | None
    mask_format: torch.dtype | None
    causal: bool
    grouped: bool
    format: torch.dtype

    def tensors(self, device: torch.device, *, trained: bool) -> tuple[Tensor, ...]:
        """Query, key and value of such a call; the step's own random numbers stay as they are."""
        drawn = torch.Generator(device).manual_seed(0)
        kind = {"device": device, "dtype": self.format, "requires_grad": trained}
        shapes = (self.query, self.key, self.value)
        return tuple(torch.randn(shape, generator=drawn, **kind) for shape in shapes)

    def masked(self, device: torch.device) -> Tensor | None:
        """A mask that hides nothing."""
        if self.mask is None:
            return None
        made = torch.ones if self.mask_format is torch.bool else torch.zeros
        return made(self.mask, device=device, dtype=self.mask_format)


class Noted(TorchFunctionMode):
    """Counts the attention calls that are made while it is active."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[Call] = Counter()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run a function, and note it if it is attention."""
        if func is scaled_dot_product_attention:
            self.calls[_call(*args, **(kwargs or {}))] += 1
        return func(*args, **(kwargs or {}))


def _call(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,  # noqa: ARG001 PyTorch's signature
    is_causal: bool = False,
    scale: float | None = None,  # noqa: ARG001
    enable_gqa: bool = False,
) -> Call:
    shapes = (tuple(query.shape), tuple(key.shape), tuple(value.shape))
    mask = None if attn_mask is None else tuple(attn_mask.shape)
    of_mask = None if attn_mask is None else attn_mask.dtype
    if of_mask is not None and of_mask.is_floating_point:
        of_mask = product_format(attn_mask)
    return Call(*shapes, mask, of_mask, is_causal, enable_gqa, product_format(query))


@dataclass(frozen=True, slots=True)
class Choice:
    """The kernel for a step's attention.

    Attributes:
        kernel: its name; None where the step makes no call, or none could be seen.
        seconds: of all of the step's calls by each kernel that can do them.
    """

    kernel: str | None = None
    seconds: Mapping[str, float] | None = None


def choose(
    calls: Counter[Call],
    device: torch.device,
    asked: str | None,
    *,
    trained: bool = False,
    splits: bool = False,
) -> Choice:
    """The fastest kernel for these calls, or the one that is asked for.

    Args:
        calls: what a step calls, and how often.
        device: where.
        asked: a kernel's name; None: the fastest.
        trained: whether gradients are taken.
        splits: whether the model's attention can be told to split the cache.

    Raises:
        InputError: if the one asked for can't do these calls here.
    """
    if not calls:
        if asked is not None:
            raise InputError(
                "workload.attention_kernel", asked, "left out: no calls of sdpa are seen"
            )
        return Choice()
    found = {}
    for name in (*KERNELS, *((SPLIT,) if splits else ())):
        try:
            found[name] = sum(
                count * _seconds(one, name, device, trained=trained) for one, count in calls.items()
            )
        except RuntimeError:  # the kernel can't do such a call
            continue
    if asked is not None and asked not in found:
        raise InputError("workload.attention_kernel", asked, f"one of {', '.join(found)}")
    if not found:  # not even one call fits the memory: the step will say so
        return Choice()
    return Choice(asked or min(found, key=lambda name: found[name]), found)


@contextmanager
def using(kernel: str | None) -> Iterator[None]:
    """Attention by one of PyTorch's kernels, and by plain products where that can't."""
    if kernel not in KERNELS:
        yield
        return
    with sdpa_kernel([KERNELS[kernel], SDPBackend.MATH], set_priority=True):
        yield


def _seconds(call: Call, name: str, device: torch.device, *, trained: bool) -> float:
    """Shortest time of a call, with its backward pass if trained."""
    query, key, value = call.tensors(device, trained=trained)
    mask = call.masked(device)

    def forward() -> Tensor:
        if name == SPLIT:
            return split_attention(query, key, value, mask)
        return scaled_dot_product_attention(
            query, key, value, mask, is_causal=call.causal, enable_gqa=call.grouped
        )

    def both() -> None:
        output = forward()
        torch.autograd.grad(output, (query, key, value), torch.ones_like(output))

    exact = nullcontext() if name == SPLIT else sdpa_kernel(KERNELS[name])
    with exact, warnings.catch_warnings(), torch.autocast(device.type, enabled=False):
        warnings.simplefilter("ignore")  # why a kernel can't
        if trained:
            return _shortest_s(both, device)
        with torch.inference_mode():
            if device.type == "cuda":
                return _shortest_s(_captured(forward, device), device) / IN_A_GRAPH
            return _shortest_s(forward, device)


def _captured(call: Callable[[], object], device: torch.device) -> Callable[[], object]:
    """Several calls as one CUDA graph."""
    run_aside(call, device)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(IN_A_GRAPH):
            call()
    return graph.replay


def run_aside(action: Callable[[], object], device: torch.device) -> None:
    """Run in a stream of its own what is to be captured next."""
    side, here = torch.cuda.Stream(device), torch.cuda.current_stream(device)
    side.wait_stream(here)
    with torch.cuda.stream(side):
        action()
    here.wait_stream(side)


def _shortest_s(action: Callable[[], object], device: torch.device) -> float:
    """Shortest time of an action: of several after a first one, or of that alone if it is long."""
    times: list[float] = []
    while len(times) <= TIMES and sum(times) < ENOUGH_S:
        times.append(_once_s(action, device))
    return min(times[1:] or times)


def _once_s(action: Callable[[], object], device: torch.device) -> float:
    if device.type != "cuda":
        start = perf_counter()
        action()
        return perf_counter() - start
    before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    before.record()
    action()
    after.record()
    torch.cuda.synchronize(device)
    return before.elapsed_time(after) / 1e3
