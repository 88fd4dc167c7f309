"""From revenue to net present value: the steps in between, in the base case."""

from __future__ import annotations

from modelworth.report.sections import facts
from modelworth.report.sections.blocks import BridgeChart, Graphic
from modelworth.report.sections.context import Context
from modelworth.report.sections.cost_and_revenue import COSTS, parts

MOST_COSTS, MOST_NAMED = 7, 2
SMALL_SHARE = 0.005  # steps below this of the largest amount are put together


def bridge(context: Context) -> Graphic:
    """What comes in, the largest costs, tax, timing, the time value of money, and what is left."""
    t, sums = context.t, facts.money(context)
    incoming = "saved" if sums.internal else "revenue"
    steps = [(t(f"bridge.{incoming}"), sums.revenue, True)] if sums.revenue else []
    steps += [(name, -spent, False) for name, spent in costs(context, sums.costs)]
    timing = sums.net_cash - (sums.revenue - sums.costs - sums.tax)
    later = [
        (t("bridge.tax"), -sums.tax, False),
        (t("bridge.timing"), timing, False),
        (t("bridge.discounting"), sums.npv - sums.net_cash, False),
    ]
    least = SMALL_SHARE * max(sums.revenue, sums.costs)
    small = sum(step for _, step, _ in later if abs(step) <= least)
    steps += [step for step in later if abs(step[1]) > least]
    if abs(small) > least / 10:
        steps.append((t("bridge.rest"), small, False))
    steps.append((context.name("npv_usd"), sums.npv, True))
    names, usd, totals = zip(*steps, strict=True)
    scale = context.scale("usd", usd)
    chart = BridgeChart(
        "bridge", t(facts.asked(context, "chart.bridge")), scale.title, names, scale.of(usd),
        totals, tuple(context.words.money(step) for step in usd),
    )  # fmt: skip
    return Graphic(chart, t("reading.bridge"))


def costs(context: Context, whole: float) -> list[tuple[str, float]]:
    """The largest costs by name, and what is left of all of them."""
    found = [(context.name(row.key), sum(row.base)) for row in parts(context, COSTS)]
    count = len(found) if len(found) == MOST_COSTS + 1 else MOST_COSTS
    shown, others = found[:count], [name for name, _ in found[count:]]
    rest = whole - sum(spent for _, spent in shown)
    if abs(rest) > SMALL_SHARE * whole / 10:
        named = context.t("list.join").join(others[:MOST_NAMED])
        key = "none" if not others else "more" if len(others) > MOST_NAMED else "named"
        more = len(others) - MOST_NAMED
        shown.append((context.t(f"bridge.others.{key}", names=named, more=more), rest))
    return shown
