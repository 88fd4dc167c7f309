"""The plan of the workbook: which line stands on which sheet and row, and what its formula is."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelworth.costmodel.analysis import Analysis, Section
from modelworth.costmodel.formula.compile import Program, Run
from modelworth.costmodel.formula.text import Line, order, parse
from modelworth.costmodel.scenario.drivers import Driver, choices, load_drivers
from modelworth.report.formats.sheets.excel_formula import (
    Layout,
    Place,
    Writer,
    recurrences,
    undefined,
)

SHEETS: Mapping[str, tuple[Section, ...]] = {
    "demand": ("demand",),
    "capacity": ("capacity",),
    "revenue": ("revenue",),
    "costs": ("compute", "building", "trust", "company"),
    "cash_flow": ("cash",),
}
FIRST_ROW = 4
INPUTS_FIRST_ROW = 4


@dataclass(frozen=True, slots=True)
class Row:
    """A line on its sheet: its formula for every month, and what the model computed."""

    key: str
    unit: str
    source: str
    row: int
    formulas: tuple[str, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Input:
    """A driver on the Inputs sheet: the row of its named cell."""

    key: str
    row: int


class Book:
    """The workbook's plan for one analysis.

    Attributes:
        names: sheet key → the name on its tab.
    """

    def __init__(self, analysis: Analysis, names: Mapping[str, str]) -> None:
        self.analysis, self.names = analysis, names
        self.table = {key: row for key, row in load_drivers().items() if key in analysis.drivers}
        self._trees = {key: _tree(line.formula) for key, line in analysis.lines.items()}
        self.inputs = tuple(self._inputs())
        self.rows = {sheet: list[str]() for sheet in SHEETS}
        self.layout = Layout(
            places=dict(self._places()),
            monthly=self._monthly(),
            words=frozenset(key for key, row in self.table.items() if row.kind == "choice"),
            switches=frozenset(key for key, row in self.table.items() if row.kind == "switch"),
            past=recurrences(self._trees),
            undefined=undefined(self._trees),
            months=analysis.months,
        )
        self._computed = self._values()

    def lines(self, sheet: str) -> Iterator[tuple[Section, list[Row]]]:
        """The sheet's rows by section, in the order of the model."""
        for section in SHEETS[sheet]:
            lines = self.analysis.lines
            keys = [key for key in self.rows[sheet] if lines[key].section == section]
            if keys:
                yield section, [self._row(key) for key in keys]

    def driver(self, key: str) -> Driver | None:
        """The catalogue's row of a driver."""
        return self.table.get(key)

    def cell(self, key: str, sheet: str) -> str:
        """The cell in which a line of the whole horizon stands, as seen from another sheet."""
        place = self.layout.places[key]
        prefix = "" if place.sheet == sheet else f"'{place.sheet}'!"
        return f"{prefix}$D${place.row + 1}"

    def has(self, *keys: str) -> bool:
        """Whether the model has all these lines."""
        return all(key in self.layout.places for key in keys)

    def whole(self, key: str) -> str:
        """All months of a line, as seen from another sheet."""
        place = self.layout.places[key]
        writer = Writer(self.layout, key, 0)
        return f"'{place.sheet}'!{writer.span(key, 0, self.analysis.months)}"

    def _inputs(self) -> Iterator[Input]:
        """Drivers by section, with a row for each section's head and one for the horizon."""
        row = INPUTS_FIRST_ROW + 2
        drivers = self.analysis.drivers
        for section in dict.fromkeys(use.section for use in drivers.values()):
            row += 1
            for key, use in drivers.items():
                if use.section == section:
                    yield Input(key, row)
                    row += 1

    def _monthly(self) -> dict[str, Place]:
        below = max((given.row for given in self.inputs), default=0) + 4
        keys = [key for key, row in self.table.items() if row.kind == "monthly"]
        return {key: Place(self.names["inputs"], below + i) for i, key in enumerate(keys)}

    def _places(self) -> Iterator[tuple[str, Place]]:
        for sheet, sections in SHEETS.items():
            row = FIRST_ROW
            for section in sections:
                row += 1
                for key in self._trees:
                    if self.analysis.lines[key].section == section:
                        self.rows[sheet].append(key)
                        yield key, Place(self.names[sheet], row)
                        row += 1

    def _row(self, key: str) -> Row:
        line, months = self.analysis.lines[key], range(self.analysis.months + 1)
        formulas = tuple(Writer(self.layout, key, m).formula(self._trees[key]) for m in months)
        row = self.layout.places[key].row
        return Row(key, line.unit, line.source, row, formulas, self._computed[key])

    def _values(self) -> dict[str, tuple[float, ...]]:
        """What each row shows: the analysis' own series, and the single figures made from them."""
        months, known = self.analysis.months, self.analysis.series
        words = {**dict.fromkeys(self.analysis.drivers, ()), **choices(self.table)}
        formulas = {
            key: parse(Line(key, "", "cash", ast.unparse(tree)), self._trees, words)
            for key, tree in self._trees.items()
        }
        drivers = {
            key: _by_month(monthly_values(self.analysis, key), months)
            for key in self.analysis.drivers
        }
        run = Run(months, 1, drivers, Program(formulas, order(formulas), words))
        run.lines.update({key: np.array(row.base)[:, None] for key, row in known.items()})
        with np.errstate(all="ignore"):
            arrays = {key: run.line(key).astype(float) for key in self._trees}
        shape = (months + 1, 1)
        return {key: tuple(np.broadcast_to(array, shape)[:, 0]) for key, array in arrays.items()}


def monthly_values(analysis: Analysis, key: str) -> tuple[float, ...]:
    """A driver's value, or its values by month where it has one for each."""
    use = analysis.drivers[key]
    return use.by_month or (use.value,)


def _by_month(values: tuple[float, ...], months: int) -> NDArray[np.float64]:
    """One row, or one a month; month 0 takes the first value, and the last one holds on."""
    if len(values) == 1:
        return np.array([values])
    column = np.array((values[0], *values)[: months + 1])
    return np.pad(column, (0, months + 1 - len(column)), mode="edge")[:, None]


def _tree(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body
