"""The feed-forward part of one layer: one network, or experts of which a token uses a few."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class FeedForward:
    """The feed-forward part of one layer: one network, or experts of which a token uses a few.

    Attributes:
        width: of the network, or of one expert; 0 where a layer has no such part.
        gated: three matrices (gate, up, down) instead of two.
        shared_width: of the experts that every token uses, together.
        shared_gate: whether a gate of one output weighs the shared experts.
        activation: function between the products, as transformers names it.
        vectors: parameters outside matrix products that every token uses.
        expert_vectors: the same in one expert.
        expert_hidden: width that experts read and write, where it isn't `hidden` (latent experts).
        beside: matrix parameters that every token uses beside networks and router: projections to
            and from a latent width, a dense network next to the experts.
        network: matrix parameters of one network, where widths don't say.
        router: matrix parameters that choose and weigh experts, where their number doesn't say.
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
    expert_hidden: int | None = None
    beside: int = 0
    network: int | None = None
    router: int | None = None

    @property
    def matrices(self) -> int:
        """Matrices of one network."""
        return 3 if self.gated else 2

    @cached_property
    def network_parameters(self) -> int:
        """Matrix parameters of the network, or of one expert."""
        if self.network is not None:
            return self.network
        return self.matrices * (self.expert_hidden or self.hidden) * self.width

    @cached_property
    def router_parameters(self) -> int:
        """Matrix parameters that choose and weigh the experts."""
        if self.router is not None:
            return self.router
        return self.hidden * (self.experts + self.shared_gate)

    @cached_property
    def common_parameters(self) -> int:
        """Matrix parameters that every token uses, the router left out."""
        if not self.experts:
            return self.network_parameters + self.beside
        return self.matrices * self.hidden * self.shared_width + self.beside

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


def no_network(hidden: int) -> FeedForward:
    """The feed-forward part of a layer that has none."""
    return FeedForward(hidden, 0, gated=False)
