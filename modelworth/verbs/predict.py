"""`modelworth predict`: time and throughput of what nobody measured, one case or a table."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from modelworth.data.drafts import write_whole
from modelworth.data.errors import InputError
from modelworth.verbs.asked_case import (
    add_device_arguments,
    add_model_arguments,
    add_work_arguments,
    case_of,
    predictor_of,
    said_fields,
    seen_words,
)
from modelworth.verbs.predict_run import add_run_arguments, plan_run

EXAMPLES = """examples:
  modelworth predict --model llama-3.1-8b --gpu "H100 SXM 80GB" --work serve --batch 32 \\
      --sequence 1024 --new-tokens 256 --software vllm
  modelworth predict --model llama-2-7b --gpu "A100 SXM 80GB" --gpus 64 --work train --batch 4 \\
      --sequence 4096 --sharding full --json
  modelworth predict --model llama-3.1-70b --gpu H100 --gpus 1024 --run-tokens 15e12 \\
      --global-batch 1024 --sequence 8192 --country USA
  modelworth predict --cases in.csv --out out.csv
  modelworth predict --calibrate measurements/ --out tables/"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    add_model_arguments(parser)
    add_work_arguments(parser)
    add_device_arguments(parser)
    table = parser.add_argument_group("a table, new tables")
    table.add_argument("--cases", type=Path, help="CSV in")
    table.add_argument("--out", type=Path, help="CSV out; with --calibrate a folder")
    table.add_argument("--calibrate", type=Path, metavar="DIR", help="refit to these measurements")
    add_run_arguments(parser)
    parser.epilog = EXAMPLES


def run(options: argparse.Namespace) -> int:
    """Predict or calibrate."""
    if options.calibrate:
        return _calibrate(options)
    if options.cases:
        return _table(options)
    if options.run_tokens is not None:
        return plan_run(options)
    for flag, value in (("--country", options.country), ("--mtbf-hours", options.mtbf_hours)):
        if value is not None:
            raise InputError(flag, value, advice="it is of a whole run: give --run-tokens, too")
    return _one(options)


def _one(options: argparse.Namespace) -> int:
    from modelworth.costmodel.prediction.answer import answer_of
    from modelworth.costmodel.prediction.layouts import laid_out
    from modelworth.data.catalog import load_catalog
    from modelworth.verbs.predict_display import document, show

    catalog = load_catalog()
    case, predictor = case_of(options, catalog), predictor_of(options, catalog, [options.gpu])
    found = laid_out(case, predictor, said_fields(options))
    case = found or case
    predictor.require(case)
    answer = answer_of(case, predictor)
    if options.json:
        seen = seen_words(options, case.architecture) if options.images else None
        print(json.dumps(document(answer) | ({"images": seen} if seen else {}), indent=2))
    else:
        show(answer, searched=found is not None, assumed=options.global_batch is None)
        if options.images:
            print(f"  {seen_words(options, case.architecture)}")
    return 0


def _table(options: argparse.Namespace) -> int:
    from modelworth.costmodel.prediction.table import predict_table
    from modelworth.data.catalog import load_catalog
    from modelworth.data.foreign_file import read_frame

    if options.out is None:
        raise InputError("--out", "missing", "the CSV file to write")
    frame = read_frame(options.cases, "a readable CSV file of cases")
    predicted = predict_table(frame, predictor_of(options, load_catalog(), ()))
    write_whole(options.out, predicted.to_csv(index=False, lineterminator="\n"))
    missing = int(predicted["predicted"].isna().sum())
    if not len(predicted):
        raise InputError(str(options.cases), "no rows", "a row for each case")
    if missing == len(predicted):
        rows = f"none of its {missing} rows predicted"
        raise InputError(str(options.cases), rows, advice=predicted["note"].iloc[0])
    print(f"{len(predicted) - missing} of {len(predicted)} rows predicted: {options.out}")
    if missing:
        print(f"  {missing} could not be; the column note says why", file=sys.stderr)
    return 0


def _calibrate(options: argparse.Namespace) -> int:
    from modelworth.costmodel.prediction.fit.observed import SHIPPED_ROWS
    from modelworth.costmodel.prediction.fit.refit import refit, write_tables

    if options.out is None:
        raise InputError("--out", "missing", "a folder for the tables")
    if not options.calibrate.is_dir():
        raise InputError("--calibrate", str(options.calibrate), "a folder of measurements")
    made = refit(options.calibrate, SHIPPED_ROWS)
    for one in made.rejected:
        print(f"not used: {one.file}{f':{one.row}' if one.row else ''}: {one.reason}")
    for path in write_tables(made.tables, options.out):
        print(path)
    return 0
