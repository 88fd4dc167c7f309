"""Formulas as numpy functions over arrays of (months + 1, trials).

An array has a side of 1 where it doesn't vary, so what is the same in every month or trial is
computed once. A line is evaluated when something asks for it, and only the branch of a `where` that
a plain switch selects. Lines that don't need their own past are evaluated as whole arrays;
recurrences go month by month, with all that doesn't depend on them computed beforehand.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import numpy as np
import scipy
from numpy.typing import NDArray

from modelworth.costmodel.formula.chain import product, summed
from modelworth.costmodel.formula.text import ACROSS, MONTHS, Formula, Step, driver_key

Floats = NDArray[np.float64]
Array = NDArray[Any]
Whole = Callable[["Run"], Array]
Row = Callable[["Run", int], Array]

_BINARY: Final[Mapping[type[ast.operator], Callable[[Any, Any], Array]]] = {
    ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.true_divide,
    ast.Pow: np.power, ast.Mod: np.mod,
}  # fmt: skip


def _truth(compare: Callable[[Any, Any], Array]) -> Callable[[Any, Any], Array]:
    """A comparison that gives 1 and 0: sums and differences of truth values are numbers."""
    return lambda left, right: compare(left, right).astype(np.float64)


_COMPARE: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], Array]]] = {
    ast.Eq: _truth(np.equal), ast.NotEq: _truth(np.not_equal), ast.Lt: _truth(np.less),
    ast.LtE: _truth(np.less_equal), ast.Gt: _truth(np.greater), ast.GtE: _truth(np.greater_equal),
}  # fmt: skip
_UNARY: Final[Mapping[str, Callable[[Any], Array]]] = {
    "ceil": lambda x: np.ceil(x - 1e-9), "floor": lambda x: np.floor(x + 1e-9), "round": np.round,
    "exp": np.exp, "ln": np.log, "sqrt": np.sqrt, "cos": np.cos,
    "norm_cdf": lambda x: scipy.special.ndtr(x), "norm_ppf": lambda x: scipy.special.ndtri(x),
}  # fmt: skip
_FOLD: Final[Mapping[str, Callable[[Any, Any], Array]]] = {"min": np.minimum, "max": np.maximum}


@dataclass
class Run:
    """One evaluation: the drivers' values and what was computed so far.

    Attributes:
        values: driver → array of shape (1 or months + 1, 1 or trials).
        lines: line → its array.
        rows: lines of the recurrence under way → array filled up to the current month.
        hoisted: parts of recurrences that don't depend on them.
    """

    months: int
    trials: int
    values: Mapping[str, Array]
    program: Program
    lines: dict[str, Array] = field(default_factory=dict)
    rows: dict[str, Floats] = field(default_factory=dict)
    hoisted: dict[object, Array] = field(default_factory=dict)

    @property
    def month(self) -> Floats:
        """Months as a column: 0 to the last."""
        return _column(self.months)

    def line(self, key: str) -> Array:
        """A line's array, computed when first asked for."""
        if key not in self.lines:
            self.program.compute(self, key)
        return self.lines[key]


@cache
def _column(months: int) -> Floats:
    found = np.arange(months + 1, dtype=float)[:, None]
    found.flags.writeable = False
    return found


_MONTHS: Final[Mapping[str, Whole]] = {
    "month": lambda run: run.month,
    "months": lambda run: np.full((1, 1), float(run.months)),
}


