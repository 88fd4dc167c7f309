"""What a model is made of: its layers and towers, and how many parameters each part holds.

An `Architecture` is read from a transformers config or a description that `modelworth inspect` made
(`read.read_model`), or from the columns of a table (`from_columns`). It counts parameters only;
`work` turns it into FLOPs, bytes and cache. Equal layers are one `Block` with a count, so every sum
is short.

Counted as the mathematics needs them: masks, rotary tables and other buffers hold no parameters.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from modelworth.costmodel.architecture.feed_forwards import FeedForward
from modelworth.costmodel.architecture.mixers import Attention
from modelworth.data.words import Family

__all__ = [
    "Architecture",
    "Attention",
    "Block",
    "FeedForward",
    "Head",
    "Norm",
    "Part",
    "Patches",
    "Stack",
    "Stored",
    "StoredPart",
    "Tower",
]

Part = Literal[
    "embedding",
    "attention",
    "cross_attention",
    "recurrent",
    "mlp",
    "experts",
    "router",
    "norms",
    "head",
    "residual",
    "towers",
]
ALWAYS_SHOWN = ("embedding", "attention", "norms", "head")
Stack = Literal["encoder", "decoder"]
Norm = Literal["layer", "rms", "rms_float32"]
"""LayerNorm; RMSNorm; RMSNorm whose scale is applied in float32 (Gemma)."""


@dataclass(frozen=True)
class Block:
    """Equal layers: a mixer, perhaps attention to an encoder, and a feed-forward part.

    Attributes:
        norms: parameters of a layer's norms, of which there are `norm_count`, and other vectors.
        residual: matrix parameters of a layer beside mixer and feed-forward, used by every token:
            hyper-connections, inputs of its own.
        at: places of these layers in their stack; empty: unknown.
    """

    count: int
    attention: Attention
    feed_forward: FeedForward
    norms: int
    norm: Norm = "rms"
    norm_count: int = 2
    cross: Attention | None = None
    stack: Stack = "decoder"
    residual: int = 0
    at: tuple[int, ...] = field(default=(), compare=False)

    @cached_property
    def parameters(self) -> int:
        """Parameters of one of these layers."""
        cross = 0 if self.cross is None else self.cross.parameters
        inner = self.attention.parameters + cross + self.feed_forward.parameters
        return inner + self.residual + self.norms

    @cached_property
    def matmul_parameters(self) -> int:
        """Parameters of one layer used in matrix products by any token."""
        cross = 0 if self.cross is None else self.cross.matmul_parameters
        inner = self.attention.matmul_parameters + cross + self.feed_forward.matmul_parameters
        return inner + self.residual

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
class StoredPart:
    """Parameters of one part that a checkpoint stores with the same bits, scales included."""

    part: Part
    parameters: int
    bits: float


@dataclass(frozen=True)
class Stored:
    """How a checkpoint stores its weights, as its own files say.

    Attributes:
        method: what its files call it, such as NVFP4 or fp8 in blocks of 128 × 128.
        precision: of the products that are narrow, in the project's words.
        cache_precision: of the cache, where the files say; None: they don't.
        parts: they add up to the model's parameters.
        header_bytes: of a GGUF file beside its weights: vocabulary, names, alignment.
    """

    method: str
    precision: str
    parts: tuple[StoredPart, ...]
    cache_precision: str | None = None
    header_bytes: int = 0

    @cached_property
    def weights_bytes(self) -> float:
        """Bytes of all weights."""
        return sum(each.parameters * each.bits for each in self.parts) / 8

    @property
    def file_bytes(self) -> float:
        """Bytes on disk."""
        return self.weights_bytes + self.header_bytes


@dataclass(frozen=True)
class Tower:
    """What turns images or sound into tokens for the decoder.

    Attributes:
        tokens: that the decoder gets for one image or clip of the config's own size; None: that
            depends on the input alone.
        pixels: of an image's side that become a token of the decoder, where its size is free.
        merged: patches that the tower joins in one such token.
    """

    name: str
    architecture: Architecture
    tokens: int | None = None
    pixels: int | None = None
    merged: int = 1


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
        towers: of a model that also sees or hears; their parameters are the model's.
        uncounted: parts that the config tells of and its class doesn't build (the prediction layers
            of a checkpoint, the tower of a text class), by name, with their parameters.
        prediction_layers: layers of a checkpoint that predict further tokens in training, or
            drafts when serving; not in `blocks`, nor in the parameters.
        stored: how the checkpoint stores its weights; None: in 16 bits.
        longest: positions it was made for; None: the config doesn't say.
        model_type: as the config says; None: made from columns.
        built_class: of transformers, whose parameters were counted; None: read, not built.
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
    towers: tuple[Tower, ...] = ()
    uncounted: tuple[tuple[str, int], ...] = ()
    prediction_layers: tuple[Block, ...] = ()
    stored: Stored | None = None
    longest: int | None = None
    model_type: str | None = None
    built_class: str | None = None

    @property
    def assumed(self) -> bool:
        """Whether its description says that something was assumed rather than counted."""
        return self.note is not None and self.built_class is not None

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
        parts["towers"] = sum(tower.architecture.parameters for tower in self.towers)
        for block in self.blocks:
            feed_forward = block.feed_forward
            mixer: Part = "attention" if block.attention.kind == "attention" else "recurrent"
            parts[mixer] += block.count * block.attention.parameters
            parts["norms"] += block.count * block.norms
            parts["residual"] += block.count * block.residual
            if block.cross is not None:
                parts["cross_attention"] += block.count * block.cross.parameters
            if feed_forward.experts:
                router = feed_forward.router_parameters + feed_forward.vectors
                parts["router"] += block.count * router
                parts["experts"] += block.count * (feed_forward.parameters - router)
            else:
                parts["mlp"] += block.count * feed_forward.parameters
        return {part: count for part, count in parts.items() if count or part in ALWAYS_SHOWN}

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

    @cached_property
    def generates(self) -> bool:
        """Whether it writes one token after another."""
        return self.family in ("decoder", "encoder-decoder", "image-decoder")

    @property
    def own_precision(self) -> str:
        """The precision that its checkpoint is stored in."""
        return "bf16" if self.stored is None else self.stored.precision

    @property
    def own_cache_precision(self) -> str:
        """The precision that its checkpoint's files want the cache in."""
        said = None if self.stored is None else self.stored.cache_precision
        return said or "bf16"

    @cached_property
    def cache_heads(self) -> int:
        """Into how many parts the cache can be cut by heads; a latent one can't."""
        kept = [block.attention for block in self.blocks if block.attention.keeps_tokens]
        if any(attention.kv_rank is not None for attention in kept):
            return 1
        return min((attention.kv_heads or 1 for attention in kept), default=1)
