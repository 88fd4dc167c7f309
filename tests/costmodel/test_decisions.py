"""What a decision rests on: debt, cohorts, cases, actuals, rankings, and what turns it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy_financial as npf
import pytest

from modelworth.costmodel.business import capacity
from modelworth.costmodel.business.model import Model
from modelworth.costmodel.evaluate import assumptions, evaluate
from modelworth.costmodel.risk.comparison import compare
from modelworth.costmodel.risk.sampling import draw
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.costmodel.scenario.correlations import correlations
from modelworth.costmodel.scenario.options import Choice, read_options
from modelworth.costmodel.scenario.sampling_plan import plan as sampling_plan
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError

MODEL = Model(60)


def run(values, *keys, model=MODEL):
    found = model.run(values, keys)
    return [found[key][:, 0] for key in keys]


@pytest.mark.parametrize(("months", "grace", "rate"), [(36, 0, 0.1), (24, 12, 0.09), (12, 3, 0.03)])
def test_debt_is_an_annuity_after_its_grace(months, grace, rate):
    values = {"company.debt_usd": 1e6, "company.debt_months": months,
              "company.debt_grace_months": grace, "company.debt_rate_per_year": rate}  # fmt: skip
    owed, interest, repaid = run(values, "debt_owed_usd", "interest_usd", "debt_repaid_usd")
    periods = np.arange(1, months + 1)
    assert interest[1 : grace + 1] == pytest.approx(np.full(grace, 1e6 * rate / 12))
    paying = slice(grace + 1, grace + months + 1)
    assert interest[paying] == pytest.approx(-npf.ipmt(rate / 12, periods, months, 1e6), abs=1e-6)
    assert repaid[paying] == pytest.approx(-npf.ppmt(rate / 12, periods, months, 1e6), abs=1e-6)
    assert owed[grace + months :] == pytest.approx(0, abs=1e-3)
    assert repaid.sum() == pytest.approx(1e6)


def test_debt_for_hardware_is_drawn_with_it_and_settled_at_the_end():
    values = {"compute.serving": 1.0, "capacity.fleet": 2.0, "capacity.given_gpus": 8.0,
              "company.debt_share_of_capex": 0.7, "company.debt_months": 84.0}  # fmt: skip
    drawn, bought, owed, repaid = run(
        values, "debt_drawn_usd", "capex_usd", "debt_owed_usd", "debt_repaid_usd"
    )
    assert drawn[:-1] == pytest.approx(0.7 * bought[:-1])
    assert owed[-2] > 0
    assert owed[-1] == 0
    assert repaid.sum() == pytest.approx(drawn.sum())


def test_cohorts_by_hand():
    values = {"demand.curve": 3.0, "demand.net_retention_per_year": 1.2,
              "demand.new_customers_share_per_month": 0.1,
              "demand.new_customers_growth_per_year": 0.5, "demand.churn_per_month": 0.03,
              "demand.requests_per_customer_month": 1e5}  # fmt: skip
    volume, customers, won = run(values, "market_volume", "customers", "customers_won")
    spend, heads = [1.0], [10.0]
    for month in range(2, 61):
        new = 0.1 * 1.5 ** ((month - 1) / 12)
        spend.append(spend[-1] * 1.2 ** (1 / 12) + new)
        heads.append(heads[-1] * 0.97 + 10 * new)
    assert volume[1:] == pytest.approx(spend)
    drift = (customers[1:] / heads)[:, None]
    assert drift == pytest.approx(np.ones((60, 1)))
    assert won[2] == pytest.approx(10 * 0.1 * 1.5 ** (1 / 12))


def test_the_first_entry_is_the_first_month():
    values = {"demand.curve": 2.0, "demand.volume_by_month": [1.0, 2.0, 3.0]}
    (volume,) = run(values, "market_volume", model=Model(3))
    assert volume[1:] == pytest.approx([1, 2, 3])


def test_growing_runs_make_the_third_generation_dearer():
    values = {"building.method": 3.0, "building.training_growth_factor_per_year": 2.4,
              "building.compute_fall_factor_per_year": 1.0, "building.refresh_months": 12.0,
              "building.staff_months": 0.0}  # fmt: skip
    first, renewed = run(values, "training_compute_usd", "renewal_usd")
    assert renewed[[13, 25]] == pytest.approx(first[0] * np.array([2.4, 2.4**2]))
    cheaper = run({**values, "building.training_growth_factor_per_year": 1.0}, "renewal_usd")[0]
    assert cheaper[25] == pytest.approx(first[0])


def test_rents_may_rise_revert_or_follow_a_table():
    months = np.arange(60) / 12
    rising = run({"compute.rent_fall_factor_per_year": 0.5137}, "rent_index")[0]
    assert rising[9] == pytest.approx(2.65 / 1.70, rel=0.01)
    drawn = run({"compute.rent_path": 2.0, "compute.rent_long_run_ratio": 0.6,
                 "compute.rent_reversion_per_year": 2.0}, "rent_index")[0]  # fmt: skip
    assert drawn[1:] == pytest.approx(0.6 + 0.4 * np.exp(-2 * months))
    table = run({"compute.rent_path": 1.0, "compute.rent_index_by_month": [1, 1.2]}, "rent_index")
    assert table[0][[1, 2, 60]] == pytest.approx([1, 1.2, 1.2])


def test_streams_earn_no_less_than_the_company_that_also_pays_what_they_share():
    values = {"revenue.seats.seats": 500.0, "revenue.enterprise.contracts": 5.0,
              "revenue.compute.gpus": 16.0, "revenue.images.images_per_month": 1e5,
              "revenue.seats.free_users_per_seat": 3.0, "revenue.api.direct_cost_share": 0.1,
              "revenue.enterprise.delivery_people_per_contract": 0.5}  # fmt: skip
    names = ("api", "seat", "enterprise", "image", "call", "finetune", "compute")
    *streams, whole = run(values, *(f"{name}_profit_usd" for name in names), "gross_profit_usd")
    assert (sum(streams) - whole >= -1e-6).all()


PLAN = {
    "months": 24, "start": "2026-12",
    "demand": {"requests_per_month": {"low": 1e7, "mode": 3e7, "high": 6e7}},
    "simulation": {"trials": 512},
}  # fmt: skip


def test_named_cases_make_a_mean_by_weight():
    document = {**PLAN, "cases": {
        "flood": {"label": "A rival releases", "weight": 0.25,
                  "demand": {"market_price_fall_factor_per_year": 10}},
    }}  # fmt: skip
    found = evaluate(scenarios.from_document(document, "p.yaml"), parts=("risk",))
    flood, rest = found.named_cases
    assert (flood.weight, rest.weight, rest.key) == (0.25, 0.75, "plan")
    assert flood.npv_usd < rest.npv_usd
    assert rest.npv_usd == pytest.approx(found.indicators["npv_usd"].mean)
    assert found.weighted_npv_usd == pytest.approx(0.25 * flood.npv_usd + 0.75 * rest.npv_usd)


@pytest.mark.parametrize(
    ("part", "where"),
    [
        ({"cases": {"a": {"label": "A", "weight": 0.7}, "b": {"label": "B", "weight": 0.7}}},
         "p.yaml: cases"),
        ({"cases": {"a": {"weight": 0.7}}}, "p.yaml: cases.a"),
        ({"cases": [1]}, "p.yaml: cases"),
        ({"actuals": {"revenue_usd": 3}}, "p.yaml: actuals.revenue_usd"),
        ({"actuals": {"revenue_usd": ["x"]}}, "p.yaml: actuals.revenue_usd[0]"),
        ({"compute": {"life_change_month": 60}}, "p.yaml: compute.life_change_month"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(part, where):
    with pytest.raises(InputError) as refused:
        scenarios.from_document({**PLAN, **part}, "p.yaml")
    assert refused.value.where == where


def test_actuals_stand_beside_the_plan():
    document = {**PLAN, "actuals": {"requests": [2.9e7, None, 9e9]}}
    found = evaluate(scenarios.from_document(document, "p.yaml"), parts=("risk",))
    first, third = found.actuals
    assert (first.month, first.actual, third.month) == (1, 2.9e7, 3)
    assert first.plan == found.series["requests"].base[1]
    assert third.actual > third.high
    with pytest.raises(InputError, match=r"actuals\.nothing"):
        evaluate(scenarios.from_document({**PLAN, "actuals": {"nothing": [1]}}, "p.yaml"))


def test_a_default_correlation_gives_way_to_the_plans_own():
    own, market = "revenue.price_fall_factor_per_year", "demand.market_price_fall_factor_per_year"
    drawn = {"low": 1.2, "mode": 1.5, "high": 2.5}
    document = {**PLAN, "revenue": {"price_fall_factor_per_year": drawn},
                "demand": {"market_price_fall_factor_per_year": drawn}}  # fmt: skip
    found = scenarios.from_document(document, "p.yaml")
    assert (own, market, 0.8) in correlations(found)
    settled = {**document, "simulation": {"correlations": [[market, own, 0.1]]}}
    assert correlations(scenarios.from_document(settled, "p.yaml")) == ((market, own, 0.1),)
    off = {**document, "simulation": {"default_correlations": False}}
    assert correlations(scenarios.from_document(off, "p.yaml")) == ()


def order(results):
    ranked = [one for one in results if one.feasible]
    worth = {one.key: one.figures[0].mean or 0.0 for one in ranked}  # doing nothing is worth 0
    return sorted(worth, key=lambda key: -worth[key])


@pytest.mark.slow
def test_the_ranking_is_the_same_however_it_is_put():
    held = assumptions(scenarios.from_document(PLAN, "p.yaml"), {})
    sampling = sampling_plan(held.uncertain, trials=256, seed=2)
    choice = read_options("options", None)
    results, _ = compare(held.model, held.values, choice, sampling)
    plain = order(results)
    dearest = choice.options[-1]
    dominated = type(dearest)("worse", (*dearest.changes,), (), "A worse one")
    wider, _ = compare(held.model, held.values, Choice((*choice.options, dominated)), sampling)
    assert [key for key in order(wider) if key != "worse"] == plain
    chances = {one.key: one.probability_best for one in results}
    assert all(
        one.probability_best == pytest.approx(chances[one.key])
        for one in wider
        if one.key not in ("worse", dearest.key)
    )
    turned, _ = compare(held.model, held.values, Choice(choice.options[::-1]), sampling)
    assert order(turned) == plain
    renamed = Choice(tuple(replace(one, key=f"way_{one.key}", label="A way")
                           for one in choice.options))  # fmt: skip
    called, _ = compare(held.model, held.values, renamed, sampling)
    assert [key.removeprefix("way_") for key in order(called)] == plain
    yuan = {**PLAN, "currency": "CNY", "usd_per_currency": 0.14}
    in_yuan = assumptions(scenarios.from_document(yuan, "p.yaml"), {})
    assert order(compare(in_yuan.model, in_yuan.values, choice, sampling)[0]) == plain


def worths(document, months=24):
    """Each option's mean NPV, over the same few trials."""
    held = assumptions(scenarios.from_document({**document, "months": months}, "p.yaml"), {})
    sampling = sampling_plan(held.uncertain, trials=256, seed=2)
    results, _ = compare(held.model, held.values, read_options("options", None), sampling)
    return {one.key: one.figures[0].mean or 0.0 for one in results}


