"""The cheapest way to serve a model within an objective: devices × layouts × precisions, searched.

For each device, precision and replica size the largest load within the objective is asked of the
same step model as everything else (`largest_load`); a replica's devices at the catalogue's rent,
never idle beyond what the offered load leaves, give the cost of a million tokens. What is dearer
and slower than another isn't on the frontier.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.energy import usd_per_million
from modelworth.costmodel.prediction.largest_load import Objective, ServingPoint, largest_load
from modelworth.costmodel.prediction.predictor import Predictor
from modelworth.data.catalog import Accelerator
from modelworth.data.errors import InputError

MOST_REPLICA = 16
MOST_VARIATION = 3.0
"""Of lengths: more than any published trace of requests shows."""
TIGHTER = (0.7, 0.5, 0.35, 0.25, 0.18)
"""Shares of the objective for later tokens at which the frontier is looked for."""
MOST_FRONTIER = 24


@dataclass(frozen=True, slots=True)
class Offer:
    """What is asked for.

    Attributes:
        requests_per_s: offered load; the replicas are as many as it needs.
        variation: standard deviation of lengths over their mean.
    """

    requests_per_s: float
    objective: Objective
    variation: float = 0.0


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to serve the load.

    Attributes:
        case: a replica's case: device, precision, layout.
        point: a replica at its largest load within the objective.
        low, high: the 90% interval of the cost.
    """

    case: Case
    point: ServingPoint
    replicas: int
    usd_per_gpu_hour: float
    usd_per_million_tokens: float
    low: float
    high: float

    @property
    def gpus(self) -> int:
        """Devices in all."""
        return self.replicas * self.case.gpus

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
    if not (math.isfinite(offer.requests_per_s) and offer.requests_per_s > 0):
        raise InputError("--rate", offer.requests_per_s, "above 0 requests per second")
    if not 0 <= offer.variation <= MOST_VARIATION:
        raise InputError("--variation", offer.variation, f"from 0 to {MOST_VARIATION:g}")
    choices: list[Choice] = []
    refused: list[tuple[str, str, str]] = []
    for device in devices:
        for precision in precisions:
            found, reason = _tried(case, offer, predictor, device, precision)
            choices += found
            if not found:
                refused.append((device.name, precision, reason))
    if not choices:
        raise InputError(
            "objective",
            f"kept by none of {len(devices)} devices; {refused[0][0]}: {refused[0][2]}",
            advice="allow more time (--ttft, --tpot), or name other devices (--gpus-of)",
        )
    ordered = sorted(choices, key=lambda choice: (choice.usd_per_million_tokens, choice.gpus))
    return ServingPlan(tuple(ordered), _frontier(ordered, offer, predictor), tuple(refused))


def _frontier(ordered: Sequence[Choice], offer: Offer, predictor: Predictor) -> tuple[Choice, ...]:
    """The cheapest of the cheapest layouts as the objective tightens."""
    kept = [ordered[0]]
    for share in TIGHTER:
        objective = replace(offer.objective, tpot_p95_s=offer.objective.tpot_p95_s * share)
        found = []
        for choice in ordered[:MOST_FRONTIER]:
            try:
                point = largest_load(choice.case, objective, predictor, variation=offer.variation)
            except InputError:
                continue
            found.append(_choice(choice.case, point, offer, choice.usd_per_gpu_hour))
        best = min(found, key=lambda one: one.usd_per_million_tokens, default=None)
        if best is not None and best.usd_per_million_tokens > kept[-1].usd_per_million_tokens:
            kept.append(best)
    return tuple(kept)


def _tried(
    case: Case, offer: Offer, predictor: Predictor, device: Accelerator, precision: str
) -> tuple[list[Choice], str]:
    """The layouts of one device and precision that keep the objective, or why none does."""
    try:
        rent = predictor.catalog.rent(device.name).usd_per_gpu_hour
    except InputError:
        return [], "no rent in the catalogue"
    found, reason = [], "it has no layout"
    for tried in _layouts(case, device, precision):
        try:
            point = largest_load(tried, offer.objective, predictor, variation=offer.variation)
        except InputError as error:
            reason = " ".join(str(error).split())
            continue
        found.append(_choice(tried, point, offer, rent))
    return found, reason


def _layouts(case: Case, device: Accelerator, precision: str) -> Iterator[Case]:
    """Replicas of one device up to two servers: tensor in a server, then stages."""
    heads = case.architecture.blocks[0].attention.heads or 1
    node = min(device.devices_per_node, 8)
    for gpus in (1, 2, 4, 8, MOST_REPLICA):
        tensor = min(gpus, node)
        if heads % tensor:
            continue
        yield replace(
            case, accelerator=device, precision=precision, gpus=gpus, tensor=tensor,
            pipeline=gpus // tensor,
        )  # fmt: skip


def _choice(case: Case, point: ServingPoint, offer: Offer, rent: float) -> Choice:
    replicas = max(1, math.ceil(offer.requests_per_s / point.requests_per_s))
    tokens_per_s = offer.requests_per_s * (case.tokens + case.new_tokens)
    cost = usd_per_million(replicas * case.gpus * rent, tokens_per_s)
    fewest, most = (
        max(1, math.ceil(offer.requests_per_s / (point.requests_per_s * factor)))
        for factor in (point.high, point.low)
    )
    return Choice(
        case, point, replicas, rent, cost, cost * fewest / replicas, cost * most / replicas
    )
