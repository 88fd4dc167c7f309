"""The values of small tensors on the meta device, for the shapes that hang on them.

Sizes of images, masks of padding and choices of experts are numbers that a class asks a tensor for.
Where every number that goes into a small tensor is known, it is computed beside the shapes, and the
question is answered with it. Where it isn't, the answer is 0 (or False): only which of two equal
paths a class takes hangs on that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils.weak import WeakIdKeyDictionary

aten = torch.ops.aten
META, CPU = torch.device("meta"), torch.device("cpu")
MOST = 1 << 14
"""Numbers of a tensor whose values are followed."""
LITERALS = (torch.tensor, torch.as_tensor, torch.asarray, torch.from_numpy)
READS = (torch.Tensor.tolist, torch.Tensor.numpy, torch.Tensor.__format__)
CHANCES = ("rand", "normal", "bernoulli", "multinomial", "uniform", "dropout")
OF_VALUES = (
    *(aten.nonzero.default, aten.bincount.default, aten.masked_select.default),
    *(aten._unique2.default, aten.unique_consecutive.default, aten.unique_dim.default),
    aten.repeat_interleave.Tensor,
)
"""Operations whose shapes hang on values."""
BUILT_WITH: WeakKeyDictionary[Any, Values] = WeakKeyDictionary()
"""The values of a model's own small tensors, such as strides, that were known when it was made."""
INDEXED = (aten.index.Tensor, aten.index_put_.default, aten.index_put.default)


class Values(TorchDispatchMode):
    """Follows the values of small tensors, and answers for those of others."""

    def __init__(self) -> None:
        super().__init__()
        self.known = WeakIdKeyDictionary()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The operation on shapes, with its values where they are known."""
        del types
        args, kwargs = _mapped(self._bare, args, kwargs or {})
        if func in INDEXED:
            args = (args[0], [each for found in args[1] for each in self._places(found)], *args[2:])
        values = self._values(func, args, kwargs)
        if values is None:
            return _assumed(func, args, kwargs)
        if func in OF_VALUES:
            return _paired(self._shaped, values)
        if not isinstance(values, torch.Tensor | tuple | list):
            return values
        out = func(*args, **kwargs)
        _paired(self._keep, values, out)
        return out

    def literal(self, func: Any, args: Any, kwargs: Any) -> Any:
        """A tensor of given numbers, made where numbers are kept."""
        chosen = {} if func is torch.from_numpy else {**kwargs, "device": CPU}
        with _disable_current_modes():
            return self._shaped(func(*args, **chosen))

    def read(self, func: Any, found: torch.Tensor, *words: Any) -> Any:
        """A tensor's numbers, as a list, an array or text; zeros where they aren't known."""
        value = self.known.get(found)
        with _disable_current_modes():
            unknown = torch.zeros(found.shape, dtype=found.dtype, device=CPU)
            return func(unknown if value is None else value, *words)

    def _bare(self, found: Any) -> Any:
        """A tensor with numbers as one without, whose numbers are known; meta for the processor."""
        if isinstance(found, torch.Tensor):
            return found if found.is_meta else self._shaped(found)
        return META if isinstance(found, torch.device) else found

    def _shaped(self, value: torch.Tensor) -> torch.Tensor:
        """A tensor without storage that has these values."""
        made = torch.empty_like(value, device=META)
        self._keep(value, made)
        return made

    def _keep(self, value: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
        """Remembers the values of a tensor that isn't large."""
        if value.numel() <= MOST:
            self.known[made] = value
        return made

    def _places(self, found: Any) -> list[Any]:
        """A mask as the places that it lets through, by dimension: all, where it isn't known."""
        if not isinstance(found, torch.Tensor) or found.dtype != torch.bool:
            return [found]
        value = self.known.get(found)
        if value is None:
            return [torch.zeros(found.numel(), dtype=torch.long, device=META)] * found.ndim
        return [self._shaped(each) for each in value.nonzero(as_tuple=True)]

    def _values(self, func: Any, args: Any, kwargs: Any) -> Any:
        """What the operation gives by values; None: one that goes in isn't known."""
        tensors = list(_tensors((*args, *kwargs.values())))
        known = self.known
        if tensors:
            possible = all(each in known for each in tensors) and not _chance(func)
        else:
            possible = _few(args) and not _chance(func) and not _open(func, kwargs)
        if possible:
            try:
                given, named = _mapped(self._valued, args, kwargs)
                return func(*given, **named)
            except (RuntimeError, NotImplementedError, IndexError, TypeError):
                pass
        if func._schema.is_mutable and tensors and tensors[0] in known:
            self._forget(known[tensors[0]].untyped_storage().data_ptr())
        return None

    def _valued(self, found: Any) -> Any:
        """A tensor's values; the processor for meta."""
        if isinstance(found, torch.Tensor):
            return self.known[found]
        return CPU if isinstance(found, torch.device) else found

    def _forget(self, storage: int) -> None:
        """Drops values that something unknown was written into."""
        for made, value in list(self.known.items()):
            if value.untyped_storage().data_ptr() == storage:
                del self.known[made]