@pytest.mark.slow
def test_the_ranking_is_the_same_in_other_units():
    """A request may be called ten of a tenth of its tokens, and a GPU half of one."""
    demand = {"prompt_tokens_per_request": 1000, "output_tokens_per_request": 200,
              "requests_per_month": {"low": 1e7, "mode": 3e7, "high": 6e7},
              "requests_per_customer_month": 1e6}  # fmt: skip
    tenth = {"prompt_tokens_per_request": 100, "output_tokens_per_request": 20,
             "requests_per_month": {"low": 1e8, "mode": 3e8, "high": 6e8},
             "requests_per_customer_month": 1e7}  # fmt: skip
    one, other = (worths({**PLAN, "demand": each}) for each in (demand, tenth))
    assert other == pytest.approx(one, rel=1e-9)


@pytest.mark.slow
def test_the_ranking_is_the_same_over_months_in_which_nothing_happens():
    """What ends after two years is worth the same over three: rented, without staff or debts."""
    ends = {
        **PLAN,
        "demand": {**PLAN["demand"], "curve": "table", "volume_by_month": [1.0] * 24 + [0.0]},
        "compute": {"platform_fte": 0}, "building": {"refreshes": False, "staff_months": 0},
        "company": {"receivable_days": 0, "payable_days": 0, "tax_rate_share": 0},
    }  # fmt: skip
    two, three = worths(ends), worths(ends, 36)
    rented = [key for key in two if key not in ("self_host_owned", "finetune_owned")]
    assert {key: three[key] for key in rented} == pytest.approx(
        {key: two[key] for key in rented}, rel=1e-9, abs=1e-3
    )


