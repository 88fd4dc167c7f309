"""`modelworth plan`: the cheapest layout within a latency objective, or for a training run."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelworth.data.errors import InputError
from modelworth.verbs.asked_case import predictor_of
from modelworth.verbs.plan_scenario import write, write_serving, write_training
from modelworth.verbs.predict_display import count, figure, layout_words

if TYPE_CHECKING:
    from modelworth.costmodel.prediction.case import Case
    from modelworth.costmodel.prediction.plan import Choice, ServingPlan
    from modelworth.costmodel.prediction.predictor import Predictor
    from modelworth.costmodel.prediction.training_run import TrainingPlan
    from modelworth.data.catalog import Accelerator, Catalog

EXAMPLES = """examples:
  modelworth plan --model llama-3.1-70b --rate 20 --prompt 1500 --tpot 0.05
  modelworth plan --model llama-3.1-8b --rate 5 --gpus-of H100 L40S --precisions bf16 fp8 --json
  modelworth plan --model llama-3.1-8b --rate 5 --scenario my_plan.yaml
  modelworth plan --model llama-3.1-70b --rate 50 --disaggregated --gpus-of H100 H200
  modelworth plan --model llama-3.1-70b --run-tokens 15e12 --days 60 --gpus-of H100 B200"""
BAR = 28
POSITIVE = (
    "rate", "prompt", "new_tokens", "ttft", "tpot", "run_tokens", "sequence", "batch_tokens",
    "days", "budget_usd", "usd_per_gpu_hour",
)  # fmt: skip
SIZE = (56, 9)
"""Columns and rows of a terminal's chart."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("--model", required=True, help="a shipped model, or a config.json's path")
    parser.add_argument(
        "--gpus-of", nargs="+", metavar="DEVICE", help="devices to try (default: all with a rent)"
    )
    parser.add_argument(
        "--usd-per-gpu-hour", type=float, help="your rent, of every device tried (the catalogue's)"
    )
    parser.add_argument(
        "--precisions", nargs="+", help="(bf16 and fp8, and as the checkpoint is stored)"
    )
    parser.add_argument("--software", help="engine or framework, such as vllm")
    parser.add_argument("--store", help="own measurements that calibrate (a store's URL or path)")
    parser.add_argument("--tables", type=Path, help="a folder that `predict --calibrate` wrote")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--chart", type=Path, help="write what each device costs as an SVG file")
    load = parser.add_argument_group("a load to serve")
    load.add_argument("--rate", type=float, help="requests per second")
    load.add_argument("--prompt", type=float, default=1000, help="tokens of a prompt (1,000)")
    load.add_argument("--new-tokens", type=float, default=250, help="generated a request (250)")
    load.add_argument("--prefix-share", type=float, default=0.0, help="of prompts found cached")
    load.add_argument("--ttft", type=float, default=1.0, help="95th percentile, seconds (1)")
    load.add_argument("--tpot", type=float, default=0.05, help="95th percentile, seconds (0.05)")
    load.add_argument(
        "--variation", type=float, default=0.0, help="standard deviation of lengths over their mean"
    )
    load.add_argument(
        "--lengths",
        type=Path,
        help="CSV of prompt_tokens,new_tokens,count: a histogram instead of the means",
    )
    load.add_argument(
        "--disaggregated", action="store_true", help="try prompts read on devices of their own, too"
    )
    load.add_argument("--scenario", type=Path, help="write the cheapest choice as a scenario")
    run = parser.add_argument_group("a model to train")
    run.add_argument("--run-tokens", type=float, help="tokens of the run")
    run.add_argument("--sequence", type=float, default=8192, help="tokens of a sequence (8,192)")
    run.add_argument("--batch-tokens", type=float, default=4e6, help="of an optimizer step (4e6)")
    run.add_argument("--days", type=float, help="deadline")
    run.add_argument("--budget-usd", type=float, help="budget for rent")
    parser.epilog = EXAMPLES


