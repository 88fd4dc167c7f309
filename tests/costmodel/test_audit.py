"""What figures mean, each against a calculation of its own: an audit's rows, repeated.

The audit printed values for the inputs of its time; they stand here where the inputs are the same,
and not where predicted capacity has moved since (chat, medical vision).
Rows that had no value of another source (a statement alone): quality must move NPV; a waived
condition says so; 64 GPUs to buy or to rent; traps and sound plans (in `test_lint`).
"""

from __future__ import annotations

import math

import numpy as np
import numpy_financial as npf
import pytest
from scipy import stats
from scipy.optimize import brentq

from modelworth.costmodel.business import capacity
from modelworth.costmodel.business.model import Model
from modelworth.costmodel.business.settled import model_sizes
from modelworth.costmodel.evaluate import assumptions, check, evaluate
from modelworth.costmodel.risk.flips import break_even
from modelworth.costmodel.risk.sampling import draw
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.costmodel.scenario.correlations import correlations
from modelworth.costmodel.scenario.default_ranges import settings as ranges
from modelworth.costmodel.scenario.drivers import ANCHORS, load_drivers
from modelworth.costmodel.scenario.options import default_options
from modelworth.costmodel.scenario.sampling_plan import plan as sampling_plan
from modelworth.data.catalog import load_catalog

MODEL = Model(36)


def question(name, **changes):
    found = scenarios.load(name)
    dotted = {key.replace("__", "."): value for key, value in changes.items()}
    return scenarios.with_overrides(found, dotted) if changes else found


def basis(scenario):
    return assumptions(scenario, capacity.resolve(scenario, (), load_catalog()).settings)


def lines(model, values, *keys):
    found = model.run(values, keys)
    return [found[key][:, 0] for key in keys]


def npv_of(held, **changes):
    values = {**held.values, **{key.replace("__", "."): value for key, value in changes.items()}}
    return float(held.model.indicators(values, ["npv_usd"])["npv_usd"][0])


def test_bought_prices_follow_the_scenarios_market():
    held = basis(question("chat_api_startup"))
    option = default_options("llama-3.1-70b")["buy_api"].applied(held.values)
    index, bought, tokens = lines(
        held.model, option, "vendor_price_index", "bought_output_usd", "generated_tokens"
    )
    months = np.arange(held.model.months + 1)
    assert index[1:] == pytest.approx(1.5 ** (-(months[1:] - 1) / 12))
    paid = tokens[1:] / 1e6 * 2.0 * index[1:]  # gpt-5-mini's output at 2 USD
    assert bought[1:] == pytest.approx(paid)


def test_at_the_scenarios_own_market_hosting_beats_buying():
    found = evaluate(question("chat_api_startup"), trials=1024, parts=("options",))
    means = {one.key: one.figures[0].mean for one in found.options if one.kind == "option"}
    assert means["self_host_rented"] > means["buy_api"]
    assert found.lead.best == "do_nothing"


def test_a_call_by_its_tokens_costs_what_the_provider_lists():
    """256 tokens at 0.25 USD a million: 0.064 USD a thousand calls."""
    scenario = question("document_classification", compute__api_calls_priced_by="tokens")
    held = basis(scenario)
    option = default_options()["buy_api"].applied(held.values)
    bought, calls = lines(held.model, option, "bought_calls_usd", "calls")
    assert bought[1] / calls[1] * 1000 == pytest.approx(0.064)
    found = evaluate(scenario, trials=512, parts=("options",))
    best = {one.key: one.probability_best for one in found.options}
    assert best["buy_api"] + best["serverless_open_weights"] > 0.95


@pytest.mark.parametrize(("tokens", "millions"), [(None, 3.8), (15e12, 40.9)])
def test_pre_training_the_plans_model_takes_its_size_and_tokens(tokens, millions):
    scenario = question("chat_api_startup")
    held = basis(scenario)
    sizes = model_sizes(scenario, load_catalog())
    parameters = sizes["building.active_parameters"]
    assert parameters == pytest.approx(70.55e9, rel=0.01)
    values = {**sizes, **held.values}
    if tokens is not None:
        values |= {"building.tokens_basis": 0.0, "building.pretraining_tokens": tokens}
    option = default_options("llama-3.1-70b")["pretrain_small"].applied(values)
    rent = float(held.values["building.rent_usd_per_gpu_hour"])
    flops = 6 * parameters * (tokens or 20 * parameters)
    hours = flops / (9.895e14 * 0.38 * 3600) / 0.92
    (cost,) = lines(held.model, option, "training_compute_usd")
    assert cost[0] == pytest.approx(3.5 * hours * rent, rel=0.01)
    assert cost[0] / rent * 2.35 / 1e6 == pytest.approx(millions, rel=0.05)


