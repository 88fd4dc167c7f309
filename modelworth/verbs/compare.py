"""`modelworth compare`: train, fine-tune, self-host or buy, side by side on the same demand."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from modelworth.verbs import evaluate as evaluating

if TYPE_CHECKING:
    from modelworth.costmodel.analysis import (
        Analysis,
        Figure,
        Lead,
        OptionResult,
        Swing,
        VolumeCurve,
    )
    from modelworth.report.words import Words

EXAMPLES = """examples:
  modelworth compare base
  modelworth compare my_plan.yaml --set demand.requests_per_month=5e7
  modelworth compare my_plan.yaml --json --trials 4096 --seed 1"""
COLUMNS = (
    ("npv_usd", "NPV"),
    ("usd_per_accepted_result", "per accepted"),
    ("payback_months", "payback"),
    ("peak_funding_usd", "peak funding"),
    ("gross_margin_share", "gross margin"),
    ("mean_utilisation_share", "utilisation"),
)
OF_REVENUE = ("payback_months", "gross_margin_share")  # of no use where only the cost is asked
REASONS = {
    "below_quality_bar": "accepts too few results for the quality bar",
    "explanations_need_the_weights": "a provider's interface gives no weights to explain by",
    "not_on_premises": "isn't on the premises",
    "does_less": "leaves more of the work undone than verdict.served_share allows",
}
CROSSINGS_SHOWN = 12
TERMS_SHOWN = 6
MOVING = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("scenario", help="a YAML file, or the name of a shipped scenario")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="changes",
        help="change a driver; may be given several times",
    )  # fmt: skip
    parser.add_argument("--trials", type=int, metavar="N", help="0: the base case only")
    parser.add_argument("--seed", type=int, metavar="S")
    parser.add_argument("--store", metavar="URL", help="measurements to rest on")
    parser.add_argument("--json", action="store_true", help="print options and curve as JSON")
    parser.epilog = EXAMPLES


def run(options: argparse.Namespace) -> int:
    """Compare the options and print what came out."""
    analysis = _analysis(options)
    if options.json:
        from modelworth.costmodel.analysis_json import plain

        whole = plain(analysis)
        kept = ("scenario", "months", "options", "volume_curve", "provenance")
        print(json.dumps({key: whole[key] for key in kept}, ensure_ascii=False))
        return 0
    _show(analysis)
    return 0


def _analysis(options: argparse.Namespace) -> Analysis:
    from modelworth.api import compare

    scenario = evaluating.scenario_of(options)
    return compare(scenario, options.store, trials=options.trials, seed=options.seed)


def _show(analysis: Analysis) -> None:
    """For a person: a row an option, the best first; then where the cheapest changes."""
    from modelworth.report import spent
    from modelworth.verbs.evaluate_display import warn, words_of

    words = words_of(analysis)
    print(analysis.text.get("en", {}).get("name", analysis.scenario))
    compared = sorted(analysis.options or (), key=_order)
    cost = spent.is_cost(analysis)
    columns = [column for column in COLUMNS if not cost or column[0] not in OF_REVENUE]
    if cost:
        columns[0] = (columns[0][0], "cost")
    print("".join([f"\n{'option':<26}", *(f"{title:>17}" for _, title in columns), "    best in"]))
    for option in compared:
        print(_row(words, analysis, option, columns))
    for option in compared:
        if option.reason:
            print(f"{option.key} isn't in question: {REASONS[option.reason]}")
    what, best = ("Present value of the cost", "lowest cost") if cost else ("NPV", "highest NPV")
    over, trials = f"{what} over {analysis.months} months, base case", analysis.provenance.trials
    print(f"{over} ({analysis.base_case}); 'best in' is the share of {min(trials, 4096)} trials"
          f" with the {best}." if trials else f"{over} alone.")  # fmt: skip
    if analysis.lead is not None:
        print(_lead(words, analysis.lead))
        _show_distance(words, analysis.lead, spent.swings(analysis, analysis.lead.swings))
    for option in compared:
        _show_differences(words, option)
    if analysis.volume_curve is not None:
        _show_crossings(words, analysis.volume_curve)
    warn(words, analysis)


def _show_distance(words: Words, lead: Lead, swings: list[Swing]) -> None:
    """What moves the plan's distance to the best other option most, and whether it turns it."""
    for bar in swings[:MOVING]:
        low, high = words.value(bar.low, bar.unit), words.value(bar.high, bar.unit)
        turns = ", so it decides which is better" if bar.at_low * bar.at_high < 0 else ""
        print(f"plan less {lead.rival}: {words.money(bar.at_low)} to {words.money(bar.at_high)} as"
              f" {bar.driver} goes from {low} to {high}"
              f"{' (a default, unconfirmed)' if bar.default else ''}{turns}")  # fmt: skip


def _lead(words: Words, lead: Lead) -> str:
    """By how much the best is ahead of the next."""
    text = f"{lead.best} leads {lead.second} by {words.money(lead.mean_usd)}"
    span = words.range(lead.low_usd, lead.high_usd, "usd")
    if span:
        text += f" on average ({span} in 80% of trials)"
    return text + ("." if lead.clear else ": no clear lead.")


def _order(option: OptionResult) -> tuple[bool, float]:
    npv = _figures(option)["npv_usd"].base
    return not option.feasible, -(npv if npv is not None else float("-inf"))


def _figures(option: OptionResult) -> dict[str, Figure]:
    return {figure.key: figure for figure in option.figures}


def _row(
    words: Words, analysis: Analysis, option: OptionResult, columns: list[tuple[str, str]]
) -> str:
    from modelworth.report import said, spent

    figures, best = _figures(option), option.probability_best
    cells = "".join(
        f"{said.figure(words, spent.figure(analysis, figures[key])):>17}" for key, _ in columns
    )
    shown = "" if best is None else words.percent(best)
    return f"{option.label or option.key:<26}{cells}{shown:>11}"


def _show_differences(words: Words, option: OptionResult) -> None:
    """In which inputs an option differs from the plan, and which count in one of the two alone."""
    from modelworth.report import said

    told = said.differences(words, option, lambda key: key)
    heads = (f"{option.label or option.key} differs in", "  counts there alone", "  not there")
    for head, part in zip(heads, told, strict=True):
        if part and option.feasible:
            more = (
                f", and {len(part) - TERMS_SHOWN} more (--json)" if len(part) > TERMS_SHOWN else ""
            )
            print(f"{head}: {', '.join(part[:TERMS_SHOWN])}{more}")


def _show_crossings(words: Words, curve: VolumeCurve) -> None:
    """Where the cheapest option changes, by opening volume."""
    low, high = curve.requests_per_month[0], curve.requests_per_month[-1]
    span = f"from {words.number(low)} to {words.number(high)} ({curve.driver})"
    if not curve.crossings:
        cheapest: Any = min(curve.usd_per_month, key=lambda key: curve.usd_per_month[key][0])
        print(f"\nCheapest over the plan at every opening volume {span}: {cheapest}")
        return
    times = "once" if len(curve.crossings) == 1 else f"{len(curve.crossings)} times"
    print(f"\nThe cheapest option over the whole plan changes {times} by opening volume, {span}:")
    for crossing in curve.crossings[:CROSSINGS_SHOWN]:
        at = words.number(crossing.requests_per_month)
        print(f"{at:>18}  {crossing.before} -> {crossing.after}")
    if len(curve.crossings) > CROSSINGS_SHOWN:
        print(f"{'':>18}  and so on: capacity comes in whole replicas (all of them in --json)")
