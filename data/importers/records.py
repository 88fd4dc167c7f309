"""From a load test that a tool reported to a measurement, and from a measurement to the judge."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from modelworth.data.errors import InputError
from modelworth.data.importers.judge import (
    LITTLE_TOLERANCE,
    Judgement,
    LoadFacts,
    judge,
    judge_sweep,
    with_device,
)
from modelworth.data.importers.numbers import average_s, middle_s
from modelworth.data.importers.served_run import ServedRun
from modelworth.data.importers.server_settings import server_settings
from modelworth.data.importers.told import (
    Told,
    cited,
    counted,
    device_name,
    model_of,
    named,
    stored_format,
)
from modelworth.data.measurement import (
    Interval,
    Latency,
    Layout,
    Machine,
    Measurement,
    Result,
    Workload,
)
from modelworth.data.serving import Failure, Load, Serving, Spread
from modelworth.data.words import Precision, precision

FLOATS: Final[frozenset[Precision]] = frozenset({"float32", "bfloat16", "float16"})
PromptCost = Callable[[Measurement], tuple[float, float] | None]
"""FLOPs of a prompt token, and FLOP/s that all of the record's devices reach; None: unknown."""
SAME_LENGTH: Final = 0.1
"""Mean lengths of the runs of one curve differ by at most this share."""


def measurement(run: ServedRun, told: Told, where: str) -> Measurement:
    """A run as a record of kind `serve`.

    Raises:
        InputError: if a device, a model or a date isn't known, or a run that did something doesn't
            say how much in what time.
    """
    _require_sent(run, where)
    _require_tokens(run, where)
    run = run.filled()
    label, labelled = counted(run.device)
    device = told.device or device_name(label)
    ran = named(where, device, told.model or run.model, run.date or told.date)
    count = told.count or run.count or labelled or run.split.devices
    failed_whole = run.completed == 0
    load = _load(run, told)
    result = None if failed_whole else _result(run, load, count, where)
    return Measurement(
        recorded_at=ran.date,
        model=model_of(ran.model),
        workload=_workload(run, told, load, count, ran.model),
        machine=Machine(device=ran.device, kind="other", count=count),
        status="error" if failed_whole else "ok",
        reason=_reason(run) if failed_whole else None,
        result=result,
        provenance=cited(run.tool, run.content, run.tool_version),
        load=load,
    )


def _require_sent(run: ServedRun, where: str) -> None:
    """Refuse more answers than questions."""
    ended = (run.completed or 0) + run.failed
    if run.asked is not None and ended > run.asked:
        found = f"{run.completed:,} completed + {run.failed:,} failed = {ended:,}"
        raise InputError(where, found, f"at most the {run.asked:,} that were sent")


def _require_tokens(run: ServedRun, where: str) -> None:
    """Refuse a run whose requests are answered without tokens: vectors, scores or classes."""
    if run.requests_per_s and run.output_tokens is None and run.output_per_s is None:
        found = f"{run.requests_per_s:.4g} calls a second without output tokens"
        allowed = (
            "a run that writes tokens; of embeddings or reranking, write calls a second of one GPU "
            "into a scenario as capacity.calls_per_s_per_gpu"
        )
        raise InputError(where, found, allowed)


def _load(run: ServedRun, told: Told) -> Load:
    limit = run.concurrency or told.concurrency
    stated = None if run.rate_per_s == math.inf else run.rate_per_s
    rate_per_s = stated or told.rate_per_s or run.rate_per_s
    at_once = limit is None and rate_per_s == math.inf
    paced = rate_per_s if rate_per_s is not None and math.isfinite(rate_per_s) else None
    mean, most = _in_flight(run)
    return Load(
        mode="closed" if limit else "open" if rate_per_s or run.arrivals else None,
        concurrency_limit=limit,
        rate_per_s=paced,
        arrivals="burst" if at_once else run.arrivals,
        duration_s=run.duration_s,
        requests_ok=run.completed,
        requests_failed=run.failed if run.completed is not None else None,
        failures=_failures(run.errors),
        in_flight_mean=mean,
        in_flight_max=most,
        client_lag_s=_known(run.lag),
        cached_share=run.cached_share,
    )


