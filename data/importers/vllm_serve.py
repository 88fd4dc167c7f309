"""`vllm bench serve --save-result`: one JSON object a run; appended runs one after another.

Older files lack `failed`, `request_goodput` is spelled with a colon in some, and percentiles are
those that were asked for. TPOT is per token; ITL is per chunk, so it is kept apart. Peaks in flight
are counted in whole seconds, so they may exceed the limit.
Read: vllm/benchmarks/serve.py and benchmarks/benchmark_serving.py, 0.4 to 0.33.
"""

from __future__ import annotations

from typing import Final

from modelworth.data.importers import read
from modelworth.data.importers.read import Json
from modelworth.data.importers.served_run import ServedRun, client_run
from modelworth.data.serving import Spread

TOOL: Final = "vllm bench serve"


def _is_run(run: Json) -> bool:
    named = "num_prompts" in run or "tokenizer_id" in run or "model_id" in run
    return named and "completed" in run and "duration" in run and "total_input_tokens" in run


def _run(run: Json) -> ServedRun:
    samples = _samples(run)
    return client_run(
        run,
        ttft=filled(read.named_spread(run, "ttft"), samples["ttft"]),
        tpot=filled(read.named_spread(run, "tpot"), samples["tpot"]),
        request=filled(read.named_spread(run, "e2el"), samples["request"]),
        gap=read.named_spread(run, "itl"),
        failed=read.count(run.get("failed")),
        tool=TOOL,
        tool_version=read.text(read.first(run, "vllm_version", "version")),
        date=read.moment(run.get("date")),
        model=read.text(run.get("model_id")),
        engine=read.engine(run),
        device=read.text(read.first(run, "gpu", "device", "accelerator", "hardware")),
        tensor=read.count(read.first(run, "tensor_parallel_size", "tp_size", "tp")),
        pipeline=read.count(read.first(run, "pipeline_parallel_size", "pp_size", "pp")),
        copies=read.count(read.first(run, "data_parallel_size", "dp_size", "dp")),
    )


def filled(stated: Spread, samples_s: list[float]) -> Spread:
    """What the file states, and what its single requests say where it doesn't."""
    if not samples_s:
        return stated
    own = read.spread_of(samples_s)
    names = ("mean_s", "p50_s", "p90_s", "p95_s", "p99_s")
    values = {name: getattr(stated, name) or getattr(own, name) for name in names}
    return Spread(**values)


def _samples(run: Json) -> dict[str, list[float]]:
    """Times of single requests, where the file was saved with details."""
    ttft, request, tokens = (
        [read.number(one) or 0.0 for one in run.get(key) or []]
        if isinstance(run.get(key), list)
        else []
        for key in ("ttfts", "latencies", "output_lens")
    )
    triples = zip(ttft, request, tokens, strict=False)
    each = [(whole - head) / (n - 1) for head, whole, n in triples if n > 1 and whole > head > 0]
    return {"ttft": ttft, "request": request, "tpot": each}


knows, runs = read.each_object(_is_run, _run)
