"""What a tower of Qwen-VL's kin reads off the grid of its patches, worked out once.

Such a tower takes patches laid out flat, and asks their grid on the host where each image and each
window of attention begins: a look into a tensor that a compiled step can't take. The grid of a case
never changes, so the tower is run once and what it worked out is handed in with every pass, by the
names that transformers has for it (its pull request 45396), whole numbers as Python's own. Servers
do the same: vLLM and SGLang keep positions and window indices by grid, outside what is compiled.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

PREFIX = "image_"
"""Of what is worked out for an image, in the arguments of the whole model."""

SAME = 1e-3
"""Furthest that a tower's two answers may be apart: kernels may add in another order."""


class Numbers:
    """Whole numbers that stand where a tower expects a small tensor of them."""

    def __init__(self, values: Any) -> None:
        self._values = tuple(values)

    def __getitem__(self, part: slice) -> Numbers:
        return Numbers(self._values[part])

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __sub__(self, other: Numbers) -> Numbers:
        return Numbers([one - two for one, two in zip(self._values, other._values, strict=True)])

    def __floordiv__(self, divisor: int) -> Numbers:
        return Numbers([one // divisor for one in self._values])

    def prod(self, dim: int) -> Numbers:  # noqa: ARG002 a tensor's signature
        """Products of the rows."""
        return Numbers([time * high * wide for time, high, wide in self._values])

    def tolist(self) -> list[Any]:
        """As a tensor gives them."""
        return list(self._values)


class _Wanted(dict[str, Any]):
    """Arguments that note which of them are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def pop(self, name: str, *default: Any) -> Any:
        """Nothing has been worked out yet."""
        self.names.append(name)
        return default[0]


def worked_out(model: Any, given: dict[str, torch.Tensor]) -> dict[str, Any]:
    """What to hand in beside a batch: for images with a grid, what follows from it; else nothing.

    Where a tower takes no such arguments, only the tokens' positions are: it then looks for itself.
    """
    if "image_grid_thw" not in given:
        return {}
    whole, found = getattr(model, "model", model), {}
    if hasattr(whole, "get_rope_index"):
        ids, grid = given["input_ids"], given["image_grid_thw"]
        image = (ids == model.config.image_token_id).int()
        places, _ = whole.get_rope_index(ids, mm_token_type_ids=image, image_grid_thw=grid)
        found["position_ids"] = places
    tower = getattr(whole, "visual", None)
    if tower is None or tower.device.type == "meta":  # a part of it will be here only
        return found
    seen = {name: given[name] for name in ("pixel_values", "image_grid_thw")}
    if places := getattr(tower, "embeddings", None):  # GLM-4V's reckon with the grid as a tensor
        places.register_forward_pre_hook(_as_tensors)
    with torch.no_grad():
        with _noted(tower) as notes:
            expected = whole.get_image_features(**seen).pooler_output
        notes |= {"image_grid_thw": Numbers(map(tuple, seen.pop("image_grid_thw").tolist()))}
        try:
            again = whole.get_image_features(**seen, **notes).pooler_output
        except (TypeError, AttributeError):
            return found
    pairs = zip(expected, again, strict=True)
    same = all((one - two).norm() <= SAME * one.norm() for one, two in pairs)
    return found | notes if same else found


def _as_tensors(_: torch.nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
    """Whole numbers as the tensor that they stand for."""
    device = next(each.device for each in given if isinstance(each, torch.Tensor))
    return tuple(
        torch.tensor(each.tolist(), device=device) if isinstance(each, Numbers) else each
        for each in given
    )


@contextmanager
def _noted(tower: Any) -> Iterator[dict[str, Any]]:
    """What a tower's module works out with transformers' `vision_utils` meanwhile."""
    here: dict[str, Any] = vars(sys.modules[type(tower).__module__])
    notes: dict[str, Any] = {}
    tensors = tower.config._attn_implementation.startswith("flash")  # its kernels take bounds so
    from_utils = {
        name: made
        for name, made in here.items()
        if getattr(made, "__module__", "") == "transformers.vision_utils"
    }

    def noting(work_out: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any, kwargs: Any = None, **more: Any) -> Any:  # noqa: ARG001
            wanted = _Wanted()
            made = work_out(*given, kwargs=wanted, **more)
            parts = made if isinstance(made, tuple) else (made,)
            for name, part in zip(wanted.names, parts, strict=True):
                if part is not None:
                    bounds = name.startswith("cu_") and not tensors
                    notes[PREFIX + name] = Numbers(part.tolist()) if bounds else part
            return made

        return run

    here.update({name: noting(made) for name, made in from_utils.items()})
    try:
        yield notes
    finally:
        here.update(from_utils)