def test_quality_earns():
    held = basis(question("chat_api_startup"))
    found = [npv_of(held, demand__accepted_share=share) for share in (0.3, 0.85, 0.99)]
    assert len(set(found)) == 3
    revenue = [
        lines(held.model, {**held.values, "demand.accepted_share": share}, "api_revenue_usd")[0]
        for share in (0.3, 0.85, 0.99)
    ]
    assert revenue[0][5] / revenue[1][5] == pytest.approx(0.3 / 0.85)
    assert revenue[2][5] / revenue[1][5] == pytest.approx(0.99 / 0.85)


def test_dropping_the_training_drops_what_it_earned():
    held = basis(question("translation_service"))
    untrained = default_options()["self_host_rented"].applied(held.values)
    assert untrained["demand.accepted_share"] == pytest.approx(0.93 / 1.08)
    kept = default_options()["finetune_and_host"].applied(held.values)
    assert kept["demand.accepted_share"] == pytest.approx(0.93)


def test_a_root_outside_the_tables_range_is_found_in_the_plans_own():
    scenario = question("medical_vision", demand__price_elasticity=0)
    held = basis(scenario)
    key = "revenue.calls.price_usd_per_thousand_calls"
    found, _ = break_even(held.model, held.values, key, "npv_usd", 0.0, own=held.uncertain[key])
    assert found.searched_high > 1900
    root = brentq(lambda price: npv_of(held, **{key.replace(".", "__"): price}), 500, 2000)
    assert found.values == pytest.approx((root,), rel=1e-6)


def test_a_given_fleet_serves_hour_by_hour():
    """A simulated day: a raised cosine with its peak at 2.5, minutes lognormal, 99th at 1.6."""
    rng = np.random.default_rng(5)
    hours = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    power = brentq(lambda k: _day(k, hours).max() - 2.5, 0.1, 20)
    spread = brentq(lambda s: stats.norm.ppf(0.99) * s - s**2 / 2 - math.log(1.6), 0.01, 1)
    minutes = rng.lognormal(-(spread**2) / 2, spread, (24, 60 * 200))
    load = _day(power, hours)[:, None] * minutes
    (mean,) = lines(MODEL, {"demand.requests_per_month": 1e9}, "average_gpus")
    printed = (0.467, 0.772, 0.945, 0.993)
    for times, audit in zip((1, 2, 3, 4), printed, strict=True):
        values = {"demand.requests_per_month": 1e9, "capacity.fleet": 2.0,
                  "capacity.given_gpus": times * mean[1]}  # fmt: skip
        (served,) = lines(MODEL, values, "served_share")
        simulated = np.minimum(load, 0.75 * times).sum() / load.sum()
        assert served[1] == pytest.approx(simulated, abs=0.012)
        assert served[1] == pytest.approx(audit, abs=0.012)


def _day(power, hours):
    shape = ((1 + np.cos(hours)) / 2) ** power
    return shape / shape.mean()


def test_load_beyond_a_given_fleet_is_served_on_demand_where_asked():
    values = {"demand.requests_per_month": 1e9, "capacity.fleet": 2.0, "capacity.given_gpus": 500.0}
    burst = {**values, "capacity.burst_on_demand": 1.0}
    share, mean = lines(MODEL, values, "served_share", "average_gpus")
    served, rent = lines(MODEL, burst, "served_share", "burst_usd")
    assert served[1] == 1
    hours = 730 * mean[1] * (1 - share[1]) / 0.75
    assert rent[1] == pytest.approx(hours * 2.95 * 1.1)


