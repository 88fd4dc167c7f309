"""The harness beside loops written by hand: does it measure what plain PyTorch does?

For three decoders it times training, prefill and decode twice, for each other family one kind of
work: by a loop written by hand that uses nothing of `bench/` (below, or in `plain_families`), and
by the harness's own work and timer, projections as they are. The two alternate five times in one
process, so that whatever else the machine does meets both. The table shows medians and the median
of the five ratios, and the exit status is 1 if one is further than 5% from 1.

    .venv/bin/python -m benchmarks.bench_against_plain_torch
    .venv/bin/python -m benchmarks.bench_against_plain_torch mamba whisper
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import process_time
from typing import Any

import torch
import transformers
from rich.console import Console
from rich.table import Table
from transformers import AutoConfig, AutoModelForCausalLM, StaticCache
from transformers.cache_utils import Cache, DynamicLayer

from benchmarks.plain_families import BATCH, FAMILIES, Plain
from modelworth.bench.timing.clock import Clock, HostClock, time_work

ROOT = Path(__file__).parent.parent

Measure = Callable[[Clock], float]
MODELS = ("ladder-16m", "gpt-16m", "moe-32m")
PAIRS = 5
TOLERANCE = 0.05
TOKENS, CONTEXT = 128, 256
KINDS = {"pretrain": TOKENS, "prefill": TOKENS, "decode": CONTEXT}


def load(name: str) -> torch.nn.Module:
    """A model of the catalogue with random weights, dropout off."""
    stated = json.loads((ROOT / "data" / "models" / f"{name}.json").read_text())
    config = AutoConfig.for_model(stated.pop("model_type"), **stated)
    for key in ("resid_pdrop", "embd_pdrop", "attn_pdrop"):
        setattr(config, key, 0.0)
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config, attn_implementation="sdpa")


def plain_pretrain(name: str) -> Plain:
    """Forward, backward and AdamW."""
    model = load(name).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    ids = torch.randint(10, model.config.vocab_size, (BATCH, TOKENS))

    def step() -> None:
        model(input_ids=ids, labels=ids, use_cache=False).loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return Plain(step, BATCH * TOKENS)


def plain_prefill(name: str) -> Plain:
    """A prompt into a static cache, and the likeliest next token."""
    model = load(name).eval()
    ids = torch.randint(10, model.config.vocab_size, (BATCH, TOKENS))
    cache = StaticCache(config=model.config, max_cache_len=TOKENS)

    @torch.inference_mode()
    def step() -> None:
        for layer in cache.layers:
            layer.cumulative_length.zero_()
        model(input_ids=ids, past_key_values=cache, logits_to_keep=1).logits[:, -1].argmax(-1)

    return Plain(step, BATCH * TOKENS)


class FullLayer(DynamicLayer):
    """A layer's cache with one free place at its end, which each token takes anew.

    transformers needs no mask for one token over a cache that grows, and so it builds none.
    """

    def update(self, key_states: Any, value_states: Any, *rest: Any, **named: Any) -> Any:
        """The prompt, with a place behind it; then one token after another in that place."""
        if key_states.shape[-2] > 1:
            super().update(key_states, value_states, *rest, **named)
            self.keys, self.values = (
                torch.cat([each, each[:, :, :1]], dim=2) for each in (self.keys, self.values)
            )
            return key_states, value_states
        self.keys[:, :, -1:], self.values[:, :, -1:] = key_states, value_states
        return self.keys, self.values

    def get_seq_length(self) -> int:
        """Tokens before the free place."""
        return max(super().get_seq_length() - 1, 0)


def plain_decode(name: str) -> Plain:
    """One more token after a context that is in the cache."""
    model = load(name).eval()
    ids = torch.randint(10, model.config.vocab_size, (BATCH, CONTEXT))
    cache = Cache(layer_class_to_replicate=FullLayer)
    token = ids[:, :1].clone()
    with torch.inference_mode():
        model(input_ids=ids, past_key_values=cache, logits_to_keep=1)

    @torch.inference_mode()
    def step() -> None:
        logits = model(input_ids=token, past_key_values=cache).logits
        token.copy_(logits[:, -1].argmax(-1, keepdim=True))

    return Plain(step, BATCH)


class ProcessorClock(HostClock):
    """Counts what this process was given of the processor, which other work distorts little."""

    def mark(self) -> float:
        """Processor time until now."""
        return process_time()


def time_plain(plain: Plain, seconds: float, clock: Clock) -> float:
    """Units per second of the median step."""
    times: list[float] = []
    for _ in range(3):
        plain.step()
    while sum(times) < seconds or len(times) < 5:
        start = clock.mark()
        plain.step()
        times.append(clock.seconds(start, clock.mark()))
    return plain.units / statistics.median(times)


def harness(
    name: str, kind: str, seconds: float, config: dict[str, Any] | None = None, **sizes: Any
) -> Measure:
    """The same case as the harness prepares and times it; units per second of the median step."""
    from modelworth.bench.work.prepare import prepare
    from modelworth.bench.work.task import Limits, Task
    from modelworth.data.measurement import Workload

    device = torch.device("cpu")
    asked = {"batch": BATCH, "precision": "float32", "fused_projections": False, **sizes}
    case = Task(model=name, config=config or {}, workload=Workload(kind=kind, **asked))
    work = prepare(case, device)
    limits = Limits(timed_s=seconds, warmup_s=seconds / 4, precision=1e-6, min_samples=5)

    def measure(clock: Clock) -> float:
        timed = time_work(work, clock, limits)
        return work.work_per_step / statistics.median(timed.samples_s)

    return measure


def sides(names: Sequence[str], seconds: float) -> Iterator[tuple[str, str, Plain, Measure]]:
    """Each case by hand and by the harness."""
    plain = {"pretrain": plain_pretrain, "prefill": plain_prefill, "decode": plain_decode}
    for name in names:
        family = FAMILIES.get(name)
        if family is not None:
            attention = "eager" if family.eager else "sdpa"
            sizes = {**family.sizes, "attention": attention}
            by_harness = harness(name, family.kind, seconds, family.stated, **sizes)
            yield name, family.kind, family.make(family.model()), by_harness
            continue
        for kind, make in plain.items():
            yield name, kind, make(name), harness(name, kind, seconds, prompt_tokens=KINDS[kind])


def compare(
    names: Sequence[str], seconds: float, clock: Clock
) -> Iterator[tuple[str, str, list[float], list[float]]]:
    """Each case's units per second by hand and by the harness, in alternating pairs."""
    for name, kind, by_hand, by_harness in sides(names, seconds):
        hand, found = [], []
        for pair in range(PAIRS):
            # Who comes second finds a warmer machine: they take turns.
            for first in (True, False) if pair % 2 == 0 else (False, True):
                if first:
                    hand.append(time_plain(by_hand, seconds, clock))
                else:
                    found.append(by_harness(clock))
        yield name, kind, hand, found


