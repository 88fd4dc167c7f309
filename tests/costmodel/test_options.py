"""Options: what the table and a scenario make of them, and what can't be chosen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modelworth.costmodel.scenario import scenario
from modelworth.costmodel.scenario.drivers import load_drivers
from modelworth.costmodel.scenario.options import (
    Change,
    Option,
    default_options,
    infeasible,
    read_options,
)
from modelworth.data.api_prices import api_price
from modelworth.data.errors import InputError

NINE = (
    "buy_api", "api_finetuned", "serverless_open_weights", "self_host_rented", "self_host_owned",
    "finetune_and_host", "small_with_router", "pretrain_small", "pretrain_large",
)  # fmt: skip
DRIVERS = load_drivers()


def changes_of(option: Option) -> dict[str, float]:
    return {change.driver: change.value for change in option.changes}


def test_the_nine_options_are_there_in_order():
    assert tuple(default_options()) == NINE


def test_every_option_says_who_serves_and_how_the_model_is_made():
    for option in default_options().values():
        assert {"compute.serving", "building.method"} <= set(changes_of(option))


def test_prices_are_those_of_the_price_table():
    price = api_price("gpt-5-mini", "openai")
    changes = changes_of(default_options()["buy_api"])
    prefix = "compute.api_price_usd_per_million"
    assert changes[f"{prefix}_input_tokens"] == price.usd_per_million_input_tokens
    assert changes[f"{prefix}_cached_tokens"] == price.usd_per_million_cached_tokens
    assert changes[f"{prefix}_output_tokens"] == price.usd_per_million_output_tokens


def test_where_no_cached_price_is_stated_cached_tokens_cost_like_any_other():
    found = read_options(
        "options",
        {"buy_api": {"price": {"provider": "groq", "model": "qwen/qwen3-32b"}}},
    )
    changes = changes_of(found.options[0])
    prefix = "compute.api_price_usd_per_million"
    assert changes[f"{prefix}_cached_tokens"] == changes[f"{prefix}_input_tokens"]


def test_the_price_of_the_model_that_the_scenario_serves_goes_first():
    price = api_price("meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo", "together")
    found = {option.key: option for option in read_options("o", None, "Llama-3.1-8B").options}
    changes = changes_of(found["serverless_open_weights"])
    key = "compute.api_price_usd_per_million_output_tokens"
    assert changes[key] == price.usd_per_million_output_tokens
    assert changes[key] != changes_of(default_options()["serverless_open_weights"])[key]


def test_a_change_sets_or_multiplies_and_stays_within_what_is_possible():
    option = Option(
        "o",
        (
            Change("demand.accepted_share", 1.5, multiplies=True),
            Change("compute.large_share", 0.2),
            Change("demand.cached_share", 0.5, multiplies=True),
        ),
    )
    draws = np.array([0.4, 0.6, 0.9])
    under = option.applied({"demand.accepted_share": draws, "compute.large_share": draws})
    assert under["demand.accepted_share"].tolist() == pytest.approx([0.6, 0.9, 1.0])
    assert under["compute.large_share"] == 0.2
    assert under["demand.cached_share"] == DRIVERS["demand.cached_share"].default / 2


def test_a_scenario_changes_options_and_leaves_some_out():
    found = read_options(
        "options",
        {
            "quality_bar": 0.8,
            "pretrain_large": False,
            "small_with_router": {"compute": {"large_share": 0.4}, "demand.accepted_share": "x1.2"},
            "self_host_owned": {"compute": {"serving": "owned", "hosting_includes_power": False}},
        },
    )
    assert found.quality_bar == 0.8
    by_key = {option.key: option for option in found.options}
    assert tuple(by_key) == NINE[:-1]
    router = {change.driver: change for change in by_key["small_with_router"].changes}
    assert router["compute.large_share"] == Change("compute.large_share", 0.4)
    assert router["demand.accepted_share"].multiplies
    own = read_options("options", {"edge": {"label": "On phones", "compute.platform_fte": 1}})
    assert (own.options[-1].key, own.options[-1].label) == ("edge", "On phones")
    assert changes_of(by_key["self_host_owned"])["compute.hosting_includes_power"] == 0
    assert "compute.large_price_usd_per_million_input_tokens" in router


@pytest.mark.parametrize(
    ("part", "where"),
    [
        ([1], "options"),
        ({"rent_a_brain": {}}, "options.rent_a_brain"),
        ({"rent_a_brain": {"label": "A brain"}}, "options.rent_a_brain"),
        ({"plan": {"label": "P", "compute.serving": "api"}}, "options.plan"),
        ({"quality_bar": 2}, "options.quality_bar"),
        ({"quality_bar": "high"}, "options.quality_bar"),
        ({"buy_api": 3}, "options.buy_api"),
        ({"buy_api": {"demand.nonsense": 3}}, "options.buy_api.demand.nonsense"),
        ({"buy_api": {"compute.serving": "stolen"}}, "options.buy_api.compute.serving"),
        ({"buy_api": {"demand.accepted_share": 1.2}}, "options.buy_api.demand.accepted_share"),
        ({"buy_api": {"demand.accepted_share": "xx"}}, "options.buy_api.demand.accepted_share"),
        ({"buy_api": {"demand.accepted_share": "x-1"}}, "options.buy_api.demand.accepted_share"),
        ({"buy_api": {"price": "gpt"}}, "options.buy_api.price"),
        ({"buy_api": {"price": {"provider": "openai"}}}, "options.buy_api.price"),
        ({"buy_api": {"price": {"provider": "nobody", "model": "x"}}}, "options.buy_api.price"),
        (dict.fromkeys(NINE, False), "options"),
    ],
)
def test_what_cannot_be_right_is_refused(part, where):
    with pytest.raises(InputError) as refused:
        read_options("options", part)
    assert refused.value.where == where


def test_options_that_break_a_promise_are_not_in_question():
    options = default_options()
    explained = {"trust.explained_share": 0.01}
    assert infeasible(options["buy_api"], explained, 0) == "explanations_need_the_weights"
    assert infeasible(options["self_host_rented"], explained, 0) is None
    at_home = {"trust.on_premises": 1.0}
    assert infeasible(options["self_host_rented"], at_home, 0) == "not_on_premises"
    assert infeasible(options["self_host_owned"], at_home, 0) is None
    assert infeasible(options["pretrain_small"], {}, 0.84) == "below_quality_bar"
    assert infeasible(options["buy_api"], {}, 0.84) is None


def test_own_models_run_on_the_hardware_of_the_plan():
    owned, rented, api = (
        float(DRIVERS["compute.serving"].choices.index(word)) for word in ("owned", "rented", "api")
    )
    option = default_options()["pretrain_small"]
    assert option.applied({"compute.serving": owned})["compute.serving"] == owned
    assert option.applied({"compute.serving": api})["compute.serving"] == rented
    at_home = {"trust.on_premises": 1.0, "compute.serving": owned}
    assert infeasible(option, at_home, 0) is None
    assert infeasible(default_options()["small_with_router"], at_home, 0) == "not_on_premises"


def test_the_documented_example_is_right_and_names_every_option():
    document = (Path(__file__).parents[2] / "docs" / "options.md").read_text("utf-8")
    example = document.split("```yaml\n")[1].split("```")[0]
    choice = scenario.loads(example).choice
    assert choice is not None
    assert [option.key for option in choice.options] == list(NINE[:-1])
    for key in NINE:
        assert f"| `{key}` |" in document
