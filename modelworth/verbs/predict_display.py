"""How a predicted case is shown: in a terminal with bars, or as JSON."""

# ruff: noqa: T201
from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any

from modelworth.verbs.shown import count, duration, figure

if TYPE_CHECKING:
    from modelworth.costmodel.prediction.answer import Answer
    from modelworth.costmodel.prediction.case import Case
    from modelworth.costmodel.prediction.predictor import Prediction

BAR = 30
GB = 1e9
CLOSED = ("serve", "closed")
LEAST_SHOWN = 0.005
SIZES = ("parameters", "active_parameters")
DEGREES = ("data", "tensor", "pipeline", "expert", "context", "attention_data")
SHARDED = ("replicated", "distributed optimizer", "ZeRO 2", "FSDP")


def document(answer: Answer) -> dict[str, Any]:
    """All of it, for machines."""
    from modelworth.costmodel.prediction.published_rows import nearest

    case, found = answer.case, answer.prediction
    asked = {
        "model": case.architecture.name, "gpu": case.accelerator.name, "gpus": case.devices,
        "prefill_gpus": case.read_gpus, "work": case.work, "precision": case.precision,
        "batch": case.batch, "sequence": case.tokens, "new_tokens": case.new_tokens,
        "layout": layout_words(case),
    }  # fmt: skip
    kept = [field.name for field in fields(found) if field.name not in ("case", "refusal", "width")]
    told = ("flops", "bytes_read", "mfu", "mbu", "available_bytes", "joules_per_unit")
    return {
        "case": asked,
        **{name: getattr(found, name) for name in kept},
        "width": found.width and asdict(found.width),
        **{name: getattr(case.architecture, name) for name in SIZES},
        **{name: getattr(answer, name) for name in told},
        "memory_bytes": {**answer.memory.parts, "total": float(answer.memory.total)},
        "usd_per_gpu_hour": answer.rent.usd_per_gpu_hour if answer.rent else None,
        "usd_per_million": answer.usd_per_million,
        "nearest_measured": [row.model_dump() for row in nearest(case)],
    }


def show(answer: Answer, *, searched: bool = False, assumed: bool = False) -> None:
    """The whole answer in a terminal; `assumed`: an optimizer step's batch wasn't said."""
    case, found = answer.case, answer.prediction
    flying = f", {case.batch:,.0f} in flight" if (case.work, case.regime) == CLOSED else ""
    where = f"{case.devices} × {case.accelerator.name}"
    print(f"{case.architecture.name}, {case.work} on {where}{flying}")
    print(f"  {figure(found.value)} {found.unit}", end="")
    print(f"   (90% interval {figure(found.low)} to {figure(found.high)}; {found.basis})")
    for name, seconds in (("step", found.step_s), ("TTFT", found.ttft_s), ("TPOT", found.tpot_s)):
        if seconds is not None:
            print(f"  {name} {duration(seconds)}")
    if found.running is not None and found.room is not None:
        each = " a replica" if case.data > 1 else ""
        print(f"  sequences that run together{each}: {found.running:,.0f};", end=" ")
        print(f"the cache has room for {found.room:,.0f}")
    if case.devices > 1:
        print(f"  {'best layout' if searched else 'layout'}: {layout_words(case)}")
    if searched and assumed and case.global_batch:
        tokens = count(case.global_batch * case.tokens)
        print(f"  {case.global_batch:,.0f} sequences an optimizer step ({tokens} tokens):", end=" ")
        print("assumed, give --global-batch")
    if searched and case.work == "serve" and case.batch < case.gpus:
        print("  few requests for so many devices: --batch says how many are in flight")
    show_parts(found)
    _sizes(answer)
    _costs(answer)
    _certainty(case, found)
    _nearest(case)


