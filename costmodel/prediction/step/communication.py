"""What devices exchange within a step: tensor, expert, context, pipeline and data parallelism.

Every function gives seconds of one exchange pattern as if nothing hid it; `passes` decides what
computing hides. Within a node a device's link carries its part of a ring; between nodes the node's
devices share one ring, so each device's network carries its share of the payload. Sources: Thakur
et al. 2005 (rings), Narayanan et al. 2021 (what tensor and pipeline parallelism send), Rajbhandari
et al. 2020 (what sharding gathers and scatters).
"""

from __future__ import annotations

import numpy as np

from modelworth.costmodel.prediction.step.coefficients import Coefficients
from modelworth.costmodel.prediction.step.device import Device
from modelworth.costmodel.prediction.step.model import Number, Shape

NUMBER_BYTES = 2
"""Activations and gradients are exchanged in 16 bits."""


def link_rate(device: Device, fit: Coefficients, together: Number) -> Number:
    """Bytes per second from one device to `together` - 1 others of its node.

    Through a switch all of its links; in a mesh those to these others.
    """
    others = np.maximum(device.devices_per_node - 1, 1)
    used = np.clip((together - 1) / others, 1 / others, 1)
    return device.link_bytes_per_s * fit.link * np.where(device.meshed > 0, used, 1)


def all_reduces_s(
    shape: Shape, device: Device, fit: Coefficients, tokens: Number, tensor: Number
) -> Number:
    """All-reduces of tensor parallelism in one forward pass of all layers: two a layer."""
    moved = 2 * (tensor - 1) / tensor * tokens * shape.width * NUMBER_BYTES
    nodes = np.maximum(tensor / device.devices_per_node, 1)
    inside = moved / link_rate(device, fit, tensor)
    across = moved * (1 - 1 / nodes) / (device.network_bytes_per_s * fit.network)
    latency = fit.collective_latency_s * (1 + np.log2(np.maximum(tensor, 2))) * nodes
    each = latency + inside + across
    return np.where(tensor > 1, 2 * shape.layers * each, 0.0)


def all_to_all_s(
    shape: Shape, device: Device, fit: Coefficients, tokens: Number, expert: Number,
    per_node: Number,
) -> Number:  # fmt: skip
    """Tokens sent to their experts and back in one forward pass of all layers with experts.

    A token goes once to each node, and there once to each device, where it has experts: of n places
    its k experts lie on n(1 − (1 − 1/n)^k), all but its own.
    """

    def sent(places: Number) -> Number:
        met = places * (1 - (1 - 1 / places) ** np.maximum(shape.experts_per_token, 1))
        return met * (1 - 1 / places)

    nodes = np.maximum(expert / np.maximum(per_node, 1), 1)
    inside = sent(np.maximum(expert, 1)) / link_rate(device, fit, expert)
    across = sent(nodes) / (device.network_bytes_per_s * fit.network)
    each = 2 * tokens * shape.width * NUMBER_BYTES * np.maximum(inside, across)
    latency = 2 * fit.collective_latency_s * np.log2(np.maximum(expert, 2))
    return np.where(expert > 1, shape.expert_layers * (each + latency), 0.0)


def context_s(
    shape: Shape, device: Device, fit: Coefficients, tokens: Number, context: Number
) -> Number:
    """Keys and values passed around a ring of `context` devices in one forward pass."""
    held = (shape.cache_elements + shape.window_cache_elements) * tokens * NUMBER_BYTES
    return (context - 1) * held / link_rate(device, fit, context)


def stages_s(
    shape: Shape, device: Device, fit: Coefficients, tokens: Number, near: Number
) -> Number:
    """One micro-batch's activations handed to the next pipeline stage, `near` one in a node."""
    network = device.network_bytes_per_s * fit.network
    rate = np.where(near, link_rate(device, fit, 2), network)
    return tokens * shape.width * NUMBER_BYTES / rate + fit.collective_latency_s


def exchange_s(
    device: Device, fit: Coefficients, payload_bytes: Number, ranks: Number, per_node: Number
) -> Number:
    """One gather (or scatter) of a payload that `ranks` devices hold in parts."""
    local = np.minimum(ranks, per_node)
    nodes = np.maximum(ranks / np.maximum(per_node, 1), 1)
    inside = payload_bytes * (1 - 1 / np.maximum(local, 1)) / link_rate(device, fit, local)
    shared = device.network_bytes_per_s * np.maximum(local, 1) * fit.network
    return np.maximum(inside, payload_bytes * (1 - 1 / nodes) / shared)
