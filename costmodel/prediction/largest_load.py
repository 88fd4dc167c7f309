"""The largest load a replica carries within an objective on first and later tokens.

Requests arrive at random (Poisson), prefills go first, all running sequences decode together. A
first token waits as in a queue with one server whose service is a prefill (M/G/1 by Pollaczek and
Khinchine, its tail by the heavy-traffic exponential); a later token's 95th percentile takes as many
neighbours as a normal count reaches in 95 of 100 cases; other percentiles in the same way. Lengths
may vary, which lengthens queues and, for new tokens, leaves the mean count of running sequences
alone (Little's law). `tests` holds a discrete-event simulation of the same rules. Left out: bursts
of users, engines that drop requests.

Times come from the same step model, own records and corrections as every other prediction. Where
prompts are read apart, readers answer for first tokens and writers for later ones, each with a load
of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.columns import coefficients, columns
from modelworth.costmodel.prediction.interval import width_of
from modelworth.costmodel.prediction.own_machine import MachineFit
from modelworth.costmodel.prediction.predictor import Predictor
from modelworth.costmodel.prediction.refusal import refused
from modelworth.costmodel.prediction.served import scale_for
from modelworth.costmodel.prediction.serving import apart, steady
from modelworth.costmodel.prediction.step.model import Number
from modelworth.costmodel.prediction.step.passes import Inference, inference_pass, total_s
from modelworth.data.errors import InputError
from modelworth.data.words import Basis

POINTS, ROUNDS = 100, 2
"""Loads tried at a time, and how often the step between two of them is tried again."""
IDLE = 1e-3
"""Sequences that decode on average where a replica does next to nothing."""
NORMAL = {0.5: 0.0, 0.9: 1.2816, 0.95: 1.645, 0.99: 2.3263}
"""Share of requests → standard deviations of a normal count under which they are."""
SHARES, DEVIATIONS = np.array([*NORMAL]), np.array([*NORMAL.values()])
BUSY_LIMIT = 0.999


@dataclass(frozen=True, slots=True)
class ServingPoint:
    """One replica at the largest load within its objective.

    Attributes:
        ttft_s, tpot_s: the 95th percentiles there.
        prefill_share: of the time that the devices work, spent on prefills; the rest decodes.
        factor: the rates' 90% interval reaches from ÷ factor to × factor.
        percentiles: share of requests, and within how many seconds their first token, and each
            later one, comes at that load.
        read_per_s: requests a second that a replica of readers carries, where they are apart.
    """

    requests_per_s: float
    ttft_s: float
    tpot_s: float
    prefill_share: float
    factor: float
    basis: Basis
    note: str
    percentiles: tuple[tuple[float, float, float], ...]
    read_per_s: float | None = None


@dataclass(frozen=True)
class Objective:
    """What users wait for at most, at the 95th percentile, in seconds.

    `variation`: standard deviation of their requests' lengths over the mean.
    """

    ttft_p95_s: float
    tpot_p95_s: float
    variation: float = 0.0


class OpenLoop(NamedTuple):
    """A replica at arrival rates, with the latencies within which the asked share of requests is.

    `prefill_share`: of the time that the devices work, spent on prefills; the rest decodes.
    """

    requests_per_s: Number
    ttft_s: Number
    tpot_s: Number
    prefill_share: Number


@dataclass(frozen=True)
class Service:
    """What a replica's devices take.

    Attributes:
        seconds: sequences decoding → seconds of one lane for a whole request, and seconds until
            each sequence has one more token.
        prefill_s: of one prompt alone.
        first_token_s: before a first token beside the passes, where others are served.
        room: sequences that the cache has room for.
        lanes: groups of sequences that a pipeline works on at once.
        factor, basis: half-width of the rates' 90% interval, and what it rests on.
    """

    seconds: Callable[[Number], tuple[Number, Number]]
    prefill_s: float
    first_token_s: float
    room: float
    factor: float
    basis: Basis
    lanes: float = 1.0

    def loop(
        self, new_tokens: float, running: Number, variation: float = 0.0, share: Number = 0.95
    ) -> OpenLoop:
        """Latencies at the arrival rates that keep `running` sequences decoding on average.

        `share` of `SHARES`: of the requests, those within the latencies.
        """
        each = running / self.lanes
        request_s, decode_s = self.seconds(each)
        many = each + np.interp(share, SHARES, DEVIATIONS) * np.sqrt(each)
        busy = np.minimum(self.prefill_s / request_s, BUSY_LIMIT)
        among_s = self.first_token_s + decode_s
        before_s = steady.before_first_s(among_s, each, self.prefill_s)
        return OpenLoop(
            requests_per_s=self.lanes / request_s,
            ttft_s=_read_within_s(before_s, self.prefill_s, busy, variation, share),
            tpot_s=many * self.seconds(many)[0] / new_tokens,
            prefill_share=1 - np.minimum(new_tokens * decode_s / each / request_s, 1),
        )


class UnreachableError(InputError):
    """An objective that an idle replica misses already.

    Attributes:
        seconds: that it takes at the same share of requests.
    """

    def __init__(self, name: str, asked: float, seconds: float, alone: str) -> None:
        self.seconds = seconds
        nearest = f"{seconds:.3g} s or more ({alone}), or on more devices"
        super().__init__(name, f"{asked:g} s", nearest)


def largest_load(case: Case, objective: Objective, predictor: Predictor) -> ServingPoint:
    """The largest arrival rate that one replica of a serving case carries within the objective.

    The case's `batch` isn't looked at.

    Raises:
        InputError: if the model doesn't fit, or not even one request meets the objective, with
            what would.
    """
    if refusal := refused([case], predictor.tables)[0]:
        raise refusal
    service = service_of(case, predictor)
    if case.reader is None:
        return _largest(case, service, objective)
    point = _largest(case, service, replace(objective, ttft_p95_s=np.inf))
    rate, within = _largest_reading(case, case.reader, objective, predictor)
    percentiles = tuple((share, within[share], tpot_s) for share, _, tpot_s in point.percentiles)
    return replace(
        point, ttft_s=within[0.95], percentiles=percentiles, read_per_s=rate, prefill_share=0.0
    )


def service_of(case: Case, predictor: Predictor) -> Service:
    """What the replica's devices take, with how sure that is."""
    own = [
        None if case.read_gpus else predictor.own_fit(replace(case, work=work, software=None))
        for work in ("prefill", "decode")
    ]
    if own[0] is not None and own[1] is not None:
        return _service_of_own(case, own[0], own[1])
    tables, scale = predictor.tables, scale_for(predictor.scales, case)
    work, fit = columns([replace(case, batch=1)], tables), coefficients([case], tables)
    speed = 1.0 if scale is None else scale.speed
    alone = steady.request_s(work, fit, np.array([1.0]))

    def seconds(running: Number) -> tuple[Number, Number]:
        one = steady.request_s(work, fit, running)
        written_s = steady.later_passes(work) / running * one.decode_s
        return (written_s if case.read_gpus else one.seconds) / speed, one.decode_s / speed

    width = width_of(case, tables)
    return Service(
        seconds,
        0.0 if case.read_gpus else float(alone.prefill_s[0] / min(alone.prompts[0], 1.0)) / speed,
        float(fit.first_token_s[0]),
        float(steady.cache_room(work, case.whole)[0]),
        width.factor if scale is None else float(np.exp(scale.log_width)),
        width.basis if scale is None else "interpolated",
        float(case.pipeline),
    )