def main() -> int:
    """Print the table; 1 if a ratio is out of tolerance."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.5, help="a side of a pair (default 1.5)")
    parser.add_argument("models", nargs="*", help="some of them (default all)")
    busy = "count processor time of one thread, for a machine that does other work too"
    parser.add_argument("--processor-time", action="store_true", help=busy)
    options = parser.parse_args()
    clock = ProcessorClock() if options.processor_time else HostClock()
    if options.processor_time:
        torch.set_num_threads(1)
    known = (*MODELS, *FAMILIES)
    if unknown := set(options.models) - set(known):
        parser.error(f"{', '.join(sorted(unknown))}: one of {', '.join(known)}")
    transformers.utils.logging.set_verbosity_error()
    title = f"torch {torch.__version__}, {torch.get_num_threads()} threads, float32, {PAIRS} pairs"
    table = Table(title=title)
    for column in ("model", "work", "by hand, units/s", "harness, units/s", "ratio", "range"):
        table.add_column(column, justify="left" if column in ("model", "work") else "right")
    worst = 0.0
    for name, kind, hand, found in compare(options.models or known, options.seconds, clock):
        ratios = sorted(b / a for a, b in zip(hand, found, strict=True))
        ratio = statistics.median(ratios)
        worst = max(worst, abs(ratio - 1))
        print(f"{name} {kind}: {ratio:.3f}", file=sys.stderr, flush=True)
        medians = (f"{statistics.median(side):,.4g}" for side in (hand, found))
        table.add_row(name, kind, *medians, f"{ratio:.3f}", f"{ratios[0]:.3f} to {ratios[-1]:.3f}")
    Console(width=100).print(table)
    print(f"furthest from 1: {worst:.1%} (at most {TOLERANCE:.0%} is agreement)")
    return int(worst > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