def layout_words(case: Case) -> str:
    """A layout as its engineers would say it."""
    from modelworth.costmodel.prediction.refusal import zero_stage

    if (reader := case.reader) is not None:
        writers = layout_words(replace(case, read_gpus=0))
        read = f"{case.read_gpus} read prompts ({layout_words(reader)})"
        return f"{read}, {case.gpus} decode ({writers})"
    degrees = {name.replace("_", "-"): getattr(case, name) for name in DEGREES}
    words = [f"{name} {degree}" for name, degree in degrees.items() if degree > 1] or ["one device"]
    if case.work != "train":
        return ", ".join(words)
    if case.data > 1:
        words.append(SHARDED[zero_stage(case)])
    if case.pipeline > 1 and case.virtual and case.virtual > 1:
        words.append(f"{case.virtual} virtual stages")
    words.append(f"micro-batch {case.batch:g} × {case.micro_batches:g}")
    if case.recomputed:
        words.append(f"{case.recomputed:.0%} recomputed")
    return ", ".join(words)


def show_parts(found: Prediction) -> None:
    """The time by part, with bars."""
    total = sum(found.parts.values())
    if found.ttft_s is not None:
        print(f"  a request takes {duration(total)} of its replica's time:")
    for name, seconds in sorted(found.parts.items(), key=lambda part: -abs(part[1])):
        share = seconds / total if total else 0.0
        if abs(share) > LEAST_SHOWN:
            bar = "█" * round(abs(share) * BAR)
            saved = " spared where a pass reads prompts and decodes" if seconds < 0 else ""
            print(f"    {name:<14}{duration(seconds):>13} {share:>6.0%} {bar}{saved}")


def _sizes(answer: Answer) -> None:
    each = {"train": "an optimizer step", "serve": "a request"}.get(answer.case.work, "a pass")
    whole, active = (getattr(answer.case.architecture, name) for name in SIZES)
    spared = f", {count(active)} active" if active != whole else ""
    print(f"  {count(whole)} parameters{spared}; ", end="")
    flops = count(answer.flops / 1e6, ("EFLOP", "PFLOP", "TFLOP", "GFLOP"))
    print(f"{flops} {each}", end="")
    used = {"MFU": answer.mfu, "MBU": answer.mbu}
    shown = ", ".join(f"{name} {part:.1%}" for name, part in used.items() if part is not None)
    print(f"; {shown}" if shown else "")
    words = ", ".join(
        f"{name.replace('_', ' ')} {held / GB:,.3g}"
        for name, held in answer.memory.parts.items()
        if held > GB / 100
    )
    free = (answer.available_bytes - float(answer.memory.total)) / GB
    print(f"  memory a device: {float(answer.memory.total) / GB:,.3g} GB ({words}); ", end="")
    print(f"{free:,.3g} GB free" if free >= 0 else f"{-free:,.3g} GB too much")


def _costs(answer: Answer) -> None:
    unit = answer.prediction.unit.split("/")[0]
    if answer.joules_per_unit is not None:
        one = unit.removesuffix("s")
        print(f"  {figure(answer.joules_per_unit)} J for each {one}, cooling included")
    if answer.rent is not None and answer.usd_per_million is not None:
        rent = f"${answer.rent.usd_per_gpu_hour:.2f} an hour"
        print(f"  ${figure(answer.usd_per_million)} for a million {unit} at {rent}, never idle")


def _certainty(case: Case, found: Prediction) -> None:
    width = found.width
    if width is not None:
        print(f"  interval: × ÷ {width.factor:.2f}, after {width.rows} rows of ", end="")
        print(f"{width.models} models ({width.group}), each predicted without its model")
    if found.note:
        print(f"  note: {found.note}")
    own = case.architecture.stored
    if own is not None and case.precision != own.precision:
        print(f"  note: the checkpoint is stored in {own.method}; predicted in {case.precision}")
    wanted = case.architecture.own_cache_precision
    if wanted != (case.kv_precision or "bf16") and case.work in ("serve", "prefill", "decode"):
        asked = case.kv_precision or "bf16"
        print(f"  note: the checkpoint's files want the cache in {wanted}; predicted in {asked}")


def _nearest(case: Case) -> None:
    from modelworth.costmodel.prediction.published_rows import nearest

    print("  nearest measured:")
    for row in nearest(case):
        what = f"{row.model}, {row.software or 'no software named'}, {row.gpus} × {row.device}"
        load = f"{row.precision}, {row.batch:g} × {row.tokens:g}"
        print(f"    {what}, {load}: {figure(row.value)} {row.unit} ({row.source})")
