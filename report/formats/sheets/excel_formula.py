"""A formula of the model as a live formula of a spreadsheet, from the same syntax tree.

Every month has a column, the same on all sheets, and every line a row; a driver is a named cell.
Comparisons outside a condition become IF(…,1,0), because sums skip truth values. What a formula may
contain is listed in `modelworth.costmodel.formula.text`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from xlsxwriter.utility import xl_col_to_name, xl_rowcol_to_cell

from modelworth.costmodel.formula.text import MONTHS, driver_key

FIRST_COLUMN = 3  # of month 0: name, unit and key stand before
MONTH_ROW = 3
HORIZON = "months.horizon"
RATE = "currency.usd_per_unit"
UNDEFINED = '"n/a"'

_COMPARED, _SUMMED, _MULTIPLIED, _RAISED, _SIGNED, _ATOM = range(6)
_BINARY = {
    ast.Add: ("+", _SUMMED),
    ast.Sub: ("-", _SUMMED),
    ast.Mult: ("*", _MULTIPLIED),
    ast.Div: ("/", _MULTIPLIED),
    ast.Pow: ("^", _RAISED),
}
_COMPARE = {
    ast.Eq: "=", ast.NotEq: "<>", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
_PLAIN = {
    "min": "MIN", "max": "MAX", "exp": "EXP", "ln": "LN", "sqrt": "SQRT", "cos": "COS",
    "norm_cdf": "NORMSDIST", "norm_ppf": "NORMSINV",
}  # fmt: skip
_MAY_FAIL = frozenset({"ln", "sqrt", "norm_ppf"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a line stands: its sheet and row (from 0)."""

    sheet: str
    row: int


@dataclass(frozen=True, slots=True)
class Layout:
    """What a formula needs to know of the workbook around it.

    Attributes:
        places: line → where it stands.
        monthly: driver with a value a month → where that row stands.
        words: drivers whose cell holds a word.
        switches: drivers whose cell holds 0 or 1.
        past: line → the lines of the recurrence it belongs to.
        undefined: lines that can have no value.
        months: the last month.
    """

    places: Mapping[str, Place]
    monthly: Mapping[str, Place]
    words: frozenset[str]
    switches: frozenset[str]
    past: Mapping[str, tuple[str, ...]]
    undefined: frozenset[str]
    months: int


def _lines_in(node: ast.AST) -> frozenset[str]:
    """Names in a formula that aren't functions or parts of a driver's name."""
    if isinstance(node, ast.Attribute):
        return frozenset()
    if isinstance(node, ast.Name):
        return frozenset({node.id})
    inner = node.args if isinstance(node, ast.Call) else list(ast.iter_child_nodes(node))
    return frozenset().union(*(_lines_in(part) for part in inner))


def undefined(trees: Mapping[str, ast.expr]) -> frozenset[str]:
    """Lines that can have no value: they may fail, or use one that has none.

    A line may fail that divides by a line, or asks when something happens. Drivers can't be 0 where
    that would matter: their cells are validated.
    """
    found = {key for key, tree in trees.items() if any(map(_fails, ast.walk(tree)))}
    grown = True
    while grown:
        more = {key for key, tree in trees.items() if _lines_in(tree) & found} - found
        found, grown = found | more, bool(more)
    return frozenset(found)


def _fails(node: ast.AST) -> bool:
    match node:
        case ast.BinOp(op=ast.Div() | ast.Mod(), right=right):
            return bool(_lines_in(right) - MONTHS)
        case ast.Call(func=ast.Name(id="first")):
            return True
        case ast.Call(func=ast.Name(id=function), args=[argument, *_]):
            return function in _MAY_FAIL and bool(_lines_in(argument) - MONTHS)
    return False


