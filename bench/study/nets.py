"""Small Transformers that every study can take apart: language model and classifier.

Plain modules (Linear, LayerNorm, Embedding), so that Opacus has a rule for each of them and Captum
can look inside. Pre-norm GPT-2 blocks (Radford et al. 2019) with GELU; images enter as flattened
patches (Dosovitskiy et al. 2020). Left out on purpose: tied embeddings, which DP-SGD would have to
treat apart, and dropout, which would make a run's loss depend on more than its seed.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from modelworth.bench.study.shape import Shape

FEED_FORWARD = 4
EMBEDDING_STD = 0.5


class Block(nn.Module):
    """Attention and feed-forward, each added to what came in."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.heads, self.causal = shape.heads, shape.causal
        self.norm_attention, self.norm_forward = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = (
            nn.Linear(width, FEED_FORWARD * width),
            nn.Linear(FEED_FORWARD * width, width),
        )

    def forward(self, states: Tensor) -> Tensor:
        """The block's output."""
        query, key, value = self._heads(states)
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        states = states + self.out(mixed.transpose(1, 2).flatten(2))
        return states + self.down(functional.gelu(self.up(self.norm_forward(states))))

    def weights(self, states: Tensor) -> Tensor:
        """Attention weights of each head, (batch, heads, to, from)."""
        query, key, _ = self._heads(states)
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        if self.causal:
            ahead = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
            scores = scores.masked_fill(ahead, float("-inf"))
        return scores.softmax(-1)

    def _heads(self, states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        batch, length, _ = states.shape
        parts = self.qkv(self.norm_attention(states)).view(batch, length, 3, self.heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        return query, key, value


class Net(nn.Module):
    """A stack of blocks between an embedding and a head.

    Called with token ids (batch, length) or patches (batch, length, values); returns logits for
    each position (language model) or for each class (mean over positions).
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        text = shape.sees == "tokens"
        self.embed = (nn.Embedding if text else nn.Linear)(shape.vocabulary, shape.width)
        self.places = nn.Embedding(shape.length, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width)
        self.head = nn.Linear(shape.width, shape.answers or shape.vocabulary, bias=False)
        _initialise(self)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits."""
        return self.answer(self.embedded(inputs))

    def embedded(self, inputs: Tensor) -> Tensor:
        """Embeddings with positions; their ids are expanded so that Opacus sees each example's."""
        places = torch.arange(inputs.shape[1], device=inputs.device)
        found: Tensor = self.embed(inputs) + self.places(places.repeat(len(inputs), 1))
        return found

    def answer(self, states: Tensor) -> Tensor:
        """Logits from embeddings."""
        for block in self.blocks:
            states = block(states)
        states = self.norm(states)
        if self.shape.answers is not None:
            states = states.mean(1)
        logits: Tensor = self.head(states)
        return logits

    def parameters_total(self) -> int:
        """Trained numbers."""
        return sum(tensor.numel() for tensor in self.parameters())

    def parameters_matmul(self) -> int:
        """Of them, those in matrix products: all but the embeddings of ids."""
        ids = [module for module in self.modules() if isinstance(module, nn.Embedding)]
        return self.parameters_total() - sum(module.weight.numel() for module in ids)


def _initialise(net: Net) -> None:
    """Variance kept through every product, what is added to the stream scaled by depth, head 0.

    At widths of some dozens GPT-2's 0.02 would start so near to 0 that small budgets end on the
    plateau of word frequencies.
    """
    for module in net.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=EMBEDDING_STD)
    for block in net.blocks:
        for added in (block.out, block.down):
            added.weight.data.mul_((2 * len(net.blocks)) ** -0.5)
    nn.init.zeros_(net.head.weight)