def test_a_reservation_is_paid_to_the_end_of_its_term():
    volume = np.linspace(1, 0.06, 36)
    values = {
        "demand.curve": 2.0, "demand.volume_by_month": volume, "demand.requests_per_month": 1e9,
        "compute.reserved_share": 1.0, "compute.reservation_months": 36.0,
        "compute.rent_fall_factor_per_year": 1.0, "capacity.software_gain_factor_per_year": 1.0,
    }  # fmt: skip
    gpus, rent, reserved = lines(MODEL, values, "gpus", "rent_usd", "reserved_gpus")
    assert gpus[-1] < 0.15 * gpus[1]
    assert reserved[1:] == pytest.approx(np.full(36, gpus[1]))
    assert rent.sum() == pytest.approx(36 * 730 * gpus[1] * 2.35 * 1.1)
    renewed, fleet = lines(
        MODEL, {**values, "compute.reservation_months": 12.0}, "reserved_gpus", "gpus"
    )
    assert renewed[[1, 12]] == pytest.approx(fleet[1])
    assert renewed[13] == pytest.approx(fleet[13])


def test_nobody_pays_ten_times_the_price():
    held = basis(question("chat_api_startup"))
    key = "revenue.api.price_usd_per_million_output_tokens"
    prices = np.geomspace(0.79, 79, 60)
    asked = held.model.run({**held.values, key: prices}, ["api_requests"])["api_requests"][5]
    dearer = prices / 0.79
    faster = 1 + np.maximum(0, np.log(dearer / 2))
    assert asked == pytest.approx(asked[0] * dearer ** (-1.11 * faster))
    npv = held.model.indicators({**held.values, key: prices}, ["npv_usd"])["npv_usd"]
    assert (npv < 0).all(), "no root up to 79 USD"
    found, _ = break_even(held.model, held.values, key, "npv_usd", 0.0, (0.1, 79.0))
    assert found.values == ()
    assert found.demand_answers
    by_hand = question("chat_api_startup", **{key.replace(".", "__"): 7.9})
    assert by_hand.number("demand.anchor.output_price_usd_per_million_tokens") == 0.79


@pytest.mark.parametrize("name", ["chat_api_startup", "medical_vision", "image_generation"])
def test_all_prices_of_a_plan_ten_times_dearer_bring_next_to_nothing(name):
    held = basis(question(name))
    own = [key for key in ANCHORS if key in held.values and held.model.drivers[key].minimum == 0]
    rows = {key: np.ravel(held.values[key])[0] * np.array([1.0, 2.0, 10.0]) for key in own}
    anchors = {ANCHORS[key]: row[0] for key, row in rows.items()}
    found = held.model.indicators({**held.values, **rows, **anchors}, ["total_revenue_usd"])
    plain, twice, tenfold = found["total_revenue_usd"]
    assert 0.8 * plain < twice < plain
    assert tenfold < 0.1 * plain


@pytest.mark.parametrize(
    ("volume", "price", "asked"),
    [
        ("revenue.seats.seats", "revenue.seats.price_usd_per_month", "seats"),
        ("revenue.calls.calls_per_month", "revenue.calls.price_usd_per_thousand_calls", "calls"),
        ("revenue.images.images_per_month", "revenue.images.price_usd_per_image", "images"),
        ("revenue.enterprise.contracts", "revenue.enterprise.contract_usd_per_year", "contracts"),
    ],
)
def test_demand_answers_the_price_in_every_stream(volume, price, asked):
    row = load_drivers()[price]
    plan = scenarios.from_document({"months": 12, "start": "2026-12"}, "p.yaml")
    dearer = scenarios.with_overrides(plan, {volume: 1e4, price: 2 * row.default})
    cheap, dear = (
        lines(held.model, held.values, asked)[0][3]
        for held in (basis(scenarios.with_overrides(plan, {volume: 1e4})), basis(dearer))
    )
    assert dear / cheap == pytest.approx(2**-1.11)


def test_images_dont_answer_the_price_of_tokens():
    values = {"revenue.images.images_per_month": 1e6, "demand.volume_estimated_at": 1.0}
    dearer = {**values, "revenue.api.price_usd_per_million_output_tokens": 4.0}
    one, other = (lines(MODEL, each, "images")[0] for each in (values, dearer))
    assert one == pytest.approx(other)


def test_tax_is_by_year():
    held = basis(question("medical_vision"))
    profits, taxes = lines(held.model, held.values, "profit_before_tax_usd", "tax_usd")
    pool, owed = 0.0, []
    for year in range(5):
        first = 0 if year == 0 else 12 * year + 1
        profit = profits[first : 12 * year + 13].sum()
        used = min(pool, 0.8 * max(0.0, profit))
        owed.append(0.21 * (max(0.0, profit) - used))
        pool += -profit if profit < 0 else -used
    assert taxes.sum() == pytest.approx(sum(owed))


