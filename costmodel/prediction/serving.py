"""The largest load a replica carries within an objective on first and later tokens.

Open loop: requests arrive at random (Poisson), prefills go first, all running sequences decode
together. A first token waits as in a queue with one server whose service is a prefill (M/D/1, its
tail by the heavy-traffic exponential); a later token's 95th percentile takes as many neighbours as
a Poisson count reaches in 95 of 100 cases. `tests` holds a simulation of the same rules.
Left out: length distributions beyond their mean, bursts of users, engines that drop requests.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from modelworth.costmodel.architecture.structure import Architecture
from modelworth.costmodel.prediction.case import (
    Case,
    Columns,
    columns,
    efficiencies,
    precision_name,
)
from modelworth.costmodel.prediction.efficiency import Efficiency, Tables, shipped_tables
from modelworth.costmodel.prediction.limits import refused
from modelworth.costmodel.prediction.own_machine import MachineFit, fit_for, machine_fits
from modelworth.costmodel.prediction.predictor import distance, interval_factor
from modelworth.costmodel.prediction.served import ServedScale, scale_for, served_scales
from modelworth.costmodel.prediction.serving_steady import cache_room
from modelworth.costmodel.prediction.shape import Number
from modelworth.costmodel.prediction.step_time import decode_step, forward_pass, total_s
from modelworth.data.catalog import Accelerator, load_catalog
from modelworth.data.errors import InputError
from modelworth.data.measurement import Measurement
from modelworth.data.words import Basis

NORMAL_95 = 1.645
POINTS = 4000


@dataclass(frozen=True, slots=True)
class ServingPoint:
    """One replica at the largest load within its objective.

    Attributes:
        concurrency: requests in the replica on average, running or waiting.
        ttft_s, tpot_s: the 95th percentiles there.
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


@dataclass(frozen=True)
class OpenLoop:
    """A replica at arrival rates: arrays over the mean number of running sequences."""

    running: Number
    requests_per_s: Number
    tpot_s: Number
    ttft_p95_s: Number
    tpot_p95_s: Number
    prefill_share: Number
    room: float


@dataclass(frozen=True)
class Phase:
    """Where the time of prefills, or of decoding, comes from."""

    work: Columns
    fit: Efficiency


@dataclass(frozen=True)
class Phases:
    """Both phases, and the coefficients of how they meet."""

    prefill: Phase
    decode: Phase
    fit: Efficiency
    own: tuple[MachineFit, ...] = ()
    scale: ServedScale | None = None

    @property
    def speed(self) -> float:
        """Factor of own servers on the published times."""
        return 1.0 if self.scale is None else self.scale.speed


def phases_of(
    case: Case,
    tables: Tables,
    fits: Sequence[MachineFit] = (),
    scales: Sequence[ServedScale] = (),
) -> Phases:
    """From own records where there are some for one device, else from the published tables.

    Results of own servers on the device correct what the published tables say.
    """
    common = efficiencies([case], tables)
    work = columns([case], tables)
    found = {name: Phase(work, common) for name in ("prefill", "decode")}
    own = []
    for name in ("prefill", "decode") if case.gpus == 1 else ():
        fit = fit_for(fits, replace(case, work=name, software=None))
        if fit is not None:
            found[name] = Phase(fit.columns([case]), fit.efficiency)
            own.append(fit)
    scale = None if own else scale_for(scales, case)
    return Phases(found["prefill"], found["decode"], common, tuple(own), scale)


def open_loop(case: Case, phases: Phases, running: Number, cached_share: float = 0.0) -> OpenLoop:
    """Latencies at the arrival rates that keep `running` sequences decoding on average."""
    work, fit = phases.decode.work, phases.fit
    fresh = max(case.tokens * (1 - cached_share), 1.0)
    context = case.tokens + case.new_tokens / 2
    reads = phases.prefill
    prefill = forward_pass(
        reads.work.shape, reads.work.device, reads.fit, 1, fresh, reads.work.tensor
    )
    prefill_s = float(total_s(prefill)[0]) / phases.speed

    def decode_s(sequences: Number) -> Number:
        parts = decode_step(
            work.shape, work.device, phases.decode.fit, sequences, context, work.tensor
        )
        return total_s(parts) / phases.speed

    room = cache_room(work.shape, work.device, work.tensor, case.tokens + case.new_tokens)
    each_s = prefill_s * fit.interference / case.new_tokens
    tpot_s = decode_s(running) + running * each_s
    rate = running / (case.new_tokens * tpot_s)
    many = running + NORMAL_95 * np.sqrt(running)
    busy = np.minimum(rate * prefill_s, 0.999)
    tail = prefill_s / (2 * (1 - busy)) * np.log(np.maximum(busy / 0.05, 1))
    return OpenLoop(
        running=running,
        requests_per_s=rate,
        tpot_s=tpot_s,
        ttft_p95_s=fit.first_token_s + decode_s(running) + prefill_s + tail,
        tpot_p95_s=decode_s(many) + many * each_s,
        prefill_share=running * each_s / tpot_s,
        room=float(room[0]),
    )


