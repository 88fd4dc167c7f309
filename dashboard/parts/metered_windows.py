"""Windows that `modelworth meter` kept, each with what its tokens cost on hardware at a price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from modelworth.costmodel.business.metered import Metered, elsewhere_usd_per_million, metered
from modelworth.data.api_prices import ApiPrice
from modelworth.data.measurement import Measurement

SUITE = "meter"


@dataclass(frozen=True, slots=True)
class Window:
    """One kept window: tokens by the server's own counts over `duration_s`."""

    record: Measurement
    duration_s: float
    input_tokens: float
    output_tokens: float
    cost: Metered


def by_endpoint(records: Sequence[Measurement]) -> dict[str, list[Measurement]]:
    """The windows of each endpoint, oldest first."""
    found: dict[str, list[Measurement]] = {}
    for record in records:
        if record.load is not None and record.load.endpoint:
            found.setdefault(record.load.endpoint, []).append(record)
    return found


def windows(
    records: Sequence[Measurement], usd_per_device_hour: float, most_per_s: float | None
) -> list[Window]:
    """Each window that has counts, priced."""
    found = []
    for record in records:
        serving = record.result.serving if record.result else None
        length = record.load.duration_s if record.load else None
        if serving is None or not length:
            continue
        read, made = float(serving.input_tokens or 0), float(serving.output_tokens or 0)
        cost = metered(
            usd_per_hour=usd_per_device_hour * record.machine.count, duration_s=length,
            input_tokens=read, output_tokens=made, busy_share=None,
            capacity_tokens_per_s=most_per_s,
        )  # fmt: skip
        found.append(Window(record, length, read, made, cost))
    return found


def together(
    found: Sequence[Window], usd_per_device_hour: float, most_per_s: float | None
) -> Metered:
    """What the tokens of all windows cost."""
    return metered(
        usd_per_hour=usd_per_device_hour * found[-1].record.machine.count,
        duration_s=sum(one.duration_s for one in found),
        input_tokens=sum(one.input_tokens for one in found),
        output_tokens=sum(one.output_tokens for one in found),
        busy_share=None, capacity_tokens_per_s=most_per_s,
    )  # fmt: skip


def elsewhere(found: Sequence[Window], offer: ApiPrice) -> float | None:
    """A million tokens of the same mix at a provider's price."""
    read = sum(one.input_tokens for one in found)
    cached = sum(
        one.input_tokens * (one.record.load.cached_share or 0.0)
        for one in found if one.record.load is not None
    )  # fmt: skip
    written = sum(one.output_tokens for one in found)
    return elsewhere_usd_per_million(offer, read, written, cached / read if read else 0.0)


def table(found: Sequence[Window]) -> pd.DataFrame:
    """A row a window."""
    return pd.DataFrame(
        {
            "recorded_at": one.record.recorded_at,
            "input_tokens_per_s": one.input_tokens / one.duration_s,
            "output_tokens_per_s": one.output_tokens / one.duration_s,
            "in_flight_mean": one.record.load and one.record.load.in_flight_mean,
            "waiting_mean": one.record.load and one.record.load.waiting_mean,
            "cached_share": one.record.load and one.record.load.cached_share,
            "usd_per_million_tokens": one.cost.reserved,
            "load_share": one.cost.load_share,
            "id": one.record.id,
        }
        for one in found
    )
