"""The six pages: each title is a sentence with a number, and agrees with the analysis."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from modelworth.costmodel.analysis import Analysis, Flip
from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.scenario import scenario
from modelworth.report.sections.blocks import BoardPage, BridgeChart, Graphic, Table
from modelworth.report.sections.content import compose
from modelworth.report.words import LANGUAGES, Words
from tests.report.conftest import DAY
from tests.report.sample import hostile

SCENARIOS = tuple(scenario.shipped())
KEYS = ("answer", "money", "depends", "others", "evidence", "risks")
CALLS = {
    "en": {"viable": "Go ahead:", "not_viable": "Don't go ahead:", "depends": "Don't commit yet:"},
    "zh_CN": {"viable": "建议实施：", "not_viable": "建议不实施：", "depends": "暂不投入："},
}
SIGNS = {"en": ("loses", "is worth"), "zh_CN": ("亏损", "净现值为")}
LEAST_LETTERS = {"en": 25, "zh_CN": 9}


_MIRRORED: dict[int, tuple[Analysis, Analysis]] = {}
_PAGES: dict[tuple[int, str], tuple[Analysis, dict[str, BoardPage]]] = {}
"""What was made of an analysis, by its identity and kept beside it."""


def _mirrored(analysis: Analysis) -> Analysis:
    """The same plan with the other sign of the result and the other verdict."""
    if id(analysis) in _MIRRORED:
        return _MIRRORED[id(analysis)][1]
    npv = analysis.indicators["npv_usd"]
    turned = replace(npv, base=-(npv.base or 0.0))
    outcome = "viable" if analysis.verdict.outcome == "not_viable" else "not_viable"
    chance = 1 - (analysis.verdict.probability_npv_positive or 0.0)
    verdict = replace(analysis.verdict, outcome=outcome, probability_npv_positive=chance)
    indicators = {**analysis.indicators, "npv_usd": turned}
    found = replace(analysis, indicators=indicators, verdict=verdict)
    return _MIRRORED.setdefault(id(analysis), (analysis, found))[1]


def _pages(analysis: Analysis, language: str = "en") -> dict[str, BoardPage]:
    key = (id(analysis), language)
    if key not in _PAGES:
        pages = compose(analysis, language, DAY).pages
        _PAGES[key] = analysis, {page.key: page for page in pages}
    return _PAGES[key][1]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", SCENARIOS)
def test_titles_are_sentences_with_a_number(shipped, name, language):
    for analysis in (shipped[name], _mirrored(shipped[name])):
        pages = _pages(analysis, language)
        assert tuple(pages) == KEYS
        for page in pages.values():
            assert len(page.title) >= LEAST_LETTERS[language], page.title
            assert re.search(r"\d", page.title), page.title
            assert not re.search(r"[{}]|report\.|board\.", page.title + page.so_what), page
            assert page.so_what
            assert page.sources
            assert isinstance(page.main, Graphic | Table)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_first_title_is_the_verdict_and_the_sign_of_npv(shipped, name, language):
    loses, earns = SIGNS[language]
    for analysis in (shipped[name], _mirrored(shipped[name])):
        title = _pages(analysis, language)["answer"].title
        npv = analysis.indicators["npv_usd"].base or 0.0
        assert title.startswith(CALLS[language][analysis.verdict.outcome])
        assert (loses in title) == (npv < 0)
        assert (earns in title) == (npv > 0)
        amount = Words(language).money(abs(npv)).removeprefix("-")
        assert amount in title.replace("−", "-")


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_money_title_says_whether_costs_are_covered(shipped, name):
    analysis = shipped[name]
    title = _pages(analysis)["money"].title
    costs = ("cost_of_revenue_usd", "operating_expense_usd", "building_usd", "fleet_write_off_usd")
    left = sum(analysis.series["revenue_usd"].base)
    left -= sum(sum(analysis.series[key].base) for key in costs)
    assert ("cover" in title) == (left <= 0)
    if left > 0:
        assert ("leave only" in title) == ((analysis.indicators["npv_usd"].base or 0) <= 0)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_bridge_ends_at_npv(shipped, name):
    graphic = _pages(shipped[name])["money"].main
    assert isinstance(graphic, Graphic)
    chart = graphic.chart
    assert isinstance(chart, BridgeChart)
    (start, end), before = chart.spans()[-1], chart.spans()[-2]
    assert start == 0
    assert end == pytest.approx(before[1], rel=1e-3, abs=1e-3 * max(map(abs, chart.amounts)))
    assert chart.shown[-1] == Words().money(shipped[name].indicators["npv_usd"].base).replace(
        "-", "−"
    )


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_alternatives_title_agrees_with_their_npvs(shipped, name):
    analysis = shipped[name]
    title = _pages(analysis)["others"].title
    own = analysis.indicators["npv_usd"].base or 0.0
    npvs = [
        figure.base
        for option in analysis.options or ()
        for figure in option.figures
        if option.feasible and option.kind == "option"
        if figure.key == "npv_usd" and figure.base is not None
    ]
    best = max(npvs)
    if "more than the plan" in title:
        assert best > own
    if "ahead of all" in title:
        assert best < own
    if "No alternative earns" in title:
        assert best <= 0
    assert Words().money(abs(best)) in title or Words().money(abs(best - own)) in title


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_last_titles_count_what_the_analysis_counts(shipped, name):
    analysis = shipped[name]
    pages = _pages(analysis)
    assert analysis.risk is not None
    assert Words().percent(analysis.risk.probability_of_loss) in pages["risks"].title
    measured = sum(use.basis == "measured" for use in analysis.drivers.values())
    assert ("Nothing was measured" in pages["evidence"].title) == (measured == 0)


def test_without_trials_no_probability_is_claimed():
    analysis = evaluate(scenario.load("base"), trials=0, today=DAY)
    pages = _pages(analysis)
    assert "trials come out" not in pages["answer"].title
    assert "No trials were run" in pages["risks"].title


def test_hostile_names_stay_in_one_line():
    pages = _pages(hostile("<b>\n=cmd|' /C calc'!A0"))
    assert all("\n" not in page.title + page.so_what for page in pages.values())


@pytest.mark.parametrize("name", SCENARIOS)
def test_an_api_plan_lists_no_gpus_and_every_listed_driver_moves_something(shipped, name):
    """Drivers left out don't move NPV: checked with the model itself, on those nobody lists."""
    analysis = shipped[name]
    document = compose(analysis, "en", DAY)
    section = document.section("assumptions")
    assert section is not None
    rows = [row[0].removesuffix(" *") for block in section.blocks if isinstance(block, Table)
            for row in block.rows]  # fmt: skip
    assert 20 < len(rows) < 140
    if name == "internal_copilot":
        assert not [row for row in rows if "GPU" in row]


