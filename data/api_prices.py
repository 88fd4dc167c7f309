"""What providers ask for a million tokens through their interface, from the pinned genai-prices.

The prices come with the package; nothing is fetched and nothing updates itself. Prices tiered by
prompt length are given at their base, with what the next tier costs over it. Surcharges for audio
and search are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from importlib.metadata import version
from typing import Any

from modelworth.data.catalog import found_in

PAID = ("input_mtok", "cache_read_mtok", "output_mtok")


@dataclass(frozen=True, slots=True)
class ApiPrice:
    """A model's price at a provider; None where the provider states no such price.

    Attributes:
        as_of: the package's version, by which the price was read.
        long_over_base: price of prompt tokens above the first tier over the base price; 1: no tier.
        cache_write_over_input: price of writing to the cache over that of reading a prompt; None
            where the provider states none.
    """

    provider: str
    model: str
    usd_per_million_input_tokens: float | None
    usd_per_million_cached_tokens: float | None
    usd_per_million_output_tokens: float | None
    source: str
    as_of: str
    long_over_base: float = 1.0
    cache_write_over_input: float | None = None


def api_price(model: str, provider: str, on: date | None = None) -> ApiPrice:
    """Price of `model` at `provider` on a day, today if None; of its dearest hour if hours differ.

    What people ask in working hours is paid at the price of these, and the answer is the same
    whenever it is asked for.

    Raises:
        InputError: if the package knows no such provider or model; names the nearest.
    """
    entry = _provider(provider)
    sold = {item.id: item for item in entry.models}
    found = entry.find_model(model.lower(), all_providers=_providers())
    found = found or found_in(f"model at {entry.id}", model, sold)
    day = datetime.now(UTC).date() if on is None else on
    hours = [found.get_prices(datetime.combine(day, time(hour), UTC)) for hour in range(24)]
    prices = max(hours, key=_dearness)
    hourly = any(one != prices for one in hours)
    paid, cached, written = (getattr(prices, key, None) for key in PAID)
    release = version("genai-prices")
    return ApiPrice(
        entry.id,
        found.id,
        _base(paid),
        _base(cached),
        _base(written),
        source=f"genai-prices {release}, provider {entry.id}" + hourly * ", dearest hour of a day",
        as_of=f"genai-prices {release}",
        long_over_base=_long(paid),
        cache_write_over_input=_over(getattr(prices, "cache_write_mtok", None), paid),
    )


def _dearness(prices: Any) -> tuple[float, float]:
    """What tells a dear hour: its price of answers, then of prompts."""
    paid, _, written = (_base(getattr(prices, key, None)) for key in PAID)
    return written or 0.0, paid or 0.0


def _long(price: Any) -> float:
    """Price above the first tier over the base price."""
    tiers, base = getattr(price, "tiers", None), _base(price)
    return float(tiers[0].price) / base if tiers and base else 1.0


def _over(price: Any, other: Any) -> float | None:
    """One base price over another; None where either is missing."""
    first, second = _base(price), _base(other)
    return None if first is None or not second else first / second


def api_offers() -> tuple[tuple[str, str], ...]:
    """Provider and model of everything that has a price for prompt and for output tokens."""
    found = []
    for entry in _providers():
        for model in entry.models:
            if model.deprecated or entry.find_model(model.id.lower()) is not model:
                continue  # its name is another model's too
            prices = model.get_prices(datetime.now(UTC))
            if prices.input_mtok is not None and prices.output_mtok is not None:
                found.append((entry.id, model.id))
    return tuple(found)


def _providers() -> list[Any]:
    """The package's own table, which takes a moment to load."""
    from genai_prices.data import providers

    return list(providers)


def _provider(name: str) -> Any:
    """The provider of that id."""
    return found_in("provider", name, {entry.id: entry for entry in _providers()})


def _base(price: Any) -> float | None:
    """USD per million tokens; of a tiered price its base."""
    return None if price is None else float(getattr(price, "base", price))
