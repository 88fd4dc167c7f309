"""What a built model does and keeps: FLOPs by module and the numbers in its own cache object.

FLOPs come from PyTorch's FlopCounterMode over a pass on the meta device, with eager attention and
batched experts, so that nothing hides in a fused kernel.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from modelworth.bench.models.inspect_build import quiet
from modelworth.bench.models.inspect_values import BUILT_WITH, META, Literals, Values


@contextmanager
def _lengths_of_states() -> Iterator[None]:
    """Lets a cache that holds states alone be asked for its length: no tokens are in it."""
    from transformers.cache_utils import Cache

    plain = {"get_seq_length": Cache.get_seq_length, "get_mask_sizes": Cache.get_mask_sizes}

    def seq_length(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Its length, 0 where no layer of it keeps tokens."""
        try:
            return plain["get_seq_length"](self, *args, **kwargs)
        except ValueError:
            return 0

    def mask_sizes(self: Any, query_length: int, layer: int) -> Any:
        """What a mask spans: the tokens given alone, where no layer of it keeps others."""
        try:
            return plain["get_mask_sizes"](self, query_length, layer)
        except ValueError:
            return query_length, 0

    try:
        Cache.get_seq_length, Cache.get_mask_sizes = seq_length, mask_sizes
        yield
    finally:
        for name, method in plain.items():
            setattr(Cache, name, method)


@dataclass(frozen=True)
class Pass:
    """One pass: FLOPs by module's path (the whole under an empty one), and what it gave back."""

    flops: dict[str, int]
    output: Any

    @property
    def total(self) -> int:
        """FLOPs of the whole pass."""
        return self.flops.get("", 0)


def counted_pass(model: Any, inputs: dict[str, Any]) -> Pass:
    """One pass of a model on the meta device, counted.

    Raises:
        RuntimeError: if the model can't run so.
    """
    counter, values = FlopCounterMode(display=False), BUILT_WITH.get(model) or Values()
    try:
        with ExitStack() as modes:
            for mode in (
                quiet(),
                _lengths_of_states(),
                torch.no_grad(),
                META,
                Literals(values),
                values,
                counter,
            ):
                modes.enter_context(mode)
            output = model(**inputs)
    except Exception as error:
        raise RuntimeError(f"{type(error).__name__}: {str(error)[:160]}") from error
    root = type(model).__name__
    flops = {}
    for path, by_operation in counter.get_flop_counts().items():
        if path == "Global":
            flops[""] = sum(by_operation.values())
        elif path.startswith(f"{root}."):
            flops[path.removeprefix(f"{root}.")] = sum(by_operation.values())
    return Pass(flops, output)


@dataclass(frozen=True)
class Kept:
    """What one layer of a cache holds.

    Attributes:
        elements: numbers in all of its tensors.
        window: positions it keeps at most; None: all.
    """

    elements: int
    window: int | None


def kept_by(output: Any) -> list[Kept]:
    """What the cache that a pass gave back holds, by layer; empty: it keeps none."""
    held = getattr(output, "past_key_values", None)
    held = held if held is not None else getattr(output, "cache_params", None)
    if held is None:
        return []
    caches = [held]
    if hasattr(held, "self_attention_cache"):
        caches = [held.self_attention_cache]
    layers = [layer for cache in caches for layer in getattr(cache, "layers", [])]
    if layers:
        return [Kept(_elements(layer), _window(layer)) for layer in layers]
    return [Kept(_elements(held), None)]


def _window(layer: Any) -> int | None:
    """Positions that a layer of a cache keeps at most."""
    found = getattr(layer, "sliding_window", None)
    return found if isinstance(found, int) and found > 0 else None


def _elements(holder: Any) -> int:
    """Numbers in all tensors that an object holds, each once."""
    return sum(tensor.numel() for tensor in {id(one): one for one in _tensors(holder, 0)}.values())


def _tensors(holder: Any, depth: int) -> Iterator[torch.Tensor]:
    """Tensors in an object, its lists, dictionaries and own fields."""
    if isinstance(holder, torch.Tensor):
        if holder.ndim > 1:
            yield holder
    elif depth < 4 and isinstance(holder, dict):
        for value in holder.values():
            yield from _tensors(value, depth + 1)
    elif depth < 4 and isinstance(holder, list | tuple):
        for value in holder:
            yield from _tensors(value, depth + 1)
    elif depth < 4 and hasattr(holder, "__dict__") and not isinstance(holder, torch.nn.Module):
        for name, value in vars(holder).items():
            if name not in ("config", "_config"):
                yield from _tensors(value, depth + 1)
