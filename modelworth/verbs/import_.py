"""`modelworth import`: measurements from a file, ours or another tool's, into a store."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from modelworth.verbs import way_of_serving

if TYPE_CHECKING:
    from modelworth.data.importers.judge import Judgement
    from modelworth.data.importers.told import Told
    from modelworth.data.measurement import Measurement


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("files", type=Path, nargs="+", help="our exports or other tools' results")
    parser.add_argument(
        "--store", help="store to add to (default: $MODELWORTH_STORE, modelworth.db)"
    )
    parser.add_argument("--judge", action="store_true", help="say what each run can stand for")
    said = parser.add_argument_group("what another tool's file doesn't say")
    said.add_argument("--device", help="the accelerator it ran on")
    said.add_argument("--count", help="how many of them (default: as the file says)")
    said.add_argument("--model", help="the model's name")
    said.add_argument("--date", help="when it ran, such as 2026-01-31")
    said.add_argument("--precision", help="of the weights (default: the file's, else bfloat16)")
    said.add_argument("--concurrency", help="most requests that were in flight")
    said.add_argument("--rate", help="requests a second that were sent")
    said.add_argument("--batch", help="sequences at once, where nothing was served")
    said.add_argument("--prompt-tokens", help="mean length of a prompt")
    said.add_argument("--new-tokens", help="mean length of an answer")
    way_of_serving.add_arguments(said)
    parser.epilog = (
        "examples:\n"
        "  modelworth import runs.jsonl\n"
        "  modelworth import vllm-result.json --device 'H100 SXM 80GB' --count 2 --judge\n"
        "  modelworth import llama-bench.json\n\n"
        "Read are results of vllm bench serve, sglang.bench_serving, AIPerf, genai-perf,\n"
        "llmperf, guidellm, inference-perf, inference-benchmarker, trtllm-bench, InferenceX,\n"
        "LMDeploy, text-generation-benchmark, MLPerf loadgen, llama-bench, optimum-benchmark\n"
        "and lm-evaluation-harness, by content."
    )


def run(options: argparse.Namespace) -> int:
    """Add what is new; all files are read and checked before anything is added."""
    from modelworth.costmodel.prediction.served import as_stored, judgements
    from modelworth.data.catalog import load_catalog
    from modelworth.data.importers.again import keep
    from modelworth.data.importers.foreign import read_any
    from modelworth.data.store import open_store

    told = _told(options)
    catalog = load_catalog()
    files = [read_any(path, told) for path in options.files]
    own = [record for _, ours in files for record in ours]
    foreign = [as_stored(record, catalog, told) for theirs, _ in files for record in theirs]
    with open_store(options.store) as store:
        kept = keep(store, foreign, own)
        known = kept.read - kept.added - kept.left_out
        print(f"{kept.added} measurements added to {store.where}, {known} known already")
    if kept.replaced:
        print(f"{len(kept.replaced)} taken back: the same runs had been imported under other words")
        print("\n".join(f"  {line}" for line in kept.lines))
    if kept.left_out:
        print(f"{kept.left_out} left out: the store took them back, or has another word of the run")
    served = [record for record in (*foreign, *own) if record.workload.kind == "serve"]
    if served:
        classes = judgements(served, catalog)
        _print_judgements(served, classes) if options.judge else _print_unsound(classes)
    return 0


def _told(options: argparse.Namespace) -> Told:
    """The flags as the importers take them."""
    from modelworth.data.catalog import load_catalog
    from modelworth.data.errors import InputError
    from modelworth.data.importers.read import moment
    from modelworth.data.importers.told import Told
    from modelworth.data.words import precision

    date = None if options.date is None else moment(options.date)
    if options.date is not None and date is None:
        raise InputError("--date", options.date, "a date such as 2026-01-31 or 2026-01-31T14:00")
    cached, drafting = way_of_serving.said(options)
    return Told(
        device=options.device and load_catalog().accelerator(options.device).name,
        count=_count("--count", options.count),
        precision=None if options.precision is None else precision(options.precision),
        model=options.model,
        date=date,
        concurrency=_count("--concurrency", options.concurrency),
        rate_per_s=_rate(options.rate),
        batch=_count("--batch", options.batch),
        prompt_tokens=_count("--prompt-tokens", options.prompt_tokens),
        new_tokens=_count("--new-tokens", options.new_tokens),
        cache_format=cached,
        drafting=drafting,
    )


def _count(flag: str, text: str | None) -> int | None:
    """A whole number of 1 or more."""
    from modelworth.data.errors import InputError

    if text is None:
        return None
    if len(text) > 9 or not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise InputError(flag, text, "a whole number of 1 or more, below a thousand million")
    return int(text)


def _rate(text: str | None) -> float | None:
    """A rate above 0, or `inf` for all at once."""
    from modelworth.data.errors import InputError
    from modelworth.data.importers.read import rate

    found = None if text is None else rate(text)
    if text is not None and found is None:
        raise InputError("--rate", text, "requests a second, above 0, or inf for all at once")
    return found


def _print_judgements(records: Sequence[Measurement], judgements: dict[str, Judgement]) -> None:
    """Class, reason and arithmetic of each run of a served endpoint."""
    for record in records:
        judgement, work = judgements.get(record.id), record.workload
        if judgement is None:
            continue
        devices = f"{record.machine.count} × {record.machine.device}"
        lengths = f"{work.prompt_tokens or '?'} + {work.new_tokens or '?'} tokens"
        print(f"{record.id}  {record.model.name} on {devices}, {lengths}{work.manner}")
        use = "may carry a capacity" if judgement.sound else "no capacity"
        print(f"  {judgement.title}: {judgement.reason} ({use})")
        print(f"  {judgement.arithmetic}")


def _print_unsound(judgements: dict[str, Judgement]) -> None:
    """How many runs can't stand for a capacity, and why."""
    unsound = [one for one in judgements.values() if not one.sound]
    if unsound:
        kinds = ", ".join(sorted({one.title for one in unsound}))
        print(f"{len(unsound)} of {len(judgements)} can't stand for a capacity ({kinds}): --judge")
