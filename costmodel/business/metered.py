"""What metered tokens cost: by all hours that are paid, by busy hours, and elsewhere.

USD per million tokens is given over all tokens, prompt and output alike; nothing is charged twice.
Reserved: the whole window is paid, idle time too. As used: only its busy share is. A million tokens
at another provider is priced with this window's own mix of fresh prompt, cached prompt and output.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelworth.data.api_prices import ApiPrice

SECONDS_PER_HOUR = 3600.0
HOURS_PER_YEAR = 8760.0
MILLION = 1e6


@dataclass(frozen=True, slots=True)
class Owned:
    """Hardware that was bought: what an hour of one device costs.

    Attributes:
        price_usd: of one device with its share of server and network.
        years: over which it is written off, in equal parts.
        power_w: drawn at the wall by one device.
    """

    price_usd: float
    years: float
    power_w: float = 0.0
    usd_per_kwh: float = 0.0

    @property
    def usd_per_hour(self) -> float:
        """Write-off and power of one hour."""
        power = self.power_w / 1e3 * self.usd_per_kwh
        return self.price_usd / (self.years * HOURS_PER_YEAR) + power


@dataclass(frozen=True, slots=True)
class Metered:
    """Costs of a window's tokens, in USD per million; unknown is None.

    Attributes:
        reserved: with all hours paid.
        used: with busy hours paid.
        output_alone: all paid hours charged to the output tokens alone.
        at_capacity: what a million would cost if the server were as full as it was measured to be.
        load_share: output tokens a second of the measured capacity's.
        idle_usd_per_hour: paid for what the capacity would have done beside this load.
    """

    reserved: float | None
    used: float | None
    output_alone: float | None
    at_capacity: float | None
    load_share: float | None
    idle_usd_per_hour: float | None


def metered(
    *,
    usd_per_hour: float,
    duration_s: float,
    input_tokens: float,
    output_tokens: float,
    busy_share: float | None,
    capacity_tokens_per_s: float | None = None,
) -> Metered:
    """Costs of a window on hardware that costs so much an hour in all.

    Args:
        usd_per_hour: of all devices of the server together.
        duration_s: of the window.
        input_tokens: prompt tokens in the window, cached ones included.
        output_tokens: in the window.
        busy_share: of the window, with a request running.
        capacity_tokens_per_s: output tokens a second that the server was measured to do.
    """
    paid_usd = usd_per_hour * duration_s / SECONDS_PER_HOUR
    reserved = _per_million(paid_usd, input_tokens + output_tokens)
    load_share = None
    if capacity_tokens_per_s:
        load_share = output_tokens / duration_s / capacity_tokens_per_s
    return Metered(
        reserved=reserved,
        used=None if reserved is None or busy_share is None else reserved * busy_share,
        output_alone=_per_million(paid_usd, output_tokens),
        at_capacity=None if reserved is None or load_share is None else reserved * load_share,
        load_share=load_share,
        idle_usd_per_hour=None if load_share is None else usd_per_hour * max(0.0, 1.0 - load_share),
    )


def elsewhere_usd_per_million(
    offer: ApiPrice, input_tokens: float, output_tokens: float, cached_share: float
) -> float | None:
    """A million tokens of this mix at a provider's prices; None without tokens or a price.

    Cached prompt tokens cost the provider's cached price, where it has one, else the full one.
    """
    fresh, again = offer.usd_per_million_input_tokens, offer.usd_per_million_cached_tokens
    written = offer.usd_per_million_output_tokens
    if fresh is None or written is None:
        return None
    read = (1 - cached_share) * fresh + cached_share * (fresh if again is None else again)
    usd = (input_tokens * read + output_tokens * written) / MILLION
    return _per_million(usd, input_tokens + output_tokens)


def _per_million(usd: float, tokens: float) -> float | None:
    return usd / tokens * MILLION if tokens > 0 else None
