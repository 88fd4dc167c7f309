"""How much memory a step will take at its peak, found by running it on tensors without storage.

The step runs once under FakeTensorMode, and every storage it makes is followed from birth to death.
What kernels take for themselves, and what an allocator rounds up, is not in it. None where a step
looks into its tensors, which fake ones can't show.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from modelworth.bench.models.size import expert_share


class Stand:
    """A model with other parameters in its place; callable as the model is."""

    def __init__(self, model: Any, parameters: Mapping[str, Tensor]) -> None:
        self.config = model.config
        self._model, self._parameters = model, parameters

    def __call__(self, **arguments: Any) -> Any:
        """The model's forward pass."""
        return functional_call(self._model, dict(self._parameters), (), arguments)


class Peak(TorchDispatchMode):
    """Follows the bytes of all storages that operations make while it is active."""

    def __init__(self) -> None:
        super().__init__()
        self.live, self.peak = 0, 0
        self._known: set[int] = set()

    def ignore(self, tensors: list[Tensor]) -> None:
        """Don't count the storages of these."""
        self._known |= {tensor.untyped_storage()._cdata for tensor in tensors}

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: Any = (),
        kwargs: Any = None,
    ) -> Any:
        """Run an operation and take note of what it made."""
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor):
                self._note(tensor.untyped_storage())
        return made

    def _note(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return
        self._known.add(key)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size


def transient_bytes(
    model: Any,
    batch: Mapping[str, Tensor],
    run: Callable[[Any, dict[str, Tensor]], None],
    kept: Sequence[Tensor] = (),
    noting: AbstractContextManager[Any] | None = None,
) -> int | None:
    """Peak bytes of all that `run(model, batch)` makes: activations, logits, gradients.

    `run` is given a stand-in for the model; `kept` are tensors that it finds elsewhere, a cache;
    `noting` is active while it runs.
    """
    routed = expert_share(model.config) < 1
    if routed and model.dtype is not torch.bfloat16:
        return None  # PyTorch's fake grouped product knows bfloat16 only, and says so loudly
    try:
        with _uncached(), FakeTensorMode(allow_non_fake_inputs=True) as mode:
            weights = {name: mode.from_tensor(each) for name, each in model.named_parameters()}
            others = {name: mode.from_tensor(each) for name, each in model.named_buffers()}
            inputs = tree_map_only(Tensor, mode.from_tensor, dict(batch))
            held = [mode.from_tensor(each) for each in kept]  # found again when they are met
            with Peak() as peak, noting or nullcontext():
                given = (each for each in inputs.values() if isinstance(each, Tensor))
                peak.ignore([*weights.values(), *others.values(), *given, *held])
                run(Stand(model, weights | others), inputs)
    except (RuntimeError, NotImplementedError, AssertionError):
        return None
    return peak.peak


@contextmanager
def _uncached() -> Iterator[None]:
    """Without what transformers keeps between passes: a tensor without storage must not be kept."""
    from transformers import pytorch_utils

    known = pytorch_utils.is_torchdynamo_compiling
    pytorch_utils.is_torchdynamo_compiling = lambda: True  # then it keeps nothing
    try:
        yield
    finally:
        pytorch_utils.is_torchdynamo_compiling = known


def state_bytes(model: torch.nn.Module) -> int:
    """Storage of a model's parameters and buffers, each once."""
    held = [each.untyped_storage() for each in (*model.parameters(), *model.buffers())]
    return sum({storage.data_ptr(): storage.nbytes() for storage in held}.values())
