"""`modelworth load`: a server under load; a record for each level goes into the store."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from modelworth.bench.load.plan import InterruptedPointError
from modelworth.data.errors import InputError
from modelworth.verbs import served, way_of_serving

if TYPE_CHECKING:
    from modelworth.bench.load.endpoint import Endpoint
    from modelworth.bench.load.probe import Understood
    from modelworth.bench.load.prompts import Shape
    from modelworth.bench.load.record import Served
    from modelworth.bench.load.session import Level, Settings
    from modelworth.bench.load.summary import Summary
    from modelworth.data.measurement import Measurement

EPILOG = """examples:
  modelworth load http://127.0.0.1:8000 --concurrency 1,4,16,64
  modelworth load http://127.0.0.1:8000 --rate 2,4,8 --prompt-tokens 1000 --new-tokens 200
  modelworth load https://HOST/v1 --api-key-env KEY --device 'H100 SXM 80GB' --count 2 \\
    --config llama-3.1-8b --precision fp8 --label 'lab, vLLM 0.33'
  modelworth load http://127.0.0.1:8000 --objective 'ttft_p95<1s,tpot_p95<50ms'
  modelworth load http://127.0.0.1:8000 --dataset traffic.jsonl --concurrency 32

Tokens are counted by the server's own usage counts. The address and the key are never stored.
"""
MOST_LEVELS, MOST_CONCURRENCY, MOST_RATE = 64, 16_384, 1e6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.epilog = EPILOG
    parser.add_argument("url", metavar="URL", help="of an OpenAI-compatible server")
    how = parser.add_argument_group("how to load it")
    how.add_argument("--concurrency", metavar="N,N", help="so many in flight (default 1,4,16)")
    how.add_argument("--rate", metavar="R,R", help="requests a second, whatever the server does")
    how.add_argument("--objective", metavar="TERMS",
                     help="search the largest load within it; with levels: goodput")  # fmt: skip
    how.add_argument("--search", choices=("rate", "concurrency"), default="rate",
                     help="what --objective varies (default rate)")  # fmt: skip
    how.add_argument("--arrivals", choices=("poisson", "constant"), default="poisson")
    how.add_argument("--max-in-flight", type=int, default=4096, help="of --rate (default 4096)")
    how.add_argument("--duration", type=float, metavar="S", default=30.0, help="of each level")
    how.add_argument("--requests", type=int, metavar="N", help="counted at each level, instead")
    how.add_argument("--warmup", type=float, metavar="S", help="left out before each level")
    how.add_argument("--timeout", type=float, metavar="S", default=300.0, help="of one request")
    how.add_argument("--processes", type=int, metavar="N", help="of the client (default: by need)")
    how.add_argument("--seed", type=int, default=0)
    what = parser.add_argument_group("what to ask")
    what.add_argument("--prompt-tokens", default="512", help="512, 256-1024, or 512:0.5")
    what.add_argument("--new-tokens", default="128", help="the same forms")
    what.add_argument("--shared-prefix", type=float, default=0.0, metavar="SHARE",
                      help="of each prompt, the same in all: measures caching")  # fmt: skip
    what.add_argument("--dataset", type=Path, metavar="FILE", help="your traffic, a JSON a line")
    what.add_argument("--tokenizer", type=Path, metavar="FOLDER", help="for prompts to the token")
    what.add_argument("--model", metavar="NAME", help="default: the first that the server lists")
    what.add_argument("--api-key-env", metavar="NAME", help="environment variable with the key")
    whose = served.add_arguments(parser)
    way_of_serving.add_arguments(whose)
    whose.add_argument("--engine", default="unknown", help="such as vllm, sglang, llama.cpp")
    whose.add_argument("--json", action="store_true", help="print the records as JSON lines")


def run(options: argparse.Namespace) -> int:
    """Run the verb; status 1 when no request was answered."""
    from modelworth.data.store import open_store
    from modelworth.verbs import load_display as display

    levels = _levels(options)
    settings, understood, about = _prepared(options)
    if not options.json:
        display.heading(settings, understood, about)
    statuses = []
    with open_store(options.store) as store:

        def keep(summary: Summary) -> None:
            record = _record(options, summary, about)
            store.add(record)
            statuses.append(record.status)
            display.point(record, as_json=options.json)

        try:
            if levels:
                _measure(settings, understood, levels, keep)
            else:
                _search(settings, understood, options, keep)
        except InterruptedPointError as stopped:
            keep(stopped.summary)
            raise KeyboardInterrupt from None
    return 0 if "ok" in statuses else 1


def _measure(
    settings: Settings,
    understood: Understood,
    levels: list[Level],
    keep: Callable[[Summary], None],
) -> None:
    from modelworth.bench.load import session

    for level in levels:
        summary = session.measure(settings, understood, level)
        keep(summary)
        if summary.stopped:
            print(f"  stopped: {summary.stopped}: {summary.detail}", file=sys.stderr)
            return


def _search(
    settings: Settings,
    understood: Understood,
    options: argparse.Namespace,
    keep: Callable[[Summary], None],
) -> None:
    from modelworth.bench.load.search import largest
    from modelworth.verbs import load_display as display

    found = largest(settings, understood, options.search, keep)
    display.found(found, options.objective, options.search, as_json=options.json)


def _record(options: argparse.Namespace, summary: Summary, about: Served) -> Measurement:
    from modelworth.bench.load.prompts import parse_length
    from modelworth.bench.load.record import measurement

    prompt = parse_length(options.prompt_tokens, "--prompt-tokens")
    return measurement(summary, about, prompt, parse_length(options.new_tokens, "--new-tokens"))


def _levels(options: argparse.Namespace) -> list[Level]:
    """The levels that were given; none where they are to be searched."""
    from modelworth.bench.load.session import Level

    if options.concurrency and options.rate:
        raise InputError("--rate", options.rate, "given alone, or --concurrency instead")
    if options.rate:
        rates = _numbers("--rate", options.rate, MOST_RATE)
        return [Level(rate_per_s=rate) for rate in rates]
    if options.objective and not options.concurrency:
        return []
    counts = _numbers("--concurrency", options.concurrency or "1,4,16", MOST_CONCURRENCY)
    if any(count != int(count) for count in counts):
        raise InputError("--concurrency", options.concurrency, "whole numbers, such as 1,4,16")
    return [Level(concurrency=int(count)) for count in counts]


def _numbers(where: str, text: str, most: float) -> list[float]:
    parts = [part.strip() for part in text.split(",")]
    allowed = f"up to {MOST_LEVELS} numbers with commas, each above 0 and at most {most:,.0f}"
    if not all(re.fullmatch(r"\d{1,9}(\.\d{1,9})?", part) for part in parts):
        raise InputError(where, text, allowed)
    numbers = [float(part) for part in parts]
    if len(numbers) > MOST_LEVELS or not all(0 < number <= most for number in numbers):
        raise InputError(where, text, allowed)
    return numbers


def _prepared(options: argparse.Namespace) -> tuple[Settings, Understood, Served]:
    """Everything checked and the endpoint understood, before anything is measured."""
    from modelworth.bench.load import objective, prompts
    from modelworth.bench.load.endpoint import parse
    from modelworth.bench.load.probe import understand
    from modelworth.bench.load.session import Settings

    _check(options)
    endpoint = parse(options.url, options.api_key_env)
    shape = _shape(options, endpoint)
    count = prompts.tokenizer_count(options.tokenizer) if options.tokenizer else None
    machine = served.machine_of(options, endpoint.local)
    if options.dataset:
        prompts.dataset(options.dataset, shape)  # what is wrong is said before anything is sent
    listed = [options.model] if options.model else endpoint.models()
    if not listed:
        raise InputError("--model", "nothing: the server lists no model", "its name")
    understood = understand(
        endpoint, listed[0], shape, prompts.Words(count=count), options.timeout, options.seed
    )
    about = served.served_of(
        options, "load", listed[0], machine, options.engine, way_of_serving.said(options)
    )
    settings = Settings(
        endpoint=endpoint,
        label=options.label or about.model.name,
        sweep=uuid4().hex[:16],
        requests=options.requests,
        duration_s=options.duration,
        warmup_s=options.warmup,
        timeout_s=options.timeout,
        arrivals=options.arrivals,
        max_in_flight=options.max_in_flight,
        processes=options.processes,
        seed=options.seed,
        objective=objective.parse(options.objective) if options.objective else (),
        traffic=options.dataset and prompts.dataset(options.dataset, understood.shape),
    )
    return settings, understood, about


def _shape(options: argparse.Namespace, endpoint: Endpoint) -> Shape:
    """What every request looks like, as far as the options say."""
    from modelworth.bench.load import prompts

    return prompts.Shape(
        api=endpoint.api or "chat",
        model="",
        prompt=prompts.parse_length(options.prompt_tokens, "--prompt-tokens"),
        new=prompts.parse_length(options.new_tokens, "--new-tokens"),
        shared=options.shared_prefix,
    )


def _check(options: argparse.Namespace) -> None:
    """The numbers that have bounds."""
    bounds = {
        "duration": (0.1, 1e6), "requests": (1, 10**7), "warmup": (0, 1e6), "timeout": (0.1, 1e6),
        "processes": (1, 256), "max_in_flight": (1, MOST_CONCURRENCY), "count": (1, 10**6),
        "shared_prefix": (0, 0.99), "seed": (0, 2**63),
    }  # fmt: skip
    served.require_bounds(options, bounds)
    if options.label is not None and not (options.label.isprintable() and len(options.label) < 200):
        raise InputError("--label", options.label, "one line of up to 200 characters")
