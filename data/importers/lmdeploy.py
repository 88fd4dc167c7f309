"""LMDeploy's `benchmark/profile_*.py --csv`: a row a run, of the engine alone or of its server.

Newer files name their columns as vLLM's client does; `bs` is how many were kept in flight, or how
many places the engine had for what was sent at once: then more than `bs` are there, as requests a
second times seconds a request say. In older ones `batch` threads ask without a pause, so a request
takes batch / RPS, and percentiles are of single tokens. Neither model, device nor date is there.
Read: lmdeploy benchmark/profile_*.py, from 0.4 on, and lmdeploy/profiler.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from modelworth.data.importers import read
from modelworth.data.importers.judge import LITTLE_TOLERANCE
from modelworth.data.importers.read import Content
from modelworth.data.importers.served_run import ServedRun, client_run
from modelworth.data.serving import Spread

TOOL: Final = "LMDeploy"
OLD: Final = frozenset({"RPS", "throughput(out tok/s)", "throughput(total tok/s)"})
NEW: Final = frozenset({"duration", "completed", "mean_e2e_latency_ms", "request_throughput"})


def knows(content: Content) -> bool:
    """Whether a file is of this tool."""
    columns = set(content.head.strip().split(","))
    return not content.objects and (columns >= OLD or columns >= NEW)


def runs(content: Content) -> Iterator[ServedRun]:
    """Each row."""
    return (_old(row) if "RPS" in row else _new(row) for row in content.rows)


def _new(row: Mapping[str, str]) -> ServedRun:
    places, request = read.count(row.get("bs")), read.named_spread(row, "e2e_latency")
    there = (read.positive(row.get("request_throughput")) or 0.0) * (request.mean_s or 0.0)
    held = places is not None and there <= (1 + LITTLE_TOLERANCE) * places
    rate_per_s = row.get("request_rate") or (None if held or places is None else "inf")
    return client_run(
        {**row, "max_concurrency": places if held else None, "request_rate": rate_per_s},
        ttft=read.named_spread(row, "ttft"),
        tpot=read.named_spread(row, "tpot"),
        request=request,
        gap=read.named_spread(row, "itl"),
        failed=None,
        tool=TOOL,
        engine=read.engine(row) or "lmdeploy",
    )


def _old(row: Mapping[str, str]) -> ServedRun:
    threads, per_s = read.count(read.first(row, "batch", "bs")), read.positive(row.get("RPS"))
    written, all_ = (
        read.positive(row.get(f"throughput({which} tok/s)")) for which in ("out", "total")
    )
    return ServedRun(
        tool=TOOL,
        content=dict(row),
        engine="lmdeploy",
        concurrency=threads,
        completed=read.count(read.first(row, "num_prompts", "num_promts")),
        prompt_tokens=(all_ - written) / per_s if all_ and written and per_s else None,
        output_tokens=written / per_s if written and per_s else None,
        requests_per_s=per_s,
        output_per_s=written,
        ttft=read.spread({"mean": row.get("FTL(ave)(s)")}),
        gap=read.spread({f"p{share}": row.get(f"{share}%(s)") for share in (50, 95, 99)}),
        request=Spread(mean_s=threads / per_s) if threads and per_s else Spread(),
    )
