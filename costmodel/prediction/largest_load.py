"""The largest load a replica carries within an objective on first and later tokens.

The objective holds at the 95th percentile of an open loop (`serving.open_loop`). Times come from
the same step model, own records and corrections as every other prediction. Where prompts are read
apart, readers answer for first tokens and writers for later ones, each with a load of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.columns import coefficients, columns
from modelworth.costmodel.prediction.interval import width_of
from modelworth.costmodel.prediction.own_machine import MachineFit
from modelworth.costmodel.prediction.predictor import Predictor
from modelworth.costmodel.prediction.refusal import refused
from modelworth.costmodel.prediction.served import scale_for
from modelworth.costmodel.prediction.serving.apart import reading, sent_per_s
from modelworth.costmodel.prediction.serving.open_loop import (
    NORMAL,
    NORMAL_95,
    OpenLoop,
    Service,
    open_loop,
    read_within_s,
)
from modelworth.costmodel.prediction.serving.steady import (
    cache_room,
    decoding_s,
    later_passes,
    one_pass,
    request_s,
)
from modelworth.costmodel.prediction.step.model import Number
from modelworth.costmodel.prediction.step.passes import Inference, inference_pass, total_s
from modelworth.data.errors import InputError
from modelworth.data.words import Basis

POINTS, ROUNDS = 100, 2
"""Loads tried at a time, and how often the step between two of them is tried again."""
Percentiles = tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True)
class ServingPoint:
    """One replica at the largest load within its objective.

    Attributes:
        concurrency: requests in the replica on average, running or waiting.
        ttft_s, tpot_s: the 95th percentiles there.
        percentiles: share of requests, and within how many seconds their first token, and each
            later one, comes at that load.
        prefill_tokens_per_s: prompt tokens computed, those from a prefix cache left out.
        prefill_share: of the time that the devices work, spent on prefills; the rest decodes.
        low, high: factors on the rates that bound the 90% interval.
        read_per_s: requests a second that a replica of readers carries, where they are apart.
    """

    requests_per_s: float
    concurrency: float
    ttft_s: float
    tpot_s: float
    prefill_tokens_per_s: float
    decode_tokens_per_s: float
    prefill_share: float
    low: float
    high: float
    basis: Basis
    note: str
    percentiles: Percentiles = ()
    read_per_s: float | None = None


@dataclass(frozen=True)
class Objective:
    """What users wait for at most, at the 95th percentile, in seconds."""

    ttft_p95_s: float
    tpot_p95_s: float


def largest_load(
    case: Case, objective: Objective, predictor: Predictor, *, variation: float = 0.0
) -> ServingPoint:
    """The largest arrival rate that one replica of a serving case carries within the objective.

    The case's `batch` isn't looked at. `variation` is the standard deviation of lengths over their
    mean.

    Raises:
        InputError: if the model doesn't fit, or not even one request meets the objective, with
            what would.
    """
    refusal = refused(case, predictor.tables)
    if refusal is not None:
        raise refusal
    service, certainty = service_of(case, predictor)
    if not case.read_gpus:
        return _largest(case, service, objective, certainty, variation)
    written = replace(objective, ttft_p95_s=np.inf)
    point = _largest(case, service, written, certainty, variation)
    rate, first = _largest_reading(case, objective, predictor, variation)
    percentiles = tuple(
        (share, first_s, tpot_s)
        for (share, _, tpot_s), first_s in zip(point.percentiles, first, strict=True)
    )
    ttft_s = next(first_s for share, first_s, _ in percentiles if share == 0.95)
    return replace(
        point, ttft_s=ttft_s, percentiles=percentiles, read_per_s=rate, prefill_share=0.0
    )


def _largest(
    case: Case,
    service: Service,
    objective: Objective,
    certainty: tuple[float, Basis],
    variation: float,
) -> ServingPoint:
    first = open_loop(service, case.new_tokens, np.array([1e-3]), variation=variation)
    _require_reachable(first, service.room, objective, case)
    most = max(min(service.room, case.max_sequences or np.inf), 1e-2)
    low, high, bounded = 1e-3, most, True
    for _ in range(ROUNDS):
        running = np.geomspace(low, high, POINTS)
        loop = open_loop(service, case.new_tokens, running, variation=variation)
        fits = running + NORMAL_95 * np.sqrt(running) <= max(most, 1.0)
        good = (
            (loop.ttft_share_s <= objective.ttft_p95_s)
            & (loop.tpot_share_s <= objective.tpot_p95_s)
            & fits
        )
        best = POINTS - 1 if good.all() else max(int(np.argmin(good)) - 1, 0)
        bounded = bool(fits[min(best + 1, POINTS - 1)]) and not good.all()
        low, high = running[best], running[min(best + 1, POINTS - 1)]
    limit = "the objective" if bounded else "the cache's room"
    note = f"bounded by {limit}; room for {service.room:.0f} sequences"
    point = _point(case, loop, best, running[best], certainty, note)
    there = running[best : best + 1]
    found = []
    for share in NORMAL:
        at = open_loop(service, case.new_tokens, there, variation=variation, share=share)
        found.append((share, float(at.ttft_share_s[0]), float(at.tpot_share_s[0])))
    return replace(point, percentiles=tuple(found))


def _largest_reading(
    case: Case, objective: Objective, predictor: Predictor, variation: float
) -> tuple[float, list[float]]:
    """Requests a second of one replica of readers within the objective on first tokens.

    With the seconds within which each of `NORMAL`'s shares has its first token.
    """
    tables, reader = predictor.tables, case.reader
    assert reader is not None
    fit = coefficients([reader], tables)
    work, writer = (columns([replace(one, batch=1)], tables) for one in (reader, case))
    read = reading(work, writer, fit)
    scale = scale_for(predictor.scales, case)
    speed = 1.0 if scale is None else scale.speed
    alone_s, each_s, sent_s = (float(one[0]) for one in (read.alone_s, read.each_s, read.sent_s))
    before_s = float(fit.first_token_s[0]) + sent_s

    def within(busy: Number, share: float) -> Number:
        return read_within_s(before_s, alone_s / speed, busy, variation, share)

    busy = np.linspace(1e-4, 1.0, POINTS * POINTS, endpoint=False)
    kept = busy[within(busy, 0.95) <= objective.ttft_p95_s]
    if not kept.size:
        alone = f"{case.architecture.name} read on {reader.gpus} × {reader.accelerator.name}"
        nearest = f"{float(within(0.0, 0.95)):.3g} s or more ({alone}), or on more devices"
        raise InputError("ttft_p95_s", f"{objective.ttft_p95_s:g} s", nearest)
    rate = float(kept[-1]) * speed * reader.pipeline / each_s
    sent = float(sent_per_s(work, writer, read.sent_s)[0]) / reader.data
    shares = [float(within(kept[-1], share)) for share in NORMAL]
    return min(rate, sent), shares


def service_of(case: Case, predictor: Predictor) -> tuple[Service, tuple[float, Basis]]:
    """What the replica's devices take, and the factor of its 90% interval with the basis."""
    tables = predictor.tables
    apart = case.read_gpus > 0
    own = None if apart else _own_fits(case, predictor)
    if own is not None:
        return _service_of_own(case, *own), _own_certainty(case, own)
    work, fit = columns([replace(case, batch=1)], tables), coefficients([case], tables)
    scale = scale_for(predictor.scales, case)
    speed = 1.0 if scale is None else scale.speed
    alone = request_s(work, fit, np.array([1.0]))

    def seconds(running: Number) -> Number:
        if not apart:
            return request_s(work, fit, running).seconds
        return later_passes(work) / running * decoding_s(work, one_pass(work, fit, running, 0.0))

    service = Service(
        request_s=lambda running: seconds(running) / speed,
        decode_s=lambda running: request_s(work, fit, running).decode_s / speed,
        prefill_s=0.0 if apart else float(alone.prefill_s[0] / min(alone.prompts[0], 1.0)) / speed,
        first_token_s=float(fit.first_token_s[0]),
        room=float(cache_room(work, case.tokens + case.new_tokens)[0]),
        lanes=float(case.pipeline),
    )
    if scale is not None:
        return service, (float(np.exp(scale.log_width)), "interpolated")
    width = width_of(case, tables)
    return service, (width.factor, width.basis)


