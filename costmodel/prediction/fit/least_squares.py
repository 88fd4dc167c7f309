"""Fits the coefficients to measurements: robust, and pulled towards what is known.

Each coefficient of a case is a common value × factors of its device's generation, its software,
its device and its modes, fitted in logarithms. Residuals count by soft L1, so that a wrong row
can't bend the fit; every parameter is pulled towards its prior, because single constants can't be
told apart by whole-step times (a prior is one more observation, with its own spread). Published
tables are refitted by `modelworth predict --calibrate`; a machine's own records by `own_machine`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from modelworth.costmodel.prediction.case import Case, factors_of
from modelworth.costmodel.prediction.columns import columns, times
from modelworth.costmodel.prediction.fit.observed import Observed
from modelworth.costmodel.prediction.step.arrays import Times
from modelworth.costmodel.prediction.step.coefficients import (
    PUBLISHED,
    CoefficientRow,
    Coefficients,
    ConstantRow,
    Tables,
    constants,
    plausible,
    priors,
)
from modelworth.costmodel.prediction.step.model import Number
from modelworth.data.csv_rows import read_table

Array = NDArray[np.float64]

ERROR = {"value": 0.10, "tpot_s": 0.15, "ttft_s": 0.6}
"""Spread (of logarithms) that a measurement is trusted with; first tokens are noisiest."""
ROW_WEIGHT = 0.25
"""Weight at which a row counts as one observation of `ERROR`'s spread."""
STEP = 1e-4
FIT_TOLERANCE, ROUNDS = 1e-5, 15


class Design:
    """Which parameter stands where: from the vector that is fitted to coefficients of each case."""

    def __init__(self, cases: Sequence[Case], known: Sequence[CoefficientRow] = ()) -> None:
        self.kind = cases[0].kind
        self._constants = priors(self.kind)
        self._known: dict[tuple[str, str, str, str], CoefficientRow] = {
            _key(row): row for row in known
        }
        self.parameters: list[CoefficientRow] = []
        self._places: dict[str, list[NDArray[np.intp]]] = {}
        factors = [factors_of(case) for case in cases]
        for constant in self._constants.values():
            self._place(constant, factors)

    def _place(self, prior: ConstantRow, factors: list[tuple[tuple[str, str], ...]]) -> None:
        first = self._add("common", "all", prior, prior.value, prior.log_sd, len(factors))
        columns_ = [np.full(len(factors), first)]
        for level, name in sorted({factor for row in factors for factor in row}):
            spread = getattr(prior, f"{level}_sd", None)
            if spread is None and (self.kind, level, name, prior.coefficient) not in self._known:
                continue
            has = np.array([(level, name) in row for row in factors])
            place = self._add(level, name, prior, 1.0, spread or 0.0, int(has.sum()))
            columns_.append(np.where(has, place, -1))
        self._places[prior.coefficient] = columns_

    def _add(
        self, level: str, name: str, prior: ConstantRow, value: float, log_sd: float, rows: int
    ) -> int:
        known = self._known.get((self.kind, level, name, prior.coefficient))
        if known is not None:
            value, log_sd = known.prior, known.log_sd
        self.parameters.append(
            _row(prior, level=level, name=name, value=value, prior=value, log_sd=log_sd, rows=rows)
        )
        return len(self.parameters) - 1

    @property
    def start(self) -> Array:
        """The priors, as logarithms."""
        return np.log([parameter.prior for parameter in self.parameters])

    @property
    def log_sds(self) -> Array:
        """Their spreads; 0: it isn't fitted."""
        return np.array([parameter.log_sd for parameter in self.parameters])

    @property
    def free(self) -> NDArray[np.bool_]:
        """Which of them are fitted."""
        return self.log_sds > 0

    def coefficients(self, logs: Array) -> Coefficients:
        """Coefficients of each case, each within its plausible range."""
        return Coefficients(**{name: self._values(name, logs) for name in self._places})

    def _values(self, coefficient: str, logs: Array, step: float = 0.0) -> Array:
        """One coefficient of each case, its logarithm moved by a step."""
        padded = np.append(logs, 0.0)
        total = sum(padded[place] for place in self._places[coefficient]) + step
        values: Array = np.exp(plausible(total, self._constants[coefficient]))
        return values

    def slopes(self, errors: Callable[[Coefficients], Array], logs: Array) -> Array:
        """Derivatives of the errors by each parameter.

        A case's errors depend on its own coefficients alone, so one step in a coefficient for all
        cases at once gives its column for every parameter that stands in it.
        """
        at = self.coefficients(logs)
        base = errors(at)
        repeats = base.size // next(iter(self._places.values()))[0].size
        slopes = np.zeros((base.size, logs.size))
        for coefficient, places in self._places.items():
            if not self.free[np.concatenate(places)].any():
                continue
            moved = replace(at, **{coefficient: self._values(coefficient, logs, STEP)})
            slope = (errors(moved) - base) / STEP
            for place in places:
                columns_ = np.tile(place, repeats)
                rows = np.flatnonzero(columns_ >= 0)
                slopes[rows, columns_[rows]] += slope[rows]
        return slopes


