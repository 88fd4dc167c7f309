"""When requests of an open loop are due: Poisson or constant arrivals at a rate."""

from __future__ import annotations

from typing import Literal

import numpy as np

Arrivals = Literal["poisson", "constant"]


def moments(
    rate_per_s: float, until_s: float, arrivals: Arrivals, rng: np.random.Generator
) -> tuple[float, ...]:
    """Seconds after the start at which requests are due, before `until_s`, in order."""
    if arrivals == "constant":
        return tuple((np.arange(int(rate_per_s * until_s)) / rate_per_s).tolist())
    expected = rate_per_s * until_s
    count = int(expected + 6 * expected**0.5 + 10)
    due = np.cumsum(rng.exponential(1 / rate_per_s, count))
    return tuple(due[due < until_s].tolist())
