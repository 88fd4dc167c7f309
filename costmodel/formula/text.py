"""The model's formulas as text: what may stand in one, what it uses, and in which order they go.

A line is an expression over drivers (names with a dot: `demand.requests_per_month`), other lines
(names without) and the months. It is written in a small part of Python's syntax, so that the same
text can be evaluated by numpy, written to a workbook as a live formula, and read by a person.
Nothing is ever executed: `ast` parses the text and every node outside the list below is refused.

    + - * / ** %   == != < <= > >=   numbers, and "words" compared with a driver that is a choice
    month, months                     this month (0 is before opening), the last month
    where(c, a, b)  min  max  ceil  floor  round  exp  ln  sqrt  cos  norm_cdf  norm_ppf
    prev(line, first)                 the line last month; `first` in month 0
    next(line)                        the line next month; 0 after the last
    lag(line, n)                      the line n months ago; 0 before month 0
    cumulative(line)                  sum from month 0 to this month
    total(line)  highest(line)  lowest(line)   over all months
    first(line)                       first month in which it isn't 0; nan if there is none

What looks at other months takes the name of a line, so that each can be a row of a workbook. `ceil`
and `floor` forgive 1e-9 of rounding: ceil(x - 1e-9), floor(x + 1e-9).
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from typing import Final

import numpy as np

from modelworth.costmodel.analysis import Section
from modelworth.data.errors import InputError

MAX_LENGTH = 2_000
#: function → how many arguments it takes (None: one or more)
FUNCTIONS: Final[Mapping[str, int | None]] = {
    "where": 3, "min": None, "max": None, "ceil": 1, "floor": 1, "round": 1, "exp": 1, "ln": 1,
    "sqrt": 1, "cos": 1, "norm_cdf": 1, "norm_ppf": 1, "prev": 2, "next": 1, "lag": 2,
    "cumulative": 1, "total": 1, "highest": 1, "lowest": 1, "first": 1,
}  # fmt: skip
PAST: Final = frozenset({"prev", "lag"})
ACROSS: Final = frozenset({"next", "cumulative", "total", "highest", "lowest", "first"})
WHOLE: Final = frozenset({"total", "highest", "lowest", "first"})
MONTHS: Final = frozenset({"month", "months"})
OPERATORS: Final = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.Mod)
COMPARISONS: Final = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)


@dataclass(frozen=True, slots=True)
class Line:
    """One formula of the model: its name, unit, place in the tables, text, and where it is from."""

    key: str
    unit: str
    section: Section
    expression: str
    note: str = ""
    source: str = "accounting identity"


@dataclass(frozen=True, slots=True)
class Formula:
    """A line, parsed.

    Attributes:
        now: lines that it needs in the same month (or in all months).
        past: lines that it needs only in earlier months.
        drivers: drivers that it names.
    """

    line: Line
    tree: ast.expr
    now: frozenset[str]
    past: frozenset[str]
    drivers: frozenset[str]

    @property
    def uses(self) -> tuple[str, ...]:
        """Lines and drivers that the formula names, in alphabetical order."""
        return tuple(sorted(self.now | self.past | self.drivers))


@dataclass(frozen=True, slots=True)
class Step:
    """Lines that are computed together: one alone, or a recurrence that goes month by month."""

    lines: tuple[str, ...]
    recurrence: bool


def driver_key(node: ast.expr) -> str | None:
    """The driver that an attribute chain names: `a.b.c`; None if it isn't such a chain."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not parts or not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(parts)])


