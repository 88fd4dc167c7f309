"""A model as the numbers that a step needs: the one place where prediction reads an architecture.

A `Shape` has numbers, or arrays with one value for each case, so that a table is predicted at once.
Layers with a sliding window are kept apart from those that see everything. Both stacks of an
encoder-decoder count as one, each with as many tokens as the case says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np

from modelworth.costmodel.architecture.structure import Architecture, Attention, Block

Number = Any  # a float or a numpy array of them: formulas are the same
C = TypeVar("C")

ACTIVATION_SUMS = 10
"""Widths that the two norms (read, write) and two residual sums (read twice, write) move."""


@dataclass(frozen=True)
class Shape:
    """A model as a step sees it; sums are over all layers.

    Attributes:
        dense_parameters: in matrix products of every token: attention, dense networks, routers.
        attention_parameters: of these, in attention, which attention-data-parallel replicas repeat.
        expert_parameters: of one expert in every layer that has experts; `expert_layers` of them.
        pair_flops: for one query and one position, in layers that see everything.
        window_pair_flops, window: the same in layers that see `window` positions.
        cached_pair_flops, cached_window_pair_flops: the same against the cache.
        cache_elements, window_cache_elements: kept for one token.
        state_elements: kept for one sequence, whatever its length.
        cache_split: devices that tensor parallelism can divide the cache between.
        query_heads: of all layers together; scores that unfused attention writes are theirs.
        cache_sharing: query heads that read the same keys and values.
        pairs_share: share of query-position pairs that the mask lets through: 0.5 if causal.
        traffic_elements: numbers that the layers read and write for one token.
        product_inputs: numbers of one token that enter matrix products, which narrow formats scale.
        biased_elements: numbers of one token that experts with biases give.
        expert_width: of one expert's hidden layer; the dense one where there are none.
        width: of the residual stream, the smaller side of most products.
        head_tokens: tokens of a sequence that the head sees in a forward pass; NaN: all.
    """

    layers: Number
    width: Number
    head_dim: Number
    parameters: Number
    dense_parameters: Number
    attention_parameters: Number
    expert_parameters: Number
    expert_layers: Number
    experts: Number
    experts_per_token: Number
    head_parameters: Number
    vocab: Number
    pair_flops: Number
    window_pair_flops: Number
    window: Number
    cached_pair_flops: Number
    cached_window_pair_flops: Number
    cache_elements: Number
    window_cache_elements: Number
    state_elements: Number
    cache_split: Number
    query_heads: Number
    cache_sharing: Number
    pairs_share: Number
    traffic_elements: Number
    product_inputs: Number
    biased_elements: Number
    expert_width: Number
    head_tokens: Number

    @classmethod
    def of(cls, architecture: Architecture) -> Shape:
        """The numbers of one architecture."""
        blocks = architecture.blocks
        every = [(block.count, part) for block in blocks for part in _attentions(block)]
        first = next((part for _, part in every if part.heads), every[0][1])
        seeing = [(count, part) for count, part in every if _reach(part) is None]
        near = [(count, part) for count, part in every if _reach(part) is not None]
        far = sum(count * (part.far_pair_flops + part.picked_pair_flops) for count, part in every)
        sparse = [block for block in blocks if block.feed_forward.experts]
        networks = [block.feed_forward for block in sparse or blocks]
        patches = architecture.patches.matmul_parameters if architecture.patches else 0
        return cls(
            layers=sum(block.count for block in blocks),
            width=architecture.hidden,
            head_dim=max(first.head_dim, 1),
            parameters=architecture.parameters,
            dense_parameters=patches + sum(block.count * _dense(block) for block in blocks),
            attention_parameters=sum(count * part.matmul_parameters for count, part in every),
            expert_parameters=sum(
                block.count * block.feed_forward.network_parameters for block in sparse
            ),
            expert_layers=sum(block.count for block in sparse),
            experts=max(one.experts for one in networks),
            experts_per_token=max(network.experts_per_token for network in networks)
            if sparse
            else 0,
            head_parameters=architecture.head.matmul_parameters,
            vocab=architecture.head.outputs,
            pair_flops=far + sum(count * part.pair_flops for count, part in seeing),
            window_pair_flops=sum(count * part.pair_flops for count, part in near),
            window=min((_reach(part) or 1 for _, part in near), default=1),
            cached_pair_flops=far + sum(count * part.cached_pair_flops for count, part in seeing),
            cached_window_pair_flops=sum(count * part.cached_pair_flops for count, part in near),
            cache_elements=sum(
                count * (part.far_cached + (part.cache_elements if part.window is None else 0))
                for count, part in every
            ),
            window_cache_elements=sum(
                count * part.cache_elements for count, part in every if part.window is not None
            ),
            state_elements=sum(count * part.state for count, part in every),
            cache_split=architecture.cache_heads,
            query_heads=sum(count * part.heads for count, part in every),
            cache_sharing=first.heads / max(first.kv_heads, 1),
            pairs_share=0.5 if blocks[-1].attention.causal else 1.0,
            traffic_elements=sum(block.count * _traffic(block) for block in blocks),
            product_inputs=sum(block.count * _inputs(block) for block in blocks),
            biased_elements=sum(block.count * _biased(block) for block in sparse),
            expert_width=min((one.width for one in networks if one.width), default=1),
            head_tokens=_head_tokens(architecture),
        )


@lru_cache(maxsize=4096)
def shape_of(architecture: Architecture, *, answers_once: bool = False) -> Shape:
    """The numbers of one architecture, worked out once.

    `answers_once`: the head sees only the last token of a prompt, as where a decoder reads it.
    """
    shape = Shape.of(architecture)
    return replace(shape, head_tokens=1.0) if answers_once else shape


def stack(records: Sequence[C]) -> C:
    """Records of numbers as one record of arrays; equal ones are read once."""
    places = {id(record): record for record in records}
    order = {key: place for place, key in enumerate(places)}
    taken = np.array([order[id(record)] for record in records])
    names = [field.name for field in fields(records[0])]  # type: ignore[arg-type]
    table = np.array([[getattr(one, name) for name in names] for one in places.values()], float)
    columns = {name: table[taken, place] for place, name in enumerate(names)}
    return type(records[0])(**columns)


def experts_touched(shape: Shape, tokens: Number) -> Number:
    """Experts that `tokens` tokens use use when each picks evenly: E·(1 − (1 − k/E)^tokens)."""
    experts = np.maximum(shape.experts, 1)
    share = np.minimum(shape.experts_per_token / experts, 1)
    return shape.experts * (1 - (1 - share) ** tokens)


def cache_elements(shape: Shape, context: Number) -> Number:
    """Numbers that one sequence of `context` tokens keeps, in all layers."""
    near = np.minimum(context, shape.window)
    tokens = shape.cache_elements * context + shape.window_cache_elements * near
    return tokens + shape.state_elements


def attention_flops(shape: Shape, tokens: Number) -> Number:
    """FLOPs of attention over one whole sequence, of the pairs that the mask lets through."""
    near = np.minimum(tokens, shape.window)
    seen = tokens * tokens * shape.pairs_share
    return shape.pair_flops * seen + shape.window_pair_flops * (tokens * near - near * near / 2)


def decode_attention_flops(shape: Shape, context: Number) -> Number:
    """FLOPs of attention for one more token of a sequence that holds `context`."""
    near = np.minimum(context, shape.window)
    return shape.cached_pair_flops * context + shape.cached_window_pair_flops * near


def _attentions(block: Block) -> list[Attention]:
    return [block.attention] + ([block.cross] if block.cross is not None else [])


def _dense(block: Block) -> int:
    """Matrix parameters of one layer that every token uses."""
    attention = sum(part.matmul_parameters for part in _attentions(block))
    network = block.feed_forward.common_parameters + block.feed_forward.router_parameters
    return attention + network + block.residual


def _reach(attention: Attention) -> int | None:
    """Positions that a query attends to at most; None: all."""
    limits = [limit for limit in (attention.window, attention.chosen) if limit is not None]
    return min(limits, default=None)


def _traffic(block: Block) -> int:
    """Numbers that one layer reads and writes for one token, attention being fused."""
    hidden = block.attention.hidden
    feed_forward = block.feed_forward
    used = feed_forward.experts_per_token if feed_forward.experts else 1
    inner = used * feed_forward.width + feed_forward.shared_width
    projected = sum(
        2 * hidden + 2 * (part.heads + part.kv_heads) * (part.head_dim + part.value_dim)
        for part in _attentions(block)
    )
    sums = ACTIVATION_SUMS * hidden
    return sums + projected + 2 * hidden * used + 2 * feed_forward.matrices * inner


def _biased(block: Block) -> int:
    """Numbers of one token that the experts of one layer give, where they have biases."""
    return block.feed_forward.experts_per_token * block.feed_forward.expert_vectors


def _inputs(block: Block) -> int:
    """Numbers of one token that enter the products of one layer."""
    hidden, feed_forward = block.attention.hidden, block.feed_forward
    used = feed_forward.experts_per_token if feed_forward.experts else 1
    inner = used * (hidden + feed_forward.width) + feed_forward.shared_width
    return inner + sum(hidden + part.heads * part.value_dim for part in _attentions(block))


def _head_tokens(architecture: Architecture) -> float:
    positions = architecture.head.positions
    return float("nan") if positions is None else float(positions)