NUMBER = re.compile(r"\d")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_first_slide_says_what_why_and_what_would_change_it(shipped, name, language):
    """What a reader of two slides needs: a recommendation, its reason with figures, a way out."""
    for analysis in (shipped[name], _mirrored(shipped[name])):
        pages = _pages(analysis, language)
        main = pages["answer"].main
        assert isinstance(main, Table)
        (_, recommended), (_, why), (_, change) = main.rows
        assert recommended
        assert NUMBER.search(why)
        turned = [flip for flip in analysis.verdict.flips if flip.at is not None]
        assert bool(NUMBER.search(change)) == bool(turned or _break_evens(analysis))
        best = _best(analysis)
        if best is not None:
            option, value = best
            assert Words(language).money(value).replace("-", "−") in recommended
            assert Words(language).t(f"option.{option}") in pages["answer"].so_what
        assert NUMBER.search(pages["money"].title)
        assert NUMBER.search(pages["answer"].so_what)


def _break_evens(analysis: Analysis) -> bool:
    return any(one.values and one.driver in analysis.drivers for one in analysis.break_evens)


def _best(analysis: Analysis) -> tuple[str, float] | None:
    """The best alternative, if it is ahead of the plan by a twentieth and earns money."""
    own = analysis.indicators["npv_usd"].base or 0.0
    npvs = {
        option.key: figure.base
        for option in analysis.options or ()
        for figure in option.figures
        if option.feasible and option.kind == "option"
        if figure.key == "npv_usd" and figure.base is not None
    }
    key = max(npvs, key=lambda one: npvs[one])
    ahead = npvs[key] - own > 0.05 * max(abs(own), abs(npvs[key]))
    return (key, npvs[key]) if ahead and npvs[key] > 0 else None


