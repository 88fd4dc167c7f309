"""What a unit costs on a device that is rented and never idle: the floor under every price.

rent / (units per second × 3600), in USD. Idle time, redundancy and staff come on top of it; the
financial model adds them. Here they are left out on purpose.
"""

from __future__ import annotations


def usd_per_million(rent_usd_per_hour: float, units_per_s: float) -> float:
    """USD for a million units.

    >>> round(usd_per_million(3.6, 1000.0), 6)
    1.0
    """
    return rent_usd_per_hour / 3600 / units_per_s * 1e6
