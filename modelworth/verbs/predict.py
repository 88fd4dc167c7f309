"""`modelworth predict`: time and throughput of what nobody measured, one case or a table."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelworth.data.errors import InputError
from modelworth.verbs.predict_plan import add_plan_arguments, plan_run

if TYPE_CHECKING:
    from modelworth.costmodel.prediction.case import Case
    from modelworth.costmodel.prediction.efficiency import Tables
    from modelworth.costmodel.prediction.predictor import Prediction
    from modelworth.data.catalog import Accelerator, Catalog

FACTS = "../shared/facts"
EXAMPLES = """examples:
  modelworth predict --model llama-3.1-8b --gpu "H100 SXM 80GB" --work serve --batch 32 \\
      --sequence 1024 --new-tokens 256 --software vllm
  modelworth predict --model llama-2-7b --gpu "A100 SXM 80GB" --gpus 64 --work train --batch 4 \\
      --sequence 4096 --sharding full --json
  modelworth predict --model llama-3.1-70b --gpu H100 --gpus 1024 --run-tokens 15e12 \\
      --global-batch 1024 --sequence 8192 --country USA
  modelworth predict --cases in.csv --out out.csv
  modelworth predict --validate --facts ../shared/facts
  modelworth predict --calibrate ../shared/facts --out tables/"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    one = parser.add_argument_group("one case")
    one.add_argument("--model", help="a shipped model's name, or the path of a config.json")
    one.add_argument("--gpu", help="a device of the catalogue, or your own with the four rates")
    one.add_argument("--gpus", type=int, default=1, help="devices (default 1)")
    one.add_argument(
        "--work", choices=("train", "prefill", "decode", "serve", "forward"), default="serve"
    )
    one.add_argument(
        "--precision", help="bf16, fp16, fp8, fp4, fp32, … (default: as the checkpoint is stored)"
    )
    one.add_argument("--batch", type=float, default=1, help="sequences in a step; serve: requests")
    one.add_argument("--sequence", type=float, default=1024, help="tokens, prompt or context")
    one.add_argument("--new-tokens", type=float, default=256, help="generated a request (serve)")
    one.add_argument("--tensor", type=int, help="tensor parallelism (default: serve all, train 1)")
    one.add_argument("--pipeline", type=int, default=1, help="pipeline parallelism")
    one.add_argument("--sharding", choices=("none", "gradients", "full"), default="none")
    one.add_argument("--global-batch", type=float, help="sequences in an optimizer step")
    one.add_argument("--checkpointing", choices=("none", "selective", "full"), default="none")
    one.add_argument("--software", help="framework or engine, such as vllm or llm-foundry")
    one.add_argument("--compiled", action="store_true", help="with torch.compile")
    one.add_argument("--store", help="own measurements that calibrate (a store's URL or path)")
    one.add_argument("--json", action="store_true", help="print JSON")
    own = parser.add_argument_group("a device that the catalogue lacks")
    own.add_argument("--matmul-tflops", type=float, help="dense peak at the precision")
    own.add_argument("--bandwidth-gb-per-s", type=float, help="memory bandwidth")
    own.add_argument("--memory-gb", type=float, help="memory")
    own.add_argument("--link-gb-per-s", type=float, help="to its neighbours, one direction")
    table = parser.add_argument_group("a table, the tables' error, new tables")
    table.add_argument("--cases", type=Path, help="CSV in")
    table.add_argument("--out", type=Path, help="CSV out; with --calibrate a folder")
    table.add_argument("--validate", action="store_true", help="error by table and group")
    table.add_argument("--facts", type=Path, help=f"measurements to validate on ({FACTS})")
    table.add_argument("--report", type=Path, help="with --validate: write this Markdown page")
    table.add_argument("--calibrate", type=Path, metavar="DIR", help="refit to these measurements")
    table.add_argument("--tables", type=Path, help="a folder that --calibrate wrote")
    add_plan_arguments(parser)
    parser.epilog = EXAMPLES


def run(options: argparse.Namespace) -> int:
    """Predict, validate or calibrate."""
    if options.calibrate:
        return _calibrate(options)
    if options.validate:
        return _validate(options)
    if options.cases:
        return _table(options)
    if options.run_tokens is not None:
        return _plan(options)
    return _one(options)


