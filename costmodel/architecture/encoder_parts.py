"""Parts that encoders, encoder-decoders and image models share: products with biases, labels."""

from __future__ import annotations

from collections.abc import Mapping

from modelworth.costmodel.architecture.keys import Config, optional, word
from modelworth.costmodel.architecture.structure import Attention, FeedForward


def biased_attention(hidden: int, heads: int, width: int, *, causal: bool) -> Attention:
    """Attention with a bias after each of its four products."""
    inner = heads * width
    vectors = 3 * inner + hidden
    return Attention(hidden, heads, heads, width, width, causal=causal, vectors=vectors)


def biased_network(config: Config, hidden: int, width: int) -> FeedForward:
    """Two products, each with a bias."""
    keys = ("hidden_act", "activation_function", "activation")
    activation = word(config, *keys, default="gelu")
    return FeedForward(hidden, width, gated=False, activation=activation, vectors=width + hidden)


def labels_of(config: Config, default: int) -> int:
    """Classes the model tells apart, by their number or their names."""
    names = config.get("id2label")
    if isinstance(names, Mapping) and "num_labels" not in config:
        return len(names)
    return optional(config, "num_labels") or default
