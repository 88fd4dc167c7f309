"""`modelworth plan`: the cheapest layout within a latency objective, or for a training run."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from modelworth.data.errors import InputError
from modelworth.verbs.asked_case import predictor_of
from modelworth.verbs.plan_display import (
    cluster,
    document,
    show,
    show_clusters,
    show_rents,
)
from modelworth.verbs.plan_scenario import write, write_serving, write_training
from modelworth.verbs.shown import count

if TYPE_CHECKING:
    from modelworth.costmodel.prediction.case import Case
    from modelworth.costmodel.prediction.predictor import Predictor
    from modelworth.data.catalog import Accelerator, Catalog

EXAMPLES = """examples:
  modelworth plan --model llama-3.1-70b --rate 20 --prompt 1500 --tpot 0.05
  modelworth plan --model llama-3.1-8b --rate 5 --gpus-of H100 L40S --precisions bf16 fp8 --json
  modelworth plan --model llama-3.1-8b --rate 5 --scenario my_plan.yaml
  modelworth plan --model llama-3.1-70b --rate 50 --disaggregated --gpus-of H100 H200
  modelworth plan --model llama-3.1-70b --run-tokens 15e12 --days 60 --gpus-of H100 B200"""
NUMBERS: dict[str, tuple[tuple[str, float | None, float | None, str], ...]] = {
    "what it costs": (
        ("--usd-per-gpu-hour", None, 1e6, "your rent, of every device tried (the catalogue's)"),
    ),
    "a load to serve": (
        ("--rate", None, 1e9, "requests per second"),
        ("--prompt", 1000, 1e8, "tokens of a prompt (1,000)"),
        ("--new-tokens", 250, 1e8, "generated a request (250)"),
        ("--prefix-share", 0.0, None, "of prompts found cached"),
        ("--ttft", 1.0, 1e6, "95th percentile, seconds (1)"),
        ("--tpot", 0.05, 1e4, "95th percentile, seconds (0.05)"),
        ("--variation", 0.0, None, "standard deviation of lengths over their mean"),
    ),
    "a model to train": (
        ("--run-tokens", None, 1e18, "tokens of the run"),
        ("--sequence", 8192, 1e8, "tokens of a sequence (8,192)"),
        ("--batch-tokens", 4e6, 1e12, "of an optimizer step (4e6)"),
        ("--days", None, 1e5, "deadline"),
        ("--budget-usd", None, 1e15, "budget for rent"),
    ),
}
"""Numbers by group: flag, what is usual, the most that one above 0 may be, what it is."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("--model", required=True, help="a shipped model, or a config.json's path")
    tried = "devices to try (default: all with a rent)"
    parser.add_argument("--gpus-of", nargs="+", metavar="DEVICE", help=tried)
    usual = "(bf16 and fp8, and as the checkpoint is stored)"
    parser.add_argument("--precisions", nargs="+", help=usual)
    parser.add_argument("--software", help="engine or framework, such as vllm")
    parser.add_argument("--store", help="own measurements that calibrate (a store's URL or path)")
    parser.add_argument("--tables", type=Path, help="a folder that `predict --calibrate` wrote")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--chart", type=Path, help="write what each device costs as an SVG file")
    parser.add_argument("--scenario", type=Path, help="write the cheapest choice as a scenario")
    lengths = "CSV of prompt_tokens,new_tokens,count: a histogram instead of their means"
    parser.add_argument("--lengths", type=Path, help=lengths)
    apart = "try prompts read on devices of their own, too"
    parser.add_argument("--disaggregated", action="store_true", help=apart)
    for title, rows in NUMBERS.items():
        group = parser.add_argument_group(title)
        for flag, default, _, words in rows:
            group.add_argument(flag, type=float, default=default, help=words)
    parser.epilog = EXAMPLES


def run(options: argparse.Namespace) -> int:
    """Search and show."""
    from modelworth.data.catalog import load_catalog

    _require_sense(options)
    catalog = load_catalog()
    devices = _devices(options.gpus_of, catalog)
    catalog = _priced(catalog, devices, options.usd_per_gpu_hour)
    predictor = predictor_of(options, catalog, options.gpus_of or ())
    if options.run_tokens is not None:
        return _train(options, predictor, devices)
    if options.lengths is not None:
        options.prompt, options.new_tokens, options.variation = _lengths(options.lengths)
    return _serve(options, predictor, devices)


def _require_sense(options: argparse.Namespace) -> None:
    """Refuse numbers that mean nothing, and a question that is none or two."""
    for flag, _, most, _ in chain.from_iterable(NUMBERS.values()):
        value = getattr(options, flag[2:].replace("-", "_"))
        if most and value is not None and not 0 < value <= most:
            raise InputError(flag, value, f"above 0, at most {most:g}")
    if options.chart and options.chart.suffix != ".svg":
        raise InputError("--chart", str(options.chart), "a file that ends in .svg")
    if options.rate is not None and options.run_tokens is not None:
        found = f"{options.rate:g}, {options.run_tokens:g}"
        raise InputError("--rate and --run-tokens", found, "one of both: a load, or a training")
    if options.rate is None and options.run_tokens is None:
        raise InputError("--rate", "missing", "given: requests per second; or --run-tokens")


def _devices(names: list[str] | None, catalog: Catalog) -> list[Accelerator]:
    """Those named, or all that are rented out."""
    if names:
        return [catalog.accelerator(name) for name in names]
    rented = _rented(catalog)
    return [device for device in catalog.accelerators if device.name in rented]


def _rented(catalog: Catalog) -> set[str]:
    return {row.accelerator for row in catalog.rents if row.terms == "on-demand"}