def fit(
    observed: Sequence[Observed],
    tables: Tables,
    known: Sequence[CoefficientRow] = (),
    shift: float = 0.0,
) -> list[CoefficientRow]:
    """Coefficients of one kind of work, from its measurements.

    Of `tables` only the achieved rates are used, not the coefficients. `known` has the factors
    that are pulled towards something else than 1. The search begins at the priors, `shift` of
    their spreads away: where it ends doesn't depend on that.
    """
    cases = [one.case for one in observed]
    design = Design(cases, known)
    work = columns(cases, tables)
    start, free = design.start, design.free
    log_sds = design.log_sds[free]
    targets = _targets(observed)
    weights = np.sqrt(np.array([one.weight for one in observed]) / ROW_WEIGHT)

    def errors(fit_: Coefficients, near: Number | None = None) -> Array:
        found = _errors(times(cases[0].work, work, fit_, near), targets)
        soft: Array = _robust(found) * np.tile(weights, found.size // weights.size)
        return soft

    def moved(spreads: Array) -> Array:
        logs = start.copy()
        logs[free] += spreads * log_sds
        return logs

    def residuals(spreads: Array) -> Array:
        return np.concatenate([errors(design.coefficients(moved(spreads))), spreads])

    def jacobian(spreads: Array) -> Array:
        logs = moved(spreads)
        near = times(cases[0].work, work, design.coefficients(logs)).running
        slopes = design.slopes(lambda some: errors(some, near), logs)[:, free] * log_sds
        return np.vstack([slopes, np.eye(log_sds.size)])

    begin = np.full(log_sds.size, shift)
    found = least_squares(residuals, begin, jac=jacobian, max_nfev=ROUNDS, ftol=FIT_TOLERANCE)
    fitted = f"fitted to {len(observed)} published measurements; prior: "
    return [
        row.model_copy(update={"value": float(f"{np.exp(log):.4g}"), "source": fitted + row.source})
        for row, log in zip(design.parameters, moved(found.x), strict=True)
    ]


def known_factors() -> list[CoefficientRow]:
    """Factors of which something is known before any fit: modes of a software, architectures."""
    return read_table(PUBLISHED / "factors.csv", CoefficientRow)


def completed(fitted: list[CoefficientRow]) -> tuple[CoefficientRow, ...]:
    """With the known factors, and the priors of kinds, that no measurement was there for."""
    held = {_key(row) for row in fitted}
    rest = (*known_factors(), *map(_row, constants()))
    return (*fitted, *(row for row in rest if _key(row) not in held))


def _key(row: CoefficientRow) -> tuple[str, str, str, str]:
    return row.kind, row.level, row.name, row.coefficient


def _row(constant: ConstantRow, **given: object) -> CoefficientRow:
    """A constant as a coefficient that stands at its prior."""
    kept = ("kind", "coefficient", "value", "log_sd", "source", "as_of")
    common = {name: getattr(constant, name) for name in kept}
    common |= {"prior": constant.value, "rows": 0}
    return CoefficientRow.model_validate(common | {"level": "common", "name": "all"} | given)


def _targets(observed: Sequence[Observed]) -> dict[str, Array]:
    return {
        name: np.array([getattr(one, name) or np.nan for one in observed], dtype=float)
        for name in ERROR
    }


def _errors(predicted: Times, targets: dict[str, Array]) -> Array:
    """Errors of logarithms, in spreads; what wasn't measured has none."""
    parts = []
    for name, spread in ERROR.items():
        value = getattr(predicted, name)
        if value is not None:
            error = (np.log(value) - np.log(targets[name])) / spread
            parts.append(np.where(np.isnan(error), 0.0, error))
    return np.concatenate(parts)


def _robust(errors: Array) -> Array:
    """Errors whose squares are their soft L1 losses."""
    soft: Array = np.sign(errors) * np.sqrt(2 * (np.sqrt(1 + errors**2) - 1))
    return soft
