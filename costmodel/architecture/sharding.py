"""How a model is cut over devices: one record that memory, layouts and plans share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Sharding:
    """How a model is cut over devices.

    Attributes:
        data: replicas, over which ZeRO spreads: stage 1 optimizer states, 2 gradients too, 3 (or
            FSDP) weights too.
        sequence_parallel: whether tensor parallelism also cuts norms along the sequence.
        slices: parts of the model on each pipeline device (interleaved schedule).
    """

    data: int = 1
    tensor: int = 1
    pipeline: int = 1
    expert: int = 1
    zero_stage: Literal[0, 1, 2, 3] = 0
    sequence_parallel: bool = True
    slices: int = 1

    @property
    def devices(self) -> int:
        """Devices used; expert parallelism shares the data-parallel ones."""
        return self.data * self.tensor * self.pipeline


ONE_DEVICE = Sharding()