def parse(line: Line, lines: Iterable[str], choices: Mapping[str, tuple[str, ...]]) -> Formula:
    """The formula of a line.

    Args:
        line: the line.
        lines: names of all lines.
        choices: driver → the words it may take; empty for a number.

    Raises:
        InputError: if the text isn't a formula, or names something unknown.
    """
    where = f"formula {line.key}"
    if len(line.expression) > MAX_LENGTH:
        raise InputError(where, line.expression, f"at most {MAX_LENGTH} characters")
    try:
        tree = ast.parse(line.expression, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(where, line.expression, f"an expression ({error})") from error
    reader = _Reader(where, frozenset(lines), choices)
    reader.read(tree)
    past = frozenset(reader.past - reader.now)
    return Formula(line, tree, frozenset(reader.now), past, frozenset(reader.drivers))


class _Reader:
    """Walks one formula, refuses what isn't allowed, and notes what it uses."""

    def __init__(
        self, where: str, lines: frozenset[str], choices: Mapping[str, tuple[str, ...]]
    ) -> None:
        self.where, self.lines, self.choices = where, lines, choices
        self.now: set[str] = set()
        self.past: set[str] = set()
        self.drivers: set[str] = set()

    def read(self, node: ast.expr) -> None:
        """Check one node and all below it."""
        match node:
            case ast.Constant(value=bool() | str()):
                raise self._fault(node, "a number (words only in a comparison with a choice)")
            case ast.Constant(value=int() | float() as number):
                if not np.isfinite(float(number)):
                    raise self._fault(node, "a finite number")
            case ast.Name():
                self._name(node)
            case ast.Attribute():
                self._driver(node)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
                self.read(operand)
            case ast.BinOp(left=left, op=operator, right=right) if isinstance(operator, OPERATORS):
                self.read(left)
                self.read(right)
            case ast.Compare(ops=[operator]) if isinstance(operator, COMPARISONS):
                self._compare(node)
            case ast.Call(func=ast.Name(id=function), args=arguments, keywords=[]):
                self._call(node, function, arguments)
            case _:
                raise self._fault(node, "numbers, names, + - * / ** %, comparisons and functions")

    def _name(self, node: ast.Name) -> None:
        if node.id in MONTHS:
            return
        if node.id not in self.lines:
            raise self._unknown(node.id, self.lines | MONTHS)
        self.now.add(node.id)

    def _driver(self, node: ast.expr) -> None:
        key = driver_key(node)
        if key is None or key not in self.choices:
            raise self._unknown(key or ast.unparse(node), self.choices)
        self.drivers.add(key)

    def _compare(self, node: ast.Compare) -> None:
        self.read(node.left)
        right = node.comparators[0]
        if not (isinstance(right, ast.Constant) and isinstance(right.value, str)):
            self.read(right)
            return
        words = self.choices.get(driver_key(node.left) or "", ())
        if right.value not in words:
            raise self._fault(right, f"one of {', '.join(words) or 'no words: not a choice'}")

    def _call(self, node: ast.Call, function: str, arguments: list[ast.expr]) -> None:
        if function not in FUNCTIONS:
            raise self._unknown(function, FUNCTIONS)
        wanted = FUNCTIONS[function]
        if not arguments or (wanted is not None and len(arguments) != wanted):
            raise self._fault(node, f"{function} with {wanted or 'one or more'} arguments")
        if function in PAST | ACROSS:
            target = arguments[0]
            if not isinstance(target, ast.Name) or target.id not in self.lines:
                raise self._fault(target, f"the name of a line as first argument of {function}")
            (self.past if function in PAST else self.now).add(target.id)
            arguments = arguments[1:]
        for argument in arguments:
            self.read(argument)

    def _fault(self, node: ast.expr, allowed: str) -> InputError:
        return InputError(self.where, ast.unparse(node), allowed)

    def _unknown(self, name: str, known: Iterable[str]) -> InputError:
        near = get_close_matches(name, known, n=3, cutoff=0.5)
        return InputError(self.where, name, f"a known name, such as {', '.join(near) or 'month'}")


def monthly(
    formulas: Mapping[str, Formula], steps: Iterable[Step], tables: Iterable[str] = ()
) -> frozenset[str]:
    """Lines that may differ from month to month; the others are one figure.

    Args:
        formulas: all formulas.
        steps: the order in which they are computed.
        tables: drivers that hold a value for each month.
    """
    found: set[str] = set()
    by_month = frozenset(tables)
    for step in steps:
        trees = [formulas[key].tree for key in step.lines]
        if step.recurrence or any(_varies(tree, found, by_month) for tree in trees):
            found.update(step.lines)
    return frozenset(found)


def _varies(node: ast.AST, lines: set[str], tables: frozenset[str]) -> bool:
    """Whether the node's value depends on the month."""
    match node:
        case ast.Name(id=key):
            return key == "month" or key in lines
        case ast.Attribute():
            return driver_key(node) in tables
        case ast.Call(func=ast.Name(id=function)) if function in WHOLE:
            return False
        case ast.Call(func=ast.Name(id=function)) if function in PAST | ACROSS:
            return True
        case ast.Call(args=arguments):
            return any(_varies(argument, lines, tables) for argument in arguments)
    return any(_varies(child, lines, tables) for child in ast.iter_child_nodes(node))


def order(formulas: Mapping[str, Formula]) -> tuple[Step, ...]:
    """The order in which the lines can be computed; recurrences as one step.

    Raises:
        InputError: if a line needs itself within one month.
    """
    return tuple(_step(group, formulas) for group in _knots(formulas))


def _knots(formulas: Mapping[str, Formula]) -> list[list[str]]:
    """Lines that need one another in any month, each group after all that it needs.

    Strongly connected components by depth first search. Source: Tarjan 1972.
    """
    needs = {key: sorted(formula.now | formula.past) for key, formula in formulas.items()}
    seen: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_lines: dict[str, None] = {}
    found: list[list[str]] = []
    for root in formulas:
        trail = [] if root in seen else [(root, iter(needs[root]))]
        while trail:
            key, rest = trail[-1]
            if key not in seen:
                seen[key] = lowest[key] = len(seen)
                open_lines[key] = None
            for used in rest:
                if used not in seen:
                    trail.append((used, iter(needs[used])))
                    break
                if used in open_lines:
                    lowest[key] = min(lowest[key], lowest[used])
            else:
                trail.pop()
                if trail:
                    below = trail[-1][0]
                    lowest[below] = min(lowest[below], lowest[key])
                if lowest[key] == seen[key]:
                    found.append(_closed(open_lines, key))
    return found


def _closed(open_lines: dict[str, None], key: str) -> list[str]:
    """Takes a finished group off the open lines: the line, and all that were opened after it."""
    group: list[str] = []
    while key in open_lines:
        group.append(open_lines.popitem()[0])
    return group[::-1]


def _step(group: list[str], formulas: Mapping[str, Formula]) -> Step:
    """One step; the lines of a recurrence in their order within a month."""
    members = set(group)
    within = {key: formulas[key].now & members for key in group}
    try:
        ordered = tuple(TopologicalSorter(within).static_order())
    except CycleError as error:
        path = " → ".join(reversed(error.args[1]))
        raise InputError(
            f"formula {group[0]}", f"it needs itself: {path}",
            "free of cycles, or go through prev() or lag() of an earlier month",
        ) from error  # fmt: skip
    recurrence = len(group) > 1 or any(key in formulas[key].past for key in group)
    return Step(ordered, recurrence)
