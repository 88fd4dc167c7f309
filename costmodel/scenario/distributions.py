"""Reads a distribution as a scenario writes it, and checks it against the driver's allowed range.

    {low: 1, mode: 2, high: 4}                     PERT, also {pert: {…}}
    {uniform: {low: 1, high: 4}}                   {triangular: {low: 1, mode: 2, high: 4}}
    {normal: {mean: 2, sd: 0.3}}                   optionally with low and high, where it is cut
    {lognormal: {median: 2, sigma: 0.4}}           or {mean: …, sd: …}; optionally low and high
    {discrete: {values: [0, 1], weights: [3, 1]}}  without weights all are as likely
    {empirical: {values: [9.8, 10.1], of: mean}}   `of` is sample (if left out) or mean

A distribution with ends must lie in the allowed range whole: its author chose the ends. A normal or
lognormal has none, so it is cut to the range, and refused where that would take over half of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from modelworth.costmodel.scenario.distribution_kinds import (
    Discrete,
    Distribution,
    Empirical,
    LogNormal,
    Normal,
    Pert,
    Triangular,
    Uniform,
)
from modelworth.costmodel.scenario.fields import LARGEST, number
from modelworth.data.errors import InputError
from modelworth.data.yaml_reader import SMALLEST

__all__ = [
    "Discrete", "Distribution", "Empirical", "LogNormal", "Normal", "Pert", "Triangular", "Uniform",
    "is_distribution", "parse",
]  # fmt: skip

MAX_VALUES = 10_000
Spec = Mapping[str, object]
Range = tuple[float | None, float | None]


def is_distribution(value: object) -> bool:
    """Whether a scenario's value is meant as a distribution rather than as nested drivers."""
    if not isinstance(value, Mapping):
        return False
    keys = set(value)
    return keys <= {"low", "mode", "high"} or (len(keys) == 1 and keys <= set(_READERS))


def parse(where: str, spec: object, allowed: Range = (None, None)) -> Distribution:
    """The distribution that `spec` describes, within the driver's `allowed` range.

    Args:
        where: path of the field, for errors.
        spec: the mapping as the scenario holds it.
        allowed: least and largest value that the driver may take; None: unbounded.

    Raises:
        InputError: if the form, a parameter or the range is wrong.
    """
    forms = f"a distribution: {{low, mode, high}} or one of {', '.join(_READERS)}"
    if not isinstance(spec, Mapping) or not spec:
        raise InputError(where, spec, forms)
    kind, parameters = "pert", spec
    if len(spec) == 1 and next(iter(spec)) in _READERS:
        kind = str(next(iter(spec)))
        where, inner = f"{where}.{kind}", spec[kind]
        if not isinstance(inner, Mapping):
            raise InputError(where, inner, f"a mapping with {_KEYS[kind]}")
        parameters = inner
    elif not set(spec) <= {"low", "mode", "high"}:
        raise InputError(where, ", ".join(map(str, spec)), forms)
    unknown = set(map(str, parameters)) - set(_KEYS[kind].replace(",", "").split())
    if unknown:
        raise InputError(where, ", ".join(sorted(unknown)), f"only {_KEYS[kind]}")
    return _inside(where, _READERS[kind](where, parameters, allowed), allowed)


def _inside(where: str, drawn: Distribution, allowed: Range) -> Distribution:
    """`drawn`, if no value of it can leave the allowed range and its base is in it."""
    low = -np.inf if allowed[0] is None else allowed[0]
    high = np.inf if allowed[1] is None else allowed[1]
    least, most = drawn.support
    cut = drawn.cut if isinstance(drawn, Normal | LogNormal) else 0.0
    if least < low or most > high:
        raise InputError(where, f"from {least:g} to {most:g}", _range(low, high))
    if not least <= drawn.base <= most:
        raise InputError(where, f"around {drawn.base:g}", _range(least, most))
    if cut > 0.5:
        found = f"{cut:.0%} of it outside {least:g} to {most:g}"
        raise InputError(where, found, "a distribution of which at least half is allowed")
    return drawn


def _range(low: float, high: float) -> str:
    if np.isinf(high):
        return f"{low:g} or more" if np.isfinite(low) else "a finite number"
    return f"from {low:g} to {high:g}" if np.isfinite(low) else f"{high:g} or less"


def _number(where: str, spec: Spec, key: str, *, positive: bool = False) -> float:
    """A finite number of the spec."""
    need = "a positive number" if positive else "a number"
    if key not in spec:
        raise InputError(f"{where}.{key}", "nothing", need)
    return _finite(f"{where}.{key}", spec[key], positive=positive)