def _own_fits(case: Case, predictor: Predictor) -> tuple[MachineFit, MachineFit] | None:
    """Own records of both phases on one device of this kind."""
    prefill = predictor.own_fit(replace(case, work="prefill", software=None))
    decode = predictor.own_fit(replace(case, work="decode", software=None))
    return None if prefill is None or decode is None else (prefill, decode)


def _service_of_own(case: Case, prefill: MachineFit, decode: MachineFit) -> Service:
    fresh = max(case.tokens * (1 - case.prefix_share), 1.0)
    asked = replace(case, work="prefill", batch=1, tokens=fresh, new_tokens=1)
    step_s = prefill.times(asked).step_s
    assert step_s is not None
    prefill_s = float(step_s[0])
    work = decode.columns([replace(case, batch=1)])

    def decode_s(running: Number) -> Number:
        asked = Inference(running, case.tokens + case.new_tokens / 2, 0.0, 1.0, work.tensor)
        return total_s(inference_pass(work.shape, work.device, decode.coefficients, asked))

    room = float(cache_room(work, case.tokens + case.new_tokens)[0])
    return Service(
        lambda running: case.new_tokens / running * decode_s(running) + prefill_s,
        decode_s, prefill_s, 0.0, room,
    )  # fmt: skip


def _own_certainty(case: Case, own: tuple[MachineFit, MachineFit]) -> tuple[float, Basis]:
    beyond = max(fit.doublings_beyond(case) for fit in own)
    factor = max(fit.factor90(case) for fit in own)
    return factor, "extrapolated" if beyond > 0 else "interpolated"


