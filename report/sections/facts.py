"""What a plan comes to, without words yet: titles and recommendations are made of it.

Nothing here is computed anew: sums over the horizon, the widest swing, the best alternative.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelworth.costmodel.analysis import Figure, Flip, OptionResult, Swing
from modelworth.report import spent
from modelworth.report.sections.context import Context

BETTER = ("viable", "depends", "not_viable")
COST_LINES = (
    "cost_of_revenue_usd", "operating_expense_usd", "building_usd", "fleet_write_off_usd",
)  # fmt: skip
SERVING = "compute.serving"
TELLING = ("building.method", "demand.accepted_share")  # what an option is first asked about
WORTH_SHARE = 0.01  # knowledge worth less than this of NPV isn't a reason to seek it
ALIKE_SHARE = 0.05  # options whose NPVs differ by less than this of the larger count as equal


@dataclass(frozen=True, slots=True)
class Money:
    """Sums over the whole horizon in the base case, nominal USD.

    Attributes:
        internal: whether what comes in is saved work and no customer pays.
    """

    revenue: float
    costs: float
    tax: float
    net_cash: float
    npv: float
    internal: bool


def money(context: Context) -> Money:
    """What comes in and goes out."""
    return Money(
        revenue=total(context, "revenue_usd"),
        costs=sum(total(context, key) for key in COST_LINES),
        tax=total(context, "tax_usd"),
        net_cash=total(context, "net_cash_usd"),
        npv=npv(context) or 0.0,
        internal="external_revenue_usd" in context.analysis.series
        and total(context, "revenue_usd") > 0
        and total(context, "external_revenue_usd") == 0,
    )


def total(context: Context, key: str) -> float:
    """A line's sum over all months; 0 where the model hasn't got it."""
    series = context.series(key)
    return sum(series.base) if series else 0.0


def npv(context: Context) -> float | None:
    """Net present value in the base case."""
    figure = context.analysis.indicators.get("npv_usd")
    return None if figure is None else figure.base


def chance(context: Context) -> float | None:
    """Share of trials with a positive NPV; None without trials."""
    if context.analysis.provenance.trials < 2:
        return None
    return context.analysis.verdict.probability_npv_positive


def idle_share(context: Context) -> float | None:
    """Share of the paid GPU time in which nothing runs; None where there are no GPUs."""
    used = context.analysis.indicators.get("mean_utilisation_share")
    return None if used is None or used.base is None else 1 - used.base


def trough_month(context: Context) -> int | None:
    """The month in which the cash balance is lowest; None if it never falls below 0."""
    cash = context.series("cash_balance_usd")
    if cash is None or min(cash.base) >= 0:
        return None
    return cash.base.index(min(cash.base))


def swings(context: Context) -> list[Swing]:
    """Drivers by how far they move NPV, the widest first."""
    return sorted(context.analysis.tornado, key=lambda bar: -abs(bar.at_high - bar.at_low))


def turning(context: Context) -> list[Flip]:
    """Values at which the verdict turns; without any, those at which the base case breaks even."""
    found = [flip for flip in context.analysis.verdict.flips if flip.at is not None]
    if found:
        return found
    for one in context.analysis.break_evens:
        use = context.analysis.drivers.get(one.driver)
        if one.values and use:
            nearest = min(one.values, key=lambda value: abs(value - use.value))
            flip = Flip(
                one.driver, one.unit, use.value, nearest, one.indicator, one.target,
                searched_low=one.searched_low, searched_high=one.searched_high,
                reached=one.reached,
            )  # fmt: skip
            found.append(flip)
    return found


def turns(context: Context, most: int) -> list[Flip]:
    """What turns the verdict, of at most so many drivers: for the better first, then the worse."""
    found = [flip for flip in turning(context) if flip.becomes]
    rank = BETTER.index(context.analysis.verdict.outcome)
    up = [flip for flip in found if BETTER.index(flip.becomes or "depends") < rank]
    down = [flip for flip in found if flip not in up]
    both = [flip for flip in down if up and flip.driver == up[0].driver]
    first = [*up[:1], *(both or down)[:1], *up, *down]
    named = list(dict.fromkeys(flip.driver for flip in first))[:most]
    return [
        flip
        for driver in named
        for flip in sorted(found, key=lambda flip: flip.at or 0.0)
        if flip.driver == driver
    ]


def terms(context: Context, option: OptionResult) -> list[str]:
    """The drivers in which an option differs from the plan, the telling ones first.

    How it serves is in its name; whose list price it pays follows from that.
    """
    known = [key for key in option.changes if key in context.analysis.drivers and key != SERVING]
    order = [*TELLING, *(bar.driver for bar in swings(context))]
    return sorted(known, key=lambda key: order.index(key) if key in order else len(order))


def alternatives(context: Context) -> list[tuple[OptionResult, float]]:
    """Feasible options other than the plan and doing nothing, with their NPV, the best first."""
    found = [
        (option, value)
        for option in context.analysis.options or ()
        if option.feasible and option.kind == "option"
        for value in [option_npv(option)]
        if value is not None
    ]
    return sorted(found, key=lambda pair: -pair[1])


def option_npv(option: OptionResult) -> float | None:
    """An option's NPV in the base case."""
    figure = option_figure(option, "npv_usd")
    return None if figure is None else figure.base