def _plan(options: argparse.Namespace) -> int:
    from modelworth.costmodel.prediction.case import precision_name
    from modelworth.data.catalog import load_catalog

    if not options.model or not options.gpu:
        raise InputError("--model and --gpu", "missing", "given with --run-tokens")
    catalog, options.precision = load_catalog(), precision_name(options.precision or "bf16")
    accelerator = _accelerator(options, catalog, options.precision)
    return plan_run(options, _architecture(options.model, catalog), accelerator)


def _one(options: argparse.Namespace) -> int:
    from modelworth.costmodel.prediction.efficiency import shipped_tables
    from modelworth.costmodel.prediction.own_machine import machine_fits
    from modelworth.costmodel.prediction.predictor import predict
    from modelworth.costmodel.prediction.served import served_scales
    from modelworth.costmodel.prediction.training_refusal import training_refusal
    from modelworth.data.catalog import load_catalog

    case = _case(options)
    if case.work == "train" and (reason := training_refusal(case)) is not None:
        raise reason
    records = _measurements(options.store)
    tables = _tables(options) or shipped_tables()
    scales = served_scales(records, load_catalog(), tables)
    prediction = predict([case], tables, machine_fits(records), scales)[0]
    if prediction.value is None:
        from modelworth.costmodel.prediction.limits import refused

        reason = refused(case, tables)
        raise reason or InputError("case", options.model, "one that can be predicted")
    if options.json:
        print(json.dumps(_document(case, prediction), indent=2))
    else:
        _show(case, prediction)
    return 0


def _document(case: Case, prediction: Prediction) -> dict[str, Any]:
    asked = {
        "model": case.architecture.name,
        "gpu": case.accelerator.name,
        "gpus": case.gpus,
        "work": case.work,
        "precision": case.precision,
        "batch": case.batch,
        "sequence": case.tokens,
    }
    return {"case": asked, **asdict(prediction)}


def _show(case: Case, found: Prediction) -> None:
    print(f"{case.architecture.name}, {case.work} on {case.gpus} × {case.accelerator.name}")
    print(f"  {_figure(found.value)} {found.unit}", end="")
    print(f"   (90% interval {_figure(found.low)} to {_figure(found.high)}; {found.basis})")
    for name, seconds in (("step", found.step_s), ("TTFT", found.ttft_s), ("TPOT", found.tpot_s)):
        if seconds is not None:
            print(f"  {name} {seconds * 1e3:,.4g} ms")
    total = sum(found.parts.values())
    for name, seconds in sorted(found.parts.items(), key=lambda part: -part[1]):
        if seconds > 0.005 * total:
            print(f"    {name:<14}{seconds * 1e3:>10.4g} ms {seconds / total:>6.0%}")
    if found.note:
        print(f"  note: {found.note}")
    own = case.architecture.stored
    if own is not None and case.precision != own.precision:
        print(f"  note: the checkpoint is stored in {own.method}; predicted in {case.precision}")


def _figure(value: float | None) -> str:
    return "—" if value is None else f"{value:,.4g}" if value < 1e4 else f"{value:,.0f}"


