"""The plan of the workbook: which line stands on which sheet and row, and what its formula is."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from modelworth.costmodel.analysis import Section
from modelworth.costmodel.scenario.drivers import Driver, load_drivers
from modelworth.report.formats.sheets.excel_formula import (
    Layout,
    Place,
    Writer,
    column,
    undefined,
)
from modelworth.report.sections.context import Context

SHEETS: Mapping[str, tuple[Section, ...]] = {
    "demand": ("demand",),
    "capacity": ("capacity",),
    "revenue": ("revenue",),
    "costs": ("compute", "building", "trust", "company"),
    "cash_flow": ("cash",),
}
FIRST_ROW = 4
INPUTS_FIRST_ROW = 4
MOST_CASES = 6


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
    """A driver on the Inputs sheet: the row of its named cell, its group, whether it is folded."""

    key: str
    row: int
    group: str
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """A driver's values in the low case, which lowers NPV, and in the high one, which raises it."""

    low: float
    high: float


class Book:
    """The workbook's plan for one analysis.

    Attributes:
        names: sheet key → the name on its tab.
        cases: the inputs that the choice of low, base or high moves.
    """

    def __init__(self, context: Context, names: Mapping[str, str]) -> None:
        self.analysis, self.names, self.used = context.analysis, names, context.used
        analysis = self.analysis
        self.table = {key: row for key, row in load_drivers().items() if key in analysis.drivers}
        self._trees = {key: _tree(line.formula) for key, line in analysis.lines.items()}
        self.cases = self._cases()
        self.inputs = tuple(self._inputs())
        self.rows = {sheet: list[str]() for sheet in SHEETS}
        self.layout = Layout(
            places=dict(self._places()),
            monthly=self._monthly(),
            words=frozenset(key for key, row in self.table.items() if row.kind == "choice"),
            switches=frozenset(key for key, row in self.table.items() if row.kind == "switch"),
            past={key: line.recurrence for key, line in analysis.lines.items()},
            undefined=undefined(self._trees),
            months=analysis.months,
        )

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

    def first_and_rest(self, key: str) -> tuple[str, str]:
        """A line's cell before opening, and its cells from month 1 on, from another sheet."""
        place = self.layout.places[key]
        row, months = place.row + 1, self.analysis.months
        sheet = f"'{place.sheet}'!"
        return f"{sheet}{column(0)}{row}", f"{sheet}{column(1)}{row}:{column(months)}{row}"

    def span(self, key: str, first: int, last: int) -> str:
        """Cells of a line from one month to another, as seen from another sheet."""
        place = self.layout.places[key]
        row = place.row + 1
        return f"'{place.sheet}'!{column(first)}{row}:{column(last)}{row}"

    def whole(self, key: str) -> str:
        """All months of a line, as seen from another sheet."""
        place = self.layout.places[key]
        writer = Writer(self.layout, key, 0)
        return f"'{place.sheet}'!{writer.span(key, 0, self.analysis.months)}"

    def _cases(self) -> dict[str, Case]:
        """The inputs that move NPV most, each with its worse and better end; numbers only."""
        bars = sorted(self.analysis.tornado, key=lambda bar: -abs(bar.at_high - bar.at_low))
        known = (bar for bar in bars if bar.driver in self.analysis.drivers)
        found = {}
        for bar in known:
            row = self.table.get(bar.driver)
            if row is None or row.kind == "number":
                ends = (bar.low, bar.high)
                worse, better = ends if bar.at_low <= bar.at_high else ends[::-1]
                found[bar.driver] = Case(worse, better)
        return dict(list(found.items())[:MOST_CASES])

    def _inputs(self) -> Iterator[Input]:
        """The cases first, then what the plan uses by section, then all others, folded."""
        row = INPUTS_FIRST_ROW + 3
        for key in self.cases:
            yield Input(key, row, "cases")
            row += 1
        rest = [key for key in self.analysis.drivers if key not in self.cases]
        for folded in (False, True):
            keys = [key for key in rest if (key not in self.used.drivers) == folded]
            row += 1 if folded else 0
            for section in dict.fromkeys(self.analysis.drivers[key].section for key in keys):
                row += 1
                for key in keys:
                    if self.analysis.drivers[key].section == section:
                        yield Input(key, row, section, folded)
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
        return Row(key, line.unit, line.source, row, formulas, self.analysis.by_month(key))


def _tree(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body
