"""The largest load a replica carries within an objective on first and later tokens.

The objective holds at the 95th percentile of an open loop (`serving.open_loop`). Times come from
the same step model, own records and corrections as every other prediction.
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
from modelworth.costmodel.prediction.serving.open_loop import (
    NORMAL,
    NORMAL_95,
    OpenLoop,
    Service,
    open_loop,
)
from modelworth.costmodel.prediction.serving.steady import cache_room, request_s
from modelworth.costmodel.prediction.step.model import Number
from modelworth.costmodel.prediction.step.passes import Inference, inference_pass, total_s
from modelworth.data.errors import InputError
from modelworth.data.words import Basis

POINTS, ROUNDS = 100, 2
"""Loads tried at a time, and how often the step between two of them is tried again."""


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
    percentiles: tuple[tuple[float, float, float], ...] = ()


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
    first = open_loop(service, case.new_tokens, np.array([1e-3]), variation=variation)
    _require_reachable(first, objective, case)
    most = max(min(first.room, case.max_sequences or np.inf), 1e-2)
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
    point = _point(case, loop, best, certainty, "the objective" if bounded else "the cache's room")
    there = loop.running[best : best + 1]
    found = []
    for share in NORMAL:
        at = open_loop(service, case.new_tokens, there, variation=variation, share=share)
        found.append((share, float(at.ttft_share_s[0]), float(at.tpot_share_s[0])))
    return replace(point, percentiles=tuple(found))


def service_of(case: Case, predictor: Predictor) -> tuple[Service, tuple[float, Basis]]:
    """What the replica's devices take, and the factor of its 90% interval with the basis."""
    tables = predictor.tables
    own = _own_fits(case, predictor)
    if own is not None:
        return _service_of_own(case, *own), _own_certainty(case, own)
    work, fit = columns([replace(case, batch=1)], tables), coefficients([case], tables)
    scale = scale_for(predictor.scales, case)
    speed = 1.0 if scale is None else scale.speed
    alone = request_s(work, fit, np.array([1.0]))
    service = Service(
        request_s=lambda running: request_s(work, fit, running).seconds / speed,
        decode_s=lambda running: request_s(work, fit, running).decode_s / speed,
        prefill_s=float(alone.prefill_s[0] / min(alone.prompts[0], 1.0)) / speed,
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


def _require_reachable(first: OpenLoop, objective: Objective, case: Case) -> None:
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
    if first.room < 1:
        raise InputError(
            "prompt_tokens + new_tokens",
            f"{case.tokens + case.new_tokens:.0f}",
            f"{int(first.room * (case.tokens + case.new_tokens))} or fewer: the cache has no more "
            f"room beside the weights; or more devices",
        )


def _point(
    case: Case, loop: OpenLoop, at: int, certainty: tuple[float, Basis], limit: str
) -> ServingPoint:
    rate = float(loop.requests_per_s[at])
    factor, basis = certainty
    return ServingPoint(
        requests_per_s=rate,
        concurrency=float(loop.running[at]) + rate * float(loop.ttft_share_s[at]) / 2,
        ttft_s=float(loop.ttft_share_s[at]),
        tpot_s=float(loop.tpot_share_s[at]),
        prefill_tokens_per_s=rate * case.tokens * (1 - case.prefix_share),
        decode_tokens_per_s=rate * case.new_tokens,
        prefill_share=float(loop.prefill_share[at]),
        low=1 / factor,
        high=factor,
        basis=basis,
        note=f"bounded by {limit}; room for {loop.room:.0f} sequences",
    )