def test_the_premium_is_in_all_three_hardware_costs():
    held = basis(question("enterprise_on_premises"))
    (line, decay, annuity) = lines(
        held.model, held.values, "owned_straight_line_usd_per_gpu_hour",
        "owned_decay_usd_per_gpu_hour", "owned_usd_per_gpu_hour",
    )  # fmt: skip
    assert line[0] == pytest.approx(1.943, abs=5e-4)
    assert decay[0] == pytest.approx(2.735, abs=5e-4)
    price = float(held.values["compute.purchase_usd_per_gpu"]) * 1.23 * 1.15
    capital = -npf.pmt(0.1, 4, price, -0.25 * price)
    running = 8760 * annuity[0] - capital
    assert line[0] == pytest.approx((price * 0.75 / 4 + running) / 8760)


def test_what_a_trial_found_is_in_the_range():
    found = evaluate(question("internal_copilot"), trials=4096, parts=("risk",))
    assert found.verdict.probability_npv_positive == pytest.approx(0.55, abs=0.02)
    assert found.indicators["npv_usd"].mean == pytest.approx(-0.15e6, abs=0.15e6)
    assert found.risk.evpi_usd == pytest.approx(2.15e6, rel=0.05)


def test_a_check_is_of_the_same_figures_as_an_evaluation():
    document = dict(question("medical_vision").document)
    document["expected"] = {"npv_usd": 0, "gpu_hours": {"value": 0, "month": "total"}}
    scenario = scenarios.from_document(document, "m.yaml")
    one, hours = check(scenario)
    found = evaluate(scenario, trials=0, parts=())
    assert one.found == found.indicators["npv_usd"].base
    assert hours.found == pytest.approx(sum(found.series["gpu_hours"].base))


def test_reasoning_tokens_resold_at_cost_leave_nothing():
    price = 2.0
    values = {
        "compute.serving": 2.0, "demand.requests_per_month": 1e9, "demand.cached_share": 0.0,
        "demand.prompt_tokens_per_request": 0.0, "revenue.api.paid_share": 1.0,
        "revenue.api.price_usd_per_million_output_tokens": price,
        "compute.api_price_usd_per_million_output_tokens": price,
    }  # fmt: skip
    found = MODEL.indicators(values, ["serving_margin_share"])["serving_margin_share"]
    assert found[0] == pytest.approx(0, abs=1e-9)


def test_buying_pays_against_all_that_rent_costs():
    owned, pays = lines(MODEL, {}, "owned_usd_per_gpu_hour", "buying_pays_from_utilisation_share")
    assert pays[0] == pytest.approx(owned[0] / (2.95 * 1.1))


@pytest.mark.parametrize("name", ["pretrain_foundation", "medical_vision"])
def test_a_condition_let_be_says_waived_and_why(name):
    verdict = evaluate(question(name), trials=256, parts=("risk",)).verdict
    stress = verdict.criteria[-1]
    assert stress.value < 0
    assert (stress.status, stress.reason) == ("waived", "model_is_renewed")


def test_no_own_price_moves_what_a_question_of_cost_costs():
    """Each own price and its path, changed with every stream's volume on: NPV stays, else moves."""
    volumes = {
        "revenue.seats.seats": 1e4, "revenue.enterprise.contracts": 20.0,
        "revenue.enterprise.requests_per_contract_month": 1e5,
        "revenue.images.images_per_month": 1e6, "revenue.calls.calls_per_month": 1e7,
        "revenue.finetune.jobs_per_month": 10.0, "revenue.compute.gpus": 16.0,
        "demand.price_elasticity": -1.1,
    }  # fmt: skip
    known = load_drivers()
    paths = ("revenue.price_fall_factor_per_year", "revenue.contract_price_change_per_year")
    for word, moves in (("cost", False), ("business", True)):
        question = known["verdict.question"]
        plan = {**volumes, "verdict.question": question.number(question.key, word)}
        plan |= {anchor: known[own].default for own, anchor in ANCHORS.items()}
        for key in (*ANCHORS, *paths):
            changed = {**plan, key: np.array([1.0, 1.5]) * (known[key].default or 0.04)}
            npv = MODEL.indicators(changed, ["npv_usd"])["npv_usd"]
            assert (npv[0] != npv[1]) == moves, (word, key)


