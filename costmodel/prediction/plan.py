"""The cheapest way to serve a model within an objective: devices × layouts × precisions, searched.

For each device, precision and replica size the largest load within the objective is asked of the
same step model as everything else (`largest_load`); a replica's devices at the catalogue's rent,
never idle beyond what the offered load leaves, give the cost of a million tokens. What is dearer
and slower than another isn't on the frontier.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product

from modelworth.costmodel.architecture.fits import unservable
from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.energy import usd_per_million
from modelworth.costmodel.prediction.largest_load import (
    Objective,
    ServingPoint,
    UnreachableError,
    largest_load,
)
from modelworth.costmodel.prediction.layouts import (
    MOST_SPREAD,
    experts_spread,
    is_spread_over,
)
from modelworth.costmodel.prediction.predictor import Predictor
from modelworth.costmodel.prediction.step.device import rate_used
from modelworth.data.catalog import Accelerator
from modelworth.data.errors import InputError

MOST_REPLICA = 16
MOST_VARIATION = 3.0
"""Of lengths: more than any published trace of requests shows."""
TIGHTER = (0.7, 0.5, 0.35, 0.25, 0.18)
"""Shares of the objective for later tokens at which the frontier is looked for."""
MOST_FRONTIER = 24
UNPACKING = ("Ampere", "Ada Lovelace", "Hopper", "Blackwell", "Blackwell Ultra")
"""Devices without products in 8 or 4 bits whose engines have kernels that unpack such weights
(vLLM's Marlin asks for compute capability 8.0)."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What is asked for.

    Attributes:
        requests_per_s: offered load; the replicas are as many as it needs.
        apart: whether replicas that read prompts apart are tried, too.
    """

    requests_per_s: float
    objective: Objective
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to serve the load.

    Attributes:
        case: a replica's case: device, precision, layout.
        point: a replica at its largest load within the objective.
        low, high: the 90% interval of the cost.
        readers: replicas of the case's `reader`, where prompts are read apart.
    """

    case: Case
    point: ServingPoint
    replicas: int
    usd_per_gpu_hour: float
    usd_per_million_tokens: float
    low: float
    high: float
    readers: int = 0

    @property
    def gpus(self) -> int:
        """Devices in all."""
        return _devices(self.case, self.replicas, self.readers)

    @property
    def usd_per_hour(self) -> float:
        """Rent of all devices."""
        return self.gpus * self.usd_per_gpu_hour


@dataclass(frozen=True)
class ServingPlan:
    """All choices that keep the objective, cheapest first, and why others don't.

    Attributes:
        frontier: the cheapest choice as later tokens must come sooner and sooner; none is both
            dearer and slower than another.
        refused: (device, precision, reason) of those for which no layout does.
    """

    choices: tuple[Choice, ...]
    frontier: tuple[Choice, ...]
    refused: tuple[tuple[str, str, str], ...]

    @property
    def best_by_device(self) -> tuple[Choice, ...]:
        """The cheapest choice of each device."""
        found: dict[str, Choice] = {}
        for choice in self.choices:
            found.setdefault(choice.case.accelerator.name, choice)
        return tuple(found.values())


def plan_serving(
    case: Case,
    offer: Offer,
    predictor: Predictor,
    devices: Sequence[Accelerator],
    precisions: Iterable[str],
) -> ServingPlan:
    """Every device, precision and layout tried; the case's own aren't looked at.

    Raises:
        InputError: if the offered load isn't above 0, or nothing keeps the objective.
    """
    if not 0 < offer.requests_per_s < math.inf:
        raise InputError("--rate", offer.requests_per_s, "above 0 requests per second")
    if not 0 <= (variation := offer.objective.variation) <= MOST_VARIATION:
        raise InputError("--variation", variation, f"from 0 to {MOST_VARIATION:g}")
    if (never := unservable(case.architecture, "serve", case.whole)) is not None:
        raise never
    choices: list[Choice] = []
    refused: list[tuple[str, str, str]] = []
    advice = "name devices with more memory (--gpus-of), or narrower --precisions"
    for device, precision in product(devices, precisions):
        try:
            choices += _tried(case, offer, predictor, device, precision)
        except InputError as error:
            refused.append((device.name, precision, " ".join(str(error).split())))
            if isinstance(error, UnreachableError):
                advice = "allow more time (--ttft, --tpot), or name other devices (--gpus-of)"
    if not choices:
        raise InputError(
            "objective",
            f"kept on no device tried; {refused[0][0]}: {refused[0][2]}",
            advice=advice,
        )
    ordered = sorted(choices, key=lambda choice: (choice.usd_per_million_tokens, choice.gpus))
    return ServingPlan(tuple(ordered), _frontier(ordered, offer, predictor), tuple(refused))


def _frontier(ordered: Sequence[Choice], offer: Offer, predictor: Predictor) -> tuple[Choice, ...]:
    """The cheapest of the cheapest layouts as the objective tightens."""
    kept = [ordered[0]]
    for share in TIGHTER:
        objective = replace(offer.objective, tpot_p95_s=offer.objective.tpot_p95_s * share)
        tighter, found = replace(offer, objective=objective), []
        for choice in ordered[:MOST_FRONTIER]:
            with suppress(InputError):
                found.append(_choice(choice.case, tighter, predictor, choice.usd_per_gpu_hour))
        best = min(found, key=_cost, default=kept[0])
        if _cost(best) > _cost(kept[-1]):
            kept.append(best)
    return tuple(kept)


def _cost(choice: Choice) -> float:
    return choice.usd_per_million_tokens


def _tried(
    case: Case, offer: Offer, predictor: Predictor, device: Accelerator, precision: str
) -> list[Choice]:
    """The layouts of one device and precision that keep the objective.

    Raises:
        InputError: if none does, with the reason of the nearest; or it has no rent.
    """
    used = rate_used(device, precision)
    if precision in ("fp8", "fp4") and used != precision and device.architecture not in UNPACKING:
        has = ", ".join(name for name, rate in device.matmul_flops_per_s.items() if rate)
        raise InputError("precision", precision, f"one that {device.name} computes in: {has}")
    precision = used if precision == "bf16" else precision
    try:
        rent = predictor.catalog.rent(device.name).usd_per_gpu_hour
    except InputError as error:
        raise InputError("rent", "none in the catalogue") from error
    layouts = list(_layouts(case, device, precision))
    found: list[Choice] = []
    reasons: list[InputError] = []
    for tried in [*layouts, *(_pools(layouts, offer, predictor) if offer.apart else ())]:
        try:
            found.append(_choice(tried, offer, predictor, rent))
        except InputError as error:
            reasons.append(error)
    if not found:
        raise min(reasons[::-1], key=lambda error: getattr(error, "seconds", math.inf))
    return found


def _pools(layouts: Sequence[Case], offer: Offer, predictor: Predictor) -> list[Case]:
    """Writers and readers that need the fewest devices; none where no layout does.

    Later tokens depend on the writers alone and first ones on the readers, so each is chosen by
    itself, beside the other of its own layout.
    """
    best: list[Case] = []
    for laxer in ("ttft_p95_s", "tpot_p95_s"):
        objective = replace(offer.objective, **{laxer: math.inf})
        devices: dict[int, Case] = {}
        for tried in layouts:
            with suppress(InputError):
                point = largest_load(_read_by(tried, tried), objective, predictor)
                read = point.read_per_s or 0.0
                rate = point.requests_per_s if laxer == "ttft_p95_s" else read
                devices.setdefault(_needed(offer, rate) * tried.gpus, tried)
        if not devices:
            return []
        best.append(devices[min(devices)])
    return [_read_by(*best)]


def _read_by(writer: Case, reader: Case) -> Case:
    """A replica of the one whose prompts a replica of the other reads."""
    return replace(
        writer, read_gpus=reader.gpus, read_tensor=reader.tensor, read_pipeline=reader.pipeline
    )


def _layouts(case: Case, device: Accelerator, precision: str) -> Iterator[Case]:
    """Replicas of one device up to two servers: tensor in a server, then stages.

    Experts are spread over more, too, beside attention of each device's own sequences.
    """
    heads = case.architecture.blocks[0].attention.heads or 1
    node = min(device.devices_per_node, 8)
    case = replace(case, accelerator=device, precision=precision)
    for gpus in (1, 2, 4, 8, MOST_REPLICA):
        tensor = min(gpus, node)
        if heads % tensor == 0:
            yield replace(case, gpus=gpus, tensor=tensor, pipeline=gpus // tensor)
    for gpus in (8, MOST_REPLICA, 32, MOST_SPREAD):
        if is_spread_over(case, gpus):
            yield experts_spread(replace(case, gpus=gpus), gpus)


def _choice(case: Case, offer: Offer, predictor: Predictor, rent: float) -> Choice:
    """A layout at its largest load, and as many replicas as the offered load needs.

    Raises:
        InputError: if it can't keep the objective.
    """
    point = largest_load(case, offer.objective, predictor)

    def at(factor: float) -> tuple[int, int, float]:
        """Replicas, readers and cost where rates are that many times as high."""
        replicas = _needed(offer, point.requests_per_s * factor)
        readers = 0 if point.read_per_s is None else _needed(offer, point.read_per_s * factor)
        usd_per_hour = _devices(case, replicas, readers) * rent
        return replicas, readers, usd_per_million(usd_per_hour, offer.requests_per_s * case.whole)

    replicas, readers, cost = at(1.0)
    low, high = at(point.factor)[2], at(1 / point.factor)[2]
    return Choice(case, point, replicas, rent, cost, low, high, readers)


def _needed(offer: Offer, requests_per_s: float) -> int:
    return max(1, math.ceil(offer.requests_per_s / requests_per_s))


def _devices(case: Case, replicas: int, readers: int) -> int:
    return replicas * case.gpus + readers * case.read_gpus
