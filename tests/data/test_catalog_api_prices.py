"""API prices against the package's own calculation, and refusals."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from genai_prices import Usage, calc_price

from modelworth.data.api_prices import api_offers, api_price
from modelworth.data.errors import InputError


@pytest.mark.parametrize(
    ("provider", "model"), [("openai", "gpt-4o"), ("deepseek", "deepseek-chat")]
)
def test_price_is_what_the_package_charges(provider, model):
    on = date(2026, 3, 1)
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    price = api_price(model, provider, on)
    usage = Usage(input_tokens=1000, output_tokens=1000)
    charged = calc_price(usage, model, provider_id=provider, genai_request_timestamp=moment)
    assert price.usd_per_million_input_tokens == pytest.approx(float(charged.input_price) * 1000)
    assert price.usd_per_million_output_tokens == pytest.approx(float(charged.output_price) * 1000)
    assert price.source
    assert price.as_of


def test_a_price_that_depends_on_the_hour_is_that_of_the_dearest():
    """Charged by the package hour by hour; a desk works when everybody does."""
    usage = Usage(input_tokens=1000, output_tokens=1000)
    charged = [
        calc_price(
            usage, "deepseek-v4-flash", provider_id="deepseek",
            genai_request_timestamp=datetime(2026, 11, 20, hour, tzinfo=UTC),
        ).total_price
        for hour in range(24)
    ]  # fmt: skip
    price = api_price("deepseek-v4-flash", "deepseek", date(2026, 11, 20))
    total = price.usd_per_million_input_tokens + price.usd_per_million_output_tokens
    assert min(charged) < max(charged)
    assert total == pytest.approx(float(max(charged)) * 1000)
    assert "dearest hour" in price.source
    assert "hour" not in api_price("gpt-4o", "openai").source


def test_near_names_are_offered():
    with pytest.raises(InputError, match="openai"):
        api_price("gpt-4o", "opnai")
    with pytest.raises(InputError, match="must be"):
        api_price("gtp-4o-minus", "openai")
    assert "anthropic" in {provider for provider, _ in api_offers()}