class Program:
    """All formulas, compiled; immutable once made, so threads may share it."""

    def __init__(
        self,
        formulas: Mapping[str, Formula],
        steps: tuple[Step, ...],
        choices: Mapping[str, tuple[str, ...]],
    ) -> None:
        self._choices = choices
        self._whole: dict[str, Whole] = {}
        self._group: dict[str, Step] = {}
        self._row: dict[str, Row] = {}
        self._outside: dict[str, frozenset[str]] = {}
        self._used: dict[str, frozenset[str]] = {}
        for step in steps:
            members = frozenset(step.lines)
            drivers = self._drivers(step, formulas)
            for key in step.lines:
                self._used[key] = drivers
                if step.recurrence:
                    self._group[key] = step
                    self._row[key] = self._rowwise(formulas[key].tree, members)
                else:
                    self._whole[key] = self._arraywise(formulas[key].tree)

    def drivers_of(self, key: str) -> frozenset[str]:
        """All drivers that a line rests on, through every line it uses."""
        return self._used[key]

    def compute(self, run: Run, key: str) -> None:
        """Put the line's array, or those of its whole recurrence, into `run`."""
        if key in self._whole:
            run.lines[key] = self._whole[key](run)
            return
        step = self._group[key]
        varies = any(run.values[driver].shape[1] > 1 for driver in self._used[key])
        shape = (run.months + 1, run.trials if varies else 1)
        rows = {line: np.empty(shape) for line in step.lines}
        run.rows.update(rows)
        ordered = [(rows[line], self._row[line]) for line in step.lines]
        for month in range(run.months + 1):
            for target, row in ordered:
                target[month] = row(run, month)
        for line in step.lines:
            run.lines[line] = run.rows.pop(line)

    def _drivers(self, step: Step, formulas: Mapping[str, Formula]) -> frozenset[str]:
        found: set[str] = set()
        for key in step.lines:
            formula = formulas[key]
            found |= formula.drivers
            for used in (formula.now | formula.past) - set(step.lines):
                found |= self._used[used]
        return frozenset(found)

    def _word(self, node: ast.Compare) -> float | None:
        """The number of the word that a choice is compared with."""
        right = node.comparators[0]
        if not (isinstance(right, ast.Constant) and isinstance(right.value, str)):
            return None
        return float(self._choices[driver_key(node.left) or ""].index(right.value))

    def _arraywise(self, node: ast.expr) -> Whole:
        """The node as a function from a run to an array."""
        match node:
            case ast.Constant(value=value):
                constant = np.full((1, 1), float(value))  # type: ignore[arg-type]
                return lambda _: constant
            case ast.Name(id=key):
                return _MONTHS.get(key) or (lambda run: run.line(key))
            case ast.Attribute():
                driver = driver_key(node) or ""
                return lambda run: run.values[driver]
            case ast.UnaryOp(op=sign, operand=operand):
                inner = self._arraywise(operand)
                return _negated(inner) if isinstance(sign, ast.USub) else inner
            case ast.BinOp(op=ast.Mult()):
                return product([self._arraywise(part) for part in _factors(node)])
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                return summed([(sign, self._arraywise(part)) for sign, part in _terms(node)])
            case ast.BinOp(left=left, op=operator, right=right):
                return _both(_BINARY[type(operator)], self._arraywise(left), self._arraywise(right))
            case ast.Compare(left=left, ops=[comparison], comparators=[right]):
                word = self._word(node)
                other = right if word is None else ast.Constant(word)
                compare = _COMPARE[type(comparison)]
                return _both(compare, self._arraywise(left), self._arraywise(other))
            case ast.Call(func=ast.Name(id=function), args=arguments):
                return self._array_call(function, arguments)
        raise AssertionError(ast.dump(node))

    def _array_call(self, function: str, arguments: list[ast.expr]) -> Whole:
        parts = [self._arraywise(argument) for argument in arguments]
        if function == "where":
            return _choose(*parts)
        if function in _FOLD:
            fold = _FOLD[function]
            result = parts[0]
            for part in parts[1:]:
                result = _both(fold, result, part)
            return result
        if function in _UNARY:
            unary, inner = _UNARY[function], parts[0]
            return lambda run: unary(inner(run))
        if function in ("prev", "lag"):
            shift = _previous if function == "prev" else _lagged
            line, second = parts
            return lambda run: shift(_all_months(run, line(run)), second(run))
        across, inner = _ACROSS[function], parts[0]
        return lambda run: across(_all_months(run, inner(run)))

    def _rowwise(self, node: ast.expr, members: frozenset[str]) -> Row:
        """The node as a function from a run and a month to one row."""
        if not _mentions(node, members):
            return self._hoisted(node)
        match node:
            case ast.Name(id=key):
                return lambda run, month: run.rows[key][month]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self._rowwise(operand, members)
                return lambda run, month: np.negative(inner(run, month))
            case ast.UnaryOp(operand=operand):
                return self._rowwise(operand, members)
            case ast.BinOp(left=left, op=operator, right=right):
                return _both_rows(
                    _BINARY[type(operator)],
                    self._rowwise(left, members), self._rowwise(right, members),
                )  # fmt: skip
            case ast.Compare(left=left, ops=[comparison], comparators=[right]):
                return _both_rows(
                    _COMPARE[type(comparison)],
                    self._rowwise(left, members), self._rowwise(right, members),
                )  # fmt: skip
            case ast.Call(func=ast.Name(id=function), args=arguments):
                return self._row_call(function, arguments, members)
        raise AssertionError(ast.dump(node))

    def _hoisted(self, node: ast.expr) -> Row:
        """A part that needs no line of the recurrence: computed once, then read by month."""
        whole, token = self._arraywise(node), object()

        def row(run: Run, month: int) -> Array:
            if token not in run.hoisted:
                run.hoisted[token] = whole(run)
            array = run.hoisted[token]
            picked: Array = array[month if len(array) > 1 else 0]
            return picked

        return row

    def _row_call(self, function: str, arguments: list[ast.expr], members: frozenset[str]) -> Row:
        if function in ("prev", "lag"):
            assert isinstance(arguments[0], ast.Name)
            second = self._rowwise(arguments[1], members)
            if arguments[0].id in members:
                return (_previous_row if function == "prev" else _lagged_row)(
                    arguments[0].id, second
                )
        parts = [self._rowwise(argument, members) for argument in arguments]
        if function == "where":
            condition, then, otherwise = parts
            return lambda run, month: _choose_row(run, month, condition, then, otherwise)
        if function in _FOLD:
            fold = _FOLD[function]
            result = parts[0]
            for part in parts[1:]:
                result = _both_rows(fold, result, part)
            return result
        assert function not in ACROSS, function
        unary, inner = _UNARY[function], parts[0]
        return lambda run, month: unary(inner(run, month))


