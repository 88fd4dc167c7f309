"""Values are said by one rule: absurd returns, what never happens, shares beyond measure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelworth.costmodel.analysis import Figure, Finding, Flip, Swing
from modelworth.report import said
from modelworth.report.words import Words

EN, ZH = Words("en"), Words("zh_CN")


@pytest.mark.parametrize(
    ("figure", "english", "chinese"),
    [
        (Figure("irr_per_year", "share", 220_856_928_570.5), "not meaningful", "无意义"),
        (Figure("irr_per_year", "share", 0.31), "31%", "31%"),
        (Figure("irr_per_year", "share", None, status="several"), "no single rate", "无唯一解"),
        (Figure("payback_months", "months", None, status="never"), "never", "从不"),
        (Figure("gross_margin_share", "share", -51.5), "below -1,000%", "低于 -1,000%"),
        (Figure("gross_margin_share", "share", 0.998), "99.8%", "99.8%"),
        (Figure("npv_usd", "usd", None), "unknown", "未知"),
    ],
)
def test_a_figure_is_said(figure, english, chinese):
    assert said.whole_figure(EN, figure) == english
    assert said.whole_figure(ZH, figure) == chinese


def test_a_range_is_said_only_where_both_ends_mean_something():
    irr = Figure("irr_per_year", "share", 0.2, 0.1, 0.2, 60.0)
    assert said.spread(EN, irr) == ""
    never = Figure("payback_months", "months", None, 16, 20, 40, 0.092, "never")
    assert said.spread(EN, never) == "in 9.2% of trials"
    ranked = replace(never, p10=None, p50=None, p90=None, ranked=True)
    assert said.spread(EN, ranked) == "reached in 9.2% of trials"
    assert said.spread(EN, replace(ranked, p10=16.0)) == "16 months to never"
    several = Figure("irr_per_year", "share", None, 0.1, 0.2, 0.3, 0.35, "several")
    assert said.spread(EN, several) == "one rate in 35% of trials"
    npv = Figure("npv_usd", "usd", 1.0, -2e6, 1e6, 3e6)
    assert said.spread(EN, npv) == "-$2M to $3M"


def test_nearly_all_isnt_all():
    assert EN.percent(0.9977) == "99.8%"
    assert EN.percent(0.99999) == ">99.9%"
    assert EN.percent(1.0) == "100%"


def test_a_currency_is_said_once():
    yuan = Words("zh_CN", "CNY", 0.14)
    assert yuan.value(1.4, "usd/GPU hour") == "¥10.00/GPU 小时"
    assert "USD" not in yuan.unit("usd/million tokens")


def test_a_source_is_said_in_the_readers_language():
    assert said.source(EN, "accounting identity") == "accounting identity"
    assert said.source(ZH, "accounting identity") == "会计恒等式"
    assert said.source(ZH, "Besiroglu et al. 2024, arXiv:2404.10102").startswith("Besiroglu")


def test_a_finding_says_money_as_everywhere_else_and_its_own_numbers():
    doubled = Finding("T27", "warning", "compute", {"npv_usd": 2_294_000.0})
    assert said.finding(EN, doubled).endswith("NPV would be $2.29M.")
    assert "¥1640万" in said.finding(Words("zh_CN", "CNY", 0.14), doubled)
    paid = Finding("T10", "warning", "revenue.api.paid_share", {"paid": 1.0})
    assert said.finding(EN, paid).startswith("1 of all served tokens")


def test_a_driver_says_on_which_side_which_answer_holds(small):
    """A value that the plan is already beyond isn't told as one that would have to be reached."""
    key, unit = "demand.requests_per_month", "requests/month"
    flips = (
        Flip(key, unit, 150e3, 169e3, "probability_npv_positive", 0.3, "verdict", "not_viable",
             known=True),
        Flip(key, unit, 150e3, 259e3, "probability_npv_positive", 0.7, "verdict", "viable"),
    )  # fmt: skip
    assert [flip.above for flip in flips] == [False, True]
    assert said.turning(EN, small, flips) == (
        "“Requests at opening”: not viable below 169K requests per month; viable above 259K "
        "requests per month (the plan takes 150K requests per month)"
    )
    some = next(iter(small.drivers.values()))
    use = replace(some, distribution={"low": 5e4, "mode": 15e4, "high": 4e5})
    bar = Swing(key, unit, 95e3, 264e3, -1.0, 1.0)
    drawn = replace(small, drivers={**small.drivers, key: use}, tornado=(bar,))
    text = said.turning(EN, drawn, flips)
    assert text.endswith("but 8 of 10 trials lie anywhere from 95K to 264K, so it is open)")
    assert said.turning(EN, drawn, flips[1:]).endswith("; 8 of 10 trials: 95K to 264K)")
    assert "高于" in said.turning(ZH, drawn, flips)


def test_a_rate_of_nearly_all_of_the_money_is_no_share_bounded_by_it():
    rate = Figure("mirr_per_year", "share", 0.99985, 0.97, 0.996, 1.02)
    assert said.figure(EN, rate) == "100%"


def test_trials_are_counted_to_the_last():
    assert EN.value(1024.0, "trials").startswith("1,024")