def run(options: argparse.Namespace) -> int:
    """Search and show."""
    from modelworth.data.catalog import load_catalog

    for name in POSITIVE:
        value = getattr(options, name)
        if value is not None and not 0 < value < math.inf:
            raise InputError(f"--{name.replace('_', '-')}", value, "above 0")
    if options.chart and options.chart.suffix != ".svg":
        raise InputError("--chart", str(options.chart), "a file that ends in .svg")
    catalog = load_catalog()
    devices = _devices(options.gpus_of, catalog)
    catalog = _priced(catalog, devices, options.usd_per_gpu_hour)
    predictor = predictor_of(options, catalog, options.gpus_of or ())
    if options.run_tokens is not None:
        return _train(options, predictor, devices)
    if options.rate is None:
        raise InputError("--rate", "missing", "given: requests per second; or --run-tokens")
    if options.lengths is not None:
        options.prompt, options.new_tokens, options.variation = _lengths(options.lengths)
    plan = _serving(options, predictor, devices)
    if options.json:
        print(json.dumps(_document(plan), indent=2))
    else:
        _show(options, plan)
        _show_rents(catalog, plan.best_by_device)
    if options.chart:
        unit = "USD per million tokens, 90% interval"
        _write_chart(options.chart, f"{options.model}: {options.rate:g} requests/s", unit, [
            (f"{one.case.accelerator.name} {one.case.precision}", one.usd_per_million_tokens,
             one.low, one.high)
            for one in plan.best_by_device
        ])  # fmt: skip
    if options.scenario:
        write_serving(options.scenario, options, plan.choices[0], _layout(plan.choices[0]))
    return 0


def _devices(names: list[str] | None, catalog: Catalog) -> list[Accelerator]:
    """Those named, or all that are rented out."""
    if names:
        return [catalog.accelerator(name) for name in names]
    rented = {row.accelerator for row in catalog.rents if row.terms == "on-demand"}
    return [device for device in catalog.accelerators if device.name in rented]


def _priced(catalog: Catalog, devices: Sequence[Accelerator], usd: float | None) -> Catalog:
    """The catalogue with somebody's own rent of the devices, if one is said.

    Raises:
        InputError: if nothing says what any of the devices costs.
    """
    from modelworth.data.catalog import Rent

    names = {device.name for device in devices}
    if usd is None:
        if not names & {row.accelerator for row in catalog.rents if row.terms == "on-demand"}:
            found = f"{', '.join(sorted(names))}: no rent in the catalogue"
            raise InputError("--gpus-of", found, advice="give your rent: --usd-per-gpu-hour")
        return catalog
    own = tuple(
        Rent(provider="yours", accelerator=name, terms="on-demand", usd_per_gpu_hour=usd,
             source="--usd-per-gpu-hour", as_of=f"{datetime.now(UTC):%Y-%m-%d}")
        for name in names
    )  # fmt: skip
    return replace(catalog, rents=own)


def _show_rents(catalog: Catalog, choices: Sequence[Choice]) -> None:
    """Whose price each device's cost rests on, and of when."""
    print("  rents an hour, the median of providers' newest prices:")
    for choice in choices:
        name = choice.case.accelerator.name
        quote = catalog.rent(name)
        who = ", ".join(sorted({row.provider for row in quote.rows}))
        print(f"    {name}: ${quote.usd_per_gpu_hour:,.2f} ({who}; {quote.as_of})")


def _serving(
    options: argparse.Namespace, predictor: Predictor, devices: list[Accelerator]
) -> ServingPlan:
    from modelworth.costmodel.architecture.named import named
    from modelworth.costmodel.prediction.case import Case, precision_name
    from modelworth.costmodel.prediction.largest_load import Objective
    from modelworth.costmodel.prediction.plan import Offer, plan_serving

    model = named(options.model, predictor.catalog)
    case = Case.on(
        model, devices[0], tokens=options.prompt, new_tokens=options.new_tokens,
        prefix_share=options.prefix_share, software=options.software,
    )  # fmt: skip
    asked = options.precisions or dict.fromkeys((model.own_precision, "bf16", "fp8"))
    objective = Objective(options.ttft, options.tpot, options.variation)
    offer = Offer(options.rate, objective, options.disaggregated)
    precisions = list(dict.fromkeys(map(precision_name, asked)))
    return plan_serving(case, offer, predictor, devices, precisions)


