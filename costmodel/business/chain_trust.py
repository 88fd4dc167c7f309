"""What the privacy and explanation studies measured: points by size that a plan can be put to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from modelworth.data.measurement import Measurement
from modelworth.data.study import Estimate

Ends = tuple[float, float, float]
#: a plan's way to train privately → the study's method, and what it is held against
METHODS: Final[Mapping[str, tuple[str, str]]] = {
    "naive": ("hooks", "plain"),
    "ghost": ("ghost", "plain"),
    "lora": ("lora_private", "lora"),
}
EXPLAINED_BY: Final = "integrated_gradients"
SLOWDOWN: Final = "slowdown_factor"
RIGHT: Final = "next_word_share"
Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Point:
    """A factor or share at a size: value, low and high, with the runs that it comes from."""

    parameters: float
    ends: Ends
    records: tuple[Measurement, ...]
    length: float | None = None


def slowdowns(studies: Iterable[Measurement]) -> dict[str, tuple[Point, ...]]:
    """Driver → slowdown by size; of LoRA against plain LoRA, as the driver means it."""
    runs = _newest(studies, "privacy")
    found = {}
    for way, (method, against) in METHODS.items():
        points = []
        for (model, _), own in _by_size(runs, method).items():
            plain = _by_size(runs, against).get((model, own.workload.batch))
            point = _slowdown(own, plain if against == "lora" else None)
            if point and (plain or against == "plain"):
                points.append(point)
        if points:
            found[f"trust.{way}_slowdown_factor"] = tuple(points)
    return found


def quality_loss(studies: Iterable[Measurement], way: str, wanted: float) -> tuple[Point, ...]:
    """Relative loss of right answers by size, at the epsilon nearest to the plan's."""
    if way not in METHODS:
        return ()
    runs, (method, against) = _newest(studies, "privacy"), METHODS[way]
    private = [it for it in runs if _method(it) == method and RIGHT in _figures(it)]
    nearest = min(
        (epsilon(it) for it in private), key=lambda one: abs(math.log(one / wanted)), default=None
    )
    points = []
    for it in private:
        plain = _by_size(runs, against).get((it.model.name, it.workload.batch))
        if plain is not None and epsilon(it) == nearest and RIGHT in _figures(plain):
            ratio = _quotient(_figures(it)[RIGHT], _figures(plain)[RIGHT])
            ends = (1 - ratio[0], 1 - ratio[2], 1 - ratio[1])
            points.append(Point(_size(it), ends, (it, plain)))
    return tuple(points)


def explanations(studies: Iterable[Measurement]) -> tuple[Point, ...]:
    """Cost of an explanation of text over one forward pass, by size and length."""
    return tuple(
        Point(_size(it), _ends(_figures(it)["cost_factor"]), (it,), it.workload.prompt_tokens)
        for it in _newest(studies, "explain")
        if _method(it) == EXPLAINED_BY
        and it.model.family == "encoder"
        and "cost_factor" in _figures(it)
    )


def _slowdown(own: Measurement, plain: Measurement | None) -> Point | None:
    mine = _figures(own).get(SLOWDOWN)
    if mine is None:
        return None
    if plain is None:
        return Point(_size(own), _ends(mine), (own,))
    other = _figures(plain).get(SLOWDOWN)
    return Point(_size(own), _quotient(mine, other), (own, plain)) if other else None


def _quotient(one: Estimate, other: Estimate) -> Ends:
    """One over the other; relative errors add up in squares."""
    value = one.value / other.value if other.value else 1.0
    (_, low, high), (_, other_low, other_high) = _ends(one), _ends(other)
    below = math.hypot(1 - _share(low, one.value), _share(other_high, other.value) - 1)
    above = math.hypot(_share(high, one.value) - 1, 1 - _share(other_low, other.value))
    return value, value * max(0.0, 1 - below), value * (1 + above)


def _share(end: float, value: float) -> float:
    return end / value if value else 1.0


def _ends(found: Estimate) -> Ends:
    low = found.value if found.low is None else found.low
    high = found.value if found.high is None else found.high
    return found.value, low, high


def _newest(studies: Iterable[Measurement], name: str) -> list[Measurement]:
    """Good runs of a study; of each case the newest."""
    good = [it for it in studies if it.status == "ok" and it.study and it.study.name == name]
    return list({it.case: it for it in sorted(good, key=lambda it: it.recorded_at)}.values())


def _by_size(runs: Sequence[Measurement], method: str) -> dict[Key, Measurement]:
    """Runs of a method by net and batch; where epsilons differ, that of the largest."""
    chosen = [it for it in runs if _method(it) == method]
    return {(it.model.name, it.workload.batch): it for it in sorted(chosen, key=epsilon)}


def _method(record: Measurement) -> str:
    return record.study.method if record.study else ""


def _figures(record: Measurement) -> Mapping[str, Estimate]:
    return record.study.figures if record.study else {}


def epsilon(record: Measurement) -> float:
    """The privacy budget that a run was asked to keep."""
    return float(record.study.settings.get("epsilon", 0)) if record.study else 0.0


def _size(record: Measurement) -> float:
    return float(record.model.parameters_total or 1)