class Literals(TorchFunctionMode):
    """Makes tensors of given numbers, and reads tensors' numbers, by the values that are known."""

    def __init__(self, values: Values) -> None:
        super().__init__()
        self.values = values

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The function, or the answer in its place."""
        del types
        kwargs = kwargs or {}
        if func in READS and args[0].is_meta:
            return self.values.read(func, *args)
        if func in LITERALS and args and not isinstance(args[0], torch.Tensor):
            return self.values.literal(func, args, kwargs)
        return func(*args, **kwargs)


def _mapped(change: Callable[[Any], Any], args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Arguments of an operation, each changed; lists of tensors by item."""

    def one(found: Any) -> Any:
        return (
            [change(each) for each in found] if isinstance(found, list | tuple) else change(found)
        )

    return tuple(one(each) for each in args), {name: one(each) for name, each in kwargs.items()}


def _paired(do: Callable[..., Any], values: Any, *others: Any) -> Any:
    """What is to be done with each tensor of an answer."""
    if isinstance(values, torch.Tensor):
        return do(values, *others)
    rows = zip(values, *others, strict=True)
    return tuple(do(*row) if isinstance(row[0], torch.Tensor) else row[0] for row in rows)


def _tensors(found: Any) -> Iterator[torch.Tensor]:
    """Tensors among arguments."""
    for each in found:
        if isinstance(each, torch.Tensor):
            yield each
        elif isinstance(each, list | tuple):
            yield from _tensors(each)


def _chance(func: Any) -> bool:
    """Whether an operation draws numbers."""
    return any(word in func._schema.name for word in CHANCES)


def _open(func: Any, kwargs: Any) -> bool:
    """Whether an operation leaves numbers open that are weights: whole numbers will be written."""
    kind = kwargs.get("dtype") or torch.get_default_dtype()
    return "empty" in func._schema.name and kind.is_floating_point


def _few(args: Any) -> bool:
    """Whether a tensor made from nothing has few enough numbers to follow."""
    count = 1
    for each in args:
        for size in each if isinstance(each, list | tuple) else (each,):
            if isinstance(size, int) and not isinstance(size, bool):
                count *= max(abs(size), 1)
    return count <= MOST


def _assumed(func: Any, args: Any, kwargs: Any) -> Any:
    """The operation on shapes alone, with an answer in place of a value that isn't known."""
    if func is aten._local_scalar_dense.default:
        kind = args[0].dtype
        if kind == torch.bool:
            return False
        return 0.0 if kind.is_floating_point else 0
    if func is aten.nonzero.default:
        return torch.zeros((args[0].numel(), args[0].ndim), dtype=torch.long, device=META)
    if func is aten.bincount.default:
        least = args[2] if len(args) > 2 else kwargs.get("minlength", 0)
        return torch.zeros(max(least, 1), dtype=torch.long, device=META)
    if func is aten.equal.default:
        return True
    if func is aten.index_put_.default:
        return args[0]
    if func in (aten._unique2.default, aten.unique_consecutive.default):
        places = torch.arange(args[0].numel(), device=META)
        return torch.empty_like(args[0]).flatten(), places, torch.ones_like(places)
    if func is aten.repeat_interleave.Tensor:
        return torch.zeros(args[0].numel(), dtype=torch.long, device=META)
    return func(*args, **kwargs)
