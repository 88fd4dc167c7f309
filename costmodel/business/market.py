"""The two prices of the market that a scenario follows, ahead and in the past: tokens and rents.

A path ahead is one line of the model. The past is dated facts: blended prices of models at one
level of quality, and rents of the scenario's accelerator, or of an H100 where it names none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import numpy as np

from modelworth.costmodel.analysis import Dated, MarketPath, Series
from modelworth.costmodel.scenario.drivers import MARKET, load_drivers
from modelworth.costmodel.scenario.scenario import Scenario
from modelworth.costmodel.scenario.settings import Setting
from modelworth.data.history import past_prices, past_rents

#: path → its factor a year, its shape, and the line that holds its index
PATHS: Final[tuple[tuple[Literal["price", "rent"], str, str, str], ...]] = (
    ("price", MARKET, "demand.market_price_path", "market_price_index"),
    ("rent", "compute.rent_fall_factor_per_year", "compute.rent_path", "rent_index"),
)
LEVEL: Final = "GPT-4 level"
USUAL: Final = "H100"
ENDS: Final = np.array([0.1, 0.9])


def paths(
    scenario: Scenario, settings: Mapping[str, Setting], series: Mapping[str, Series]
) -> tuple[MarketPath, ...]:
    """Price and rent: what they are taken to do, and what they did."""
    pasts = {"price": prices(), "rent": rents(scenario.hardware.accelerator)}
    found = []
    for key, factor, shape, line in PATHS:
        setting, row = settings.get(factor), load_drivers()[factor]
        value = row.default if setting is None else setting.value
        assert isinstance(value, float)
        drawn = setting.distribution if setting is not None else None
        low, high = (row.low, row.high) if setting is None else (None, None)
        if drawn is not None:
            low, high = (float(end) for end in drawn.ppf(ENDS))
        word = scenario.word(shape)
        found.append(MarketPath(key, value, low, high, word, series[line].base, pasts[key]))
    return tuple(found)


def prices() -> tuple[Dated, ...]:
    """Blended prices of tokens at one level of quality, oldest first."""
    return tuple(
        Dated(row.date, row.model, row.blended_usd, row.source)
        for row in past_prices()
        if LEVEL in row.level
    )


def rents(accelerator: str | None) -> tuple[Dated, ...]:
    """Rents of the accelerator's family, such as H100 for any of its makes."""
    family = (accelerator or USUAL).split()[0]
    rows = [row for row in past_rents() if row.accelerator.split()[0] == family]
    if not rows:
        rows = [row for row in past_rents() if row.accelerator.split()[0] == USUAL]
    return tuple(
        Dated(row.date, f"{row.accelerator}, {row.provider}, {row.terms}", row.usd_per_gpu_hour,
              row.source)
        for row in rows
    )  # fmt: skip


def ahead(path: MarketPath, start: str, at_opening: float) -> tuple[tuple[str, float], ...]:
    """The first of each month and the price there, from the month before opening on.

    Args:
        path: what the plan takes the price to do.
        start: the month before opening, YYYY-MM.
        at_opening: the price that the index multiplies.
    """
    year, month = (int(part) for part in start.split("-"))
    firsts = [divmod(year * 12 + month - 1 + later, 12) for later in range(len(path.index))]
    return tuple(
        (f"{of}-{place + 1:02d}-01", at_opening * index)
        for (of, place), index in zip(firsts, path.index, strict=True)
    )
