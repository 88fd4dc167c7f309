"""Low-rank adapters on a built model (Hu et al. 2021, arXiv:2106.09685)."""

from __future__ import annotations

from typing import Any

import torch

from modelworth.bench.models import distributed
from modelworth.data.errors import InputError

LORA_RANK = 16


def add_lora(model: Any, rank: int | None) -> Any:
    """The model with float32 adapters on every linear layer of its stacks; all else frozen.

    Experts that are fused into one tensor get none.

    Raises:
        InputError: if adapters can't go into such a model.
    """
    from peft import LoraConfig, inject_adapter_in_model
    from transformers.pytorch_utils import Conv1D

    linear = (torch.nn.Linear, Conv1D)
    inside = {id(part) for layer in distributed.repeated_layers(model) for part in layer.modules()}
    targets = [
        path
        for path, part in model.named_modules()
        if isinstance(part, linear) and id(part) in inside
    ]
    rank = rank or LORA_RANK
    transposed = any(isinstance(part, Conv1D) for part in model.modules())
    config = LoraConfig(
        r=rank, lora_alpha=2 * rank, target_modules=targets, fan_in_fan_out=transposed
    )
    try:
        bare = next(model.parameters()).is_meta
        model = inject_adapter_in_model(config, model, low_cpu_mem_usage=bare)
    except ValueError as error:  # peft knows models whose kernels pass adapters by: Mamba's
        kind = getattr(model.config, "model_type", type(model).__name__)
        reason = str(error).split("] ")[-1][:160]
        raise InputError("work", f"finetune_lora of {kind}", f"pretrain ({reason})") from error
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()
    return model
