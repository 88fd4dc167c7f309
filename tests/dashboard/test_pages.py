"""Every page from the app's entry: runs without an exception, says what the analysis says."""

from __future__ import annotations

import pytest

from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.dashboard import levers, links, sources
from modelworth.dashboard.parts import driver_table
from modelworth.data.errors import InputError
from modelworth.report.words import LANGUAGES, Words
from tests.dashboard.conftest import HOSTILE, PAGES, fill, record

ALLOWED_ERRORS = 1
"""The verdict "not viable" is a red box; nothing else may be."""


def visit(test, page):
    test.switch_page(f"views/{page}.py").run()
    assert [problem.value for problem in test.exception] == [], page
    return test


def said(test) -> str:
    """All text on the page."""
    parts = [
        *test.title, *test.header, *test.subheader, *test.markdown, *test.caption, *test.error,
        *test.warning, *test.info, *test.success,
    ]  # fmt: skip
    return "\n".join(str(part.value) for part in parts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_runs_without_a_store(start, empty_store, language):
    test = start(empty_store, language)
    for page in PAGES:
        visit(test, page)
        assert test.title, page
        assert len(test.error) <= ALLOWED_ERRORS, [error.value for error in test.error]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_runs_with_measurements(start, full_store, language):
    test = start(full_store, language)
    for page in PAGES:
        visit(test, page)
        assert len(test.error) <= ALLOWED_ERRORS, [error.value for error in test.error]


@pytest.mark.postgres
def test_pages_show_a_store_on_postgresql(start, fresh_database):
    records = [*(record(place) for place in range(20)), record(21, status="oom")]
    test = start(fill(fresh_database, records))
    for page in ("verdict", "trust", "measurements", "record", "predict"):
        visit(test, page)
        assert len(test.error) <= ALLOWED_ERRORS, [error.value for error in test.error]
    opened = sources.store()
    assert opened is not None
    assert opened.count() == 21
    opened.close()  # its connections, which the database waits for


def test_no_page_shows_the_key_of_a_message(start, full_store):
    import re

    keys = re.compile(
        r"\b(verdict|money|risk|options|trust|status|column|unit|kind|name)\.[a-z_]+\b"
    )
    test = start(full_store)
    for page in PAGES:
        assert keys.findall(said(visit(test, page))) == [], page


def test_the_verdict_page_shows_what_evaluate_returns(start, empty_store):
    test = visit(start(empty_store), "verdict")
    analysis = evaluate(scenarios.load("base"), trials=2000, parts=("risk", "tornado"))
    words = Words("en")
    shown = {metric.label.replace("\\", ""): metric.value for metric in test.metric}
    npv = analysis.indicators["npv_usd"]
    assert shown["Net present value"] == words.money(npv.base)
    assert shown["Peak funding"] == words.money(analysis.indicators["peak_funding_usd"].base)
    outcome = words.t(f"outcome.{analysis.verdict.outcome}")
    assert outcome in said(test)
    assert words.percent(analysis.verdict.probability_npv_positive) in said(test).replace("\\", "")


def test_a_lever_moves_the_verdict_and_undo_takes_it_back(start, empty_store):
    test = visit(start(empty_store), "verdict")
    before = test.metric[0].value
    found = evaluate(scenarios.load("base"), trials=2000, parts=("risk", "tornado"))
    use = found.drivers[found.verdict.drivers[0]]
    test.select_slider[0].set_value(levers.stops(use)[0]).run()
    assert test.metric[0].value != before
    visit(test, "scenario")
    undo = next(button for button in test.button if button.label == "Undo")
    undo.click().run()
    test.switch_page("views/verdict.py").run()
    assert test.metric[0].value == before


def test_a_link_opens_the_same_scenario_for_somebody_else(start, empty_store):
    key = "demand.requests_per_month"
    changed = scenarios.with_overrides(scenarios.load("base"), {key: 123_456.0})
    one = start(empty_store)
    other = start(empty_store, scenario=links.pack(scenarios.to_yaml(changed)))
    assert other.session_state["session"].scenario.sha256 == changed.sha256
    assert one.session_state["session"].scenario.sha256 != changed.sha256
    analysis = evaluate(changed, trials=2000, parts=("risk", "tornado"))
    assert other.metric[0].value == Words("en").money(analysis.indicators["npv_usd"].base)


@pytest.mark.parametrize(
    "text",
    [
        "months: 36\nstart: 2026-12\ndemand: {requests_per_month: -5}",
        "months: 36\nstart: 2026-12\nnonsense: 1",
        "- a list",
        "a: &a [*a]",
    ],
)
def test_what_a_link_holds_that_is_refused_is_said(start, empty_store, text):
    test = start(empty_store, scenario=links.pack(text))
    assert not test.exception
    assert any("could not be opened" in error.value for error in test.error)
    assert test.session_state["session"].scenario.sha256 == scenarios.load("base").sha256


def test_a_broken_link_and_an_unknown_hash_are_said(start, empty_store, full_store):
    cut = links.pack_scenario(scenarios.load("chat_api_startup"))[:-40]
    for packed in ("%%%", cut):
        assert any("cut short" in e.value for e in start(empty_store, scenario=packed).error)
    test = start(full_store, saved="abc")
    assert any("under abc" in error.value for error in test.error)
    assert full_store.partition("///")[2] not in said(test)


def test_undo_leads_back_to_what_a_link_opened_and_then_says_so(start, empty_store):
    plan = scenarios.with_overrides(scenarios.load("base"), {"months": 24})
    test = start(empty_store, scenario=links.pack_scenario(plan))
    undo = next(one for one in test.button if one.key == "undo-everywhere")
    undo.click().run()
    assert test.session_state["session"].scenario.sha256 == plan.sha256
    assert any("nothing to undo" in one.value for one in test.info)


def test_a_saved_scenario_is_found_by_its_hash(start, full_store):
    from modelworth.data.store import open_store

    text = scenarios.to_yaml(
        scenarios.with_overrides(scenarios.load("base"), {"demand.cached_share": 0.11})
    )
    with open_store(full_store) as store:
        key = store.save_scenario(text)
    test = start(full_store, saved=key)
    assert test.session_state["session"].scenario.number("demand.cached_share") == 0.11


def test_a_cell_that_cannot_be_read_is_refused():
    found = evaluate(scenarios.load("base"), trials=0, parts=())
    use = found.drivers["demand.cached_share"]
    for typed in ("many", "", "12 apples"):
        with pytest.raises(InputError):
            driver_table.changed(use, {"value": typed}, Words("en"))


def test_a_cell_is_read_as_people_write_it():
    found = evaluate(scenarios.load("base"), trials=0, parts=())
    words = Words("en", "CNY", 0.14)
    share, volume = found.drivers["demand.cached_share"], found.drivers["demand.requests_per_month"]
    assert driver_table.changed(share, {"value": "12.5%"}, words) == pytest.approx(0.125)
    assert driver_table.changed(share, {"low": "10"}, words) == {"low": 0.1, "mode": 0, "high": 0}
    moved = driver_table.changed(volume, {"value": "100M"}, words)
    assert moved == {"low": 4e7, "mode": 1e8, "high": 2e8}
    assert driver_table.changed(volume, {"low": "", "high": ""}, words) == 5e7
    wide = driver_table.changed(volume, {"low": "10M", "high": "90M"}, words)
    assert wide == {"low": 1e7, "mode": 5e7, "high": 9e7}


def test_what_matters_comes_first_and_every_row_has_its_picture():
    found = evaluate(scenarios.load("base"), trials=200, parts=("risk", "tornado"))
    keys = driver_table.what_matters(found)
    widths = [abs(swing.at_high - swing.at_low) for swing in found.tornado]
    assert keys[0] == found.tornado[widths.index(max(widths))].driver
    table = driver_table.frame(found, keys, Words("zh_CN"))
    assert len(table) == len(keys) >= len(found.tornado)
    assert table["weight"].max() == 1.0
    assert table["span"].dropna().str.startswith("data:image/svg+xml,").all()


def test_hostile_names_stay_text(start, hostile_store):
    test = start(hostile_store)
    for page in ("measurements", "predict", "verdict", "report"):
        visit(test, page)
        assert "<script>" not in said(test).replace("\\<script\\>", "")


def test_a_hostile_scenario_stays_text(start, empty_store):
    text = {"en": {"name": HOSTILE[0], "question": HOSTILE[3], "finding": HOSTILE[4]}}
    document = dict(scenarios.load("base").document) | {"text": text}
    packed = links.pack(scenarios.to_yaml(scenarios.from_document(document)))
    test = start(empty_store, scenario=packed)
    for page in PAGES:
        visit(test, page)
    test.switch_page("views/verdict.py").run()
    assert "\\<script\\>" in test.title[0].value
    assert "**b**" not in said(test)


def test_two_readers_do_not_share_a_scenario(start, empty_store):
    one, other = (start(empty_store, **{"from": "fleet"}) for _ in range(2))
    next(item for item in one.number_input if "How many GPUs" in item.label).set_value(65.0).run()
    other.run()
    assert one.session_state["session"].scenario.sha256 != (
        other.session_state["session"].scenario.sha256
    )


@pytest.mark.slow
def test_ten_thousand_measurements(start, tmp_path):
    url = fill(f"sqlite:///{tmp_path}/large.db", [record(place) for place in range(10_000)])
    test = visit(start(url), "measurements")
    assert "Measurements: 10K" in said(test)


def test_many_trials_run_in_the_background_and_are_taken_over(start, empty_store):
    from time import perf_counter

    test = visit(start(empty_store), "risk")
    choice = next(one for one in test.button_group if one.key == "trials")
    choice.set_value(10_000).run()
    until = perf_counter() + 60
    while test.session_state["session"].trials != 10_000:
        assert perf_counter() < until
        test.run()
    assert not test.exception
    assert "10,000 trials" in said(test).replace("10K", "10,000")


def test_a_template_is_opened_with_its_own_question(start, empty_store):
    test = visit(start(empty_store), "scenario")
    box = next(one for one in test.selectbox if one.label == "Start from")
    box.set_value("internal_copilot").run()
    assert not test.exception
    session = test.session_state["session"]
    assert session.scenario.name == "internal_copilot"
    assert session.base is session.scenario
    assert len(session.past) == 1


def test_what_was_changed_is_listed_against_the_start(start, empty_store):
    test = start(empty_store, **{"from": "tokens"})
    field = next(one for one in test.number_input if "How many requests" in one.label)
    field.set_value(3_000_000.0).run()
    table = visit(test, "scenario").dataframe[-1].value
    assert list(table["key"]) == ["demand.requests_per_month"]
    assert "3M" in table["now"][0]


def test_a_question_of_cost_shows_no_loss_and_no_payback(start, empty_store):
    plan = """
months: 12
start: 2026-11
verdict: {question: cost}
demand: {requests_per_month: 500000, prompt_tokens_per_request: {low: 300, mode: 600, high: 900}}
capacity: {fleet: given, given_gpus: 8, gpus_per_replica: 2}
"""
    test = start(empty_store, scenario=links.pack(plan))
    labels = {one.label for one in test.metric}
    assert "Present value of cost" in labels
    assert not {"Payback", "Gross margin", "Net present value"} & labels
    test = visit(test, "risk")
    assert [one.label for one in test.metric] == ["Average cost in the dearest twentieth of trials"]
    assert "a loss in" not in said(test)
    assert "The present value of the cost over" in said(test)
    for page in ("verdict", "scenario", "money", "statements"):
        told = said(visit(test, page))
        assert "unknown" not in told, page
        assert "never" not in told, page
        assert "Where it breaks even" not in told, page
    told = said(visit(test, "verdict"))
    assert "in present value" in told
    assert Words("en").t("verdict.options.waiting") in told
    assert Words("en").t("verdict.flips.waiting") not in told


def test_money_is_shown_in_the_currency_of_the_scenario(start, empty_store):
    document = dict(scenarios.load("base").document) | {"currency": "CNY", "usd_per_currency": 0.14}
    changed = scenarios.from_document(document)
    test = start(empty_store, "zh_CN", scenario=links.pack(scenarios.to_yaml(changed)))
    npv = evaluate(changed, trials=2000, parts=("risk", "tornado")).indicators["npv_usd"].base
    assert test.metric[0].value == Words("zh_CN", "CNY", 0.14).money(npv)
    assert "¥" in test.metric[0].value
