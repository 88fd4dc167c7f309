"""`modelworth evaluate`: a scenario to indicators, risk and a verdict."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import gc
import json
import sys
from typing import TYPE_CHECKING

from modelworth.data.errors import InputError
from modelworth.verbs import evaluate_solve

if TYPE_CHECKING:
    from modelworth.costmodel.analysis import Analysis
    from modelworth.costmodel.scenario.scenario import Scenario

EXAMPLES = """examples:
  modelworth evaluate base
  modelworth evaluate chat_api_startup --set demand.growth_per_year=0.8
  modelworth evaluate base --json --trials 20000 --seed 1
  modelworth evaluate pretrain_foundation --start-year 2029
  modelworth evaluate my_plan.yaml --lint
  modelworth evaluate base --solve demand.requests_per_month --target gross_margin_share=0.6
  modelworth evaluate --check
  modelworth evaluate --schema > scenario.schema.json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument(
        "scenario", nargs="?", help="a YAML file, or the name of a shipped scenario"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="changes",
        help="change a driver; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--start-year", type=int, metavar="YEAR",
        help="begin in a later year: prices and rents follow the plan's own path until then",
    )  # fmt: skip
    parser.add_argument("--trials", type=int, metavar="N", help="how many; 0: the base case only")
    parser.add_argument("--seed", type=int, metavar="S", help="of the draws; 0 is a seed")
    parser.add_argument("--store", metavar="URL", help="measurements to rest on")
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
    gc.set_threshold(100_000)  # one pass over a plan leaves little to collect: a tenth of its time
    if options.schema:
        from modelworth.costmodel.scenario.schema import schema

        print(json.dumps(schema(), indent=2, ensure_ascii=False))
        return 0
    if options.check and options.scenario is None:
        return _check_cases(options)
    scenario = scenario_of(options)
    if options.start_year is not None:
        from modelworth.costmodel.scenario.scenario import starting_in

        scenario = starting_in(scenario, options.start_year)
    if options.check:
        return _check(scenario, options)
    analysis = _analysis(scenario, options)
    if options.solve:
        return evaluate_solve.solve(scenario, analysis, options)
    if options.json:
        from modelworth.costmodel.analysis_json import plain

        print(json.dumps(plain(analysis), ensure_ascii=False))
        return 0
    from modelworth.verbs import evaluate_display

    if options.lint:
        return evaluate_display.lint(analysis)
    evaluate_display.show(analysis)
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

    base_only = options.lint or options.solve
    shown = () if base_only else ("risk", "tornado", "flips")
    return evaluate(
        scenario,
        options.store,
        trials=0 if base_only and options.trials is None else options.trials,
        seed=options.seed,
        parts=PARTS if options.json and not options.solve else shown,
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
            if check.solved is not None:
                so = f"so that {wanted.key} is {span}"
                print(f"set {wanted.solves:<44}{check.solved:>16,.6g}   {so}")
                continue
            print(f"{mark}{wanted.key:<44}{found:>16}   expected {span} ± {wanted.tolerance:.2g}")
    return 0 if all(check.ok for check in checks) else 1
