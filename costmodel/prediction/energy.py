"""Power, energy and carbon of devices at work.

A device draws a part of its board's power limit; processors, fans and network cards of its server
come on top, and cooling of the building on top of that (PUE). Each part can be given where it was
measured. Left out: making the hardware, and offices.

Sources: Epoch AI, "The rising costs of training frontier AI models" (2024) for the load's share of
the limit; NVIDIA DGX H100 datasheet (10.2 kW at most for eight boards of 700 W); Uptime Institute
and operators' reports for PUE.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modelworth.data.errors import InputError

Number = Any

JOULES_PER_KWH = 3.6e6


@dataclass(frozen=True, slots=True)
class PowerModel:
    """What stands between a board's power limit and the meter.

    Attributes:
        load: mean draw at work over the board's limit.
        server: a server's draw over its boards' draw.
        pue: the building's draw over its servers'.
    """

    load: float = 0.75
    server: float = 10.2 / (8 * 0.7)
    pue: float = 1.15

    def __post_init__(self) -> None:
        for name, low in (("load", 0.0), ("server", 1.0), ("pue", 1.0)):
            value = getattr(self, name)
            if not value >= low or value == 0:
                raise InputError(f"power.{name}", value, f"{low:g} or more, and above 0")


BOARD_ONLY = PowerModel(load=1.0, server=1.0, pue=1.0)
"""The board at its limit and nothing else, as many model cards count."""


def facility_power_w(board_power_w: Number, model: PowerModel | None = None) -> Number:
    """Draw at the building's meter for one device."""
    model = model or PowerModel()
    return board_power_w * model.load * model.server * model.pue


def energy_kwh(
    device_hours: Number, board_power_w: Number, model: PowerModel | None = None
) -> Number:
    """Energy at the building's meter."""
    return device_hours * facility_power_w(board_power_w, model) / 1000


def carbon_kg(kwh: Number, gco2_per_kwh: Number) -> Number:
    """Carbon dioxide equivalent of that energy from a grid."""
    return kwh * gco2_per_kwh / 1000
