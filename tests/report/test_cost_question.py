"""A plan without revenue: its report speaks of what is spent, never of a loss or of earnings."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from modelworth.costmodel.analysis import Analysis
from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.scenario import scenario
from modelworth.report.sections import facts
from modelworth.report.sections.answer import alike, cash_curve
from modelworth.report.sections.blocks import (
    BarChart,
    BoardPage,
    BridgeChart,
    Graphic,
    Histogram,
    Table,
)
from modelworth.report.sections.content import compose
from modelworth.report.sections.context import Context
from modelworth.report.words import LANGUAGES, Words
from tests.report.conftest import DAY

PLAN = """
months: 12
start: 2026-11
verdict: {question: cost}
demand:
  requests_per_month: 500000
  prompt_tokens_per_request: {low: 3000, mode: 6000, high: 12000}
  output_tokens_per_request: {low: 300, mode: 600, high: 1200}
capacity: {fleet: given, given_gpus: 8, gpus_per_replica: 2}
compute: {serving: owned, purchase_usd_per_gpu: 15500}
options:
  buy_api: {price: {provider: deepseek, model: deepseek-chat}}
simulation: {trials: 64}
"""
OF_BUSINESS = {
    "en": r"loses|loss in|los(e|es) money|earns|profit|pays? back|payback|lifetime value|undefined",
    "zh_CN": "亏损|盈利|利润|回收期|回本|终身价值|未定义",
}


@pytest.fixture(scope="module")
def cost(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """Eight GPUs of one's own, or an API."""
    path = tmp_path_factory.mktemp("cost") / "plan.yaml"
    path.write_text(PLAN)
    return evaluate(scenario.load(path), today=DAY)


def _pages(analysis: Analysis, language: str) -> dict[str, BoardPage]:
    return {page.key: page for page in compose(analysis, language, DAY).pages}


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_said_of_a_loss(cost, language):
    found = compose(cost, language, DAY)
    sections = ("indicators", "economics", "options", "sensitivity", "warnings")
    shown = [section for section in found.sections if section.key in sections]
    told = repr((found.cards, found.pages, shown))
    assert not re.findall(f".{{20}}(?:{OF_BUSINESS[language]}).{{20}}", told)
    assert not re.search(r"\b(report|board|name|chart|reading)\.[a-z_]+\.", told)


def test_the_cheapest_alternative_is_named_with_the_present_value_of_its_cost(cost):
    options = {one.key: one for one in cost.options or ()}
    npv = {key: next(f.base for f in one.figures if f.key == "npv_usd") or 0.0
           for key, one in options.items() if one.feasible and one.kind == "option"}  # fmt: skip
    cheapest = max(npv, key=lambda key: npv[key])
    title = _pages(cost, "en")["others"].title
    words = Words("en")
    assert words.t(f"option.{cheapest}").lower() in title.lower()
    assert words.money(-npv[cheapest]) in title


def test_the_table_of_options_shows_costs_as_what_is_spent(cost):
    table = _pages(cost, "en")["others"].main
    assert isinstance(table, Table)
    assert table.columns[1].title == "Present value of cost"
    plan = cost.indicators["npv_usd"].base
    assert plan is not None
    assert table.rows[0][1] == Words("en").money(-plan)


def test_each_card_has_a_figure(cost):
    cards = compose(cost, "en", DAY).cards
    assert [card.name for card in cards][:2] == [
        "Present value of cost", "Cost of an accepted result"
    ]  # fmt: skip
    assert all(re.search(r"\d", card.value) for card in cards)


def test_the_badge_says_whether_another_way_is_cheaper(cost):
    """A plan that meets its rule isn't called viable where another way costs less."""
    options = {one.key: one for one in cost.options or ()}
    npv = {key: next(f.base for f in one.figures if f.key == "npv_usd") or 0.0
           for key, one in options.items() if one.feasible}  # fmt: skip
    plan, best = npv.pop("plan"), max(npv.values())
    met = replace(cost, verdict=replace(cost.verdict, outcome="viable"))
    assert best > 0.9 * plan  # another way costs less by more than a tenth
    assert compose(met, "en", DAY).verdict == "Another way is cheaper"
    alone = replace(met, options=(options["plan"],), lead=None)
    assert compose(alone, "en", DAY).verdict == "No other way compared"
    assert compose(replace(alone, options=None), "en", DAY).verdict == "No other way compared"
    other = options[max(npv, key=lambda key: npv[key])]
    for times, said in ((1.02, "The cheapest way"), (0.98, "About as cheap as another way")):
        at = tuple(replace(f, base=times * plan) if f.key == "npv_usd" else f
                   for f in other.figures)  # fmt: skip
        near = replace(met, options=(options["plan"], replace(other, figures=at)), lead=None)
        assert compose(near, "en", DAY).verdict == said