def _negated(inner: Whole) -> Whole:
    return lambda run: np.negative(inner(run))


def _both(operation: Callable[[Any, Any], Array], left: Whole, right: Whole) -> Whole:
    return lambda run: operation(left(run), right(run))


def _both_rows(operation: Callable[[Any, Any], Array], left: Row, right: Row) -> Row:
    return lambda run, month: operation(left(run, month), right(run, month))


def _choose(condition: Whole, then: Whole, otherwise: Whole) -> Whole:
    """`where`: a single truth value selects a branch, and the other isn't evaluated."""

    def chosen(run: Run) -> Array:
        test = condition(run)
        if test.size == 1:
            return then(run) if test.item() else otherwise(run)
        return np.where(test, then(run), otherwise(run))

    return chosen


def _choose_row(run: Run, month: int, condition: Row, then: Row, otherwise: Row) -> Array:
    test = condition(run, month)
    if test.size == 1:
        return then(run, month) if test.item() else otherwise(run, month)
    return np.where(test, then(run, month), otherwise(run, month))


def _all_months(run: Run, array: Array) -> Array:
    """The array with a row a month (a view)."""
    return np.broadcast_to(array, (run.months + 1, array.shape[1]))


def _previous(array: Array, first: Array) -> Array:
    width = max(array.shape[1], first.shape[1])
    shifted = np.empty((len(array), width))
    shifted[0] = first[0]
    shifted[1:] = array[:-1]
    return shifted


def _lagged(array: Array, by: Array) -> Array:
    steps = by.astype(np.intp)
    if steps.size == 1:
        shifted = np.zeros(array.shape)
        back = max(0, min(steps.item(), len(array)))
        shifted[back:] = array[: len(array) - back]
        return shifted
    months = np.arange(len(array))[:, None] - steps
    wide = np.broadcast_to(array, (len(array), months.shape[1]))
    earlier = np.take_along_axis(wide, np.maximum(months, 0), axis=0)
    return np.where(months >= 0, earlier, 0.0)


def _previous_row(key: str, first: Row) -> Row:
    return lambda run, month: run.rows[key][month - 1] if month else first(run, 0)


def _lagged_row(key: str, by: Row) -> Row:
    """The row of n months ago; n of this month (0) isn't the past, so it is taken as 1."""

    def row(run: Run, month: int) -> Array:
        back = month - np.maximum(by(run, month).astype(np.intp), 1)
        rows = run.rows[key]
        if back.size == 1:
            return rows[back.item()] if back.item() >= 0 else np.zeros(1)
        earlier = rows[np.maximum(back, 0), np.arange(rows.shape[1])]
        return np.where(back >= 0, earlier, 0.0)

    return row


def _following(array: Array) -> Array:
    return np.concatenate([array[1:], np.zeros((1, array.shape[1]))])


def _cumulative(array: Array) -> Array:
    """Running sums down the months, a row at a time: NumPy's own goes down each column apart."""
    sums = array.astype(float)
    for month in range(1, len(sums)):
        np.add(sums[month - 1], sums[month], out=sums[month])
    return sums


def _first(array: Array) -> Array:
    truth = array.astype(bool)
    return np.where(truth.any(axis=0), truth.argmax(axis=0), np.nan)[None, :]


_ACROSS: Final[Mapping[str, Callable[[Array], Array]]] = {
    "next": _following,
    "cumulative": _cumulative,
    "total": lambda array: array.sum(axis=0, keepdims=True),
    "highest": lambda array: array.max(axis=0, keepdims=True),
    "lowest": lambda array: array.min(axis=0, keepdims=True),
    "first": _first,
}


def _factors(node: ast.expr) -> list[ast.expr]:
    """The factors of a product of products, in their order."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [*_factors(node.left), *_factors(node.right)]
    return [node]


def _terms(node: ast.expr, sign: int = 1) -> list[tuple[int, ast.expr]]:
    """The terms of a sum of sums and differences, each with its sign."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        second = sign if isinstance(node.op, ast.Add) else -sign
        return [*_terms(node.left, sign), *_terms(node.right, second)]
    return [(sign, node)]


def _mentions(node: ast.expr, members: frozenset[str]) -> bool:
    """Whether a line of the recurrence is named anywhere in the node."""
    return any(
        isinstance(part, ast.Name) and part.id in members and part.id not in MONTHS
        for part in ast.walk(node)
    )
