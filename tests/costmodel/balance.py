"""By how much a balance sheet fails to close."""

from __future__ import annotations

from modelworth.costmodel.business.statements import ASSETS, OWED, stocks


def gap_usd(series) -> float:
    """Of the worst month: what is owned, less what is owed and the profit kept."""
    months = stocks(series)
    owned, owed = (
        [sum(values) for values in zip(*(months[key] for key in keys), strict=True)]
        for keys in (ASSETS, (*OWED, "kept_profit_usd"))
    )
    return max(abs(have - pay) for have, pay in zip(owned, owed, strict=True))