def _finite(where: str, value: object, *, positive: bool = False) -> float:
    need = f"a {'positive ' if positive else ''}number of at most {LARGEST:g}"
    return number(where, value, need, SMALLEST if positive else -LARGEST)


def _ends(where: str, spec: Spec) -> tuple[float, float]:
    low, high = _number(where, spec, "low"), _number(where, spec, "high")
    if not low < high:
        raise InputError(where, f"low {low:g}, high {high:g}", "low below high")
    return low, high


def _three(where: str, spec: Spec) -> tuple[float, float, float]:
    low, high = _ends(where, spec)
    mode = _number(where, spec, "mode")
    if not low <= mode <= high:
        raise InputError(f"{where}.mode", f"{mode:g}", f"from {low:g} to {high:g}")
    return low, mode, high


def _cut(where: str, spec: Spec, allowed: Range, floor: float = -np.inf) -> tuple[float, float]:
    """Where a distribution without ends is cut: at its own low and high, else at the range's."""
    low, high = (
        _number(where, spec, key) if key in spec else end
        for key, end in zip(("low", "high"), allowed, strict=True)
    )
    ends = (floor if low is None else max(low, floor), np.inf if high is None else high)
    if not ends[0] < ends[1]:
        raise InputError(where, f"low {ends[0]:g}, high {ends[1]:g}", "low below high")
    return ends


def _normal(where: str, spec: Spec, allowed: Range) -> Normal:
    centre = _number(where, spec, "mean")
    sd = _number(where, spec, "sd", positive=True)
    return Normal(centre, sd, *_cut(where, spec, allowed))


def _lognormal(where: str, spec: Spec, allowed: Range) -> LogNormal:
    ends = _cut(where, spec, allowed, floor=0.0)
    if "median" in spec or "sigma" in spec:
        if "mean" in spec or "sd" in spec:
            raise InputError(where, ", ".join(spec), "either median and sigma, or mean and sd")
        median = _number(where, spec, "median", positive=True)
        sigma = _number(where, spec, "sigma", positive=True)
    else:
        mean = _number(where, spec, "mean", positive=True)
        variance = np.log1p((_number(where, spec, "sd", positive=True) / mean) ** 2)
        median, sigma = float(mean * np.exp(-variance / 2)), float(np.sqrt(variance))
    if sigma > 10:
        raise InputError(f"{where}.sigma", f"{sigma:g}", "at most 10")
    return LogNormal(median, sigma, *ends)


def _values(where: str, spec: Spec, key: str) -> tuple[float, ...]:
    found = spec.get(key)
    if not isinstance(found, list | tuple) or not 2 <= len(found) <= MAX_VALUES:
        shown = f"{len(found)} values" if isinstance(found, list | tuple) else found
        raise InputError(f"{where}.{key}", shown, f"a list of 2 to {MAX_VALUES:,} numbers")
    return tuple(_finite(f"{where}.{key}[{index}]", value) for index, value in enumerate(found))


def _discrete(where: str, spec: Spec, allowed: Range) -> Discrete:  # noqa: ARG001
    values = _values(where, spec, "values")
    weights = _values(where, spec, "weights") if "weights" in spec else (1.0,) * len(values)
    if len(weights) != len(values):
        raise InputError(f"{where}.weights", f"{len(weights)} weights", f"{len(values)} weights")
    if min(weights) < 0 or max(weights) == 0:
        raise InputError(f"{where}.weights", list(weights), "0 or more, and not all 0")
    return Discrete(values, weights)


def _empirical(where: str, spec: Spec, allowed: Range) -> Empirical:  # noqa: ARG001
    of = spec.get("of", "sample")
    if of not in ("sample", "mean"):
        raise InputError(f"{where}.of", of, "sample or mean")
    return Empirical(_values(where, spec, "values"), str(of))


#: what may stand in each form
_KEYS: Final = {
    "pert": "low, mode, high",
    "uniform": "low, high",
    "triangular": "low, mode, high",
    "normal": "mean, sd, low, high",
    "lognormal": "median, sigma, mean, sd, low, high",
    "discrete": "values, weights",
    "empirical": "values, of",
}
_READERS: Final[Mapping[str, Callable[[str, Spec, Range], Distribution]]] = {
    "pert": lambda where, spec, _: Pert(*_three(where, spec)),
    "uniform": lambda where, spec, _: Uniform(*_ends(where, spec)),
    "triangular": lambda where, spec, _: Triangular(*_three(where, spec)),
    "normal": _normal,
    "lognormal": _lognormal,
    "discrete": _discrete,
    "empirical": _empirical,
}
