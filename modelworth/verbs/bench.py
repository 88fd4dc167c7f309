"""`modelworth bench`: runs a suite or one case; shows progress and time left; resumes."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import logging
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic import ValidationError

from modelworth.command_text import command_text
from modelworth.data.drafts import write_whole
from modelworth.data.errors import InputError
from modelworth.data.store import Store, open_store
from modelworth.data.words import Kind
from modelworth.verbs import bench_display as display

if TYPE_CHECKING:
    from modelworth.bench.run.progress import Event
    from modelworth.bench.run.suites import Suite
    from modelworth.bench.work.task import Limits

WORK = tuple(kind for kind in get_args(Kind) if kind not in ("serve", "study"))

EPILOG = """examples:
  modelworth bench                                  the quick suite, about a minute
  modelworth bench --list                           the suites, with their cases
  modelworth bench --suite standard --budget 3m     the cases that tell most in three minutes
  modelworth bench --suite gpu-proof                a device proven in ten minutes, with a page
  modelworth bench --suite mine.yaml                a suite of your own
  modelworth bench --model llama-3.1-8b --work decode --batch 8 --prompt-tokens 2048
  modelworth bench --model ./config.json --work pretrain --compile off --attention eager
  modelworth bench --model ladder-16m                    every kind of work that it can do
  modelworth bench --model ladder-16m --work decode --batch 1,2,4,8 --precision bf16,fp32
  modelworth bench --model ladder-16m --work pretrain --search largest-batch
  modelworth bench --model ladder-16m --work pretrain --profile traces
  modelworth bench --model llama-3.2-1b --work pretrain --nproc 8 --data-parallel 8 --fully-sharded
on several nodes, the same command on each:
  torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint HOST:29500 \\
    -m modelworth bench --model llama-3.1-8b --work pretrain --data-parallel 16 --fully-sharded \\
    --nodes 2
"""
SWEEPS = (
    ("batch", "N", "sequences or images on one rank"),
    ("prompt_tokens", "N", "sequence, prompt, or context held"),
    ("new_tokens", "N", "tokens to generate for each sequence"),
    ("image_pixels", "N", "side of square images"),
    ("denoising_steps", "N", "for an image, of diffusion"),
    ("precision", None, "fp32, tf32, bf16, fp16, fp8, int8 or int4"),
    ("attention", None, "sdpa (default), eager, flash_attention_2"),
    ("attention_kernel", None, "flash, cudnn, efficient, math or split; default: the fastest"),
    ("compile", "on|off", "default: on with a GPU"),
    ("compile_mode", None, "of torch.compile, such as max-autotune"),
    ("cuda_graphs", "on|off", "decoding, on by default"),
    ("fused_projections", "on|off", "decoding, on by default"),
    ("chunked_loss", "on|off", "training, on by default"),
    ("optimizer", None, "adamw_fused (default) or adamw"),
    ("clip_norm", "X", "clip the gradients' norm, such as to 1"),
    ("gradient_accumulation", "N", "micro-batches a step, 1 by default"),
    ("lora_rank", "N", "of the adapters, 16 by default"),
    ("weights", "random|pretrained", "random by default"),
    ("seed", "N", "0 by default"),
)
"""Choices of a case of which several values may stand, separated by commas: metavar and help."""
SWITCHES = (
    ("activation_checkpointing", "compute activations again in the backward pass"),
    ("trust_remote_code", "run code that comes with a hub model"),
    ("fully_sharded", "FSDP2"),
)
DEGREES = (
    ("data_parallel", "ranks that each take a batch of their own"),
    ("tensor_parallel", "ranks that share each layer"),
    ("nodes", "machines, each running this command under torchrun"),
)
SWEPT = ("model", "work", *(name for name, _, _ in SWEEPS))
CASE_OPTIONS = (*SWEPT, *(name for name, _ in (*SWITCHES, *DEGREES)))
PROOF = "gpu-proof"
SEARCHES = ("largest-batch", "longest-sequence", "best-batch")
"""What `--search` can look for."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.epilog = EPILOG
    parser.set_defaults(parser=parser)  # from which the command is rebuilt
    what = parser.add_argument_group("what to measure")
    what.add_argument(
        "--suite", help="quick (default), standard, families, ladder, full, gpu-proof, or a file"
    )
    what.add_argument("--list", action="store_true", help="show the suites and their cases")
    what.add_argument("--budget", metavar="TIME", help="only the cases that tell most in, say, 10m")
    what.add_argument("--model", help="a catalogue name, config.json, folder or hub id")
    what.add_argument("--work", help=f"{', '.join(WORK)}; default: all that the model can do")
    what.add_argument("--search", choices=SEARCHES, help="vary the case to find a limit")
    what.add_argument("--device", choices=("cpu", "cuda"), help="default: a GPU if there is one")
    detail = "several values separated by commas are swept: --batch 1,2,4"
    _add_case_arguments(parser.add_argument_group("cases, in detail", detail))
    how = parser.add_argument_group("how long")
    how.add_argument("--timed-s", type=float, help="seconds of timed steps at most")
    how.add_argument("--warmup-s", type=float, help="seconds of warm-up at most")
    how.add_argument("--time-limit-s", type=float, help="seconds after which a case is given up")
    how.add_argument("--target", type=float, help="stop at this relative half width, such as 0.01")
    how.add_argument("--again", action="store_true", help="begin anew, don't take up a cut run")
    out = parser.add_argument_group("output")
    out.add_argument("--store", metavar="URL", help="where measurements are kept")
    out.add_argument("--json", action="store_true", help="print the measurements as JSON lines")
    out.add_argument(
        "--progress",
        choices=("auto", "bar", "plain", "jsonl", "none"),
        default="auto",
        help="jsonl: events for programs, on standard output",
    )
    out.add_argument(
        "--report", metavar="FILE", help="write the store's newest figures as Markdown"
    )
    out.add_argument("--out", metavar="DIR", default=PROOF, help="where gpu-proof writes")
    out.add_argument("--profile", metavar="DIR", help="write a trace and a table of kernels there")
    parser.add_argument("--nproc", type=int, help="processes on this machine, one a device")