def test_the_reason_is_how_much_cheaper_the_cheapest_way_is(cost):
    """A rule whose conditions hold is no reason to choose another way."""
    met = tuple(replace(one, met=True, status="met") for one in cost.verdict.criteria)
    page = _pages(replace(cost, verdict=replace(cost.verdict, criteria=met)), "en")["answer"]
    assert isinstance(page.main, Table)
    words, lead = Words("en"), cost.lead
    assert words.money(lead.mean_usd) in page.main.rows[1][1]
    assert words.range(lead.low_usd, lead.high_usd, "usd") in page.main.rows[1][1]


@pytest.mark.parametrize("clear", [True, False])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_lead_without_trials_speaks_of_none_and_of_the_plan_in_small_letters(
    cost, language, clear
):
    met = tuple(replace(one, met=True, status="met") for one in cost.verdict.criteria)
    lead = replace(cost.lead, second="plan", low_usd=None, high_usd=None, clear=clear)
    plain = replace(cost, verdict=replace(cost.verdict, criteria=met), lead=lead)
    told = _pages(plain, language)["answer"].main.rows[1][1]
    assert Words(language).money(lead.mean_usd) in told
    assert not any(word in told for word in ("8 of 10", "average", "八成", "平均", "The plan"))
    assert {"en": "the plan", "zh_CN": "本方案"}[language] in told


def test_what_moves_a_cost_question_and_its_trials_are_costs(cost):
    page = _pages(cost, "en")["depends"]
    charts = {block.chart.key: block.chart for block in (page.main, *page.more)
              if isinstance(block, Graphic)}  # fmt: skip
    bars, trials = charts["tornado"], charts["npv"]
    swing = max(cost.tornado, key=lambda one: abs(one.at_high - one.at_low))
    base = cost.indicators["npv_usd"].base
    dearer = swing.at_high < base
    assert isinstance(bars, BarChart)
    assert (bars.series[1].values[0] > 0) == dearer
    assert isinstance(trials, Histogram)
    assert trials.edges == tuple(sorted(trials.edges))
    assert trials.edges[0] > 0
    assert sum(trials.shares) == pytest.approx(100, abs=0.1)


def test_the_caption_of_the_options_claims_no_more_than_is_true(cost):
    told = alike(Context(cost, Words("en")), cost.options or ())
    assert "quality" not in told
    late = [one for one in cost.options or () if "building.months_to_market" in one.changes]
    assert late
    assert "Another opening month" in told
    assert "hosting on own GPUs" in told.split("Another opening month")[1].split(".")[0]


def test_costs_of_own_hardware_are_named_and_a_loss_on_its_sale_is_no_timing(cost):
    """No debt and no revenue: what leaves is what is spent, and nothing is left to timing."""
    graphic = _pages(cost, "en")["money"].main
    assert isinstance(graphic, Graphic)
    assert isinstance(graphic.chart, BridgeChart)
    names = repr(graphic.chart.names)
    for part in ("Depreciation of the fleet", "Hosting", "Write-off of hardware sold"):
        assert part in names
    assert "timing" not in names
    assert "Variable cost" not in names
    spent = -sum(cost.series["net_cash_usd"].base)
    assert facts.money(Context(cost, Words("en"))).costs == pytest.approx(spent)


def test_a_band_too_thin_to_see_isn_t_spoken_of(cost):
    """Trials drawn apart have a band; trials that all but agree have none to be seen."""
    context = Context(cost, Words("en"))
    series = cost.series["cash_balance_usd"]
    for factor, seen in ((0.999, False), (0.5, True)):
        drawn = replace(
            series, p10=tuple(value / factor for value in series.base),
            p90=tuple(value * factor for value in series.base),
        )  # fmt: skip
        found = replace(context, analysis=replace(cost, series={**cost.series, series.key: drawn}))
        curve = cash_curve(found)
        assert curve is not None
        assert ("the band holds" in curve.reading) == seen
