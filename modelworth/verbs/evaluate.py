"""`modelworth evaluate`: a scenario to indicators, risk and a verdict."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from modelworth.data.errors import InputError
from modelworth.verbs import evaluate_solve

if TYPE_CHECKING:
    from modelworth.costmodel.analysis import Analysis, Figure, Risk
    from modelworth.costmodel.scenario.scenario import Scenario

EXAMPLES = """examples:
  modelworth evaluate base
  modelworth evaluate chat_api_startup --set demand.growth_per_year=0.8
  modelworth evaluate base --json --trials 20000 --seed 1
  modelworth evaluate my_plan.yaml --lint
  modelworth evaluate base --solve demand.requests_per_month --target gross_margin_share=0.6
  modelworth evaluate --check
  modelworth evaluate --schema > scenario.schema.json"""
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument(
        "scenario", nargs="?", help="a YAML file, or the name of a shipped scenario"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="changes",
        help="change a driver; may be given several times",
    )  # fmt: skip
    parser.add_argument("--trials", type=int, metavar="N", help="how many; 0: the base case only")
    parser.add_argument("--seed", type=int, metavar="S", help="of the draws; 0 is a seed")
    parser.add_argument("--store", metavar="URL", help="measurements to rest on")
    parser.add_argument("--cluster", metavar="ADDRESS", help="run the trials on a Dask cluster")
    parser.add_argument("--json", action="store_true", help="print the analysis as JSON")
    evaluate_solve.add_arguments(parser)
    only = parser.add_mutually_exclusive_group()
    only.add_argument(
        "--check", action="store_true",
        help="compare with the expected figures; without a scenario: all published cases",
    )  # fmt: skip
    only.add_argument("--lint", action="store_true", help="only what is doubtful about the plan")
    only.add_argument("--schema", action="store_true", help="print the JSON schema of scenarios")
    parser.epilog = EXAMPLES


def run(options: argparse.Namespace) -> int:
    """Evaluate a scenario and print what came out."""
    if options.schema:
        from modelworth.costmodel.scenario.schema import schema

        print(json.dumps(schema(), indent=2, ensure_ascii=False))
        return 0
    if options.check and options.scenario is None:
        return _check_cases(options)
    scenario = scenario_of(options)
    if options.check:
        return _check(scenario, options)
    analysis = _analysis(scenario, options)
    if options.solve:
        return evaluate_solve.solve(scenario, analysis, options)
    if options.json:
        from modelworth.costmodel.analysis_json import plain

        print(json.dumps(plain(analysis), ensure_ascii=False))
    elif options.lint:
        return _lint(analysis)
    else:
        _show(analysis)
    return 0


def scenario_of(options: argparse.Namespace) -> Scenario:
    """The scenario with the changes of the command line."""
    from modelworth.api import load_scenario
    from modelworth.costmodel.scenario import scenario
    from modelworth.data import yaml_reader

    if options.scenario is None:
        names = ", ".join(scenario.shipped())
        raise InputError("scenario", "missing", advice=f"name a YAML file, or one of {names}")
    changes = {}
    for change in options.changes:
        key, mark, text = change.partition("=")
        if not mark or not key:
            raise InputError("--set", change, "KEY=VALUE, such as demand.growth_per_year=0.8")
        changes[key.strip()] = yaml_reader.value(text, f"--set {key}")
    return load_scenario(options.scenario, changes)


def _analysis(scenario: Scenario, options: argparse.Namespace) -> Analysis:
    from modelworth.api import evaluate
    from modelworth.costmodel.evaluate import PARTS
    from modelworth.costmodel.risk.cluster import cluster

    base_only = options.lint or options.solve
    shown = () if base_only else ("risk", "tornado", "flips")
    with cluster(options.cluster) if options.cluster else nullcontext() as executor:
        return evaluate(
            scenario,
            options.store,
            trials=0 if base_only and options.trials is None else options.trials,
            seed=options.seed,
            parts=PARTS if options.json and not options.solve else shown,
            executor=executor,
            progress=_progress if sys.stderr.isatty() and not options.json else None,
        )


def _progress(done: int, trials: int) -> None:
    """How far the trials are, on one line of the terminal."""
    end = "\r" if done < trials else "\r\033[K"
    print(f"{done:,} of {trials:,} trials", end=end, file=sys.stderr, flush=True)


def _check_cases(options: argparse.Namespace) -> int:
    """Compare every shipped case with what was published; 1 if a figure is off."""
    from modelworth.costmodel.scenario.scenario import FOLDER, load

    worst = 0
    for path in sorted((FOLDER / "cases").glob("*.yaml")):
        if not options.json:
            print(path.stem)
        worst = max(worst, _check(load(path), options))
    return worst


def _check(scenario: Scenario, options: argparse.Namespace) -> int:
    """Compare the base case with the expected figures; 1 if one is off."""
    from dataclasses import asdict

    from modelworth.api import measurements
    from modelworth.costmodel.evaluate import check

    if not scenario.expected:
        where = f"{scenario.name}.yaml: expected"
        advice = "add the figures to compare with, or leave out --check"
        raise InputError(where, "missing", advice=advice)
    records, _ = measurements(scenario, options.store)
    checks = check(scenario, records)
    if options.json:
        print(json.dumps([asdict(check) for check in checks]))
    else:
        for check in checks:
            wanted, mark = check.expectation, "ok  " if check.ok else "BAD "
            span = f"{wanted.low:,.6g}" + (
                f" to {wanted.high:,.6g}" if wanted.high != wanted.low else ""
            )
            found = "no value" if check.found is None else f"{check.found:,.6g}"
            print(f"{mark}{wanted.key:<44}{found:>16}   expected {span} ± {wanted.tolerance:.2g}")
    return 0 if all(check.ok for check in checks) else 1


def _lint(analysis: Analysis) -> int:
    """What is doubtful; 1 if something is an error."""
    from modelworth.costmodel.business.lint import sentence

    for finding in analysis.findings:
        print(f"{finding.severity:<8}{finding.id}  {finding.path}\n        {sentence(finding)}")
    if not analysis.findings:
        print("nothing doubtful found")
    return 1 if any(finding.severity == "error" for finding in analysis.findings) else 0


def _show(analysis: Analysis) -> None:
    """For a person: the verdict, the figures, and what to beware of."""
    from modelworth.costmodel.business.lint import sentence

    words = analysis.text.get("en", {})
    print(words.get("name", analysis.scenario))
    if "question" in words:
        print(words["question"])
    print(f"\n{_verdict(analysis)}\n")
    print(f"{'':<42}{'base':>14}{'P10':>14}{'P50':>14}{'P90':>14}")
    for key in SHOWN:
        figure = analysis.indicators[key]
        known = figure.base is not None or figure.p50 is not None
        if known or figure.status in ("never", "not_meaningful"):
            print(_row(figure, analysis.usd_per_currency))
    if analysis.currency != "USD":
        print(f"amounts in {analysis.currency}, at {analysis.usd_per_currency:g} USD each")
    if analysis.verdict.question == "business":
        _show_risk(analysis.risk)
    _show_flips(analysis)
    _show_since(analysis)
    for finding in analysis.findings:
        print(f"{finding.severity} {finding.id}: {sentence(finding)}", file=sys.stderr)


def _show_flips(analysis: Analysis) -> None:
    """What would turn the verdict, driver by driver, within its range."""
    words = {"viable": "viable", "not_viable": "not viable", "depends": "it depends"}
    for flip in analysis.verdict.flips:
        now = f"(now {_number(flip.now, flip.unit)})"
        if flip.at is None and flip.rule == "verdict":
            print(f"No turn at {flip.driver} from {_number(flip.searched_low, flip.unit)}"
                  f" to {_number(flip.searched_high, flip.unit)} {now}")  # fmt: skip
        elif flip.at is not None and flip.becomes is not None:
            print(f"Turns to '{words[flip.becomes]}' at {flip.driver} ="
                  f" {_number(flip.at, flip.unit)} {now}, by {flip.indicator}")  # fmt: skip
        elif flip.at is not None:
            print(f"Base case alone: NPV is 0 at {flip.driver} ="
                  f" {_number(flip.at, flip.unit)} {now}")  # fmt: skip
    defaults = analysis.verdict.defaults
    if defaults is not None and defaults.drivers:
        names = ", ".join(bar.driver for bar in defaults.drivers)
        print(f"{defaults.share:.0%} of what moves NPV are defaults that nobody confirmed,"
              f" most of all {names}")  # fmt: skip


def _show_since(analysis: Analysis) -> None:
    """Named cases by weight, and what was measured against the plan."""
    for case in analysis.named_cases:
        print(f"{case.weight:.0%} {case.label or case.key}: NPV {case.npv_usd:,.0f} USD")
    if analysis.weighted_npv_usd is not None:
        print(f"By weight: NPV {analysis.weighted_npv_usd:,.0f} USD")
    for one in analysis.actuals:
        off = f"{one.actual / one.plan - 1:+.0%}" if one.plan else "planned 0"
        outside = (
            one.low is not None and one.high is not None and (not one.low <= one.actual <= one.high)
        )
        mark = "  outside of four in five trials" if outside else ""
        print(f"Month {one.month} {one.line}: {_number(one.actual, one.unit)}"
              f" against {_number(one.plan, one.unit)} planned ({off}){mark}")  # fmt: skip


def _show_risk(risk: Risk | None) -> None:
    """How deep a loss goes, and what is worth knowing before deciding."""
    if risk is None:
        return
    print(f"\n{risk.trials:,} trials: loss in {risk.probability_of_loss:.0%}; the worst 5% lose"
          f" {_number(-risk.expected_shortfall_usd, 'usd')} USD on average")  # fmt: skip
    worth = [
        f"{row.driver} {_number(row.evppi_usd, 'usd')}" for row in risk.influences if row.evppi_usd
    ]
    if worth:
        every = _number(risk.evpi_usd, "usd")
        print(f"Knowing all before deciding is worth {every} USD; alone: {', '.join(worth[:3])}")


def _verdict(analysis: Analysis) -> str:
    """One sentence."""
    answer = analysis.verdict
    words = {"viable": "Viable", "not_viable": "Not viable", "depends": "It depends"}
    chance = answer.probability_npv_positive
    if answer.question == "cost":
        cost = -(analysis.indicators["npv_usd"].mean or analysis.indicators["npv_usd"].base or 0.0)
        return f"Cost alone: {cost:,.0f} USD in present value over {analysis.months} months."
    text = f"{words[answer.outcome]}, by the base case alone"
    if chance is not None:
        text = f"{words[answer.outcome]}: NPV is positive with a probability of {chance:.0%}"
    missed = [criterion.key for criterion in answer.criteria if not criterion.met]
    if missed and answer.outcome != "viable":
        text += f"; not met: {', '.join(missed)}"
    if answer.outcome == "depends" and answer.drivers:
        text += f"; it hangs on {', '.join(answer.drivers)}"
    return f"{text}."


def _row(figure: Figure, usd_per_currency: float) -> str:
    """One line of the table; money in the scenario's currency."""
    scale = usd_per_currency if figure.unit.startswith("usd") else 1.0
    shown = [
        "" if value is None else _number(value / scale, figure.unit)
        for value in (figure.base, *_spread(figure))
    ]
    if figure.base is None:
        shown[0] = (figure.status or "").replace("_", " ")
    if figure.ranked and figure.p50 is None and figure.share_defined < 1:
        shown.append(f"   {figure.share_defined:.0%} of trials")
    return f"{figure.key:<42}" + "".join(f"{text:>14}" for text in shown)


def _spread(figure: Figure) -> Iterable[Any]:
    values = (figure.p10, figure.p50, figure.p90)
    return values if any(value is not None for value in values) else ()


def _number(value: float | None, unit: str) -> str:
    """A number as people read it."""
    if value is None:
        return ""
    if unit == "share":
        return f"{value:.1%}" if abs(value) < 100 else f"{100 * value:.3g}%"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.4g}"