def largest_load(
    config: Mapping[str, Any],
    accelerator: Accelerator,
    *,
    gpus: int,
    precision: str,
    prompt_tokens: float,
    new_tokens: float,
    cached_share: float = 0.0,
    ttft_p95_s: float,
    tpot_p95_s: float,
    measurements: Sequence[Measurement] = (),
    tables: Tables | None = None,
    software: str | None = None,
) -> ServingPoint:
    """The largest arrival rate that one replica of `gpus` devices serves within the objective.

    `cached_share` of the prompt's tokens are found in a prefix cache. Own `measurements` of this
    device calibrate the prediction.

    Raises:
        InputError: if the model doesn't fit, or not even one request meets the objective, with
            what would.
    """
    tables = tables or shipped_tables()
    case = _case(config, accelerator, gpus, precision, prompt_tokens, new_tokens, software)
    refusal = refused(case, tables)
    if refusal is not None:
        raise refusal
    if not 0 <= cached_share < 1:
        raise InputError("cached_share", cached_share, "from 0 to under 1")
    scales = served_scales(measurements, load_catalog(), tables) if measurements else ()
    phases = phases_of(case, tables, machine_fits(measurements), scales)
    first = open_loop(case, phases, np.array([1e-3]), cached_share)
    _require_reachable(first, ttft_p95_s, tpot_p95_s, case)
    running = np.geomspace(1e-3, max(first.room, 1e-2), POINTS)
    loop = open_loop(case, phases, running, cached_share)
    fits = running + NORMAL_95 * np.sqrt(running) <= max(first.room, 1.0)
    good = (loop.ttft_p95_s <= ttft_p95_s) & (loop.tpot_p95_s <= tpot_p95_s) & fits
    best = int(np.argmin(good)) - 1 if not good.all() else POINTS - 1
    return _point(case, loop, max(best, 0), cached_share, _certainty(case, phases, tables))


def _case(
    config: Mapping[str, Any],
    accelerator: Accelerator,
    gpus: int,
    precision: str,
    prompt_tokens: float,
    new_tokens: float,
    software: str | None,
) -> Case:
    return Case(
        work="serve",
        architecture=Architecture.from_config(config),
        accelerator=accelerator,
        gpus=gpus,
        precision=precision_name(precision),
        tokens=prompt_tokens,
        new_tokens=new_tokens,
        software=software,
        tensor=gpus,
    )


def _require_reachable(first: OpenLoop, ttft_p95_s: float, tpot_p95_s: float, case: Case) -> None:
    """Refuse an objective that an idle replica misses already."""
    alone = f"{case.architecture.name} on {case.gpus} × {case.accelerator.name}, one request"
    for name, objective, reached in (
        ("ttft_p95_s", ttft_p95_s, float(first.ttft_p95_s[0])),
        ("tpot_p95_s", tpot_p95_s, float(first.tpot_p95_s[0])),
    ):
        if not objective >= reached:
            raise InputError(
                name, f"{objective:g} s", f"{reached:.3g} s or more ({alone}), or on more devices"
            )
    if first.room < 1:
        raise InputError(
            "prompt_tokens + new_tokens",
            f"{case.tokens + case.new_tokens:.0f}",
            f"{int(first.room * (case.tokens + case.new_tokens))} or fewer: the cache has no more "
            f"room beside the weights; or more devices",
        )


def _point(
    case: Case, loop: OpenLoop, at: int, cached_share: float, certainty: tuple[float, Basis]
) -> ServingPoint:
    rate = float(loop.requests_per_s[at])
    factor, basis = certainty
    limit = "the cache's room" if at == POINTS - 1 else "the objective"
    return ServingPoint(
        requests_per_s=rate,
        concurrency=float(loop.running[at]) + rate * float(loop.ttft_p95_s[at]) / 2,
        ttft_s=float(loop.ttft_p95_s[at]),
        tpot_s=float(loop.tpot_p95_s[at]),
        prefill_tokens_per_s=rate * case.tokens * (1 - cached_share),
        decode_tokens_per_s=rate * case.new_tokens,
        prefill_share=float(loop.prefill_share[at]),
        low=1 / factor,
        high=factor,
        basis=basis,
        note=f"bounded by {limit}; room for {loop.room:.0f} sequences",
    )


def _certainty(case: Case, phases: Phases, tables: Tables) -> tuple[float, Basis]:
    """Factor of the 90% interval, and the basis, of the weaker phase."""
    if len(phases.own) == 2:
        beyond = max(fit.doublings_beyond(case) for fit in phases.own)
        factor = max(fit.factor90(case) for fit in phases.own)
        return factor, "extrapolated" if beyond > 0 else "interpolated"
    if phases.scale is not None:
        return math.exp(phases.scale.log_width), "interpolated"
    apart = distance(case, tables)
    basis: Basis = "interpolated" if apart == 0 else "extrapolated" if apart < 3 else "assumed"
    return interval_factor(case, tables), basis
