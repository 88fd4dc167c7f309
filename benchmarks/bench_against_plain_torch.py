"""The harness beside loops written by hand: does it measure what plain PyTorch does?

For three decoders it times training, prefill and decode twice, for each other family one kind of
work: by a loop written by hand that uses nothing of `bench/` (below, or in `plain_families`), and
by the harness's own work and timer, projections and loss as the model's class has them. One step
by hand goes before each step of the harness, so that whatever else the machine does meets both,
and each finds what the other left in the caches. The table shows medians and the median ratio of
such pairs with its 95% interval; the exit status is 1 if a ratio is further than 5% from 1.

    .venv/bin/python -m benchmarks.bench_against_plain_torch
    .venv/bin/python -m benchmarks.bench_against_plain_torch mamba whisper
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import torch
import transformers
from rich.console import Console
from rich.table import Table
from transformers import AutoConfig, AutoModelForCausalLM, StaticCache
from transformers.cache_utils import Cache, DynamicLayer

from benchmarks.plain_families import BATCH, FAMILIES, Plain
from modelworth.bench.timing.clock import HostClock, time_work
from modelworth.bench.timing.samples import MedianInterval, median_interval
from modelworth.bench.work.prepare import prepare
from modelworth.bench.work.task import Limits, Task, Work
from modelworth.data.measurement import Workload

ROOT = Path(__file__).parent.parent

MODELS = ("ladder-16m", "gpt-16m", "moe-32m")
TOLERANCE = 0.05
"""How far from 1 the median ratio of agreeing pairs may be."""
TOKENS, CONTEXT = 128, 256
AS_WRITTEN = {
    "pretrain": {"chunked_loss": False},
    "prefill": {"fused_projections": False},
    "decode": {"fused_projections": False},
    "generate": {"fused_projections": False},
}
"""What the harness leaves out where it would do less than the model's class does."""
LONGEST_S = 600.0
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


@dataclass(frozen=True, slots=True)
class Pairs:
    """Seconds of a step by hand and of the harness's step after it, for the same work.

    Attributes:
        units: that a step does.
    """

    model: str
    kind: str
    units: float
    hand_s: list[float]
    harness_s: list[float]

    @property
    def ratio(self) -> MedianInterval:
        """How much faster the harness's steps are, 1 being as fast."""
        return median_interval([a / b for a, b in zip(self.hand_s, self.harness_s, strict=True)])

    @property
    def off(self) -> float:
        """How far the ratio is from 1."""
        return abs(self.ratio.value - 1)

    @property
    def row(self) -> tuple[str, ...]:
        """For the table."""
        rates = (f"{self.units / statistics.median(s):,.4g}" for s in (self.hand_s, self.harness_s))
        found = self.ratio
        width = "" if found.low is None else f"{found.low:.3f} to {found.high:.3f}"
        return self.model, self.kind, *rates, f"{found.value:.3f}", width


def alternated(
    plain: Plain, work: Work, pairs: int, now: Callable[[], float]
) -> tuple[list[float], list[float]]:
    """Times the harness's steps, each after one by hand; seconds of both, hand first."""
    assert math.isclose(plain.units, work.work_per_step), "both do the same"
    hand: list[float] = []

    def by_hand() -> None:
        start = now()
        plain.step()
        hand.append(now() - start)
        if work.reset is not None:
            work.reset()

    limits = Limits(timed_s=LONGEST_S, warmup_s=1, min_samples=pairs, max_samples=pairs)
    clock = ProcessorClock() if now is process_time else HostClock()
    timed = time_work(replace(work, reset=by_hand), clock, limits)
    return hand[-len(timed.samples_s) :], timed.samples_s


def harness(name: str, kind: str, config: dict[str, Any] | None = None, **sizes: Any) -> Work:
    """The same case as the harness prepares it."""
    asked = {"batch": BATCH, "precision": "float32", **AS_WRITTEN.get(kind, {}), **sizes}
    case = Task(model=name, config=config or {}, workload=Workload(kind=kind, **asked))
    return prepare(case, torch.device("cpu"))


def sides(names: Sequence[str]) -> Iterator[tuple[str, str, Plain, Work]]:
    """Each case by hand and by the harness."""
    plain = {"pretrain": plain_pretrain, "prefill": plain_prefill, "decode": plain_decode}
    for name in names:
        family = FAMILIES.get(name)
        if family is not None:
            sizes = {**family.sizes, "attention": "eager" if family.eager else "sdpa"}
            by_harness = harness(name, family.kind, family.stated, **sizes)
            yield name, family.kind, family.make(family.model()), by_harness
            continue
        for kind, make in plain.items():
            yield name, kind, make(name), harness(name, kind, prompt_tokens=KINDS[kind])


def main() -> int:
    """Print the table; 1 if a ratio is out of tolerance."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=61, help="of steps, a case (default 61)")
    parser.add_argument("models", nargs="*", help="some of them (default all)")
    busy = "count processor time of one thread, for a machine that does other work too"
    parser.add_argument("--processor-time", action="store_true", help=busy)
    options = parser.parse_args()
    if options.processor_time:
        torch.set_num_threads(1)
    known = (*MODELS, *FAMILIES)
    if unknown := set(options.models) - set(known):
        parser.error(f"{', '.join(sorted(unknown))}: one of {', '.join(known)}")
    transformers.utils.logging.set_verbosity_error()
    title = f"torch {torch.__version__}, {torch.get_num_threads()} threads, float32"
    table = Table(title=f"{title}, {options.pairs} pairs")
    for column in ("model", "work", "by hand, /s", "harness, /s", "ratio", "95%"):
        table.add_column(column, justify="left" if column in ("model", "work") else "right")
    worst, now = 0.0, process_time if options.processor_time else perf_counter
    for name, kind, plain, work in sides(options.models or known):
        found = Pairs(name, kind, plain.units, *alternated(plain, work, options.pairs, now))
        print(f"{name} {kind}: {found.ratio.value:.3f}", file=sys.stderr, flush=True)
        table.add_row(*found.row)
        worst = max(worst, found.off)
    Console(width=100).print(table)
    print(f"furthest from 1: {worst:.1%} (at most {TOLERANCE:.0%} is agreement)")
    return int(worst > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