def test_hardware_that_is_kept_longer_differs_by_its_keep_and_a_later_sale_alone():
    """Not invariant, and rightly: a longer horizon houses idle GPUs and sells them later."""
    values = {
        "compute.serving": 1.0, "compute.platform_fte": 0.0, "demand.requests_per_month": 3e8,
        "demand.curve": 2.0, "demand.volume_by_month": (1.0,) * 24 + (0.0,),
        "company.receivable_days": 0.0, "company.payable_days": 0.0, "company.tax_rate_share": 0.0,
        "compute.service_life_years": 5.0, "building.method": 0.0,
    }  # fmt: skip
    keys = ["fleet_sales_usd", "owned_running_usd", "discount_factor", "net_cash_usd", "capex_usd"]
    two, three = (Model(months).run(values, keys) for months in (24, 36))
    worth = [float((rows["net_cash_usd"] * rows["discount_factor"]).sum()) for rows in (two, three)]
    assert two["capex_usd"].sum() == three["capex_usd"].sum() > 0
    sales = [float((rows["fleet_sales_usd"] * rows["discount_factor"]).sum())
             for rows in (two, three)]  # fmt: skip
    keep = float((three["owned_running_usd"] * three["discount_factor"])[25:].sum())
    assert sales[0] > sales[1] > 0
    assert keep > 0
    assert worth[1] - worth[0] == pytest.approx(sales[1] - sales[0] - keep, rel=1e-9)


