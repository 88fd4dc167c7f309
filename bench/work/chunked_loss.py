"""The loss of a decoder's next tokens without the logits of the whole batch.

The vocabulary makes logits the largest tensor of a small model's step: in float32 they, their
softmax and its gradient are kept from the forward pass to the backward one. Here a few rows at a
time go through the head, give their part of the loss and of the gradients, and are forgotten; what
is kept is as large as the head and the hidden states. As in Liger's fused linear cross-entropy
(arXiv:2410.10989), gradients are made in the forward pass, so that nothing is computed twice.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from modelworth.bench.work.attention import product_format

IGNORED = -100
"""The label of what has no next token."""
CHUNKED_MODELS = frozenset(
    (
        *("deepseek_v3", "gemma", "gpt2", "granite", "llama", "mistral", "mixtral", "olmo2"),
        *("phi3", "qwen2", "qwen3", "qwen3_moe", "smollm3", "starcoder2"),
    )
)
"""Model types whose loss and gradients in chunks are tested to equal the plain ones."""
CHUNK_NUMBERS, LEAST_ROWS = 2**26, 1024
"""Logits held at a time, and rows at least, lest products become too thin to be fast."""


class PassingHead(torch.nn.Linear):
    """An output head whose product is left to the loss: it gives what it is given."""

    def __init__(self, head: torch.nn.Linear) -> None:
        torch.nn.Module.__init__(self)
        self.in_features, self.out_features = head.in_features, head.out_features
        self.weight, self.bias = head.weight, None  # type: ignore[assignment]

    def forward(self, given: Tensor) -> Tensor:
        """The hidden states."""
        return given


def chunk_loss(model: Any) -> bool:
    """Let a decoder take its loss in chunks, if it is of a family that can; whether it does."""
    head = model.get_output_embeddings()
    if model.config.model_type not in CHUNKED_MODELS or type(head) is not torch.nn.Linear:
        return False
    passing = PassingHead(head)
    model.set_output_embeddings(passing)
    model.loss_function = partial(_next_token_loss, passing)
    return True


def chunk_rows(vocabulary: int) -> int:
    """Rows of logits that are held at a time."""
    return max(LEAST_ROWS, CHUNK_NUMBERS // vocabulary)


def linear_loss(hidden: Tensor, weight: Tensor, labels: Tensor, rows: int) -> Tensor:
    """Mean cross-entropy of `hidden @ weight.T`, `rows` rows at a time; ignored labels don't count.

    Products run in the number format of `hidden`; loss and softmax in float32.
    """
    loss: Tensor = _LinearLoss.apply(hidden, weight, labels, rows)
    return loss


def _next_token_loss(
    head: PassingHead, logits: Tensor, labels: Tensor, vocab_size: int, **_: object
) -> Tensor:
    """What transformers calls with a head's output, here the hidden states."""
    logits = logits.to(product_format(logits))
    following = functional.pad(labels, (0, 1), value=IGNORED)[:, 1:]
    return linear_loss(
        logits.flatten(0, 1), head.weight, following.flatten(), chunk_rows(vocab_size)
    )


class _LinearLoss(torch.autograd.Function):
    """A head's product and its cross-entropy, with gradients made on the way."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, labels: Tensor, rows: int) -> Tensor:
        low = weight.to(hidden.dtype)
        share = 1.0 / (labels != IGNORED).sum()
        total = torch.zeros((), device=hidden.device)
        of_hidden: list[Tensor] = []
        of_weight = torch.zeros_like(weight, dtype=torch.float32)
        for given, wanted in zip(hidden.split(rows), labels.split(rows), strict=True):
            likely = functional.log_softmax((given @ low.T).float(), -1)
            counts = (wanted != IGNORED).unsqueeze(-1)
            index = wanted.clamp(min=0).unsqueeze(-1)
            total = total - (likely.gather(-1, index) * counts).sum()
            change = likely.exp().scatter_add(
                -1, index, -torch.ones_like(index, dtype=likely.dtype)
            )
            change = (change * (counts * share)).to(hidden.dtype)
            of_hidden.append(change @ low)
            of_weight = of_weight + (change.T @ given).float()
        ctx.save_for_backward(torch.cat(of_hidden), of_weight)
        return total * share

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:  # type: ignore[override]
        of_hidden, of_weight = ctx.saved_tensors
        return of_hidden * grad.to(of_hidden.dtype), of_weight * grad, None, None
