"""What mixes the tokens of one layer: attention of every kind, linear recurrences, state spaces.

One record says all of them: how many parameters multiply a token, what a query and a position cost
each other, what is kept for each token and what for each sequence. Plain attention follows from its
heads; where heads don't say (gates, indexers, low-rank outputs, recurrences) the numbers are given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

MixerKind = Literal["attention", "linear", "state_space", "convolution", "none"]
"""Attention (full, windowed, latent, indexed); linear or gated-delta attention; Mamba and its kin;
convolution; a layer without a mixer."""


@dataclass(frozen=True)
class Attention:
    """The mixer of one layer: its shape, what it may see, what it keeps, and its parameters.

    Attributes:
        hidden: width of the residual stream.
        head_dim: width of a head's queries and keys; its values have `value_dim`.
        window: how many positions back a query sees, and are kept; None: all.
        causal: whether a query sees only earlier positions.
        kv_rank: width of the compressed keys and values (latent attention); None: not compressed.
        q_rank: width of the compressed queries, likewise.
        rope_dim: part of `head_dim` that carries the position in latent attention, shared by heads.
        qk_norm: whether queries and keys pass a norm.
        vectors: parameters outside matrix products: biases, norms, sinks, a state's decay.
        kind: what it is; all but attention have no heads that see other positions.
        products: all matrix parameters, where heads and widths don't say.
        pair: FLOPs for one query and one position it sees, where heads don't say.
        cached: numbers kept for a token that the window covers, where heads don't say.
        far_cached: numbers kept for each token of the whole context beside those: compressed
            entries of the past, an indexer's keys.
        far_pair_flops: FLOPs for one query and each position of the whole context beside the heads'
            own: what compressed entries and an indexer's scores cost.
        picked_pair_flops, picked: the same of the far past that an indexer picks from, and the most
            positions of it that a query meets.
        chosen: positions that a query attends to, picked by an indexer; all of them are kept.
        state: numbers kept for a sequence, whatever its length.
        token_flops: FLOPs of one token that no parameter counts: scans, convolutions.
        sequence_flops: FLOPs once a sequence, whatever its length: tables of distances.
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
    kind: MixerKind = "attention"
    products: int | None = None
    pair: int | None = None
    cached: int | None = None
    far_cached: float = 0
    far_pair_flops: float = 0
    picked_pair_flops: float = 0
    picked: int | None = None
    chosen: int | None = None
    state: int = 0
    token_flops: int = 0
    sequence_flops: int = 0

    @cached_property
    def query_parameters(self) -> int:
        """Matrix parameters applied to the tokens that ask: queries and the output."""
        if self.products is not None:
            return self.products
        queries = self.heads * self.head_dim
        if self.q_rank is None:
            asked = self.hidden * queries
        else:
            asked = self.q_rank * (self.hidden + queries)
        return asked + self.heads * self.value_dim * self.hidden

    @cached_property
    def key_parameters(self) -> int:
        """Matrix parameters applied to the tokens that are seen: keys and values."""
        if self.products is not None:
            return 0
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
        if self.cached is not None:
            return self.cached
        if self.kv_rank is not None:
            return self.kv_rank + self.rope_dim
        return self.kv_heads * (self.head_dim + self.value_dim)

    @cached_property
    def pair_flops(self) -> int:
        """FLOPs for one query and one position it sees: the score and the weighted value."""
        if self.pair is not None:
            return self.pair
        return 2 * self.heads * (self.head_dim + self.value_dim)

    @cached_property
    def cached_pair_flops(self) -> int:
        """The same against the cache, which latent attention reads without unpacking it."""
        if self.kv_rank is None:
            return self.pair_flops
        return 2 * self.heads * (2 * self.kv_rank + self.rope_dim)

    @property
    def keeps_tokens(self) -> bool:
        """Whether anything is kept for each token."""
        return self.causal and (self.cache_elements > 0 or self.far_cached > 0)


def no_mixer(hidden: int) -> Attention:
    """The mixer of a layer that has none."""
    return Attention(hidden, 0, 0, 0, 0, kind="none", products=0, cached=0)


def recurrence(
    kind: MixerKind, hidden: int, *, products: int, vectors: int, state: int, token_flops: int
) -> Attention:
    """A mixer that keeps a state instead of the tokens."""
    mixer = replace(no_mixer(hidden), kind=kind, products=products, vectors=vectors)
    return replace(mixer, state=state, token_flops=token_flops)