SEATS_ALONE = {"revenue.seats.seats": 6e4, "revenue.seats.price_usd_per_month": 20,
               "revenue.seats.overage_price_usd_per_million_tokens": 5,
               "revenue.seats.cap_tokens_per_month": 1e5,
               "demand.requests_per_month": 0}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "by_use"),
    [
        ({**SEATS_ALONE, "revenue.seats.over_cap": "stop"}, False),
        ({**SEATS_ALONE, "revenue.seats.over_cap": "bill"}, True),
        ({"demand.requests_per_month": 0, "revenue.enterprise.contracts": 50}, False),
        ({"demand.requests_per_month": 0, "revenue.calls.calls_per_month": 1e8}, True),
        ({"demand.requests_per_month": 0, "revenue.images.images_per_month": 1e6}, True),
        ({}, True),
    ],
)
def test_the_stress_lowers_the_prices_of_what_is_sold(changes, by_use):
    """The plan with just the price falls of the stress written into it has its NPV."""
    scenario = scenarios.with_overrides(scenarios.load("base"), changes)
    analysis = evaluate(scenario, trials=0, parts=())
    stress, held = analysis.verdict.criteria[-1], basis(scenario)
    fallen = {"revenue.contract_price_change_per_year": 1 / 1.25 - 1}
    if by_use:
        paces = ("revenue.price_fall_factor_per_year", "compute.api_price_fall_factor_per_year",
                 "demand.market_price_fall_factor_per_year")  # fmt: skip
        fallen |= dict.fromkeys(paces, 10.0)
    npv = held.model.indicators({**held.values, **fallen}, ["npv_usd"])["npv_usd"]
    assert stress.value == pytest.approx(float(npv[0]), rel=1e-9)
    assert stress.value < analysis.indicators["npv_usd"].base
    assert stress.reason is None


def test_what_sells_nothing_has_no_price_that_falls():
    assistant = {"demand.requests_per_month": 0, "revenue.internal.staff": 500}
    scenario = scenarios.with_overrides(scenarios.load("base"), assistant)
    assert evaluate(scenario, trials=0, parts=()).verdict.criteria[-1].reason == "nothing_sold"


def test_a_payback_that_never_comes_ranks_last():
    figure = evaluate(question("chat_api_startup"), trials=2048, parts=("risk",)).indicators[
        "payback_months"
    ]
    assert 0 < figure.share_defined < 0.5
    assert figure.ranked
    assert figure.p50 is None
    assert figure.p90 is None


def test_a_rate_of_return_that_means_nothing_is_not_shown():
    plan = question("internal_copilot", revenue__internal__hours_saved_share=0.04)
    figure = evaluate(plan, trials=0, parts=()).indicators["irr_per_year"]
    assert figure.base is None
    assert figure.status in ("not_meaningful", "several")


def test_default_ranges_are_drawn_as_documented():
    key = "compute.rent_on_demand_usd_per_gpu_hour"
    drawn = ranges({key: load_drivers()[key]}, {})[key].distribution
    assert drawn.ppf(np.array([0.1, 0.9])) == pytest.approx([1.9, 10], rel=1e-6)


def test_customers_who_come_back_in_season_arent_bought_again():
    plan = {"demand.requests_per_month": 1e9}
    swung = {**plan, "demand.seasonal_swing_share": 0.3}
    one, other = (lines(MODEL, each, "acquisition_usd")[0].sum() for each in (plan, swung))
    assert other == pytest.approx(one)


def test_a_unit_cost_says_of_which_month_it_is():
    found = evaluate(question("chat_api_startup"), trials=0, parts=())
    figure = found.indicators["usd_per_million_output_tokens"]
    cost, tokens = (
        np.array(found.series[key].base) for key in ("output_cost_usd", "served_output_tokens")
    )
    by_month = cost[1:] / tokens[1:] * 1e6
    assert figure.convention == "average"
    assert (figure.opening, figure.last) == pytest.approx((by_month[0], by_month[-1]))
    assert figure.base == pytest.approx(cost.sum() / tokens.sum() * 1e6)