def _add_case_arguments(group: argparse._ArgumentGroup) -> None:
    for name, metavar, text in SWEEPS:
        group.add_argument(_flag(name), metavar=metavar, help=text)
    for name, text in SWITCHES:
        group.add_argument(_flag(name), action="store_true", default=None, help=text)
    for name, text in DEGREES:
        group.add_argument(_flag(name), type=int, metavar="N", help=text)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def run(options: argparse.Namespace) -> int:
    """Run the verb; status 1 when nothing could be measured. SIGTERM stops it as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(options)
    except KeyboardInterrupt:
        if "RANK" not in os.environ:
            raise
        return 130  # who started the ranks says it once
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(options: argparse.Namespace) -> int:
    if options.nproc is not None and "RANK" not in os.environ:
        return _under_torchrun(options)
    if options.report:
        return _report(options)
    if options.suite == PROOF and not options.list:
        return _proof(options)
    if options.list:
        return _list(options)
    try:
        return _measure(options)
    except InputError as error:
        from modelworth.bench.run.request import as_flag

        raise as_flag(error) from error


def _measure(options: argparse.Namespace) -> int:
    suite = _suite(options)
    first = int(os.environ.get("RANK", "0")) == 0
    with open_store(options.store) if first else nullcontext() as store:
        events = _events(suite, store, options)
        measured = display.follow(events, _progress(options) if first else "none")
    if first:
        as_table = options.progress != "jsonl"
        display.results(
            measured, as_json=options.json, as_table=as_table, sweep=bool(options.model)
        )
    return 0 if not measured or any(one.status == "ok" for one in measured) else 1


def _proof(options: argparse.Namespace) -> int:
    """The proof of a device: its steps, a page and records."""
    from modelworth.bench.run import proof
    from modelworth.bench.timing.machine import chosen_device

    given = _given(options)
    if given or options.search or options.budget or options.profile:
        found = ", ".join(given) or "--search, --budget or --profile"
        raise InputError("--suite gpu-proof", found, advice="leave it out: the steps are fixed")
    device, folder = chosen_device(options.device), Path(options.out)
    command = command_text("bench", options.parser, options)
    with open_store(options.store) as store:
        events = proof.run(device, store, folder, command)
        measured = display.follow(events, _progress(options))
    as_table = options.progress != "jsonl"
    display.results(measured, as_json=options.json, as_table=as_table)
    return 0 if measured else 1


def _events(suite: Suite, store: Store | None, options: argparse.Namespace) -> Iterator[Event]:
    from modelworth.bench.run import runner, search
    from modelworth.bench.run.session import Session
    from modelworth.bench.timing.monitor import busy

    named = options.search or (None if options.model else suite.name)
    session = Session(
        store,
        suite.limits,
        suite=named,
        command=command_text("bench", options.parser, options),
        profiles=Path(options.profile) if options.profile else None,
    )
    if not options.search:
        return runner.run(suite.cases, session, again=options.again, look=busy)
    if len(suite.cases) > 1:
        advice = "name one case: a --work, and one value of each option"
        raise InputError("--search", f"{len(suite.cases)} cases", advice=advice)
    return search.run(options.search, suite.cases[0], session)


def _suite(options: argparse.Namespace) -> Suite:
    """The suite, or the one case, that the options ask for, within the budget."""
    from modelworth.bench.run import suites
    from modelworth.bench.run.request import FLAGS
    from modelworth.bench.run.sweep import expanded
    from modelworth.bench.timing.machine import chosen_device, detect

    listed = options.list and options.device  # what another machine would do may be looked at
    device = listed or chosen_device(options.device)
    given = _given(options)
    if options.model:
        if options.suite:
            raise InputError("--suite", options.suite, advice="give a suite or a model, not both")
        suite = suites.Suite("case", expanded(given, FLAGS, device), suites.THOROUGH)
    elif options.search or given:
        names = ["search"] * bool(options.search) + list(given)
        raise InputError(
            _flag(names[0]),
            "no model given",
            advice="add --model NAME, or leave this out to run a suite",
        )
    else:
        suite = suites.load(options.suite or "quick", device, detect(device).memory_bytes)
    if not ({"data_parallel", "tensor_parallel"} & given.keys()):
        suite = suites.spread_over(suite, _ranks(options))
    suite = replace(suite, limits=_limits(options, suite.limits))
    return suites.within_budget(suite, _seconds(options.budget)) if options.budget else suite


def _ranks(options: argparse.Namespace) -> int:
    """Processes that this command runs in, or is about to."""
    return int(os.environ.get("WORLD_SIZE") or options.nproc or 1)


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """What was said of the cases; a list where several values may stand."""
    given = {name: getattr(options, name) for name in CASE_OPTIONS}
    return {
        name: [each.strip() for each in value.split(",") if each.strip()]
        if name in SWEPT and not Path(value).exists()
        else value
        for name, value in given.items()
        if value is not None
    }


def _limits(options: argparse.Namespace, limits: Limits) -> Limits:
    """The suite's limits with those that were given."""
    from modelworth.bench.run.request import FLAGS, input_error
    from modelworth.bench.work.task import Limits as Checked

    if options.target is not None and not 0 < options.target < 1:
        raise InputError("--target", options.target, "a share between 0 and 1, such as 0.01")
    names = {"precision": "target", "timed_s": "timed_s", "warmup_s": "warmup_s",
             "time_limit_s": "time_limit_s"}  # fmt: skip
    given = {name: getattr(options, option) for name, option in names.items()}
    given = {name: value for name, value in given.items() if value is not None}
    try:
        return Checked.model_validate(limits.model_dump() | given)
    except ValidationError as error:
        raise input_error(error, FLAGS, Checked) from error


