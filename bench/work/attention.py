"""Attention as the timed work uses it: PyTorch's fused kernels, without masks that say nothing.

transformers builds a mask for every step over a static cache, and for every compiled one, though
sequences here have no padding; a mask keeps PyTorch from its flash kernels. `unmasked` serves
causal passes over whole sequences and single tokens over a cache that is full; `growing` adds the
mask that a single token needs over a cache with free places. Both need a model that gets its
attention from transformers' interface and has no sliding window.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention

CAUSAL = ("decoder", "image-decoder")
"""Families whose passes are causal."""
UNMASKED, GROWING, SPLIT = "modelworth_unmasked", "modelworth_growing", "split"
PIECE = 256
"""Places of a cache that are taken together when it is split."""
INTERFACE_MODELS = frozenset(
    {"deepseek_v3", "gpt2", "llama", "mistral", "mixtral", "qwen2", "qwen3", "qwen3_moe"}
)
"""Model types whose outputs with these functions are tested to equal those with `sdpa`."""


def implementation(asked: str | None, config: Any, *, growing: bool) -> str:
    """The name to build a model with; `asked` unless that is `sdpa` and can do without mask.

    Args:
        asked: as the case says; None is `sdpa`.
        config: transformers' config of the model.
        growing: whether single tokens meet a cache with free places.
    """
    if asked not in (None, "sdpa"):
        return asked
    if getattr(config, "model_type", "") not in INTERFACE_MODELS or windowed(config):
        return "sdpa"
    _register()
    return GROWING if growing else UNMASKED


def windowed(config: Any) -> bool:
    """Whether some layer sees only the last tokens."""
    kinds = getattr(config, "layer_types", None) or ()
    return bool(getattr(config, "sliding_window", None)) or "sliding_attention" in kinds


def public_name(name: str | None) -> str | None:
    """What a measurement calls an implementation."""
    return "sdpa" if name is not None and name.startswith((UNMASKED, GROWING)) else name


def split(name: str) -> str:
    """The implementation that does as this one of ours, but splits the cache for one token."""
    return f"{name}_{SPLIT}"


def _register() -> None:
    """Makes both functions known to transformers."""
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface

    for name in (UNMASKED, GROWING):
        AttentionInterface.register(name, _attend)
        AttentionInterface.register(split(name), partial(_attend, splits=True))
    for name in (GROWING, split(GROWING)):
        AttentionMaskInterface.register(name, _growing_mask)


def _growing_mask(*, q_length: int, **arguments: Any) -> torch.Tensor | None:
    """No mask for the first pass, sdpa's for a single token."""
    from transformers.masking_utils import sdpa_mask

    return sdpa_mask(q_length=q_length, **arguments) if q_length == 1 else None


def _attend(
    module: torch.nn.Module,  # noqa: ARG001 transformers' signature
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    *,
    splits: bool = False,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Transformers' layout: (batch, heads, tokens, width) in, tokens before heads out."""
    batch, heads, length, _width = query.shape
    groups = heads // key.shape[1]
    if splits and length == 1:
        output = split_attention(query, key, value, attention_mask, scaling)
        return output.transpose(1, 2).contiguous(), None
    if length > 1:  # places of a static cache after the prompt are empty
        key, value = key[:, :, :length], value[:, :, :length]
    elif groups > 1 and (attention_mask is not None or query.device.type == "cpu"):
        # The queries that share keys become rows of one product: no key is copied.
        query, groups = query.reshape(batch, key.shape[1], groups, -1), 1
    if groups > 1 and query.device.type == "cuda" and product_format(query) is torch.float32:
        # Only the 16-bit flash kernels share keys between queries; others need copies.
        key, value = (each.repeat_interleave(groups, dim=1) for each in (key, value))
        groups = 1
    output = scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=attention_mask,
        dropout_p=dropout,
        is_causal=length > 1,
        scale=scaling,
        enable_gqa=groups > 1,
    )
    return output.reshape(batch, heads, length, -1).transpose(1, 2).contiguous(), None


def split_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    scale: float | None = None,
) -> torch.Tensor:
    """One token's attention whose sums over a long cache run as products over its pieces.

    A single query gives a kernel one row of work; pieces are work for the whole device, as in
    flash-decoding (Dao et al. 2023). Queries that share keys are rows of one product.
    """
    shape, tokens = query.shape, key.shape[2]
    query = query.reshape(*key.shape[:2], -1, shape[-1])
    scores = (query @ key.mT).float() * (scale or shape[-1] ** -0.5)
    if mask is not None:
        hides = mask.dtype is torch.bool
        scores = scores.masked_fill(~mask, float("-inf")) if hides else scores + mask
    weights = scores.softmax(-1).to(value.dtype)
    pieces = max(1, tokens // PIECE)
    size = tokens // pieces
    whole = pieces * size
    of_pieces = weights[..., :whole].unflatten(-1, (pieces, size)).movedim(-2, 2)
    output = (of_pieces @ value[:, :, :whole].unflatten(2, (pieces, size))).sum(2)
    if whole < tokens:
        output = output + weights[..., whole:] @ value[:, :, whole:]
    return output.reshape(*shape[:-1], value.shape[-1])


def product_format(given: torch.Tensor) -> torch.dtype:
    """The number format that a product of this tensor runs in.

    Rotated queries are float32 under autocast, which lowers them on their way into the kernel.
    """
    device = given.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else given.dtype
