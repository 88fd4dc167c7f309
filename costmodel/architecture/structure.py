"""What a Transformer is made of: its layers, and how many parameters each part holds.

An `Architecture` is read from a transformers config (`from_config`) or from the columns of a table
(`from_columns`). It counts parameters only; `architecture_work` turns it into FLOPs, bytes and
cache. Equal layers are one `Block` with a count, so every sum is short.

Counted as the mathematics needs them: masks, rotary tables and other buffers hold no parameters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from modelworth.data.words import Family

Part = Literal[
    "embedding",
    "attention",
    "cross_attention",
    "mlp",
    "experts",
    "router",
    "norms",
    "head",
]
Stack = Literal["encoder", "decoder"]
Norm = Literal["layer", "rms", "rms_float32"]
"""LayerNorm; RMSNorm; RMSNorm whose scale is applied in float32 (Gemma)."""


@dataclass(frozen=True)
class Attention:
    """The attention of one layer: its shape, what it may see, and its parameters.

    Attributes:
        hidden: width of the residual stream.
        head_dim: width of a head's queries and keys; its values have `value_dim`.
        window: how many positions back a query sees; None: all.
        causal: whether a query sees only earlier positions.
        kv_rank: width of the compressed keys and values (latent attention); None: not compressed.
        q_rank: width of the compressed queries, likewise.
        rope_dim: part of `head_dim` that carries the position in latent attention, shared by heads.
        qk_norm: whether queries and keys pass a norm.
        vectors: parameters outside matrix products: biases, query and key norms, sinks.
    """

    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    value_dim: int
    window: int | None = None
    causal: bool = True
    kv_rank: int | None = None
    q_rank: int | None = None
    rope_dim: int = 0
    qk_norm: bool = False
    vectors: int = 0

    @cached_property
    def query_parameters(self) -> int:
        """Matrix parameters applied to the tokens that ask: queries and the output."""
        queries = self.heads * self.head_dim
        if self.q_rank is None:
            asked = self.hidden * queries
        else:
            asked = self.q_rank * (self.hidden + queries)
        return asked + self.heads * self.value_dim * self.hidden

    @cached_property
    def key_parameters(self) -> int:
        """Matrix parameters applied to the tokens that are seen: keys and values."""
        if self.kv_rank is None:
            return self.hidden * self.kv_heads * (self.head_dim + self.value_dim)
        unpacked = self.heads * (self.head_dim - self.rope_dim + self.value_dim)
        return self.hidden * (self.kv_rank + self.rope_dim) + self.kv_rank * unpacked

    @property
    def matmul_parameters(self) -> int:
        """Parameters used in matrix products."""
        return self.query_parameters + self.key_parameters

    @property
    def parameters(self) -> int:
        """All parameters."""
        return self.matmul_parameters + self.vectors

    @cached_property
    def cache_elements(self) -> int:
        """Numbers kept for one token: keys and values, or what they are unpacked from."""
        if self.kv_rank is not None:
            return self.kv_rank + self.rope_dim
        return self.kv_heads * (self.head_dim + self.value_dim)

    @cached_property
    def pair_flops(self) -> int:
        """FLOPs for one query and one position it sees: the score and the weighted value."""
        return 2 * self.heads * (self.head_dim + self.value_dim)

    @cached_property
    def cached_pair_flops(self) -> int:
        """The same against the cache, which latent attention reads without unpacking it."""
        if self.kv_rank is None:
            return self.pair_flops
        return 2 * self.heads * (2 * self.kv_rank + self.rope_dim)


@dataclass(frozen=True)
class FeedForward:
    """The feed-forward part of one layer: one network, or experts of which a token uses a few.

    Attributes:
        width: of the network, or of one expert.
        gated: three matrices (gate, up, down) instead of two.
        shared_width: of the experts that every token uses, together.
        shared_gate: whether a gate of one output weighs the shared experts.
        activation: function between the products, as transformers names it.
        vectors: parameters outside matrix products that every token uses.
        expert_vectors: the same in one expert.
    """

    hidden: int
    width: int
    gated: bool
    experts: int = 0
    experts_per_token: int = 0
    shared_width: int = 0
    shared_gate: bool = False
    activation: str = "silu"
    vectors: int = 0
    expert_vectors: int = 0

    @property
    def matrices(self) -> int:
        """Matrices of one network."""
        return 3 if self.gated else 2

    @cached_property
    def network_parameters(self) -> int:
        """Matrix parameters of the network, or of one expert."""
        return self.matrices * self.hidden * self.width

    @cached_property
    def router_parameters(self) -> int:
        """Matrix parameters that choose and weigh the experts."""
        return self.hidden * (self.experts + self.shared_gate)

    @cached_property
    def common_parameters(self) -> int:
        """Matrix parameters that every token uses, the router left out."""
        if not self.experts:
            return self.network_parameters
        return self.matrices * self.hidden * self.shared_width

    @cached_property
    def matmul_parameters(self) -> int:
        """Parameters used in matrix products by any token."""
        routed = self.experts * self.network_parameters
        return self.common_parameters + self.router_parameters + routed

    @cached_property
    def active_matmul_parameters(self) -> int:
        """Parameters used in matrix products by one token."""
        routed = self.experts_per_token * self.network_parameters if self.experts else 0
        return self.common_parameters + self.router_parameters + routed

    @cached_property
    def parameters(self) -> int:
        """All parameters."""
        return self.matmul_parameters + self.vectors + self.experts * self.expert_vectors

    @cached_property
    def active_parameters(self) -> int:
        """Those that one token uses."""
        used = self.experts_per_token if self.experts else 0
        return self.active_matmul_parameters + self.vectors + used * self.expert_vectors


@dataclass(frozen=True)
class Block:
    """Equal layers: attention, perhaps attention to an encoder, and a feed-forward part.

    Attributes:
        norms: parameters of a layer's norms, of which there are `norm_count`.
    """

    count: int
    attention: Attention
    feed_forward: FeedForward
    norms: int
    norm: Norm = "rms"
    norm_count: int = 2
    cross: Attention | None = None
    stack: Stack = "decoder"

    @cached_property
    def parameters(self) -> int:
        """Parameters of one of these layers."""
        cross = 0 if self.cross is None else self.cross.parameters
        return self.attention.parameters + cross + self.feed_forward.parameters + self.norms

    @cached_property
    def matmul_parameters(self) -> int:
        """Parameters of one layer used in matrix products by any token."""
        cross = 0 if self.cross is None else self.cross.matmul_parameters
        return self.attention.matmul_parameters + cross + self.feed_forward.matmul_parameters

    @cached_property
    def active_matmul_parameters(self) -> int:
        """Parameters of one layer used in matrix products by one token."""
        spared = self.feed_forward.matmul_parameters - self.feed_forward.active_matmul_parameters
        return self.matmul_parameters - spared


@dataclass(frozen=True)
class Head:
    """What turns the last layer into an answer.

    Attributes:
        matmul_parameters: used in matrix products, those shared with the embedding included.
        shared_parameters: of those, shared with the embedding and counted there.
        vectors: parameters outside matrix products.
        positions: tokens of a sequence it is applied to; None: all of the decoder's (or the only
            stack's).
        outputs: numbers it gives for one position, such as the vocabulary.
    """

    matmul_parameters: int
    outputs: int
    shared_parameters: int = 0
    vectors: int = 0
    positions: int | None = None

    @property
    def parameters(self) -> int:
        """Parameters of its own."""
        return self.matmul_parameters - self.shared_parameters + self.vectors


@dataclass(frozen=True)
class Patches:
    """How an image becomes tokens.

    Attributes:
        count: patches of the image.
        extra_tokens: class, register and detection tokens beside them.
        matmul_parameters: of the projection applied to each patch.
    """

    count: int
    extra_tokens: int
    matmul_parameters: int

    @property
    def tokens(self) -> int:
        """Tokens that the layers see."""
        return self.count + self.extra_tokens


@dataclass(frozen=True)
class Architecture:
    """A model as arithmetic sees it.

    Attributes:
        hidden: width of the residual stream.
        vocab: tokens it knows; 0 for images.
        embedding_parameters: tables looked up, not multiplied: tokens, positions, types; and the
            patch projection of images, which is a product.
        final_norms: parameters of norms outside the layers.
        note: what was assumed while reading the config; None: nothing.
    """

    name: str
    family: Family
    hidden: int
    vocab: int
    blocks: tuple[Block, ...]
    embedding_parameters: int
    head: Head
    final_norms: int = 0
    patches: Patches | None = None
    note: str | None = None

    @classmethod
    def from_config(cls, config: Mapping[str, Any], name: str | None = None) -> Architecture:
        """From the dictionary in a transformers config.json.

        Raises:
            InputError: if a size is missing or wrong, or the kind of layer isn't known.
        """
        from modelworth.costmodel.architecture.families import read_config

        return read_config(config, name)

    @classmethod
    def from_columns(
        cls,
        *,
        layers: int,
        hidden: int,
        heads: int,
        ffn: int,
        vocab: int,
        kv_heads: int | None = None,
        head_dim: int | None = None,
        gated_mlp: bool = True,
        experts: int = 0,
        experts_per_token: int = 0,
        tied: bool = False,
        name: str = "decoder",
    ) -> Architecture:
        """A decoder by the columns of a table of measurements; no biases, one norm vector each."""
        width = head_dim or hidden // heads
        attention = Attention(hidden, heads, kv_heads or heads, width, width)
        feed_forward = FeedForward(hidden, ffn, gated_mlp, experts, experts_per_token)
        table = vocab * hidden
        return cls(
            name=name,
            family="decoder",
            hidden=hidden,
            vocab=vocab,
            blocks=(Block(layers, attention, feed_forward, norms=2 * hidden),),
            embedding_parameters=table,
            head=Head(table, vocab, shared_parameters=table if tied else 0),
            final_norms=hidden,
        )

    @cached_property
    def layers(self) -> int:
        """Layers of all stacks."""
        return sum(block.count for block in self.blocks)

    @cached_property
    def parameters_by_part(self) -> dict[Part, int]:
        """Parameters of each part; they add up to `parameters`."""
        parts: Counter[Part] = Counter()
        parts["embedding"] = self.embedding_parameters
        parts["norms"] = self.final_norms
        parts["head"] = self.head.parameters
        for block in self.blocks:
            feed_forward = block.feed_forward
            parts["attention"] += block.count * block.attention.parameters
            parts["norms"] += block.count * block.norms
            if block.cross is not None:
                parts["cross_attention"] += block.count * block.cross.parameters
            if feed_forward.experts:
                router = feed_forward.router_parameters + feed_forward.vectors
                parts["router"] += block.count * router
                parts["experts"] += block.count * (feed_forward.parameters - router)
            else:
                parts["mlp"] += block.count * feed_forward.parameters
        return dict(parts)

    @cached_property
    def parameters(self) -> int:
        """All parameters, each counted once."""
        return sum(self.parameters_by_part.values())

    @cached_property
    def active_parameters(self) -> int:
        """Those that one token uses, the input embedding included."""
        spared = sum(
            block.count * (block.feed_forward.parameters - block.feed_forward.active_parameters)
            for block in self.blocks
        )
        return self.parameters - spared

    @cached_property
    def matmul_parameters(self) -> int:
        """Those used in matrix products: no input embedding, the head even when shared with it."""
        layers = sum(block.count * block.matmul_parameters for block in self.blocks)
        patches = 0 if self.patches is None else self.patches.matmul_parameters
        return layers + patches + self.head.matmul_parameters

    @cached_property
    def active_matmul_parameters(self) -> int:
        """Those used in matrix products by one token: the N of 2·N FLOPs a token."""
        spared = sum(
            block.count * (block.matmul_parameters - block.active_matmul_parameters)
            for block in self.blocks
        )
        return self.matmul_parameters - spared

    @cached_property
    def has_experts(self) -> bool:
        """Whether any layer chooses among experts."""
        return any(block.feed_forward.experts for block in self.blocks)
