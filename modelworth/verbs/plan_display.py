"""How a plan is shown: in a terminal with bars and a chart, or as JSON."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from modelworth.verbs.predict_display import layout_words
from modelworth.verbs.shown import count, figure

if TYPE_CHECKING:
    from modelworth.costmodel.prediction.case import Case
    from modelworth.costmodel.prediction.plan import Choice, ServingPlan
    from modelworth.costmodel.prediction.training_run import TrainingPlan
    from modelworth.data.catalog import Accelerator, Catalog

BAR = 28
SIZE = (56, 9)
"""Columns and rows of a terminal's chart."""


def show(options: argparse.Namespace, plan: ServingPlan) -> None:
    """The cheapest choice of each device, what speed costs, and the best in full."""
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
    print("  $/M tokens: of prompts and answers together; GPUs are whole, so that both ends of 90%")
    print("  are alike where the same number suffices at both")
    _show_frontier(plan.frontier)
    best = plan.choices[0]
    print(f"  cheapest: {layout_of(best)}, ", end="")
    print(f"${best.usd_per_hour:,.2f} an hour; {best.point.basis}, {best.point.note}")
    for share, ttft_s, tpot_s in best.point.percentiles:
        print(f"    {share:.0%} of requests: first token within {ttft_s * 1e3:,.0f} ms,", end=" ")
        print(f"later ones within {tpot_s * 1e3:,.3g} ms")
    names = sorted(
        {name for name, *_ in plan.refused} - {c.case.accelerator.name for c in plan.choices}
    )
    if names:
        print(f"  not within the objective or without a rent: {', '.join(names)}")


def show_rents(catalog: Catalog, cases: Iterable[Case]) -> None:
    """Whose price each device's cost rests on, and of when."""
    print("  rents an hour, the median of providers' newest prices:")
    for name in dict.fromkeys(case.accelerator.name for case in cases):
        quote = catalog.rent(name)
        who = ", ".join(sorted({row.provider for row in quote.rows}))
        print(f"    {name}: ${quote.usd_per_gpu_hour:,.2f} ({who}; {quote.as_of})")


def show_clusters(
    found: Sequence[TrainingPlan], devices: Sequence[Accelerator], catalog: Catalog
) -> None:
    """A row for each device's cluster."""
    from modelworth.costmodel.prediction.published_runs import days_as_published

    print(f"{found[0].best.case.architecture.name}, {count(found[0].run.tokens)} tokens")
    print(f"  {'device':<24}{'GPUs':>7}{'days':>9}{'rent':>10}{'steps 90%':>16}", end="")
    print(f"{'as published 90%':>19}  layout")
    for one in found:
        low, high = one.days_interval
        least, _, most = days_as_published(one)
        print(
            f"  {one.best.case.accelerator.name:<24}{one.run.devices:>7,}{one.run.days:>9,.1f}"
            f"{f'${count(one.usd or 0)}':>10}{f'{low:,.1f} – {high:,.1f}':>16}"
            f"{f'{least:,.1f} – {most:,.1f}':>19}  {layout_words(one.best.case)}"
        )
    print("  days by the speed of steps; as published: at the utilisation of whole published runs")
    cases = [one.best.case for one in found]
    _show_batches(cases)
    show_rents(catalog, cases)
    held = {case.accelerator.name for case in cases}
    if left := [device.name for device in devices if device.name not in held]:
        print(f"  no cluster tried keeps it, or no rent is known: {', '.join(left)}")


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
        print(f"    {place}  ${cost}: {ms:,.3g} ms, {where}, {layout_of(choice)}")


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


def layout_of(choice: Choice) -> str:
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


def document(plan: ServingPlan) -> dict[str, Any]:
    """All of it, for machines."""
    names = ("choices", "frontier", "best_by_device")
    refused = [dict(zip(("gpu", "precision", "reason"), one, strict=True)) for one in plan.refused]
    lists = {name: [_choice(choice) for choice in getattr(plan, name)] for name in names}
    return {**lists, "refused": refused}


def _choice(choice: Choice) -> dict[str, Any]:
    case, point = choice.case, choice.point
    names = ("share", "ttft_s", "tpot_s")
    return {
        "gpu": case.accelerator.name, "precision": case.precision, "tensor": case.tensor,
        "pipeline": case.pipeline, "attention_data": case.attention_data,
        "replicas": choice.replicas, "gpus": choice.gpus, "readers": choice.readers,
        "reader_tensor": case.read_tensor if choice.readers else None,
        "reader_pipeline": case.read_pipeline if choice.readers else None,
        "usd_per_million_tokens": choice.usd_per_million_tokens, "low": choice.low,
        "high": choice.high, "usd_per_hour": choice.usd_per_hour,
        "requests_per_s_per_replica": point.requests_per_s, "ttft_p95_s": point.ttft_s,
        "tpot_p95_s": point.tpot_s, "basis": point.basis,
        "percentiles": [dict(zip(names, one, strict=True)) for one in point.percentiles],
    }  # fmt: skip


def cluster(one: TrainingPlan) -> dict[str, Any]:
    """A training's cluster, for machines."""
    from modelworth.costmodel.prediction.published_runs import days_as_published

    low, high = one.days_interval
    return {
        "gpu": one.best.case.accelerator.name, "gpus": one.run.devices, "days": one.run.days,
        "low_days": low, "high_days": high, "published_runs_days": days_as_published(one),
        "usd": one.usd, "device_hours": one.run.device_hours,
        "layout": layout_words(one.best.case), "global_batch": one.best.case.global_batch,
        "tokens_per_s_per_gpu": one.best.tokens_per_s_per_device,
        "energy_kwh": one.run.energy_kwh,
    }  # fmt: skip