def _show(options: argparse.Namespace, plan: ServingPlan) -> None:
    print(
        f"{options.model}: {options.rate:g} requests/s of {options.prompt:g} + "
        f"{options.new_tokens:g} tokens; 95% of first tokens within {options.ttft:g} s, of later "
        f"ones within {options.tpot * 1e3:g} ms"
    )
    most = max(choice.usd_per_million_tokens for choice in plan.best_by_device)
    wide = max(len(_short_layout(choice)) for choice in plan.best_by_device) + 2
    print(f"  {'device':<24}{'':<6}{'layout':<{wide}}{'GPUs':>6}{'$/M tokens':>12}{'90%':>20}")
    for choice in plan.best_by_device:
        bar = "█" * max(1, round(BAR * choice.usd_per_million_tokens / most))
        print(f"  {_line(choice, wide)} {bar}")
    print("  $/M tokens: of prompts and answers together")
    _show_frontier(plan.frontier)
    best = plan.choices[0]
    print(f"  cheapest: {_layout(best)}, ", end="")
    print(f"${best.usd_per_hour:,.2f} an hour; {best.point.basis}, {best.point.note}")
    for share, ttft_s, tpot_s in best.point.percentiles:
        print(f"    {share:.0%} of requests: first token within {ttft_s * 1e3:,.0f} ms,", end=" ")
        print(f"later ones within {tpot_s * 1e3:,.3g} ms")
    names = sorted(
        {name for name, *_ in plan.refused} - {c.case.accelerator.name for c in plan.choices}
    )
    if names:
        print(f"  not within the objective or without a rent: {', '.join(names)}")


def _show_frontier(frontier: Sequence[Choice]) -> None:
    """Cost against the time of a later token, as points with a number and a line for each."""
    print("  cost against latency (none is both cheaper and quicker):")
    if len(frontier) > 1:
        across = [choice.point.tpot_s * 1e3 for choice in frontier]
        up = [choice.usd_per_million_tokens for choice in frontier]
        for line in scatter(across, up, "ms for each later token", "$/M tokens"):
            print(f"    {line}".rstrip())
    for place, choice in enumerate(frontier, 1):
        cost, ms = figure(choice.usd_per_million_tokens), choice.point.tpot_s * 1e3
        where = f"{choice.gpus} × {choice.case.accelerator.name} {choice.case.precision}"
        print(f"    {place}  ${cost}: {ms:,.3g} ms, {where}, {_layout(choice)}")


def scatter(across: Sequence[float], up: Sequence[float], below: str, beside: str) -> list[str]:
    """Lines of a terminal's chart, each point drawn as its place from 1 on; up in logarithms."""
    wide, high = SIZE
    left, right, bottom, top = min(across), max(across), min(up), max(up)
    rows = [[" "] * wide for _ in range(high)]
    for place, (x, y) in enumerate(zip(across, up, strict=True), 1):
        column = (x - left) / ((right - left) or 1.0) * (wide - 1)
        row = math.log(top / y) / (math.log(top / bottom) or 1.0) * (high - 1)
        rows[round(row)][round(column)] = str(place)
    edges = {0: figure(top), high - 1: figure(bottom)}
    lines = [f"{edges.get(place, ''):>9} │{''.join(row)}" for place, row in enumerate(rows)]
    ends = f"{'':>11}{figure(left)}{below:^{wide - 12}}{figure(right)}"
    return [f"{beside} (logarithmic)", *lines, f"{'':>9} └{'─' * wide}", ends]


def _layout(choice: Choice) -> str:
    """Replicas and how each is laid out; those of both pools where prompts are read apart."""
    case = choice.case
    writers = f"{choice.replicas} × ({layout_words(replace(case, read_gpus=0))})"
    if (reader := case.reader) is None:
        return writers
    return f"{choice.readers} × ({layout_words(reader)}) read, {writers} decode"


def _short_layout(choice: Choice) -> str:
    return "prompts read apart" if choice.case.read_gpus else layout_words(choice.case)


def _line(choice: Choice, wide: int) -> str:
    case, layout = choice.case, _short_layout(choice)
    interval = f"{figure(choice.low)} – {figure(choice.high)}"
    return (
        f"{case.accelerator.name:<24}{case.precision:<6}{layout:<{wide}}{choice.gpus:>6}"
        f"{figure(choice.usd_per_million_tokens):>12}{interval:>20}"
    )


def _document(plan: ServingPlan) -> dict[str, Any]:
    return {
        "choices": [_choice(choice) for choice in plan.choices],
        "frontier": [_choice(choice) for choice in plan.frontier],
        "best_by_device": [_choice(choice) for choice in plan.best_by_device],
        "refused": [
            {"gpu": name, "precision": precision, "reason": reason}
            for name, precision, reason in plan.refused
        ],
    }