def _service_of_own(case: Case, prefill: MachineFit, decode: MachineFit) -> Service:
    fresh = max(case.tokens * (1 - case.prefix_share), 1.0)
    asked = replace(case, work="prefill", batch=1, tokens=fresh, new_tokens=1)
    prefill_s = float(prefill.times(asked).step_s[0])  # type: ignore[index]
    work = decode.columns([replace(case, batch=1)])

    def seconds(running: Number) -> tuple[Number, Number]:
        asked = Inference(running, case.tokens + case.new_tokens / 2, 0.0, 1.0, work.tensor)
        decode_s = total_s(inference_pass(work.shape, work.device, decode.coefficients, asked))
        return case.new_tokens / running * decode_s + prefill_s, decode_s

    beyond = max(prefill.doublings_beyond(case), decode.doublings_beyond(case))
    room = float(steady.cache_room(work, case.whole)[0])
    factor = max(prefill.factor90(case), decode.factor90(case))
    basis: Basis = "extrapolated" if beyond > 0 else "interpolated"
    return Service(seconds, prefill_s, 0.0, room, factor, basis)


def _largest(case: Case, service: Service, objective: Objective) -> ServingPoint:
    """The last of rising loads at which the percentiles, and the cache, still hold."""
    _require_reachable(case, service, objective)
    most = max(min(service.room, case.max_sequences or np.inf), 1e-2)
    low, high, bounded = IDLE, most, True
    for _ in range(ROUNDS):
        running = np.geomspace(low, high, POINTS)
        loop = service.loop(case.new_tokens, running, objective.variation)
        fits = running + NORMAL[0.95] * np.sqrt(running) <= max(most, 1.0)
        quick = (loop.ttft_s <= objective.ttft_p95_s) & (loop.tpot_s <= objective.tpot_p95_s)
        good = quick & fits
        best = POINTS - 1 if good.all() else max(int(np.argmin(good)) - 1, 0)
        after = min(best + 1, POINTS - 1)
        bounded = bool(fits[after]) and not good.all()
        low, high = running[best], running[after]
    limit = "the objective" if bounded else "the cache's room"
    at = service.loop(case.new_tokens, running[[best]], objective.variation, SHARES)
    shares = zip(SHARES.tolist(), at.ttft_s.tolist(), at.tpot_s.tolist(), strict=True)
    rate, ttft_s, tpot_s, reading = (float(column[best]) for column in loop)
    note = f"bounded by {limit}; room for {service.room:.0f} sequences"
    return ServingPoint(
        rate, ttft_s, tpot_s, reading, service.factor, service.basis, note, tuple(shares)
    )


