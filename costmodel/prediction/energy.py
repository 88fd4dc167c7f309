"""Power and energy of devices at work, and what a unit costs on one that is never idle.

A device draws a part of its board's power limit; processors, fans and network cards of its server
come on top, and cooling of the building on top of that (PUE). Left out: making the hardware,
offices; idle time, redundancy and staff, which the financial model adds to a unit's cost.

Sources: Epoch AI, "The rising costs of training frontier AI models" (2024) for the load's share of
the limit; NVIDIA DGX H100 datasheet (10.2 kW at most for eight boards of 700 W); Uptime Institute
and operators' reports for PUE.
"""

from __future__ import annotations

LOAD = 0.75
"""Mean draw at work over the board's limit."""
SERVER = 10.2 / (8 * 0.7)
"""A server's draw over its boards' draw."""
PUE = 1.15
"""The building's draw over its servers'."""


def facility_power_w(board_power_w: float) -> float:
    """Draw at the building's meter for one device at work."""
    return board_power_w * LOAD * SERVER * PUE


def energy_kwh(device_hours: float, board_power_w: float) -> float:
    """Energy at the building's meter."""
    return device_hours * facility_power_w(board_power_w) / 1000


def usd_per_million(rent_usd_per_hour: float, units_per_s: float) -> float:
    """USD for a million units.

    >>> round(usd_per_million(3.6, 1000.0), 6)
    1.0
    """
    return rent_usd_per_hour / 3600 / units_per_s * 1e6
