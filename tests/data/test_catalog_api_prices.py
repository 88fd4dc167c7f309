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


def test_near_names_are_offered():
    with pytest.raises(InputError, match="openai"):
        api_price("gpt-4o", "opnai")
    with pytest.raises(InputError, match="must be"):
        api_price("gtp-4o-minus", "openai")
    assert "anthropic" in {provider for provider, _ in api_offers()}