def _require_reachable(first: OpenLoop, room: float, objective: Objective, case: Case) -> None:
    """Refuse an objective that an idle replica misses already."""
    alone = f"{case.architecture.name} on {case.gpus} × {case.accelerator.name}, one request"
    for name, asked, reached in (
        ("ttft_p95_s", objective.ttft_p95_s, float(first.ttft_share_s[0])),
        ("tpot_p95_s", objective.tpot_p95_s, float(first.tpot_share_s[0])),
    ):
        if not asked >= reached:
            raise InputError(
                name, f"{asked:g} s", f"{reached:.3g} s or more ({alone}), or on more devices"
            )
    if room < 1:
        raise InputError(
            "prompt_tokens + new_tokens",
            f"{case.tokens + case.new_tokens:.0f}",
            f"{int(room * (case.tokens + case.new_tokens))} or fewer: the cache has no more "
            f"room beside the weights; or more devices",
        )


def _point(
    case: Case, loop: OpenLoop, at: int, running: float, certainty: tuple[float, Basis], note: str
) -> ServingPoint:
    rate = float(loop.requests_per_s[at])
    factor, basis = certainty
    return ServingPoint(
        requests_per_s=rate,
        concurrency=float(running) + rate * float(loop.ttft_share_s[at]) / 2,
        ttft_s=float(loop.ttft_share_s[at]),
        tpot_s=float(loop.tpot_share_s[at]),
        prefill_tokens_per_s=rate * case.tokens * (1 - case.prefix_share),
        decode_tokens_per_s=rate * case.new_tokens,
        prefill_share=float(loop.prefill_share[at]),
        low=1 / factor,
        high=factor,
        basis=basis,
        note=note,
    )
