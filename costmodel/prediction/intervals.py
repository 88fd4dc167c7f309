"""How wide a prediction's 90% interval is: from errors on groups that the fit had not seen.

Each row is predicted with its group left out of the fit. A row's distance says which group: 0 a
model or a degree of parallelism, the device and the software being known; 1 its device; 2 its
software. The width at a distance is the 90th percentile of the errors' size there, never less than
nearer by; few groups widen it as they widen any mean's prediction, by √(1 + 1/k).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from modelworth.costmodel.prediction.calibration import (
    Array,
    Observed,
    completed,
    fit,
    known_factors,
)
from modelworth.costmodel.prediction.case import columns, efficiencies, software_name
from modelworth.costmodel.prediction.efficiency import PriorRow, ResidualRow, Tables
from modelworth.costmodel.prediction.times import times

Group = Callable[[Observed], object]
GROUPS: dict[int, tuple[Group, ...]] = {
    0: (lambda one: one.case.architecture.name, lambda one: (one.case.tensor, one.case.gpus)),
    1: (lambda one: one.case.accelerator.name,),
    2: (lambda one: software_name(one.case.software),),
}
"""Distance → what is left out in turn to learn the error at that distance."""
UNTRIED_LOG = 0.25
"""What a device or software that couldn't be left out (there is but one) adds to the width's log:
judgement, after how far training frameworks lie apart on equal hardware."""


def leave_out(
    observed: Sequence[Observed], group: Group, priors: dict[str, PriorRow], bare: Tables
) -> Array:
    """Errors (of logarithms) of each row when its group is left out of the fit; NaN if it's all."""
    errors = np.full(len(observed), np.nan)
    keys = [group(one) for one in observed]
    near = fit(observed, priors, bare, known_factors()) if len(set(keys)) > 1 else []
    for key in dict.fromkeys(keys):
        out = np.array([other == key for other in keys])
        if out.all():
            continue
        kept = [one for one, left in zip(observed, out, strict=True) if not left]
        coefficients = completed(fit(kept, priors, bare, known_factors(), near))
        asked = [one for one, left in zip(observed, out, strict=True) if left]
        errors[out] = log_errors(asked, Tables(bare.kernels, coefficients, ()))
    return errors


def log_errors(observed: Sequence[Observed], tables: Tables) -> Array:
    """ln(predicted / measured) of each."""
    cases = [one.case for one in observed]
    found = times(cases[0].work, columns(cases, tables), efficiencies(cases, tables))
    return np.asarray(np.log(found.value) - np.log([one.value for one in observed]))


def left_out_errors(
    observed: Sequence[Observed], priors: dict[str, PriorRow], bare: Tables
) -> dict[int, list[Array]]:
    """Errors of every row at each distance."""
    return {
        apart: [leave_out(observed, group, priors, bare) for group in groups]
        for apart, groups in GROUPS.items()
    }


def residual_rows(
    name: str, some: Array, observed: Sequence[Observed], every: dict[int, list[Array]], as_of: str
) -> list[ResidualRow]:
    """Half-widths of the 90% interval by distance, for the rows marked in `some`."""
    logs: dict[int, float] = {}
    found = []
    kept = [one for one, keep in zip(observed, some, strict=True) if keep]
    precisions = "|".join(sorted({one.case.precision for one in kept}))

    def row(apart: int, rows: int, source: str) -> ResidualRow:
        factor = round(math.exp(logs[apart]), 3)
        return ResidualRow(
            kind=name, distance=apart, factor90=factor, rows=rows, precisions=precisions,
            source=source, as_of=as_of,
        )  # fmt: skip

    for apart, columns_ in every.items():
        errors = np.abs(np.concatenate([column[some] for column in columns_]))
        errors = errors[np.isfinite(errors)]
        nearer = max(logs.values(), default=0.0)
        source = "errors on published rows left out of the fit by group"
        if errors.size:
            groups = min(len({group(one) for one in observed}) for group in GROUPS[apart])
            own = float(np.quantile(errors, 0.9)) * (math.sqrt(1 + 1 / groups) if apart else 1)
            logs[apart] = max(own, nearer)
        else:
            logs[apart] = math.hypot(logs[0], UNTRIED_LOG)
            source = "judgement: the published rows have but one"
        found.append(row(apart, errors.size, source))
    logs[3] = math.hypot(logs[1], math.sqrt(max(logs[2] ** 2 - logs[0] ** 2, 0)))
    return [*found, row(3, 0, "distances 1 and 2 together")]