def _case(options: argparse.Namespace) -> Case:
    from modelworth.costmodel.prediction.case import Case, precision_name
    from modelworth.costmodel.prediction.case_table import SELECTIVE_RECOMPUTED
    from modelworth.data.catalog import load_catalog

    if not options.model or not options.gpu:
        raise InputError("--model and --gpu", "missing", "given (or --cases, --validate)")
    catalog = load_catalog()
    serving = options.work in ("serve", "prefill", "decode", "forward")
    recomputed = {"none": 0.0, "selective": SELECTIVE_RECOMPUTED, "full": 1.0}
    architecture = _architecture(options.model, catalog)
    own = architecture.own_precision if serving else "bf16"
    precision = precision_name(options.precision or own)
    return Case(
        work=options.work,
        architecture=architecture,
        accelerator=_accelerator(options, catalog, precision),
        gpus=options.gpus,
        precision=precision,
        batch=options.batch,
        tokens=architecture.patches.tokens if architecture.patches else options.sequence,
        new_tokens=options.new_tokens,
        software=options.software,
        compiled=options.compiled,
        tensor=options.tensor or (options.gpus // options.pipeline if serving else 1),
        pipeline=options.pipeline,
        sharding=options.sharding,
        global_batch=options.global_batch,
        recomputed=recomputed[options.checkpointing],
    )


def _architecture(model: str, catalog: Catalog) -> Any:
    from modelworth.costmodel.architecture.structure import Architecture
    from modelworth.data.model_files import read_model_file

    path = Path(model)
    if path.suffix != ".json" and not path.is_dir():
        entry = catalog.model(model)
        return Architecture.from_config(entry.config, entry.name)
    folder = path if path.is_dir() else path.parent
    name = path.stem if path.stem != "config" and path.is_file() else folder.resolve().name
    return Architecture.from_config(read_model_file(path), name)


def _accelerator(options: argparse.Namespace, catalog: Catalog, precision: str) -> Accelerator:
    """The catalogue's device, or one made of the rates given; never a guess."""
    from modelworth.data.catalog import Accelerator

    rates = (options.matmul_tflops, options.bandwidth_gb_per_s, options.memory_gb)
    if all(rate is None for rate in rates):
        try:
            return catalog.accelerator(options.gpu)
        except InputError as error:
            near = get_close_matches(options.gpu, [one.name for one in catalog.accelerators])
            named = f"a device of the catalogue ({', '.join(near)})" if near else "known"
            raise InputError(
                "--gpu",
                options.gpu,
                f"{named}, or described by its datasheet: --matmul-tflops (dense), "
                "--bandwidth-gb-per-s and --memory-gb, or a row in the file MODELWORTH_CATALOG",
            ) from error
    if None in rates or min(rates) <= 0:
        raise InputError(
            "--matmul-tflops, --bandwidth-gb-per-s, --memory-gb", str(rates), "all given, above 0"
        )
    column = {"amp": "fp16", "int4": "bf16"}.get(precision, precision)
    unit = "tops" if column == "int8" else "tflops"
    given = {
        "name": options.gpu,
        "vendor": "given",
        "architecture": "unknown",
        "bf16_tflops": options.matmul_tflops,
        f"{column}_{unit}": options.matmul_tflops,
        "bandwidth_gb_per_s": options.bandwidth_gb_per_s,
        "memory_gib": options.memory_gb,
        "link_gb_per_s": options.link_gb_per_s,
        "devices_per_node": 8,
        "source": "flags of the command",
        "as_of": "2026",
    }
    return Accelerator.model_validate(given)


def _table(options: argparse.Namespace) -> int:
    import pandas as pd

    from modelworth.costmodel.prediction.predictor import predict_table

    if options.out is None:
        raise InputError("--out", "missing", "the CSV file to write")
    try:
        frame = pd.read_csv(options.cases)
    except (OSError, ValueError) as error:
        raise InputError(str(options.cases), str(error), "a readable CSV file") from error
    predicted = predict_table(frame, tables=_tables(options))
    _write(options.out, predicted.to_csv(index=False, lineterminator="\n"))
    missing = int(predicted["predicted"].isna().sum())
    print(f"{len(predicted) - missing} of {len(predicted)} rows predicted: {options.out}")
    if missing:
        print(f"  {missing} could not be; the column note says why", file=sys.stderr)
    return 0


def _validate(options: argparse.Namespace) -> int:
    from modelworth.costmodel.prediction.validation import markdown, validate

    folder = options.facts or Path(FACTS)
    if not folder.is_dir():
        raise InputError("--facts", str(folder), "a folder of published measurements")
    report = validate(folder)
    print(report.text)
    if options.report:
        from modelworth.verbs.predict_chart import draw

        chart = options.report.with_suffix(".svg")
        draw(report.points, chart)
        _write(options.report, markdown(report, chart.name))
        print(f"written: {options.report}, {chart}")
    return 0


def _calibrate(options: argparse.Namespace) -> int:
    from modelworth.costmodel.prediction.refit import refit, write_tables

    if options.out is None:
        raise InputError("--out", "missing", "a folder for the tables")
    if not options.calibrate.is_dir():
        raise InputError("--calibrate", str(options.calibrate), "a folder of measurements")
    for path in write_tables(refit(options.calibrate), options.out):
        print(path)
    return 0


def _tables(options: argparse.Namespace) -> Tables | None:
    from modelworth.costmodel.prediction.efficiency import read_tables

    return read_tables(options.tables) if options.tables else None


def _measurements(store: str | None) -> list[Any]:
    if store is None:
        return []
    from modelworth.data.store import open_store

    with open_store(store, create=False) as opened:
        return list(opened.measurements())


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise InputError(str(path), str(error), "a file that can be written") from error