def option_figure(option: OptionResult, key: str) -> Figure | None:
    """A figure of an option."""
    return next((figure for figure in option.figures if figure.key == key), None)


def better(context: Context) -> tuple[OptionResult, float] | None:
    """The best alternative, if its NPV is above the plan's by more than a rounding."""
    found, plan = alternatives(context), npv(context)
    if not found or plan is None:
        return None
    option, value = found[0]
    lead = value - plan
    return (option, value) if lead > ALIKE_SHARE * max(abs(value), abs(plan)) else None


def first_to_know(context: Context) -> str | None:
    """The driver to find out first: worth most, else the widest swing that isn't measured.

    Where the cheapest way is sought: what moves most how far the plan is from the best other one.
    """
    lead, drivers = context.analysis.lead, context.analysis.drivers
    between = lead.swings if lead and is_cost_question(context) else ()
    for bar in between:
        if bar.driver not in drivers or drivers[bar.driver].basis != "measured":
            return bar.driver
    risk, least = context.analysis.risk, WORTH_SHARE * abs(npv(context) or 0.0)
    worth = [item for item in (risk.influences if risk else ()) if (item.evppi_usd or 0) > least]
    if worth:
        return max(worth, key=lambda item: item.evppi_usd or 0.0).driver
    weak = [
        bar.driver
        for bar in swings(context)
        if bar.driver in drivers and drivers[bar.driver].basis != "measured"
    ]
    return weak[0] if weak else None


def worth_usd(context: Context, driver: str) -> float | None:
    """What knowing a driver before deciding is worth; None where unknown."""
    risk = context.analysis.risk
    found = (item for item in (risk.influences if risk else ()) if item.driver == driver)
    return next((item.evppi_usd for item in found), None)


def is_cost_question(context: Context) -> bool:
    """Whether only the cheapest way is sought, without revenue."""
    return spent.is_cost(context.analysis)


def verdict(context: Context) -> tuple[str, str]:
    """The outcome, for its colour, and the word for it; of a cost question, what is cheapest."""
    outcome = context.analysis.verdict.outcome
    if outcome == "not_viable" or not is_cost_question(context):
        return outcome, outcome
    if better(context):
        return "depends", "cheaper"
    others, plan = alternatives(context), npv(context)
    if not others or plan is None:
        return outcome, "uncompared"
    return outcome, "alike" if others[0][1] > plan else "cheapest"


def sign(context: Context) -> int:
    """What makes of a net present value the figure that is asked for: cost is spent."""
    return spent.sign(context.analysis)


def asked(context: Context, key: str) -> str:
    """The message of a key; where only the cost is asked for, the one that speaks of cost."""
    return f"cost.{key}" if is_cost_question(context) else key


def to_show(context: Context, figure: Figure) -> Figure:
    """A figure as a reader asks for it: in a question of cost, the present value spent."""
    return spent.figure(context.analysis, figure)


def cost_range(context: Context) -> str:
    """What eight of ten trials cost, in present value."""
    cost = spent.value(context.analysis)
    return context.words.range(cost.p10, cost.p90, "usd")


def own(context: Context) -> OptionResult | None:
    """The plan's own row among the options."""
    found = context.analysis.options or ()
    return next((option for option in found if option.kind == "plan"), None)