def test_lifetime_value_is_that_of_the_cohorts():
    """Every cohort followed by hand: won, kept by churn, each month's contribution a head."""
    held = basis(question("chat_api_startup"))
    won, customers, gained = lines(
        held.model, held.values, "customers_won", "customers", "contribution_usd"
    )
    a_head = gained[1:] / customers[1:]
    months = len(a_head)
    values = np.array([
        sum(a_head[month] * 0.965 ** (month - start) for month in range(start, months))
        for start in range(months)
    ])  # fmt: skip
    mean = (values * won[1:]).sum() / won.sum()
    ratio = held.model.indicators(held.values, ["lifetime_value_usd"])["lifetime_value_usd"][0]
    assert ratio == pytest.approx(mean, rel=1e-6)


def test_the_cost_of_64_gpus_has_no_price_and_no_customers():
    plan = scenarios.from_document(
        {
            "months": 36, "start": "2026-12", "verdict": {"question": "cost"},
            "capacity": {"fleet": "given", "given_gpus": 64},
            "compute": {"serving": "owned"},
        },
        "tco.yaml",
    )  # fmt: skip
    found = evaluate(plan, trials=0, parts=("options",))
    assert sum(found.series["acquisition_usd"].base) == 0
    assert sum(found.series["revenue_usd"].base) == 0
    assert found.verdict.question == "cost"
    assert found.verdict.probability_npv_positive is None
    assert "do_nothing" not in {one.key for one in found.options}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "driver", "printed"),
    [
        ("medical_vision", "revenue.calls.calls_per_month", {"viable": 263_000}),
        ("enterprise_on_premises", "revenue.internal.hours_saved_share",
         {"depends": 0.0172, "not_viable": 0.0109}),
        ("internal_copilot", "revenue.internal.hours_saved_share", {}),
    ],
)  # fmt: skip
def test_a_flip_is_where_the_probability_is_the_rules(name, driver, printed):
    """Bisection on the share of trials above 0, with the driver held; and the audit's own roots.

    The copilot's range has reached down to METR's trial since, so its printed root is of its time.
    """
    scenario = question(name)
    found = evaluate(scenario, trials=4096, parts=("risk", "tornado", "flips"))
    held = basis(scenario)
    table = draw(sampling_plan(
        held.uncertain, correlations=correlations(scenario), trials=4096, seed=0,
    ))  # fmt: skip
    flips = {flip.becomes: flip for flip in found.verdict.flips if flip.driver == driver}
    assert flips
    for becomes, flip in flips.items():
        assert flip.indicator == "probability_npv_positive"

        def short(value, wanted=flip.target):
            values = {**held.values, **table, driver: np.full(4096, value)}
            npv = held.model.indicators(values, ["npv_usd"])["npv_usd"]
            return (npv > 0).mean() - wanted + 1e-9

        low, high = sorted((0.5 * flip.at, 1.5 * flip.at))
        assert brentq(short, low, high, rtol=1e-4) == pytest.approx(flip.at, rel=0.02)
        if becomes in printed:
            assert flip.at == pytest.approx(printed[becomes], rel=0.02)
    if name == "internal_copilot":
        assert (flips["viable"].known, flips["not_viable"].known) == (True, False)


def test_what_moves_the_distance_to_the_best_option_is_both_run_with_the_driver_there():
    """Each swing of a question of cost: the plan's NPV less the option's, one run at a time."""
    scenario = scenarios.with_overrides(
        scenarios.load("base"), {"verdict.question": "cost", "capacity.basis": "given"}
    )
    lead, held = evaluate(scenario, trials=0, parts=("options",)).lead, basis(scenario)
    (rival,) = [one for one in scenarios.choice_of(scenario).options if one.key == lead.rival]
    assert lead.rival in (lead.best, lead.second)
    widths = [abs(bar.at_high - bar.at_low) for bar in lead.swings]
    assert widths == sorted(widths, reverse=True)
    for bar in lead.swings[:4]:
        for value, distance in ((bar.low, bar.at_low), (bar.high, bar.at_high)):
            values = {**held.values, bar.driver: value}
            plan, other = (
                held.model.indicators(place, ["npv_usd"])["npv_usd"][0]
                for place in (values, rival.applied(values))
            )
            assert plan - other == pytest.approx(distance, rel=1e-6)
