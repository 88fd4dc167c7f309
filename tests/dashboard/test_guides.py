"""The guided questions: what they ask is there, and their answers are those of `evaluate`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelworth.costmodel.business.lint_guards_reading import usual_rates
from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.costmodel.scenario.drivers import load_drivers
from modelworth.dashboard.guides import load_guides
from modelworth.dashboard.parts import answers, asks, entry, offers
from modelworth.data.errors import InputError
from modelworth.report.words import LANGUAGES, Words
from tests.dashboard.test_pages import said

GUIDES = load_guides()
SHARE = load_drivers()["demand.cached_share"]


@pytest.mark.parametrize("guide", GUIDES.values(), ids=GUIDES)
def test_a_guide_asks_about_eight_things_that_there_are(guide):
    assert 8 <= len(guide.asks) <= 9
    assert set(guide.asks) <= {*load_drivers(), *asks.SPECIAL}
    assert set(guide.scenario.text) == set(LANGUAGES)
    found = evaluate(guide.scenario, trials=64, parts=("risk", "tornado", "options"))
    assert guide.answer in answers.PARTS
    if guide.answer == "options":
        assert len([one for one in found.options if one.feasible]) >= 2


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", GUIDES)
def test_a_guide_shows_its_answer(start, empty_store, key, language):
    test = start(empty_store, language, **{"from": key})
    assert not test.exception
    assert test.title[0].value.replace("\\", "") == GUIDES[key].scenario.text[language]["name"]
    assert Words(language).t("start.assumed") in said(test)


def test_an_answer_changes_the_plan_and_is_in_the_address(start, empty_store):
    test = start(empty_store, **{"from": "fleet"})
    field = next(one for one in test.number_input if one.label.startswith("How many GPUs?"))
    field.set_value(128.0).run()
    plan = test.session_state["session"].scenario
    assert plan.number("capacity.given_gpus") == 128
    again = start(
        empty_store, **{key: _one(test.query_params[key]) for key in ("from", "scenario")}
    )
    assert again.session_state["session"].scenario.sha256 == plan.sha256
    assert not again.error


def test_an_answer_keeps_the_range_around_it(start, empty_store):
    test = start(empty_store, **{"from": "tokens"})
    name = "What do you charge for a million output tokens?"
    next(one for one in test.number_input if one.label.startswith(name)).set_value(1.0).run()
    key = "revenue.api.price_usd_per_million_output_tokens"
    setting = test.session_state["session"].scenario.settings[key]
    assert setting.spec == {"low": 0.6, "mode": 1.0, "high": 1.6}


def test_a_tile_opens_its_questions_and_there_is_a_way_back(start, empty_store):
    test = start(empty_store)
    next(one for one in test.button if one.key == "tile-fleet").click().run()
    assert test.session_state["session"].origin == "fleet"
    next(one for one in test.button if one.key == "other").click().run()
    assert test.session_state["session"].origin == ""
    assert test.title[0].value == "What do you want to know?"


def test_an_unknown_question_in_the_address_is_said(start, empty_store):
    test = start(empty_store, **{"from": "<b>nothing</b>"})
    assert not test.exception
    assert any("question that isn't here" in one.value for one in test.error)


def test_a_provider_that_is_chosen_pays_its_prices():
    changed = offers.changes("api_price", "openai: gpt-5-mini")
    plan = scenarios.with_overrides(GUIDES["assistant"].scenario, changed)
    assert plan.number("compute.api_price_usd_per_million_output_tokens") == 2.0
    assert offers.now(plan, "api_price") == "openai: gpt-5-mini"


def test_every_offer_has_a_price():
    for offer in offers.listed()[::40]:
        assert offers.price(offer).usd_per_million_output_tokens is not None


def test_money_is_typed_in_the_currency_of_the_plan(start, empty_store):
    test = start(empty_store, **{"from": "train"})
    next(one for one in test.selectbox if one.label == "Currency").set_value("CNY").run()
    rent = next(one for one in test.number_input if one.label.startswith("What does a GPU rent"))
    rate = test.session_state["session"].scenario.usd_per_currency
    assert "CNY" in rent.label
    assert rate == usual_rates()["CNY"]
    rent.set_value(14.0).run()
    key = "building.rent_usd_per_gpu_hour"
    assert test.session_state["session"].scenario.number(key) == pytest.approx(14.0 * rate)


@pytest.mark.parametrize(
    ("text", "value"),
    [("12%", 0.12), ("12", 0.12), (" 0.5 % ", 0.005), ("1e1", 0.1)],
)
def test_a_share_is_read_as_a_percentage(text, value):
    assert entry.read(text, SHARE, Words("en")) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("2,500,000", 2.5e6), ("2.5M", 2.5e6), ("250万", 2.5e6), ("3k", 3e3), ("1.2亿", 1.2e8)],
)
def test_a_number_is_read_as_people_write_it(text, value):
    driver = load_drivers()["demand.requests_per_month"]
    assert entry.read(text, driver, Words("en")) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "many", "1.2.3", "--1", "1 2x", "$", "%", "1e999%x"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(InputError):
        entry.read(text, SHARE, Words("en"))


@given(st.sampled_from(list(load_drivers().values())), st.sampled_from(list(LANGUAGES)))
def test_what_is_written_is_read_back(driver, language):
    words = Words(language, "CNY", 0.14)
    if driver.kind == "monthly":
        return
    found = entry.read(entry.written(driver.default, driver, words), driver, words)
    if driver.kind == "choice":
        found = driver.choices.index(found)
    assert float(found) == pytest.approx(driver.default, rel=1e-9)


def _one(found):
    return found if isinstance(found, str) else found[0]
