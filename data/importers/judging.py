"""From measurements of served endpoints to what the judge says of them, one by one and together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from modelworth.data.importers.judge import Judgement, LoadFacts, judge, judge_sweep
from modelworth.data.importers.read import average_s
from modelworth.data.measurement import Measurement
from modelworth.data.serving import Load, Serving, Spread

PromptCost = Callable[[Measurement], tuple[float, float] | None]
"""FLOPs of a prompt token, and FLOP/s that all of the record's devices reach; None: unknown."""
SAME_LENGTH: Final = 0.1
"""Mean lengths of the runs of one curve differ by at most this share."""


def facts_of(record: Measurement) -> LoadFacts | None:
    """What the judge looks at; None for a record that isn't of a served endpoint."""
    if record.workload.kind != "serve":
        return None
    load, result = record.load or Load(), record.result
    serving = (result.serving if result else None) or Serving()
    request, tokens = serving.e2e or Spread(), _mean_tokens(record, load, serving)
    lag = load.client_lag_s or Spread()
    at_once = load.arrivals == "burst"
    own = record.provenance.origin == "measured" and serving.requests_per_s is not None
    return LoadFacts(
        completed=_done(load, serving) if own else load.requests_ok,
        failed=load.requests_failed or 0,
        duration_s=load.duration_s,
        limit=load.concurrency_limit,
        rate_per_s=math.inf if at_once else load.rate_per_s,
        paced=load.mode == "open" and not at_once,
        stated_requests_per_s=None if own else serving.requests_per_s,
        stated_output_per_s=None if own else serving.output_tokens_per_s,
        prompt_tokens=record.workload.prompt_tokens,
        output_tokens=tokens,
        request_s=average_s(request),
        request_s_is_median=request.mean_s is None,
        ttft_s=(serving.ttft or Spread()).mean_s,
        tpot_s=(serving.tpot or Spread()).mean_s,
        in_flight=load.in_flight_mean,
        peak_in_flight=load.in_flight_max,
        waiting=load.waiting_mean,
        lag_s=lag.p95_s or lag.mean_s,
        client_bound=bool(load.client_bound),
        cached_share=load.cached_share,
    )


def _done(load: Load, serving: Serving) -> int | None:
    """Requests done in the counted time by our own client, which counts those at its edges in part.

    Those that were due in it (`requests_ok`) are more where a queue grew.
    """
    if load.duration_s is None or serving.requests_per_s is None:
        return load.requests_ok
    return round(serving.requests_per_s * load.duration_s)


def _mean_tokens(record: Measurement, load: Load, serving: Serving) -> float | None:
    if serving.output_tokens and load.requests_ok:
        return serving.output_tokens / load.requests_ok
    return record.workload.new_tokens


def judged(record: Measurement) -> Judgement | None:
    """The class of a record of a served endpoint; None for others."""
    facts = facts_of(record)
    return None if facts is None else judge(facts)


def judged_all(
    records: Sequence[Measurement], prompt_cost: PromptCost = lambda _: None
) -> dict[str, Judgement]:
    """The class of each record of a served endpoint by its id, sweeps looked at as a whole.

    Args:
        records: of any kind.
        prompt_cost: what reading a token costs a record's server, where that is known.
    """
    servers: dict[str, list[list[tuple[Measurement, LoadFacts]]]] = {}
    for record in records:
        facts = facts_of(record)
        if facts is None:
            continue
        if (cost := prompt_cost(record)) is not None:
            facts = replace(facts, flops_per_token=cost[0], ceiling_flops_per_s=cost[1])
        curves = servers.setdefault(_server(record), [])
        mine = next((curve for curve in curves if _same_lengths(curve[0][0], record)), None)
        if mine is None:
            curves.append(mine := [])
        mine.append((record, facts))
    return {
        record.id: judgement
        for curves in servers.values()
        for curve in curves
        for (record, _), judgement in zip(
            curve, judge_sweep([facts for _, facts in curve]), strict=True
        )
    }


def largest_rate(
    records: Iterable[Measurement], judgements: Mapping[str, Judgement], endpoint: str
) -> float | None:
    """Most output tokens a second that sound load tests of an endpoint reached."""
    rates = [
        record.result.serving.output_tokens_per_s
        for record in records
        if record.load is not None and record.load.endpoint == endpoint
        if record.result and record.result.serving
        if record.id in judgements and judgements[record.id].sound
    ]
    return max((rate for rate in rates if rate), default=None)


def one_curve(one: Measurement, other: Measurement) -> bool:
    """Whether two runs differ in their load alone."""
    return _server(one) == _server(other) and _same_lengths(one, other)


def _server(record: Measurement) -> str:
    """What was loaded: model, devices, formats, software, endpoint, guessing ahead."""
    work = record.workload
    model = record.model.model_dump_json(include={"name", "config"})
    parts = (
        record.machine.device, record.machine.count, work.precision, work.quantization,
        work.engine, work.layout.model_dump_json(), record.load and record.load.endpoint,
        work.cache_format, work.drafting and (work.drafting.method, work.drafting.drafted),
    )  # fmt: skip
    return f"{model} {parts}"


def _same_lengths(one: Measurement, other: Measurement) -> bool:
    """Whether mean lengths of prompts and answers are near."""
    pairs = (
        (one.workload.prompt_tokens, other.workload.prompt_tokens),
        (one.workload.new_tokens, other.workload.new_tokens),
    )
    return all(_near(*pair) for pair in pairs)


def _near(one: int | None, other: int | None) -> bool:
    if one is None or other is None:
        return one == other
    return abs(one - other) <= SAME_LENGTH * max(one, other)


def sound(
    records: Iterable[Measurement], prompt_cost: PromptCost = lambda _: None
) -> tuple[Measurement, ...]:
    """The records of served endpoints that may carry a capacity, each run once."""
    every = distinct(record for record in records if record.workload.kind == "serve")
    judgements = judged_all(every, prompt_cost)
    return tuple(one for one in every if one.id in judgements and judgements[one.id].sound)


def distinct(records: Iterable[Measurement]) -> tuple[Measurement, ...]:
    """Records that differ in more than where they were read from."""
    found: dict[str, Measurement] = {}
    for record in records:
        if record.provenance.origin == "measured":
            found.setdefault(record.id, record)
            continue
        provenance = record.provenance.model_copy(update={"citation": None, "command": None})
        content = record.model_copy(update={"id": "", "provenance": provenance})
        found.setdefault(content.model_dump_json(), record)
    return tuple(found.values())