def test_knowing_a_driver_is_worth_what_nested_simulation_says():
    """Brute force: for each of many values the mean over all else, and the better decision."""
    document = {
        **PLAN,
        "demand": {**PLAN["demand"], "market_price_fall_factor_per_year": 1.2},
        "revenue": {
            "api": {"price_usd_per_million_output_tokens": {"low": 1, "mode": 6, "high": 9}}
        },
        "compute": {"rent_on_demand_usd_per_gpu_hour": {"low": 1, "mode": 3, "high": 8},
                    "platform_fte": {"low": 0, "mode": 0.5, "high": 2}},
        "company": {"acquisition_usd_per_customer": 500},
    }  # fmt: skip
    plan = scenarios.from_document(document, "p.yaml")
    found = evaluate(plan, trials=8192, parts=("risk",))
    told = {one.driver: one for one in found.risk.influences}
    held = assumptions(plan, {})
    rng = np.random.default_rng(11)
    outer, inner = 64, 128
    values = {key: drawn.ppf(rng.random((outer, inner))) for key, drawn in held.uncertain.items()}
    for key, drawn in held.uncertain.items():
        known = drawn.ppf((np.arange(outer) + 0.5) / outer)
        table = {**values, key: np.repeat(known[:, None], inner, axis=1)}
        flat = {name: column.ravel() for name, column in table.items()}
        npv = held.model.indicators({**held.values, **flat}, ["npv_usd"])["npv_usd"]
        means = npv.reshape(outer, inner).mean(axis=1)
        worth = np.maximum(means, 0).mean() - max(means.mean(), 0.0)
        error = 0.08 * found.risk.evpi_usd
        assert (told[key].evppi_usd or 0.0) == pytest.approx(worth, abs=error), key
    assert max(one.evppi_usd or 0.0 for one in told.values()) > 0.2 * found.risk.evpi_usd


def answer_by_hand(held, table, key, value):
    """The rule of docs/business-model.md, written out: probability, margin, funding, stress."""
    values = {**held.values, **table, key: np.full(len(next(iter(table.values()))), value)}
    keys = ["npv_usd", "gross_margin_second_year_share", "peak_funding_usd"]
    npv, margin, funding = (held.model.indicators(values, keys)[name] for name in keys)
    stressed = {
        **held.values, key: value, "demand.market_price_path": 0.0,
        **dict.fromkeys(
            ("revenue.price_fall_factor_per_year", "compute.api_price_fall_factor_per_year",
             "demand.market_price_fall_factor_per_year"), 10.0,
        ),
    }  # fmt: skip
    survives = held.model.indicators(stressed, ["npv_usd"])["npv_usd"][0] >= 0
    renewed = held.number("building.method") > 0 and held.number("building.refreshes") > 0
    keys = ["api_revenue_usd", "call_revenue_usd", "image_revenue_usd", "finetune_revenue_usd",
            "tokens_over_cap"]  # fmt: skip
    by_use = any(line.any() for line in held.model.run(held.values, keys).values())
    chance = (npv > 0).mean()
    sound = (
        np.nanmedian(margin) >= 0.5
        and np.median(funding) <= held.number("verdict.peak_funding_usd")
        and (survives or renewed or not by_use)
    )
    if chance >= 0.7 and sound:
        return "viable"
    return "not_viable" if chance <= 0.3 else "depends"


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in scenarios.shipped() if name != "base"])
def test_the_verdict_says_where_each_default_turns_it(name):
    """An independent bisection over the same plan's own draws agrees within 2%."""
    scenario = scenarios.load(name)
    found = evaluate(scenario, trials=4096, parts=("risk", "tornado", "flips"))
    held = assumptions(scenario, capacity.resolve(scenario, (), load_catalog()).settings)
    sampling = sampling_plan(
        held.uncertain, correlations=correlations(scenario), trials=4096,
        seed=int(scenario.number("simulation.seed")),
    )  # fmt: skip
    table = draw(sampling)
    turned = [flip for flip in found.verdict.flips if flip.default]
    assert len({flip.driver for flip in turned}) >= 5
    for flip in turned:
        if flip.at is None:
            for end in (flip.searched_low, flip.searched_high):
                assert answer_by_hand(held, table, flip.driver, end) == found.verdict.outcome
            continue
        low, high = flip.now, flip.at + 0.1 * (flip.at - flip.now)
        for _ in range(14):
            middle = (low + high) / 2
            turned_there = answer_by_hand(held, table, flip.driver, middle) == flip.becomes
            low, high = (low, middle) if turned_there else (middle, high)
        width = abs(flip.searched_high - flip.searched_low)
        assert high == pytest.approx(flip.at, rel=0.02, abs=0.02 * width), flip.driver
