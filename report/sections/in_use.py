"""Which drivers and lines a plan really uses: the others are noise in its documents.

From NPV and the verdict's rule, formulas are followed down. A branch that the plan's choices don't
take, a product with nothing in it, and a line that is 0 in every month are left out with all that
only they need. What the scenario sets itself counts as used.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from modelworth.costmodel.analysis import Analysis
from modelworth.costmodel.formula.text import driver_key
from modelworth.costmodel.scenario.drivers import load_drivers

ROOTS = ("npv_usd", "gross_margin_second_year_share", "peak_funding_usd")
_COMPARE = {
    ast.Eq: lambda a, b: a == b, ast.NotEq: lambda a, b: a != b, ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b, ast.Gt: lambda a, b: a > b, ast.GtE: lambda a, b: a >= b,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Used:
    """Keys of the drivers and lines in use."""

    drivers: frozenset[str]
    lines: frozenset[str]


def in_use(analysis: Analysis) -> Used:
    """What the plan uses."""
    walk = _Walk(analysis)
    for root in ROOTS:
        walk.line(root)
    set_here = {key for key, use in analysis.drivers.items() if use.changed}
    return Used(frozenset(walk.drivers | set_here), frozenset(walk.lines))


@dataclass
class _Walk:
    """Follows formulas down from a line, once each."""

    analysis: Analysis
    drivers: set[str] = field(default_factory=set)
    lines: set[str] = field(default_factory=set)

    def line(self, key: str) -> None:
        """The line and what it needs; nothing where it is 0 in every month."""
        if key in self.lines or key not in self.analysis.lines or self._constant(key) == 0:
            return
        self.lines.add(key)
        self._node(ast.parse(self.analysis.lines[key].formula, mode="eval").body)

    def _node(self, node: ast.AST) -> None:
        match node:
            case ast.Attribute():
                self.drivers.add(driver_key(node) or "")
            case ast.Name(id=key):
                self.line(key)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                if 0 not in (self._static(left), self._static(right)):
                    self._node(left)
                    self._node(right)
            case ast.Call(func=ast.Name(id="where"), args=[condition, then, otherwise]):
                self._where(condition, then, otherwise)
            case ast.Call(args=arguments):
                for argument in arguments:
                    self._node(argument)
            case _:
                for child in ast.iter_child_nodes(node):
                    self._node(child)

    def _where(self, condition: ast.expr, then: ast.expr, otherwise: ast.expr) -> None:
        taken = self._static(condition)
        self._node(condition)
        if taken is None or taken:
            self._node(then)
        if not taken:
            self._node(otherwise)

    def _constant(self, key: str) -> float | None:
        """A line's value where it is the same in all months."""
        if key not in self.analysis.lines:
            return None
        months = set(self.analysis.by_month(key))
        return months.pop() if len(months) == 1 else None

    def _static(self, node: ast.expr) -> float | None:
        """The node's value where it is surely the same in all months, else None."""
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=key):
                return self._constant(key)
            case ast.Attribute():
                use = self.analysis.drivers.get(driver_key(node) or "")
                return None if use is None or use.by_month else use.value
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return 0.0 if 0 in (self._static(left), self._static(right)) else None
            case ast.BinOp(left=left, op=ast.Div()):
                return 0.0 if self._static(left) == 0 else None
            case ast.Compare():
                return self._compared(node)
        return None

    def _compared(self, node: ast.Compare) -> float | None:
        left, right = self._static(node.left), node.comparators[0]
        if isinstance(right, ast.Constant) and isinstance(right.value, str):
            row = load_drivers().get(driver_key(node.left) or "")
            other = None if row is None else _number_of(row.choices, right.value)
        else:
            other = self._static(right)
        if left is None or other is None:
            return None
        return float(_COMPARE[type(node.ops[0])](left, other))


def _number_of(words: tuple[str, ...], word: str) -> float:
    """How a word of a choice or switch is held in a driver."""
    return float((words or ("false", "true")).index(word))
