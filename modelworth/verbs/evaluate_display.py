"""What `modelworth evaluate` shows a person: keys as `--set` has them, values as in documents."""

# ruff: noqa: T201
from __future__ import annotations

import sys
from collections.abc import Iterator

from modelworth.costmodel.analysis import Actual, Analysis, Figure
from modelworth.costmodel.risk.flips import CHANCE
from modelworth.report import said, spent
from modelworth.report.words import Words

SHOWN = (
    "npv_usd", "irr_per_year", "mirr_per_year", "payback_months", "discounted_payback_months",
    "peak_funding_usd", "gross_margin_share", "gross_margin_second_year_share",
    "contribution_margin_share", "markup_share", "usd_per_million_input_tokens",
    "usd_per_million_output_tokens", "usd_per_thousand_requests", "usd_per_image",
    "usd_per_thousand_calls", "usd_per_accepted_result", "serving_cost_per_seat_usd",
    "mean_utilisation_share", "idle_cost_total_usd", "peak_fleet_gpus",
    "lifetime_value_per_acquisition", "building_total_usd", "training_return_ratio",
    "months_to_zero_margin",
)  # fmt: skip
ONLY_BASE = ", by the base case alone"
OUTCOMES = {"viable": "viable", "not_viable": "not viable", "depends": "it depends"}


def words_of(analysis: Analysis) -> Words:
    """English, in the scenario's currency."""
    return Words("en", analysis.currency, analysis.usd_per_currency)


def lint(analysis: Analysis) -> int:
    """What is doubtful; 1 if something is an error."""
    words = words_of(analysis)
    for found in analysis.findings:
        text = said.finding(words, found, named=False)
        print(f"{found.severity:<8}{found.id}  {found.path}\n        {text}")
    if not analysis.findings:
        print("nothing doubtful found")
    return 1 if any(found.severity == "error" for found in analysis.findings) else 0


def show(analysis: Analysis) -> None:
    """The verdict, the figures, and what to beware of."""
    words, texts = words_of(analysis), analysis.text.get("en", {})
    print(texts.get("name", analysis.scenario))
    if "question" in texts:
        print(texts["question"])
    print(f"\n{_verdict(words, analysis)}\n")
    print(f"{'':<42}{'base':>16}{'P10':>16}{'P50':>16}{'P90':>16}")
    for key in SHOWN:
        figure = spent.figure(analysis, analysis.indicators[key])
        known = figure.base is not None or figure.p50 is not None
        if known or figure.status in ("never", "not_meaningful"):
            print(_row(words, figure))
    print(f"base: the {analysis.base_case} of each input; P50: the median over the trials")
    if analysis.currency != "USD":
        print(f"amounts in {analysis.currency}, at {analysis.usd_per_currency:g} USD each")
    if analysis.verdict.question == "business":
        _show_risk(words, analysis)
    for line in (*_turns(words, analysis), *_since(words, analysis)):
        print(line)
    warn(words, analysis)


def warn(words: Words, analysis: Analysis) -> None:
    """What to beware of, on standard error."""
    for found in analysis.findings:
        text = said.finding(words, found, named=False)
        print(f"{found.severity} {found.id}: {text}", file=sys.stderr)


def _verdict(words: Words, analysis: Analysis) -> str:
    """One sentence."""
    answer = analysis.verdict
    chance = answer.probability_npv_positive
    missed, waived = (
        [said.condition(words, analysis, one, one.key)
         + (f" ({words.t(f'report.waiver.{one.reason}')})" if one.reason else "")
         for one in answer.criteria if one.key != CHANCE and one.status in states]
        for states in (("missed", "unknown"), ("waived",))
    )  # fmt: skip
    if answer.question == "cost":
        cost = words.money(spent.value(analysis).base)
        text = (
            f"Cost alone: {cost} in present value over {analysis.months} months, in the base case"
        )
    else:
        outcome = OUTCOMES[answer.outcome]
        text = f"{outcome[0].upper()}{outcome[1:]}"
        sure = "" if chance is None else words.percent(chance)
        text += f": NPV is positive with a probability of {sure}" if sure else ONLY_BASE
    if missed:
        text += f"; not met: {', '.join(missed)}"
    if waived:
        text += f"; waived: {', '.join(waived)}"
    if answer.outcome == "depends" and answer.drivers:
        text += f"; it hangs on {', '.join(answer.drivers)}"
    return f"{text}."


def _row(words: Words, figure: Figure) -> str:
    """One line of the table."""
    name = f"{figure.key} ({figure.convention})" if figure.convention else figure.key
    cells = (said.figure(words, figure), *said.quantiles(words, figure))
    row = f"{name:<42}" + "".join(f"{cell:>16}" for cell in cells)
    some = said.defined_in(words, figure)
    return f"{row}   {some}" if some else row.rstrip()


def _show_risk(words: Words, analysis: Analysis) -> None:
    """How deep a loss goes, and what is worth knowing before deciding."""
    risk = analysis.risk
    if risk is None:
        return
    worst = words.money(risk.expected_shortfall_usd)
    print(f"\n{risk.trials:,} trials: loss in {words.percent(risk.probability_of_loss)};"
          f" the worst 5% come to {worst} on average")  # fmt: skip
    worth = [f"{one.driver} {words.money(one.evppi_usd)}" for one in risk.influences if
             one.evppi_usd]  # fmt: skip
    if worth:
        every = words.money(risk.evpi_usd)
        print(f"Knowing all before deciding is worth {every}; alone: {', '.join(worth[:3])}")


def _turns(words: Words, analysis: Analysis) -> Iterator[str]:
    """What would turn the verdict, driver by driver, within its range."""
    found = analysis.verdict.flips
    for driver in dict.fromkeys(flip.driver for flip in found):
        flips = sorted((flip for flip in found if flip.driver == driver and flip.at is not None),
                       key=lambda flip: flip.at or 0.0)  # fmt: skip
        if flips:
            yield said.turning(words, analysis, flips, driver)
    for flip in found:
        if flip.at is None and flip.rule == "verdict":
            span = words.range(flip.searched_low, flip.searched_high, flip.unit)
            now = said.driver_value(words, flip.driver, flip.now)
            yield f"No turn at {flip.driver} from {span} (now {now})"
    defaults = analysis.verdict.defaults
    if defaults is not None and defaults.drivers:
        names = ", ".join(bar.driver for bar in defaults.drivers)
        what = "the cost" if spent.is_cost(analysis) else "NPV"
        yield (f"{words.percent(defaults.share)} of what moves {what} are defaults that nobody"
               f" confirmed, most of all {names}")  # fmt: skip


def _since(words: Words, analysis: Analysis) -> Iterator[str]:
    """Named cases by weight, and what was measured against the plan."""
    for case in analysis.named_cases:
        weight = words.percent(case.weight)
        yield f"{weight} {case.label or case.key}: NPV {words.money(case.npv_usd)}"
    if analysis.weighted_npv_usd is not None:
        yield f"By weight: NPV {words.money(analysis.weighted_npv_usd)}"
    for one in analysis.actuals:
        yield _actual(words, one)


def _actual(words: Words, one: Actual) -> str:
    off = f"{one.actual / one.plan - 1:+.0%}" if one.plan else "planned 0"
    outside = one.low is not None and one.high is not None and not one.low <= one.actual <= one.high
    mark = "  outside of four in five trials" if outside else ""
    actual, plan = words.value(one.actual, one.unit), words.value(one.plan, one.unit)
    return f"Month {one.month} {one.line}: {actual} against {plan} planned ({off}){mark}"
