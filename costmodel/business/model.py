"""The financial model: all lines compiled, ready to be run over many trials.

`values` are drivers by key: a number, an array with a value for each trial, or (for a monthly
driver) a list by month. What isn't given stands at its default. A model is immutable and cheap to
make; the formulas are compiled once. Threads may share one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelworth.costmodel.business import finance
from modelworth.costmodel.business.indicators import INDICATORS, Indicator
from modelworth.costmodel.business.lines import load_lines
from modelworth.costmodel.formula.compile import Program, Run
from modelworth.costmodel.formula.text import Formula, monthly, order, parse
from modelworth.costmodel.scenario.drivers import (
    FOLLOWS,
    Driver,
    as_array,
    choices,
    load_drivers,
)
from modelworth.costmodel.scenario.fields import MONTHS
from modelworth.data.errors import InputError

Floats = NDArray[np.float64]
Values = Mapping[str, Any]
Compiled = tuple[Mapping[str, Formula], Program, frozenset[str], Mapping[str, tuple[str, ...]]]
"""Formulas, program, the lines that may differ from month to month, and the recurrences."""
_COMPILING = Lock()


class Model:
    """The lines over a horizon.

    Attributes:
        months: months of the horizon; arrays have months + 1 rows, the first before opening.
        drivers: the table of drivers by key.
        formulas: the parsed lines by key, those of the indicators included.
        monthly: lines that may differ from month to month; the others are one figure.
        recurrences: line → the lines that go month by month with it, itself included.
    """

    def __init__(self, months: int) -> None:
        if not MONTHS[0] <= months <= MONTHS[1]:
            raise InputError("months", months, f"a whole number from {MONTHS[0]} to {MONTHS[1]}")
        self.months = months
        self.drivers: Mapping[str, Driver] = load_drivers()
        with _COMPILING:  # one thread at a time, as CPython's `ast` needs
            self.formulas, self._program, self.monthly, self.recurrences = _compiled()
        self.indicator_keys = tuple(INDICATORS)

    def run(self, values: Values, keys: Iterable[str]) -> dict[str, Floats]:
        """The lines `keys`, each an array of (months + 1, trials).

        Only what these lines need is computed. A line that is the same in every month or trial
        comes as a view that repeats one row or column: treat results as read-only.
        """
        return self._lines(self._start(values), keys)

    def indicators(self, values: Values, keys: Iterable[str] | None = None) -> dict[str, Floats]:
        """The indicators `keys` (all, if None), each an array of (trials,); nan where undefined."""
        return self._indicators(self._start(values), keys)

    def indicators_and_lines(
        self, values: Values, keys: Iterable[str]
    ) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """All indicators and the lines `keys` of the same run, whose lines they share."""
        run = self._start(values)
        return self._indicators(run, None), self._lines(run, keys)

    def _lines(self, run: Run, keys: Iterable[str]) -> dict[str, Floats]:
        with np.errstate(all="ignore"):
            found = {key: run.line(self._known(key)) for key in keys}
        shape = (self.months + 1, run.trials)
        return {key: np.broadcast_to(array.astype(float), shape) for key, array in found.items()}

    def _indicators(self, run: Run, keys: Iterable[str] | None) -> dict[str, Floats]:
        found: dict[str, Floats] = {}
        with np.errstate(all="ignore"):
            for key in self.indicator_keys if keys is None else keys:
                if key not in found:
                    found |= self._indicator(run, key)
        if keys is None:
            return found
        return {key: found[key] for key in keys}

    def completed(self, values: Values) -> dict[str, Any]:
        """Every driver: as given, else as the one that it follows, else at its default."""
        known = {**{key: row.default for key, row in self.drivers.items()}, **values}
        follows = {key: known[of] for key, of in FOLLOWS.items() if key not in values}
        return {**known, **follows}

    def drivers_of(self, key: str) -> frozenset[str]:
        """All drivers that a line or an indicator rests on."""
        named = self._program.drivers_of(self._known(_line_of(key)))
        return named | {FOLLOWS[driver] for driver in named if driver in FOLLOWS}

    def _indicator(self, run: Run, key: str) -> dict[str, Floats]:
        """The indicator, and those that come from the same computation."""
        indicator = _known_indicator(key)
        array = run.line(indicator.line or key)
        if indicator.method is None:
            flat = np.broadcast_to(array[0], (run.trials,)).astype(float)
            return {key: np.where(np.isfinite(flat), flat, np.nan)}
        flows = np.broadcast_to(array, (self.months + 1, array.shape[1]))
        results = finance.rates_of_return(flows, run.values["company.discount_rate_per_year"][0])
        return {name: np.broadcast_to(row, (run.trials,)) for name, row in results.items()}

    def _start(self, values: Values) -> Run:
        if unknown := set(values) - set(self.drivers):
            raise InputError("drivers", ", ".join(sorted(unknown)), "keys of data/drivers.csv")
        given = {key: as_array(self.drivers[key], values[key], self.months) for key in values}
        arrays = {**_defaults(), **given}
        arrays |= {key: arrays[of] for key, of in FOLLOWS.items() if key not in given}
        trials = max(array.shape[1] for array in arrays.values())
        return Run(self.months, trials, arrays, self._program)

    def _known(self, key: str) -> str:
        if key not in self.formulas:
            raise InputError("line", key, "the name of a line of the model")
        return key


def _known_indicator(key: str) -> Indicator:
    if key == "irr_status":
        return INDICATORS["irr_per_year"]
    if key not in INDICATORS:
        raise InputError("indicator", key, f"one of {', '.join(INDICATORS)}")
    return INDICATORS[key]


def _line_of(key: str) -> str:
    """The line under an indicator, or the line itself."""
    return INDICATORS[key].line or key if key in INDICATORS else key


@cache
def _compiled() -> Compiled:
    words = choices(load_drivers())
    names = [line.key for line in load_lines()]
    if len(set(names)) != len(names):
        raise InputError("lines", "a key twice", "one line a key")
    formulas = {line.key: parse(line, names, words) for line in load_lines()}
    steps = order(formulas)
    tables = [key for key, row in load_drivers().items() if row.kind == "monthly"]
    knots = {key: step.lines for step in steps if step.recurrence for key in step.lines}
    return formulas, Program(formulas, steps, words), monthly(formulas, steps, tables), knots


@cache
def _defaults() -> Mapping[str, Floats]:
    """Every driver's default as an array; never changed by a run."""
    return {key: as_array(row, row.default, 0) for key, row in load_drivers().items()}
