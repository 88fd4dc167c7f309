"""`modelworth report`: a scenario to documents for a board."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from modelworth.data.errors import InputError

if TYPE_CHECKING:
    from modelworth.costmodel.analysis import Analysis

EXAMPLES = """examples:
  modelworth report base
  modelworth report chat_api_startup --out board --formats html,pdf,xlsx,pptx,md,json
  modelworth report base --language zh_CN --formats pdf --sections summary,indicators,options
  modelworth report base --formats onepager --brand northlight --paper letter
  modelworth report base --set compute.rent_on_demand_usd_per_gpu_hour=2.1 --date 2026-12-01"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("scenario", nargs="?",
                        help="a YAML file, or the name of a shipped scenario")  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("out"), metavar="DIR",
                        help="folder for the documents (default: out)")  # fmt: skip
    parser.add_argument("--formats", default="html,pdf,xlsx,pptx,md", metavar="LIST",
                        help="some of html,pdf,xlsx,pptx,md,json,onepager")  # fmt: skip
    parser.add_argument("--language", default="en", metavar="en|zh_CN")
    parser.add_argument("--sections", metavar="LIST",
                        help="only these, for html, pdf and md (default: all)")  # fmt: skip
    parser.add_argument("--date", metavar="YYYY-MM-DD",
                        help="printed date; the same date gives the same bytes")  # fmt: skip
    parser.add_argument("--brand", metavar="FILE",
                        help="organisation's name, logo, colours, currency, date and author: a TOML"
                             " file, or a sample (northlight, qinghe)")  # fmt: skip
    parser.add_argument("--paper", default="a4", metavar="a4|letter")
    parser.add_argument("--appendix", action="store_true", help="slides: the tables behind the six")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="changes",
                        help="change a driver; may be given several times")  # fmt: skip
    parser.add_argument("--trials", type=int, metavar="N", help="0: the base case only")
    parser.add_argument("--seed", type=int, metavar="S")
    parser.add_argument("--store", metavar="URL", help="measurements to rest on")
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of the JSON")
    parser.epilog = EXAMPLES


def run(options: argparse.Namespace) -> int:
    """Evaluate the scenario and write the documents; 1 if a format failed."""
    from modelworth.report.brand import load_brand
    from modelworth.report.files import Style, check_request, write

    if options.schema:
        from modelworth.report.formats.json import published

        print(published(), end="")
        return 0
    day, sections = _day(options.date), _list(options.sections)
    formats = _list(options.formats) or []
    check_request(formats, options.language, sections)
    style = Style(paper=options.paper, appendix=options.appendix)
    if options.brand:
        style = replace(style, brand=load_brand(options.brand))
    analysis = _analysis(options, day)
    outcomes = write(analysis, options.out, formats, options.language, sections, day, style)
    for outcome in outcomes:
        if outcome.error is None:
            print(outcome.path)
        else:
            print(f"modelworth report: {outcome.format}: {outcome.error}", file=sys.stderr)
    return 1 if any(outcome.error for outcome in outcomes) else 0


def _analysis(options: argparse.Namespace, day: date | None) -> Analysis:
    """The analysis, and the command that makes this report again."""
    from modelworth.api import evaluate
    from modelworth.verbs.evaluate import scenario_of

    scenario = scenario_of(options)
    analysis = evaluate(
        scenario, options.store, trials=options.trials, seed=options.seed, today=day
    )
    command = _command(options, analysis.provenance.trials, analysis.provenance.seed)
    return replace(analysis, provenance=replace(analysis.provenance, command=command))


def _command(options: argparse.Namespace, trials: int, seed: int) -> str:
    """What makes the same analysis again; where the files go doesn't matter for that."""
    import shlex

    words = ["modelworth", "report", options.scenario, "--trials", str(trials), "--seed", str(seed)]
    for change in options.changes:
        words += ["--set", change]
    return shlex.join(words)


def _list(text: str | None) -> list[str] | None:
    """Comma-separated words; None where nothing was given."""
    return None if text is None else [word.strip() for word in text.split(",") if word.strip()]


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise InputError("--date", text, "a date such as 2026-12-01") from error