def _priced(catalog: Catalog, devices: Sequence[Accelerator], usd: float | None) -> Catalog:
    """The catalogue with somebody's own rent of the devices, if one is said.

    Raises:
        InputError: if nothing says what any of the devices costs.
    """
    from modelworth.data.catalog import Rent

    names = {device.name for device in devices}
    if usd is not None:
        said = {"provider": "yours", "terms": "on-demand", "source": "--usd-per-gpu-hour"}
        said |= {"as_of": f"{datetime.now(UTC):%Y-%m-%d}"}
        own = [Rent(accelerator=name, usd_per_gpu_hour=usd, **said) for name in names]
        return replace(catalog, rents=tuple(own))
    if not names & _rented(catalog):
        found = f"{', '.join(sorted(names))}: no rent in the catalogue"
        raise InputError("--gpus-of", found, advice="give your rent: --usd-per-gpu-hour")
    return catalog


def _case(options: argparse.Namespace, catalog: Catalog, device: Accelerator) -> Case:
    from modelworth.costmodel.architecture.named import named
    from modelworth.costmodel.prediction.case import Case
    from modelworth.costmodel.prediction.case_fields import flag_of

    if options.run_tokens is None:
        asked = {"tokens": options.prompt, "new_tokens": options.new_tokens}
        asked |= {"prefix_share": options.prefix_share}
    else:
        precision = (options.precisions or ["bf16"])[0]
        asked = {"work": "train", "tokens": options.sequence, "precision": precision}
    try:
        return Case.on(named(options.model, catalog), device, software=options.software, **asked)
    except InputError as error:
        serving = options.run_tokens is None and error.where == "tokens"
        raise error.at("--prompt" if serving else flag_of(error.where)) from None


def _serve(options: argparse.Namespace, predictor: Predictor, devices: list[Accelerator]) -> int:
    from modelworth.costmodel.prediction.case import precision_name
    from modelworth.costmodel.prediction.largest_load import Objective
    from modelworth.costmodel.prediction.plan import Offer, plan_serving

    case = _case(options, predictor.catalog, devices[0])
    asked = options.precisions or (case.architecture.own_precision, "bf16", "fp8")
    objective = Objective(options.ttft, options.tpot, options.variation)
    offer = Offer(options.rate, objective, options.disaggregated)
    precisions = list(dict.fromkeys(map(precision_name, asked)))
    plan = plan_serving(case, offer, predictor, devices, precisions)
    if options.json:
        print(json.dumps(document(plan), indent=2))
    else:
        show(options, plan)
        show_rents(predictor.catalog, (one.case for one in plan.best_by_device))
    if options.chart:
        unit = "USD per million tokens, 90% interval"
        _write_chart(options.chart, f"{options.model}: {options.rate:g} requests/s", unit, [
            (f"{one.case.accelerator.name} {one.case.precision}", one.usd_per_million_tokens,
             one.low, one.high)
            for one in plan.best_by_device
        ])  # fmt: skip
    if options.scenario:
        write_serving(options.scenario, options, plan.choices[0])
    return 0


def _write_chart(
    path: Path, title: str, unit: str, rows: Sequence[tuple[str, float, float, float]]
) -> None:
    """A bar for each device with its 90% interval, as documents draw them."""
    from modelworth.report.charts.vega_pen import svg
    from modelworth.report.sections.blocks import BarChart, Bars

    names, values, low, high = zip(*rows, strict=True)
    write(path, svg(BarChart("plan", title, unit, names, (Bars(unit, values, low, high),))))


def _lengths(path: Path) -> tuple[float, float, float]:
    """Mean prompt and new tokens of a histogram, and the variation of prompts."""
    import numpy as np

    from modelworth.data.foreign_file import read_frame

    wanted = ["prompt_tokens", "new_tokens", "count"]
    allowed = f"a CSV file of numbers with the columns {', '.join(wanted)}"
    try:
        rows = read_frame(path, allowed).select_dtypes("number")[wanted].to_numpy(float)
    except (ValueError, KeyError, OverflowError) as error:
        raise InputError(str(path), str(error), allowed) from error
    if not rows.size or not np.isfinite(rows).all() or (rows[:, :2] < 1).any() or (
        rows[:, 2].min() < 0 or rows[:, 2].sum() <= 0
    ):  # fmt: skip
        raise InputError(str(path), "a length or count", "lengths of 1 or more, counts 0 or more")
    shares = rows[:, 2] / rows[:, 2].sum()
    prompt, new = shares @ rows[:, 0], shares @ rows[:, 1]
    spread = float(np.sqrt(shares @ (rows[:, 0] - prompt) ** 2))
    return float(prompt), float(new), spread / float(prompt)


def _train(options: argparse.Namespace, predictor: Predictor, devices: list[Accelerator]) -> int:
    from modelworth.costmodel.prediction.training_run import Aim, plan_clusters

    case = _case(options, predictor.catalog, devices[0])
    aim = Aim(options.run_tokens, options.batch_tokens, options.days, options.budget_usd)
    found = plan_clusters(case, aim, predictor, devices)
    if options.json:
        print(json.dumps([cluster(one) for one in found], indent=2))
    else:
        show_clusters(found, devices, predictor.catalog)
    if options.chart:
        title = f"{case.architecture.name}: {count(options.run_tokens)} tokens"
        _write_chart(options.chart, title, "days, 90% interval", [
            (f"{one.run.devices:,} × {one.best.case.accelerator.name}", one.run.days,
             *one.days_interval)
            for one in found
        ])  # fmt: skip
    if options.scenario:
        write_training(options.scenario, options, found[0])
    return 0