def column(month: int) -> str:
    """The letters of a month's column."""
    return xl_col_to_name(FIRST_COLUMN + month)


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the formulas of one line for one month."""

    layout: Layout
    key: str
    month: int

    def formula(self, tree: ast.expr) -> str:
        """The cell's formula, with its equals sign."""
        text, _ = self._write(tree)
        return f"=IFERROR({text},{UNDEFINED})" if self.key in self.layout.undefined else f"={text}"

    def cell(self, key: str, month: int) -> str:
        """The cell of a line in a month, with its sheet where that is another."""
        place = self.layout.places[key]
        return self._sheet(place) + xl_rowcol_to_cell(place.row, FIRST_COLUMN + month)

    def span(self, key: str, first: int, last: int) -> str:
        """The cells of a line from one month to another, the first one fixed."""
        place = self.layout.places[key]
        row = place.row + 1
        return f"{self._sheet(place)}${column(first)}{row}:{column(last)}{row}"

    def _sheet(self, place: Place) -> str:
        return "" if place.sheet == self.layout.places[self.key].sheet else f"'{place.sheet}'!"

    def _write(self, node: ast.expr) -> tuple[str, int]:
        """The text of a node and how tightly its outermost operator binds."""
        match node:
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return "-" + self._inside(operand, _SIGNED), _SIGNED
            case ast.UnaryOp(operand=operand):
                return self._write(operand)
            case ast.BinOp(op=ast.Mod(), left=left, right=right):
                return f"MOD({self._bare(left)},{self._bare(right)})", _ATOM
            case ast.BinOp(left=left, op=operator, right=right):
                return self._binary(left, type(operator), right)
            case ast.Compare():
                return f"IF({self._comparison(node)},1,0)", _ATOM
            case ast.Call(func=ast.Name(id=function), args=arguments):
                return self._call(function, arguments), _ATOM
        return self._leaf(node), _ATOM

    def _leaf(self, node: ast.expr) -> str:
        """A number, a line, a driver or the month."""
        match node:
            case ast.Constant(value=value):
                return _number(value)
            case ast.Name(id="month"):
                return f"{column(self.month)}${MONTH_ROW + 1}"
            case ast.Name(id="months"):
                return HORIZON
            case ast.Name(id=key):
                return self.cell(key, self.month)
            case ast.Attribute():
                return self._driver(driver_key(node) or "")
        raise AssertionError(ast.dump(node))

    def _bare(self, node: ast.expr) -> str:
        return self._write(node)[0]

    def _inside(self, node: ast.expr, least: int) -> str:
        """The node's text, in brackets if it binds less tightly than `least`."""
        text, binds = self._write(node)
        return text if binds >= least else f"({text})"

    def _binary(
        self, left: ast.expr, operator: type[ast.operator], right: ast.expr
    ) -> tuple[str, int]:
        symbol, binds = _BINARY[operator]
        # A power's left side needs brackets if it is one too; a sign would bind too tightly.
        before = self._inside(left, _ATOM if operator is ast.Pow else binds)
        after = self._inside(right, binds + 1 if operator in (ast.Sub, ast.Div) else binds)
        if operator is ast.Pow or after.startswith("-"):
            after = self._inside(right, _ATOM)
        return f"{before}{symbol}{after}", binds

    def _driver(self, key: str) -> str:
        place = self.layout.monthly.get(key)
        if place is None:
            return key
        return f"'{place.sheet}'!{xl_rowcol_to_cell(place.row, FIRST_COLUMN + self.month)}"

    def _comparison(self, node: ast.Compare) -> str:
        symbol, right = _COMPARE[type(node.ops[0])], node.comparators[0]
        if isinstance(right, ast.Constant) and isinstance(right.value, str):
            return f"{self._bare(node.left)}{symbol}{self._word(node.left, right.value)}"
        return f"{self._inside(node.left, _SUMMED)}{symbol}{self._inside(right, _SUMMED)}"

    def _word(self, left: ast.expr, word: str) -> str:
        if driver_key(left) in self.layout.switches:
            return "1" if word == "true" else "0"
        return f'"{word}"'

    def _condition(self, node: ast.expr) -> str:
        return self._comparison(node) if isinstance(node, ast.Compare) else self._bare(node)

    def _call(self, function: str, arguments: list[ast.expr]) -> str:
        if function in _PLAIN:
            inner = ",".join(self._bare(argument) for argument in arguments)
            return f"{_PLAIN[function]}({inner})"
        return _CALLS[function](self, *arguments)

    def _lag(self, of: ast.expr, months: ast.expr) -> str:
        """Cells up to last month only where the line waits for this one: else a circle."""
        line, back = _id(of), f"INT({self._bare(months)})"
        looped = line in self.layout.past.get(self.key, ())
        if looped:
            back = f"MAX(1,{back})"
        last = self.month - looped
        if last < 0:
            return "0"
        at = f"{self.month}-{back}+1"
        return f"IF({back}<={self.month},INDEX({self.span(line, 0, last)},1,{at}),0)"

    def _all(self, node: ast.expr) -> str:
        place = self.layout.places[_id(node)]
        row = place.row + 1
        return f"{self._sheet(place)}${column(0)}{row}:${column(self.layout.months)}{row}"


#: function → its formula, of the writer and the function's arguments
_CALLS: dict[str, Callable[..., str]] = {
    "where": lambda to, condition, then, otherwise: (
        f"IF({to._condition(condition)},{to._bare(then)},{to._bare(otherwise)})"
    ),
    "ceil": lambda to, node: f"(-INT(-({to._bare(node)}-1E-9)))",
    "floor": lambda to, node: f"INT({to._bare(node)}+1E-9)",
    "round": lambda to, node: f"ROUND({to._bare(node)},0)",
    "prev": lambda to, line, first: (
        to.cell(_id(line), to.month - 1) if to.month else to._bare(first)
    ),
    "lag": Writer._lag,
    "next": lambda to, line: (
        "0" if to.month == to.layout.months else to.cell(_id(line), to.month + 1)
    ),
    "cumulative": lambda to, line: f"SUM({to.span(_id(line), 0, to.month)})",
    "total": lambda to, line: f"SUM({to._all(line)})",
    "highest": lambda to, line: f"MAX({to._all(line)})",
    "lowest": lambda to, line: f"MIN({to._all(line)})",
    "first": lambda to, line: f"(MATCH(TRUE,INDEX({to._all(line)}<>0,0),0)-1)",
}


def _id(node: ast.expr) -> str:
    assert isinstance(node, ast.Name), ast.dump(node)
    return node.id


def _number(value: object) -> str:
    assert isinstance(value, int | float)
    return repr(value).replace("e", "E")