def _in_flight(run: ServedRun) -> tuple[float | None, float | None]:
    """Mean and most in flight: Little's law first; a mean above the most is left to the judge."""
    whole, most = average_s(run.request), run.peak_in_flight
    per_s = run.completed / run.duration_s if run.completed and run.duration_s else None
    per_s = per_s or run.requests_per_s
    mean = per_s * whole if per_s is not None and whole is not None else run.counted_in_flight
    if mean is None or most is None or mean <= most:
        return mean, most
    return (most if mean <= most * (1 + LITTLE_TOLERANCE) else None), most


def _failures(errors: Mapping[str, int]) -> dict[Failure, int]:
    found: dict[Failure, int] = {}
    for text, number in errors.items():
        kind = failure_kind(text)
        found[kind] = found.get(kind, 0) + number
    return found


def failure_kind(text: str) -> Failure:
    """The kind of an error that another tool wrote down as a text."""
    said = text.casefold()
    signs: tuple[tuple[Failure, tuple[str, ...]], ...] = (
        ("rate_limited", ("http 429",)),
        ("client_error", ("http 4",)),
        ("server_error", ("http 5",)),
        ("timeout", ("timeout", "timed out")),
        ("refused", ("refused", "cannot connect", "connecterror", "name or service")),
        ("broken_off", ("disconnected", "incomplete", "reset by peer", "payload")),
        ("malformed", ("json", "decode")),
        ("empty", ("empty", "no output", "no token")),
    )
    return next((kind for kind, marks in signs if any(mark in said for mark in marks)), "unknown")


def _workload(run: ServedRun, told: Told, load: Load, count: int, model: str) -> Workload:
    stored = stored_format(run.stored, model)
    says: Precision = "bfloat16" if stored is None else precision(stored.products)
    narrow = stored is not None and says not in FLOATS
    cached, drafting = server_settings(run.content)
    held = load.concurrency_limit or _whole(load.in_flight_mean) or 1
    return Workload(
        kind="serve",
        batch=held,
        prompt_tokens=_whole(run.prompt_tokens) or told.prompt_tokens,
        new_tokens=_whole(run.output_tokens) or told.new_tokens,
        precision=told.precision or says,
        engine=run.engine or "unknown",
        concurrency=load.concurrency_limit,
        layout=run.split if run.split.devices == count else Layout(tensor=count),
        cache_format=told.cache_format or cached,
        drafting=told.drafting or drafting,
        quantization=stored.name.upper() if stored is not None and narrow else None,
        weight_bits=stored.bits if stored is not None and narrow else None,
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value) or None


def _result(run: ServedRun, load: Load, count: int, where: str) -> Result:
    """What the run did; output tokens over its duration."""
    per_s, middle = run.output_tokens_per_s, middle_s(run.request)
    if per_s is None or middle is None:
        missing = "output tokens a second" if per_s is None else "time of a request"
        raise InputError(where, f"no {missing}", "a run whose result says it, or can be told from")
    total = (load.requests_ok or 1) * (run.output_tokens or 1.0)
    return Result(
        unit="tokens",
        work_per_step=total,
        throughput_per_s=Interval(value=per_s),
        throughput_per_s_per_device=per_s / count,
        latency=Latency(
            mean_s=average_s(run.request) or middle,
            p50_s=middle,
            p90_s=run.request.p90_s,
            p95_s=run.request.p95_s,
            p99_s=run.request.p99_s,
            first_token_s=middle_s(run.ttft),
            per_token_s=middle_s(run.tpot),
        ),
        serving=Serving(
            ttft=_known(run.ttft),
            tpot=_known(run.tpot),
            itl=_known(run.gap),
            e2e=_known(run.request),
            requests_per_s=run.requests_per_s,
            goodput_per_s=run.goodput_per_s,
            output_tokens_per_s=run.output_per_s or per_s,
            input_tokens=_total(run.prompt_tokens, run.completed),
            output_tokens=_total(run.output_tokens, run.completed),
        ),
    )


def _total(each: float | None, requests: int | None) -> int | None:
    return None if each is None or not requests else round(each * requests)


def _known(spread: Spread) -> Spread | None:
    """None where nothing is known."""
    return spread if spread.model_dump(exclude_none=True) else None


def _reason(run: ServedRun) -> str:
    sent = run.failed or run.asked or 0
    kinds = ", ".join(f"{text} ({number})" for text, number in run.errors.items())
    return f"all {sent} requests failed" + (f": {kinds}" if kinds else "")


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
        cost = prompt_cost(record)
        facts = facts if cost is None else with_device(facts, *cost)
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
