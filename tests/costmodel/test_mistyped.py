"""Numbers, colons and prices as people write them by mistake: the error says how to write them."""

from __future__ import annotations

import pytest

from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.costmodel.scenario.scenario import FOLDER
from modelworth.data.errors import InputError

HEAD = "months: 36\nstart: 2026-12\n"


def refused(text):
    """What the error says of a scenario's text."""
    with pytest.raises(InputError) as caught:
        scenarios.loads(HEAD + text, "plan.yaml")
    return caught.value


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("300万", "3000000"), ("3,000,000", "3000000"), ("3 000 000", "3000000"),
        ("3m", "3000000"), ("1.5 million", "1500000"), ("２亿", "200000000"), ("10%", "0.1"),
    ],
)  # fmt: skip
def test_a_number_in_words_is_told_in_digits(written, meant):
    error = refused(f"demand:\n  requests_per_month: {written}\n")
    assert error.where == "plan.yaml: demand.requests_per_month"
    assert error.allowed.endswith(f": write {meant}")


@pytest.mark.parametrize("written", ["1,00,0", "many", "3 apples", "--3"])
def test_what_is_no_number_is_told_what_is_allowed_alone(written):
    assert "write" not in refused(f"demand:\n  requests_per_month: {written!r}\n").allowed


@pytest.mark.parametrize(
    "text", ["demand:\n  cached_share: 1000%\n", "capacity:\n  gpus_per_replica: 10%\n"]
)
def test_a_number_that_would_be_refused_again_is_not_advised(text):
    assert "write" not in refused(text).allowed


def test_a_comma_in_a_number_between_braces_names_the_number_it_cuts():
    error = refused("demand: {requests_per_month: {low: 100000, mode: 3,000,000, high: 9e6}}\n")
    assert error.where == "plan.yaml: demand.requests_per_month.mode"
    assert "commas" in str(error)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("demand:\n  requests_per_month：3000000\n", "plan.yaml: demand"),
        ("demand:\n  requests_per_month： 3000000\n  growth_per_year: 0.1\n", "plan.yaml"),
        ("demand: {requests_per_month：3000000，growth_per_year：0.1}\n", "plan.yaml: demand"),
        ("currency：CNY\nusd_per_currency: 0.14\n", "plan.yaml"),
    ],
)
def test_a_full_width_colon_is_named(text, place):
    error = refused(text)
    assert error.where == place
    assert "full-width" in str(error)


def test_a_full_width_colon_in_prose_stays():
    text = 'text: {zh_CN: {name: "客服", question: "api：自建还是购买？"}}\n'
    assert scenarios.loads(HEAD + text).text["zh_CN"]["question"] == "api：自建还是购买？"


@pytest.mark.parametrize(
    ("provider", "model", "where"),
    [("alibaba", "qwen-plus", "list prices"), ("deepseek", "qwen-plus", "deepseek-chat")],
)
def test_a_price_that_is_not_known_says_where_and_how_to_state_it(provider, model, where):
    error = refused(f"options: {{buy_api: {{price: {{provider: {provider}, model: {model}}}}}}}\n")
    assert error.where == "plan.yaml: options.buy_api.price"
    assert where in error.allowed
    assert "compute.api_price_usd_per_million_input_tokens" in error.allowed


def test_a_price_stated_by_oneself_is_the_option_s():
    own = "compute: {api_price_usd_per_million_input_tokens: 0.28}"
    scenario = scenarios.loads(f"{HEAD}options: {{buy_api: {{{own}}}}}\n")
    changes = {one.driver: one.value for one in scenario.choice.options[0].changes}
    assert scenario.choice.options[0].key == "buy_api"
    assert changes["compute.api_price_usd_per_million_input_tokens"] == 0.28


def test_a_guide_is_told_from_a_plan():
    guide = FOLDER.parent / "guides" / "host_or_buy.yaml"
    with pytest.raises(InputError, match="guide of questions"):
        scenarios.load(guide)


def test_a_part_that_is_none_is_refused():
    with pytest.raises(InputError, match="tornados"):
        evaluate(scenarios.loads(HEAD), trials=0, parts=("risk", "tornados"))


def test_one_part_of_an_analysis_needs_no_list():
    plan = scenarios.load("chat_api_startup")
    assert evaluate(plan, trials=16, parts="risk").risk is not None