def _choice(choice: Choice) -> dict[str, Any]:
    case, point = choice.case, choice.point
    return {
        "gpu": case.accelerator.name, "precision": case.precision, "tensor": case.tensor,
        "pipeline": case.pipeline, "attention_data": case.attention_data,
        "replicas": choice.replicas, "gpus": choice.gpus,
        "readers": choice.readers,
        "reader_tensor": case.read_tensor if choice.readers else None,
        "reader_pipeline": case.read_pipeline if choice.readers else None,
        "usd_per_million_tokens": choice.usd_per_million_tokens, "low": choice.low,
        "high": choice.high, "usd_per_hour": choice.usd_per_hour,
        "requests_per_s_per_replica": point.requests_per_s, "ttft_p95_s": point.ttft_s,
        "tpot_p95_s": point.tpot_s, "basis": point.basis,
        "percentiles": [
            {"share": share, "ttft_s": ttft, "tpot_s": tpot}
            for share, ttft, tpot in point.percentiles
        ],
    }  # fmt: skip


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

    case = _training_case(options, predictor, devices[0])
    aim = Aim(options.run_tokens, options.batch_tokens, options.days, options.budget_usd)
    found = plan_clusters(case, aim, predictor, devices)
    if options.chart:
        title = f"{case.architecture.name}: {count(options.run_tokens)} tokens"
        _write_chart(options.chart, title, "days, 90% interval", [
            (f"{one.run.devices:,} × {one.best.case.accelerator.name}", one.run.days,
             *one.days_interval)
            for one in found
        ])  # fmt: skip
    if options.scenario:
        write_training(options.scenario, options, found[0])
    if options.json:
        print(json.dumps([_cluster(one) for one in found], indent=2))
        return 0
    print(f"{case.architecture.name}, {count(options.run_tokens)} tokens")
    print(f"  {'device':<24}{'GPUs':>7}{'days':>9}{'rent':>10}{'90% days':>18}  layout")
    for one in found:
        low, high = one.days_interval
        print(
            f"  {one.best.case.accelerator.name:<24}{one.run.devices:>7,}{one.run.days:>9,.1f}"
            f"{f'${count(one.usd or 0)}':>10}{f'{low:,.1f} – {high:,.1f}':>18}  "
            f"{layout_words(one.best.case)}"
        )
    _show_batches([one.best.case for one in found])
    held = {one.best.case.accelerator.name for one in found}
    if left := [device.name for device in devices if device.name not in held]:
        print(f"  no cluster tried keeps it, or no rent is known: {', '.join(left)}")
    return 0


def _training_case(options: argparse.Namespace, predictor: Predictor, device: Accelerator) -> Case:
    from modelworth.costmodel.architecture.named import named
    from modelworth.costmodel.prediction.case import Case

    return Case.on(
        named(options.model, predictor.catalog), device, work="train", tokens=options.sequence,
        software=options.software, precision=(options.precisions or ["bf16"])[0],
    )  # fmt: skip


def _show_batches(cases: Sequence[Case]) -> None:
    """How large an optimizer step was taken to be, and whether that holds the clusters back."""
    batches = sorted({(case.global_batch or 1) * case.tokens for case in cases})
    words = " or ".join(f"{count(tokens)} tokens" for tokens in batches)
    print(f"  an optimizer step has {words} (--batch-tokens)")
    if any(case.batch * case.micro_batches == 1 for case in cases):
        print(
            "  micro-batch 1 × 1: each replica has a single sequence a step, so that more devices"
        )
        print("  hardly help; larger steps (--batch-tokens) use fewer device-hours")


def _cluster(one: TrainingPlan) -> dict[str, Any]:
    low, high = one.days_interval
    return {
        "gpu": one.best.case.accelerator.name, "gpus": one.run.devices, "days": one.run.days,
        "low_days": low, "high_days": high, "usd": one.usd, "device_hours": one.run.device_hours,
        "layout": layout_words(one.best.case), "global_batch": one.best.case.global_batch,
        "tokens_per_s_per_gpu": one.best.tokens_per_s_per_device,
        "energy_kwh": one.run.energy_kwh,
    }  # fmt: skip
