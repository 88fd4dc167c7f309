"""Of a step's model FLOPs, those that no attention kernel can leave out.

By convention attention counts every pair of tokens. A fused kernel does only the pairs that a
causal mask or a sliding window lets through, so that a ceiling of matrix products limits those
alone. The model runs once on the meta device with an attention that notes which pairs it needs.
Eager attention leaves nothing out; a decode step attends to all that its cache holds.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from modelworth.bench.models import zoo
from modelworth.bench.work import flops
from modelworth.bench.work.attention import CAUSAL
from modelworth.bench.work.inputs import lengths
from modelworth.data.errors import InputError
from modelworth.data.measurement import Workload
from modelworth.data.words import TRAINING

NOTING = "modelworth_noting"


def kernel_flops(
    blueprint: zoo.Blueprint, workload: Workload, attention: str | None
) -> float | None:
    """FLOPs of one step that no kernel can leave out; None where that is all of them.

    Args:
        blueprint: the model.
        workload: what it does.
        attention: the implementation that is really in use.
    """
    size = _passed_tokens(blueprint, workload)
    counted = flops.model_flops(blueprint, workload)
    if size is None or counted is None or attention == "eager":
        return None
    spared = _spared(blueprint.key, size)
    if not spared:
        return None
    passes, sequences = 1, workload.batch
    if workload.kind in TRAINING:
        passes, sequences = 3, sequences * workload.gradient_accumulation
    return counted - passes * sequences * spared


def _passed_tokens(blueprint: zoo.Blueprint, workload: Workload) -> int | None:
    """Tokens of a sequence that pass a decoder together; None where no mask spares anything."""
    if blueprint.family not in CAUSAL or workload.kind == "decode":
        return None
    return lengths(blueprint, zoo.transformers_config(blueprint), workload).prompt


@cache
def _spared(key: str, tokens: int) -> float:
    """Forward FLOPs of one sequence between tokens that don't see each other."""
    found = Noted()
    try:
        model = zoo.build(zoo.Blueprint.of_key(key), flops.META, torch.bfloat16, found.register())
    except InputError:
        return 0.0  # a model with an attention of its own
    ids = torch.zeros(1, tokens, dtype=torch.long, device=flops.META)
    with torch.no_grad():
        model(input_ids=ids, use_cache=True)  # without a cache transformers looks into positions
    return found.spared


class Noted:
    """An attention that does nothing but note what each layer needs."""

    def __init__(self) -> None:
        self.spared = 0.0

    def register(self) -> str:
        """Make it known to transformers; returns its name."""
        from transformers import AttentionInterface

        AttentionInterface.register(NOTING, self._attend)
        return NOTING

    def _attend(
        self,
        module: torch.nn.Module,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        *_: Any,
        sliding_window: int | None = None,
        **__: Any,
    ) -> tuple[torch.Tensor, None]:
        batch, heads, length, width = query.shape
        if getattr(module, "is_causal", False) and key.shape[2] == length:
            left_out = length**2 - causal_pairs(length, sliding_window)
            self.spared += 2.0 * batch * heads * left_out * (width + value.shape[3])
        return query.new_empty(batch, length, heads, value.shape[3]), None


def causal_pairs(tokens: int, window: int | None = None) -> int:
    """Pairs of a token with itself and those before it, at most `window` of them."""
    seen = min(tokens, window or tokens)
    return seen * (seen + 1) // 2 + (tokens - seen) * seen
