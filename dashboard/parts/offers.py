"""What providers and countries charge, as changes of a plan, each with its source.

Prices of tokens come from the pinned genai-prices; power and carbon from the dated tables. A rate
of exchange is the reader's to confirm; only one is filled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from modelworth.costmodel.scenario.scenario import Scenario
from modelworth.data.api_prices import ApiPrice, api_offers, api_price
from modelworth.data.catalog import Catalog
from modelworth.data.errors import InputError
from modelworth.report.said import source
from modelworth.report.words import Words

PRICES = "compute.api_price_usd_per_million_{}_tokens"
BOUGHT, LARGE = "options.buy_api.price", "options.small_with_router.large_price"
OPTIONS: Mapping[str, tuple[str, ...]] = {"bought": (BOUGHT,), "large": (BOUGHT, LARGE)}
SHOWN_FIRST = ("openai", "anthropic", "google", "deepseek", "mistral", "together", "fireworks",
               "groq", "aws", "azure", "moonshotai", "x-ai")  # fmt: skip


@cache
def listed() -> tuple[str, ...]:
    """Every model with token prices, as `provider: model`."""
    known = [(provider, model) for provider, model in api_offers() if provider in SHOWN_FIRST]
    known.sort(key=lambda entry: (SHOWN_FIRST.index(entry[0]), entry[1]))
    return tuple(f"{provider}: {model}" for provider, model in known)


def price(offer: str) -> ApiPrice:
    """The dated price of `provider: model`.

    Raises:
        InputError: if nobody sells it.
    """
    provider, _, model = offer.partition(": ")
    return api_price(model, provider)


def said(words: Words, offer: str) -> str:
    """What a million prompt and output tokens cost there, and who says so."""
    try:
        found = price(offer)
    except InputError:
        return ""
    shown = [
        words.value(usd, "usd_per_million_tokens")
        for usd in (found.usd_per_million_input_tokens, found.usd_per_million_output_tokens)
    ]
    rests = source(words, found.source)
    return words.t("asks.price", input=shown[0], output=shown[1], source=rests)


def now(scenario: Scenario, key: str) -> str | None:
    """The `provider: model` that a plan pays, where it names one."""
    if key in OPTIONS:
        found = reached(scenario, OPTIONS[key][0])
        return f"{found['provider']}: {found['model']}" if isinstance(found, Mapping) else None
    setting = scenario.settings.get(PRICES.format("output"))
    _, mark, tail = ((setting.source or "") if setting else "").partition(": ")
    provider, space, model = tail.partition(" ")
    return f"{provider}: {model}" if mark and space else None


def reached(scenario: Scenario, path: str) -> Any:
    """What the plan's document holds at a dotted path; None where it holds nothing."""
    found: Any = scenario.document
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def changes(key: str, offer: str) -> dict[str, Any]:
    """What choosing an offer changes in the plan.

    Raises:
        InputError: if nobody sells it.
    """
    provider, _, model = offer.partition(": ")
    if key in OPTIONS:
        return {path: {"provider": provider, "model": model} for path in OPTIONS[key]}
    found = price(offer)
    paid = found.usd_per_million_input_tokens
    cached = found.usd_per_million_cached_tokens
    kinds = {"input": paid, "cached": paid if cached is None else cached,
             "output": found.usd_per_million_output_tokens}  # fmt: skip
    note = {"source": f"{found.as_of}: {provider} {model}"}
    return {PRICES.format(kind): {"value": usd, **note} for kind, usd in kinds.items()}


def rent(catalog: Catalog, device: str) -> float | None:
    """Median rent of an hour of a device; None where the catalogue knows none."""
    try:
        return catalog.rent(device).usd_per_gpu_hour
    except InputError:
        return None


def countries(catalog: Catalog) -> dict[str, tuple[str, dict[str, Any]]]:
    """Country → the source of its carbon, and what choosing it changes."""
    found = {}
    for row in sorted(catalog.carbon_intensities, key=lambda row: row.country):
        source = f"{row.country}: {row.source}"
        note = {"source": source, "as_of": row.as_of}
        changed: dict[str, Any] = {
            "compute.carbon_g_per_kwh": {"value": row.gco2_per_kwh, **note},
        }
        power = [one for one in catalog.electricity_prices if one.iso3 == row.iso3]
        usd = [one for one in power if one.currency == "USD"]
        if usd:
            changed["compute.electricity_usd_per_kwh"] = {
                "value": usd[0].price_per_kwh, "source": usd[0].source, "as_of": usd[0].as_of,
            }  # fmt: skip
        found[row.country] = (source, changed)
    return found