def _list(options: argparse.Namespace) -> int:
    from modelworth.bench.run import suites
    from modelworth.bench.timing.machine import default_device, detect

    if options.suite or options.model:
        display.suite(_suite(options))
        return 0
    device = options.device or default_device()
    memory_bytes = detect(device).memory_bytes
    display.suites([suites.load(name, device, memory_bytes) for name in suites.NAMES])
    return 0


def _report(options: argparse.Namespace) -> int:
    from modelworth.bench.run.document import document

    with open_store(options.store, create=False) as store:
        text = document(store.measurements(suite=options.suite))
    write_whole(Path(options.report), text)
    print(options.report)
    return 0


def _under_torchrun(options: argparse.Namespace) -> int:
    """Start this command once a device; the first process shows and stores."""
    from modelworth.bench.timing.machine import chosen_device, devices

    device = chosen_device(options.device)
    most, of = devices(device), "GPUs" if device == "cuda" else "cores"
    if not 1 <= options.nproc <= most:
        raise InputError("--nproc", options.nproc, f"1 to {most}, the {of} that are here")
    _suite(options)  # what is wrong is said once, before anything starts
    own = {
        index + step for index, text in enumerate(sys.argv) for step in (0, 1) if text == "--nproc"
    }  # torchrun would take it for its own option
    arguments = [
        text
        for index, text in enumerate(sys.argv)
        if index and index not in own and not text.startswith("--nproc=")
    ]
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // options.nproc)))
    # What a rank says is enough: some of torchrun's loggers heed the one, some the other.
    os.environ.setdefault("LOGLEVEL", "CRITICAL")
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    ranks = ("--nproc-per-node", str(options.nproc), "--local-ranks-filter", "0")
    try:
        torchrun.main(["--standalone", *ranks, "-m", "modelworth", *arguments])
    except SignalException:
        raise KeyboardInterrupt from None
    except ChildFailedError as error:
        return abs(error.get_first_failure()[1].exitcode)
    return 0


def _progress(options: argparse.Namespace) -> str:
    if options.progress != "auto":
        return str(options.progress)
    return "bar" if sys.stderr.isatty() else "plain"


def _seconds(text: str) -> float:
    """A time such as 90, 90s, 10m or 1.5h."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if found is None or float(found[1]) == 0:
        raise InputError("--budget", text, "a time such as 90s, 10m or 1h")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]