def test_what_betters_and_what_worsens_the_answer_are_both_shown(shipped):
    order = ("viable", "depends", "not_viable")
    for analysis in shipped.values():
        change = _pages(analysis)["answer"].main.rows[2][1]  # type: ignore[union-attr]
        rank = order.index(analysis.verdict.outcome)
        ranks = [order.index(one.becomes) for one in analysis.verdict.flips if one.becomes]
        named = {0: ": viable", 1: "“it depends”", 2: "not viable"}
        words = {key: (f"{name} above", f"{name} below") for key, name in named.items()}
        change = change.replace("; viable", ": viable")
        for side in ([r for r in ranks if r < rank], [r for r in ranks if r > rank]):
            assert not side or any(said in change for one in side for said in words[one])
        only_worse = bool(ranks) and rank > 0 and all(one > rank for one in ranks)
        assert ("inputs tried betters it" in change) == only_worse


def test_an_alternative_like_the_plan_says_its_terms(shipped):
    """A plan that buys an API isn't told to buy one: it is told how that offer differs."""
    page = _pages(shipped["internal_copilot"])["answer"]
    assert "buying an API on other terms" in page.so_what
    assert "instead of $" in page.main.rows[0][1]  # type: ignore[union-attr]
    for name in SCENARIOS:
        for option in shipped[name].options or ():
            plan = shipped[name].drivers
            assert not [key for key, value in option.changes.items() if plan[key].value == value]


def test_base_and_median_are_never_beside_each_other_unnamed(shipped):
    """A condition that the rule reads at its median names the base case's value, too."""
    for analysis in shipped.values():
        why = _pages(analysis)["answer"].main.rows[1][1]  # type: ignore[union-attr]
        peak = analysis.indicators["peak_funding_usd"]
        if "Peak funding" in why:
            assert f"(median; base case {Words().money(peak.base or 0.0)})" in why
            assert Words().money(peak.p50 or 0.0) in _card(analysis, "Peak funding")
        for one in analysis.verdict.criteria:
            unnamed = one.key != "probability_npv_positive" and one.status == "missed"
            assert not unnamed or "median" in why or "base case" in why


def _card(analysis: Analysis, name: str) -> str:
    return next(card.detail for card in compose(analysis, "en", DAY).cards if card.name == name)


def test_a_driver_that_turns_the_answer_is_listed_once(base):
    """Tried to both sides, it turns at one value and never on the other side."""
    flip = Flip("demand.accepted_share", "share", 0.85, 0.5, "npv_usd", 0.0, becomes="viable")
    flips = (flip, replace(flip, at=None, becomes=None))
    verdict = replace(base.verdict, flips=flips)
    table = next(
        block
        for block in _pages(replace(base, verdict=verdict))["depends"].more
        if isinstance(block, Table)
    )
    assert len(table.rows) == 1
    assert table.rows[0][2] != "never in its range"


def test_a_table_of_turns_without_a_row_is_left_out(base):
    found = replace(base, verdict=replace(base.verdict, flips=()), break_evens=())
    assert not [one for one in _pages(found)["depends"].more if isinstance(one, Table)]
