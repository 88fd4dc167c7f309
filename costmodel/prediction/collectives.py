"""Seconds that devices take to exchange a message: reductions, gathers, and messages to all.

A collective pays a latency once, moves its share of the message over its slowest link, and fills a
pipeline in between. With chunks of the best size those three are (√latency + √transfer)²; what is
measured lies between that and their plain sum:

    seconds = latency + transfer + 2·pipelining·√(latency · transfer)

The three constants are fitted for each device, operation and number of devices, and ship in
data/published/collectives.csv. On the rows they were fitted to, the error is 4% at the median and
14% at the 90th percentile; with latency and transfer alone it is 9% and 30%.

A group that spans nodes moves the same bytes, but no faster than its devices' network cards
together, and pays a latency for each doubling of nodes. Sources: Thakur et al. 2005 (ring and
tree), Hockney 1994 (latency and bandwidth); for the network, `NETWORK`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, log2, sqrt
from typing import Literal

from modelworth.data.errors import InputError

Operation = Literal["all_reduce", "all_gather", "reduce_scatter", "all_to_all"]
OPERATIONS: tuple[Operation, ...] = ("all_reduce", "all_gather", "reduce_scatter", "all_to_all")


@dataclass(frozen=True, slots=True)
class Link:
    """What a group of devices exchanges over.

    Attributes:
        pipelining: how much of √(latency · transfer) is lost while pipelines fill; 0 to about 1.
    """

    latency_s: float
    bytes_per_s: float
    pipelining: float = 0.0

    def seconds(self, wire_bytes: float) -> float:
        """Time for `wire_bytes` to pass the slowest point."""
        transfer_s = wire_bytes / self.bytes_per_s
        return self.latency_s + transfer_s + 2 * self.pipelining * sqrt(self.latency_s * transfer_s)


@dataclass(frozen=True, slots=True)
class Network:
    """What lies between nodes.

    Attributes:
        share: of the cards' rate that a collective reaches.
        latency_s: of an all-reduce for each doubling of nodes.
    """

    share: float
    latency_s: float
    pipelining: float


NETWORK = Network(share=0.95, latency_s=36e-6, pipelining=1.0)
"""All-reduce over four nodes of eight B200 with eight cards of 400 Gbit/s each: 98 µs for 32 KiB
against 26 µs within a node, 377 GB/s of 400 for 16 GiB. Source: S. Bekman, Machine Learning
Engineering, network/benchmarks (CC-BY-SA 4.0), read 2026-11."""


@dataclass(frozen=True, slots=True)
class Fabric:
    """All that joins a kind of device.

    Attributes:
        links: by operation and number of devices in a node; from the collectives' table.
        shortcuts: all-reduce kernels of serving engines for short messages, by number of devices.
        network_bytes_per_s: of one device to other nodes, one direction; None: not known.
        note: where the links come from when not from this device; None: measured on it.
    """

    device: str
    devices_per_node: int
    links: Mapping[Operation, Mapping[int, Link]]
    shortcuts: Mapping[int, Link] = field(default_factory=dict)
    network_bytes_per_s: float | None = None
    network: Network = NETWORK
    note: str | None = None


def wire_share(operation: Operation, devices: int) -> float:
    """Part of the message that passes one device's link: (n − 1)/n, twice for an all-reduce.

    The message is the whole buffer: what is reduced, what is gathered, what is scattered, or what
    one device sends to all.
    """
    once = (devices - 1) / devices
    return 2 * once if operation == "all_reduce" else once


def collective_s(
    operation: Operation,
    message_bytes: float,
    devices: int,
    fabric: Fabric,
    per_node: int | None = None,
) -> float:
    """Seconds for one collective among `devices` devices, `per_node` of which share a node.

    Raises:
        InputError: if the group spans nodes and the network's rate isn't known.
    """
    if devices <= 1 or message_bytes <= 0:
        return 0.0
    together = min(devices, per_node or fabric.devices_per_node)
    if devices <= together:
        link = link_between(operation, devices, fabric)
        seconds = link.seconds(wire_share(operation, devices) * message_bytes)
        if operation == "all_reduce" and fabric.shortcuts:
            short = _between(fabric.shortcuts, devices)
            return min(seconds, short.seconds(wire_share(operation, devices) * message_bytes))
        return seconds
    return _across_nodes(operation, message_bytes, devices, together, fabric)


def point_to_point_s(message_bytes: float, fabric: Fabric, *, same_node: bool = True) -> float:
    """Seconds to send a message to one other device, as between pipeline stages.

    Raises:
        InputError: if it crosses nodes and the network's rate isn't known.
    """
    if same_node:
        # A gather between two devices sends each half of the result: the same traffic.
        return link_between("all_gather", 2, fabric).seconds(message_bytes)
    network = fabric.network
    rate = network.share * _network_rate(fabric)
    return Link(network.latency_s / 2, rate, network.pipelining).seconds(message_bytes)


def link_between(operation: Operation, devices: int, fabric: Fabric) -> Link:
    """The link of that many devices in a node, between the numbers that were measured.

    Raises:
        InputError: if nothing is known about the link.
    """
    links = fabric.links.get(operation)
    if not links:
        where = f"{fabric.device}: link_gb_per_s"
        raise InputError(where, "unknown", "given, for a group of several devices")
    return _between(links, devices)


def _across_nodes(
    operation: Operation, message_bytes: float, devices: int, together: int, fabric: Fabric
) -> float:
    """Seconds for a group of which `together` devices share each node."""
    network, rate = fabric.network, _network_rate(fabric)
    doublings = log2(ceil(devices / together))
    latency_s = network.latency_s * doublings * (1.0 if operation == "all_reduce" else 0.5)
    bytes_per_s = network.share * rate
    if operation == "all_to_all":
        wire_bytes = message_bytes * (devices - together) / devices
    else:
        wire_bytes = wire_share(operation, devices) * message_bytes
        bytes_per_s *= together
    if together > 1:
        inside = link_between(operation, together, fabric)
        latency_s += inside.latency_s
        bytes_per_s = min(bytes_per_s, inside.bytes_per_s)
    return Link(latency_s, bytes_per_s, network.pipelining).seconds(wire_bytes)


def _network_rate(fabric: Fabric) -> float:
    """Bytes per second from one device to another node."""
    if fabric.network_bytes_per_s is None:
        where = f"{fabric.device}: network_gb_per_s"
        raise InputError(where, "unknown", "given, for a group over several nodes")
    return fabric.network_bytes_per_s


def _between(links: Mapping[int, Link], devices: int) -> Link:
    """The link for a number of devices, straight in the logarithms between its neighbours.

    Beyond the largest number measured, latency goes on growing and bandwidth stays.
    """
    if devices in links:
        return links[devices]
    known = sorted(links)
    above = next((count for count in known if count > devices), known[-1])
    below = max((count for count in known if count < above), default=above)
    if below == above:
        return links[above]
    place = log2(devices / below) / log2(above / below)
    low, high = links[below], links[above]
    inside = min(max(place, 0.0), 1.0)
    return Link(
        low.latency_s * (high.latency_s / low.latency_s) ** max(place, 0.0),
        low.bytes_per_s * (high.bytes_per_s / low.bytes_per_s) ** inside,
        low.pipelining + (high.pipelining - low.pipelining) * inside,
    )
