"""Architectures, devices and work as columns of numbers, so that a table is predicted at once.

A `Shape` is what `step_time` needs to know of a model; its fields are numbers, or arrays with one
value for each case. Layers with a sliding window are kept apart from those that see everything.
Both stacks of an encoder-decoder count as one, each with as many tokens as the case says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
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
        expert_parameters: of one expert in every layer that has experts; `expert_layers` of them.
        pair_flops: for one query and one position, in layers that see everything.
        window_pair_flops, window: the same in layers that see `window` positions.
        cached_pair_flops, cached_window_pair_flops: the same against the cache.
        cache_elements, window_cache_elements: kept for one token.
        state_elements: kept for one sequence, whatever its length.
        cache_split: devices that tensor parallelism can divide the cache between.
        pairs_share: share of query-position pairs that the mask lets through: 0.5 if causal.
        traffic_elements: numbers that the layers read and write for one token.
        width: of the residual stream, the smaller side of most products.
        head_tokens: tokens of a sequence that the head sees in a forward pass; NaN: all.
    """

    layers: Number
    width: Number
    head_dim: Number
    parameters: Number
    dense_parameters: Number
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
    pairs_share: Number
    traffic_elements: Number
    head_tokens: Number

    @classmethod
    def of(cls, architecture: Architecture) -> Shape:
        """The numbers of one architecture."""
        blocks = architecture.blocks
        every = [(block.count, part) for block in blocks for part in _attentions(block)]
        first = next((part for _, part in every if part.heads), every[0][1])
        seeing = [(count, part) for count, part in every if _reach(part) is None]
        near = [(count, part) for count, part in every if _reach(part) is not None]
        kept = [(count, part) for count, part in every if part.window is None]
        dropped = [(count, part) for count, part in every if part.window is not None]
        far = sum(count * part.far_pair_flops for count, part in every)
        sparse = [block for block in blocks if block.feed_forward.experts]
        patches = architecture.patches.matmul_parameters if architecture.patches else 0
        return cls(
            layers=sum(block.count for block in blocks),
            width=architecture.hidden,
            head_dim=max(first.head_dim, 1),
            parameters=architecture.parameters,
            dense_parameters=patches + sum(block.count * _dense(block) for block in blocks),
            expert_parameters=sum(
                block.count * block.feed_forward.network_parameters for block in sparse
            ),
            expert_layers=sum(block.count for block in sparse),
            experts=max((block.feed_forward.experts for block in sparse), default=0),
            experts_per_token=max(
                (block.feed_forward.experts_per_token for block in sparse), default=0
            ),
            head_parameters=architecture.head.matmul_parameters,
            vocab=architecture.head.outputs,
            pair_flops=far + sum(count * part.pair_flops for count, part in seeing),
            window_pair_flops=sum(count * part.pair_flops for count, part in near),
            window=min((_reach(part) or 1 for _, part in near), default=1),
            cached_pair_flops=far + sum(count * part.cached_pair_flops for count, part in seeing),
            cached_window_pair_flops=sum(count * part.cached_pair_flops for count, part in near),
            cache_elements=sum(count * part.cache_elements for count, part in kept)
            + sum(count * part.far_cached for count, part in every),
            window_cache_elements=sum(count * part.cache_elements for count, part in dropped),
            state_elements=sum(count * part.state for count, part in every),
            cache_split=architecture.cache_heads,
            pairs_share=0.5 if blocks[-1].attention.causal else 1.0,
            traffic_elements=sum(block.count * _traffic(block) for block in blocks),
            head_tokens=_head_tokens(architecture),
        )


@lru_cache(maxsize=4096)
def shape_of(architecture: Architecture) -> Shape:
    """The numbers of one architecture, worked out once."""
    return Shape.of(architecture)


@dataclass(frozen=True)
class Device:
    """An accelerator as a step sees it, at the precision of the work.

    Attributes:
        dense_flops_per_s: datasheet peak of the dense products, at the precision they run in.
        expert_flops_per_s: the same of the experts' products.
        attention_flops_per_s: the same of attention, which runs in 16 bits.
        kernel_compute, kernel_expert_compute: share of these peaks that large products reach.
        kernel_memory: share of the peak bandwidth that reading weights reaches.
        link_bytes_per_s, network_bytes_per_s: to a device in the node, and outside.
        dense_bytes, expert_bytes, cache_bytes, activation_bytes: of one weight, one expert's
            weight, one cached number, one number of an activation.
    """

    dense_flops_per_s: Number
    expert_flops_per_s: Number
    attention_flops_per_s: Number
    kernel_compute: Number
    kernel_expert_compute: Number
    kernel_memory: Number
    bandwidth_bytes_per_s: Number
    memory_bytes: Number
    link_bytes_per_s: Number
    network_bytes_per_s: Number
    devices_per_node: Number
    dense_bytes: Number
    expert_bytes: Number
    cache_bytes: Number
    activation_bytes: Number = 2.0


def stack(records: Sequence[C]) -> C:
    """Records of numbers as one record of arrays."""
    kind = type(records[0])
    columns = {
        field.name: np.array([getattr(record, field.name) for record in records], dtype=float)
        for field in fields(records[0])  # type: ignore[arg-type]
    }
    return kind(**columns)


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


def weight_bytes(shape: Shape, device: Device) -> Number:
    """Bytes of all weights as they are stored; embedding tables and the head in 16 bits."""
    experts = shape.expert_parameters * shape.experts
    rest = shape.parameters - experts - shape.dense_parameters
    tables = np.maximum(rest, 0) * np.maximum(device.dense_bytes, 2)
    return tables + shape.dense_parameters * device.dense_bytes + experts * device.expert_bytes


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


def _head_tokens(architecture: Architecture) -> float:
    positions = architecture.head.positions
    return float("nan") if positions is None else float(positions)