def _require_reachable(case: Case, service: Service, objective: Objective) -> None:
    """Refuse an objective that an idle replica misses already, and a cache without room."""
    idle = service.loop(case.new_tokens, np.array([IDLE]), objective.variation)
    alone = f"{case.architecture.name} on {case.gpus} × {case.accelerator.name}, one request"
    for name, reached in (("ttft_p95_s", idle.ttft_s), ("tpot_p95_s", idle.tpot_s)):
        if not (asked := getattr(objective, name)) >= reached[0]:
            raise UnreachableError(name, asked, float(reached[0]), alone)
    if service.room < 1:
        most = int(service.room * case.whole)
        allowed = f"{most} or fewer: the cache has no more room beside the weights; or more devices"
        raise InputError("prompt_tokens + new_tokens", f"{case.whole:.0f}", allowed)


def _largest_reading(
    case: Case, reader: Case, objective: Objective, predictor: Predictor
) -> tuple[float, dict[float, float]]:
    """Requests a second of one replica of readers within the objective on first tokens.

    With the seconds within which each of `NORMAL`'s shares has its first token.
    """
    fit = coefficients([reader], predictor.tables)
    work, writer = (columns([replace(one, batch=1)], predictor.tables) for one in (reader, case))
    read = apart.reading(work, writer, fit)
    scale = scale_for(predictor.scales, case)
    speed = 1.0 if scale is None else scale.speed
    alone_s, each_s, sent_s = (float(one[0]) for one in (read.alone_s, read.each_s, read.sent_s))

    before_s = float(fit.first_token_s[0]) + sent_s

    def within(busy: Number, share: float) -> Number:
        return _read_within_s(before_s, alone_s / speed, busy, objective.variation, share)

    busy = np.linspace(1e-4, 1.0, POINTS * POINTS, endpoint=False)
    kept = busy[within(busy, 0.95) <= objective.ttft_p95_s]
    if not kept.size:
        alone = f"{case.architecture.name} read on {reader.gpus} × {reader.accelerator.name}"
        least = float(within(0.0, 0.95))
        raise UnreachableError("ttft_p95_s", objective.ttft_p95_s, least, alone)
    rate = float(kept[-1]) * speed * reader.pipeline / each_s
    sent = float(apart.sent_per_s(work, writer, read.sent_s)[0]) / reader.data
    return min(rate, sent), {share: float(within(kept[-1], share)) for share in NORMAL}


def _read_within_s(
    before_s: Number, prefill_s: Number, busy: Number, variation: float, share: Number
) -> Number:
    """Seconds within which a share of prompts is read by a server that is `busy` for a part."""
    scale = prefill_s * (1 + variation**2) / (2 * (1 - busy))
    tail = scale * np.log(np.maximum(busy / (1 - share), 1))
    longer = 1 + np.interp(share, SHARES, DEVIATIONS) * variation
    return before_s + prefill_s * longer + tail
