"""The sentences of the six pages: titles, recommendation, what follows; made from the analysis.

A title holds a number or the verdict; its words follow the sign of the result, so that "loses"
never stands over a profit.
"""

from __future__ import annotations

from datetime import date, timedelta

from modelworth.costmodel.analysis import Figure, Flip, Lead, OptionResult, Swing
from modelworth.costmodel.scenario.drivers import load_drivers
from modelworth.report import said
from modelworth.report.sections import facts
from modelworth.report.sections.blocks import capital, clean
from modelworth.report.sections.context import Context
from modelworth.report.sections.cost_and_revenue import COSTS, parts

MOST_TURNING, MOST_TERMS, MOST_CONDITIONS = 2, 2, 3
BUILDING = "building_total_usd"
EVEN_CHANCE = 0.5
BUSY = 0.5  # GPUs idle for more of their time than this are worth a word
MEASURE_DAYS, DECIDE_DAYS, REVIEW_DAYS = 30, 45, 180


def amount(context: Context, usd: float) -> str:
    """A sum of money without its sign."""
    return context.words.money(abs(usd))


def span(context: Context) -> str:
    """The horizon, in years where it is whole ones."""
    months = context.analysis.months
    if months % 12:
        return context.t("board.span.months", count=months)
    return context.t(f"board.span.{'year' if months == 12 else 'years'}", count=months // 12)


def answer(context: Context) -> str:
    """What to do, what the plan comes to, in how many trials it is positive, and what beats it."""
    if facts.is_cost_question(context):
        return _cheapest(context)
    ahead = facts.better(context)
    but = ""
    if ahead is not None and ahead[1] > 0:
        lead = amount(context, ahead[1] - (facts.npv(context) or 0.0))
        but = context.t("board.answer.but", option=context.option_name(ahead[0]), lead=lead)
    return context.t(
        "board.answer.title",
        call=context.t(f"board.call.{context.analysis.verdict.outcome}"),
        result=result(context),
        chance=_chance(context),
        but=but,
    )


def _cheapest(context: Context) -> str:
    """What the plan costs, and whether another way is cheaper."""
    npv, ahead = facts.npv(context) or 0.0, facts.better(context)
    return context.t(
        "board.cost.better" if ahead else "board.cost.cheapest",
        costs=amount(context, npv), span=span(context),
        option=context.option_name(ahead[0]) if ahead else "",
        lead=amount(context, ahead[1] - npv) if ahead else "",
    )  # fmt: skip


def result(context: Context) -> str:
    """What the plan comes to in the base case."""
    npv = facts.npv(context)
    if npv is None:
        return context.t("board.result.unknown")
    if facts.is_cost_question(context):
        return context.t("board.result.cost", costs=amount(context, npv), span=span(context))
    kind = "earns" if npv > 0 else "loses" if npv < 0 else "even"
    return context.t(f"board.result.{kind}", npv=amount(context, npv), span=span(context))


def _chance(context: Context) -> str:
    chance, npv = facts.chance(context), facts.npv(context) or 0.0
    if chance is None:
        return ""
    agree = (chance >= EVEN_CHANCE) == (npv > 0)
    kind = ("most" if chance >= EVEN_CHANCE else "few") + ("" if agree else "_but")
    return context.t(f"board.chance.{kind}", chance=context.words.percent(chance))


def money(context: Context) -> str:
    """Whether what comes in covers what goes out, and what costs most."""
    sums = facts.money(context)
    largest = parts(context, COSTS)
    part = context.name(largest[0].key) if largest else context.t("board.money.nothing")
    spent = sum(largest[0].base) if largest else 0.0
    left = sums.revenue - sums.costs
    if sums.revenue <= 0:
        kind = "only_costs"
    elif left <= 0:
        kind = "short"
    else:
        kind = "left" if sums.npv > 0 else "turned"
    if sums.internal:
        kind += ".saved"
    return context.t(
        f"board.money.{kind}",
        revenue=amount(context, sums.revenue), costs=amount(context, sums.costs),
        left=amount(context, left), npv=amount(context, sums.npv), part=part,
        part_usd=amount(context, spent), span=span(context),
        share=context.words.percent(spent / (sums.revenue or sums.costs or 1.0)),
    )  # fmt: skip


def money_follows(context: Context) -> str:
    """The money needed, when it comes back, and how idle the machines are."""
    t, indicators = context.t, context.analysis.indicators
    said_here = []
    month, peak = facts.trough_month(context), indicators.get("peak_funding_usd")
    if month is not None and peak is not None and peak.base:
        said_here.append(t("board.funding", peak=context.figure(peak), month=month))
    payback = indicators.get("payback_months")
    if payback is not None and not facts.is_cost_question(context):
        kind = "never" if payback.base is None else "payback"
        said_here.append(t(f"board.{kind}", months=context.figure(payback)))
    idle = facts.idle_share(context)
    if idle is not None and idle > BUSY:
        said_here.append(t("board.idle", idle=context.words.percent(idle)))
    return t("board.join").join(said_here)


def dependence(context: Context) -> str:
    """Which driver moves the result most, and how far."""
    bars = facts.swings(context)
    if not bars:
        return context.t("board.depends.none", result=result(context))
    widest, sign = bars[0], facts.sign(context)
    return context.t(
        facts.asked(context, "board.depends.title"),
        driver=context.name(widest.driver),
        span=clean(context.words.range(widest.low, widest.high, widest.unit)),
        at_low=context.words.money(sign * widest.at_low),
        at_high=context.words.money(sign * widest.at_high),
    )  # fmt: skip


def would_change(context: Context) -> str:
    """The values at which the answer turns, or that no single one turns it."""
    found = facts.turns(context, MOST_TURNING)
    if found:
        text = context.t("board.turns", turns=_turns(context, found))
        rank = facts.BETTER.index(context.analysis.verdict.outcome)
        if rank and all(facts.BETTER.index(flip.becomes or "depends") > rank for flip in found):
            count = len({flip.driver for flip in context.analysis.verdict.flips})
            text += context.t("board.join") + context.t("board.turns.no_better", count=count)
        return text
    found = facts.turning(context)[:MOST_TURNING]
    if found:
        tried = any(flip.rule == "verdict" for flip in context.analysis.verdict.flips)
        key = "board.turns.even.besides" if tried else "board.turns.even"
        return context.t(key, turns=_turns(context, found))
    names = [context.name(bar.driver) for bar in facts.swings(context)[:MOST_TURNING]]
    if not names:
        return context.t("board.turns.unknown")
    return context.t("board.turns.none", drivers=context.t("board.and").join(names))


def _turns(context: Context, flips: list[Flip]) -> str:
    """Driver by driver, each with all the values given for it."""
    named = dict.fromkeys(flip.driver for flip in flips)
    told = (
        said.turning(
            context.words, context.analysis, [flip for flip in flips if flip.driver == driver],
            context.name(driver),
        )
        for driver in named
    )  # fmt: skip
    return context.t("list.join").join(told)


def alternatives(context: Context) -> str:
    """The best other way against the plan."""
    found, plan = facts.alternatives(context), facts.npv(context)
    if not found or plan is None:
        return context.t("board.others.none", result=result(context))
    option, value = found[0]
    alike = abs(plan - value) <= facts.ALIKE_SHARE * max(abs(plan), abs(value))
    if facts.is_cost_question(context):
        kind = "cost.cheaper" if value > plan else "cost.dearer"
    elif value <= 0 and plan <= 0:
        kind = "loses"
    elif alike:
        kind = "alike"
    else:
        kind = "better" if value > plan else "worse"
    return context.t(
        f"board.others.{kind}",
        option=context.option_name(option), lead=amount(context, value - plan),
        npv=context.words.money(value if kind == "alike" else abs(value)),
        count=len(found),
    )  # fmt: skip


def recommend(context: Context) -> str:
    """What we recommend, with the alternative where there is a better one."""
    outcome, ahead = context.analysis.verdict.outcome, facts.better(context)
    if facts.is_cost_question(context):
        name = context.option_name(ahead[0]) if ahead else context.t("board.plan")
        return context.t("board.cost.recommend", option=name)
    if ahead is None:
        return context.t(f"board.recommend.{outcome}")
    option, value = ahead
    kind = "instead" if value > 0 else "least_bad"
    text = context.t(
        f"board.recommend.{outcome}.{kind}",
        option=context.option_name(option),
        npv=context.words.money(value),
        lead=amount(context, value - (facts.npv(context) or 0.0)),
    )
    differs = _differs(context, option)
    return context.t("board.join").join([text, *differs]) if value > 0 else text


def _differs(context: Context, option: OptionResult) -> list[str]:
    """In how many trials an option is best, and what it does otherwise than the plan."""
    found, best = [], option.probability_best
    if best is not None and context.analysis.provenance.trials:
        found.append(context.t("board.best_in", share=context.words.percent(best)))
    drivers, words = context.analysis.drivers, context.words
    terms = [
        context.t(
            "board.term", driver=context.name(key),
            value=said.driver_value(words, key, option.changes[key]),
            plan=_bare(context, key, drivers[key].value),
        )
        for key in facts.terms(context, option)[:MOST_TERMS]
    ]  # fmt: skip
    spent, own = (facts.option_figure(one, BUILDING) if one else None
                  for one in (option, facts.own(context)))  # fmt: skip
    if spent and own and words.money(spent.base or 0.0) != words.money(own.base or 0.0):
        costs = (words.money(one.base or 0.0) for one in (spent, own))
        terms.insert(0, context.t("board.term", driver=context.name(BUILDING),
                                  **dict(zip(("value", "plan"), costs, strict=True))))  # fmt: skip
    if terms:
        found.append(context.t("board.differs", terms=context.t("list.join").join(terms)))
    _, only_here, _ = said.differences(words, option, context.name)
    if only_here:
        named = context.t("list.comma").join(only_here[:MOST_TERMS])
        found.append(context.t("board.only_here", terms=named, more=len(only_here)))
    return found


def _bare(context: Context, key: str, value: float) -> str:
    """The plan's value beside an option's: without the unit, which was just said."""
    row = load_drivers()[key]
    if row.kind != "number":
        return said.driver_value(context.words, key, value)
    return context.words.bare(value, row.unit)


def why(context: Context) -> str:
    """The rule's conditions that fail, or those that hold; then where the money goes."""
    criteria = context.analysis.verdict.criteria
    failed = [one for one in criteria if one.status == "missed" or not one.met]
    waived = sum(one.status == "waived" for one in criteria)
    bounds = [one for one in criteria if one.status == "met" and one.threshold < said.UNLIMITED]
    named = (
        said.condition(context.words, context.analysis, one)
        for one in (failed or bounds)[:MOST_CONDITIONS]
    )
    if not failed and facts.is_cost_question(context) and context.analysis.lead:
        return _ahead(context, context.analysis.lead)
    if not failed and not bounds:
        return context.t("board.why.unbound")
    key = "failed" if failed else "waived" if waived else "all"
    rule = context.t(
        f"board.why.{key}", count=len(criteria) - waived, waived=waived,
        named=context.t("list.join").join(named),
    )  # fmt: skip
    idle = facts.idle_share(context)
    if idle is not None and idle > BUSY and failed:
        rule += context.t("board.join") + context.t("board.idle", idle=context.words.percent(idle))
    return rule


def _ahead(context: Context, lead: Lead) -> str:
    """How much cheaper the cheapest way is than the next."""
    options = {one.key: one for one in context.analysis.options or ()}
    best, second = (
        context.t("board.plan")
        if options[key].kind == "plan"
        else context.option_name(options[key])
        for key in (lead.best, lead.second)
    )
    spread = context.words.range(lead.low_usd, lead.high_usd, "usd")
    return context.t(
        f"cost.board.why.{'clear' if lead.clear else 'even'}{'' if spread else '.base'}",
        best=capital(best), second=second, lead=context.words.money(lead.mean_usd), range=spread,
    )  # fmt: skip


def ask(context: Context, day: date) -> str:
    """What the board is asked to decide, with a date."""
    peak = context.analysis.indicators.get("peak_funding_usd")
    first = facts.first_to_know(context)
    ahead = facts.better(context)
    kind = _ask_kind(context, first, ahead, peak)
    return context.t(
        f"board.ask.{kind}",
        peak=context.figure(peak) if peak else context.words.t("unknown"),
        most=clean(said.at(context.words, peak, peak.p90)) if peak else "",
        option=context.option_name(ahead[0]) if ahead else context.t("board.plan"),
        driver=context.name(first) if first else "",
        measure=context.words.day(day + timedelta(days=MEASURE_DAYS)),
        decide=context.words.day(day + timedelta(days=DECIDE_DAYS)),
    )


def _ask_kind(
    context: Context,
    first: str | None,
    ahead: tuple[OptionResult, float] | None,
    peak: Figure | None,
) -> str:
    """By the verdict; with a better alternative, what is asked for checks that one, too."""
    if facts.is_cost_question(context):
        return "cost"
    kind: str = context.analysis.verdict.outcome
    if kind == "viable" and (peak is None or peak.p90 is None):
        kind = "viable.base"
    if kind == "depends" and first is None:
        kind = "depends.unknown"
    return f"{kind}.instead" if ahead is not None and ahead[1] > 0 else kind


def evidence(context: Context) -> str:
    """How many of the inputs in use were measured, and how many nobody has checked."""
    drivers = [use for key, use in context.analysis.drivers.items() if key in context.used.drivers]
    counted = {basis: sum(use.basis == basis for use in drivers) for basis in said.BASES}
    kind = "none" if not counted["measured"] else "some"
    return context.t(
        f"board.evidence.{kind}",
        total=len(drivers), measured=counted["measured"], published=counted["published"],
        assumed=counted["assumed"],
        predicted=counted["interpolated"] + counted["extrapolated"],
    )  # fmt: skip


def evidence_follows(context: Context) -> str:
    """The assumed driver that matters most."""
    weak: list[Swing] = [
        bar
        for bar in facts.swings(context)
        if bar.driver in context.analysis.drivers
        and context.analysis.drivers[bar.driver].basis == "assumed"
    ]
    defaults = context.analysis.verdict.defaults
    if defaults is not None and defaults.drivers:
        first = defaults.drivers[0]
        return context.t(
            "board.evidence.defaults", share=context.words.percent(defaults.share),
            driver=context.name(first.driver),
            moved=amount(context, first.at_high - first.at_low),
        )  # fmt: skip
    if not weak:
        return context.t("board.evidence.sound")
    moved = abs(weak[0].at_high - weak[0].at_low)
    return context.t(
        "board.evidence.weakest", driver=context.name(weak[0].driver), moved=amount(context, moved)
    )


def risks(context: Context) -> str:
    """How often the plan loses or what it costs, the worst trials, what to find out first."""
    risk, first = context.analysis.risk, facts.first_to_know(context)
    if risk is None:
        return context.t("board.risks.none", result=result(context))
    deep = "loses" if risk.expected_shortfall_usd < 0 else "earns"
    if facts.is_cost_question(context):
        deep = "cost"
    text = context.t(
        f"board.risks.{deep}",
        range=facts.cost_range(context),
        loss=context.words.percent(risk.probability_of_loss),
        worst=amount(context, risk.expected_shortfall_usd),
    )
    return (
        text if first is None else text + context.t("board.risks.first", driver=context.name(first))
    )


def risks_follow(context: Context, day: date) -> str:
    """When to measure, decide and look again."""
    days = (MEASURE_DAYS, DECIDE_DAYS, REVIEW_DAYS)
    measure, decide, review = (context.words.day(day + timedelta(days=count)) for count in days)
    return context.t("board.dates", measure=measure, decide=decide, review=review)
