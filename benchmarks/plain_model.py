"""The same formulas as a plain Python program: one trial, one month, one number at a time.

The text of every line is turned into Python source with a loop over the months, as one would write
it by hand. It is what the benchmark compares with, and what a test holds the numpy model against.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate
from statistics import NormalDist
from typing import Any

import numpy_financial as npf

from modelworth.costmodel.formula.text import ACROSS, Formula, driver_key, order

Trial = Callable[[Mapping[str, Any], int], dict[str, list[float]]]


def divide(left: float, right: float) -> float:
    """Division that says what floating point says about 0."""
    if right == 0:
        return math.nan if left == 0 or math.isnan(left) else math.copysign(math.inf, left)
    return left / right


def power(base: float, exponent: float) -> float:
    """A power; nan where it isn't real, infinite where it is too large."""
    try:
        found = base**exponent
    except ZeroDivisionError:
        return math.inf
    except OverflowError:
        return math.inf
    return math.nan if isinstance(found, complex) else found


def first(truths: list[float]) -> float:
    """The first month in which something holds; nan if it never does."""
    return float(next((month for month, truth in enumerate(truths) if truth), math.nan))


NAMES = {
    "divide": divide, "power": power, "first": first, "exp": math.exp, "cos": math.cos,
    "ln": lambda x: math.log(x) if x > 0 else (-math.inf if x == 0 else math.nan),
    "sqrt": lambda x: math.sqrt(x) if x >= 0 else math.nan,
    "ceil": lambda x: math.ceil(x - 1e-9), "floor": lambda x: math.floor(x + 1e-9),
    "norm_cdf": NormalDist().cdf, "norm_ppf": NormalDist().inv_cdf, "accumulate": accumulate,
}  # fmt: skip
SUMMARY = {"total": "sum", "highest": "max", "lowest": "min", "first": "first"}


class _Writer(ast.NodeTransformer):
    """Rewrites one formula for month `m`; what spans all months is hoisted before the loop."""

    def __init__(self, choices: Mapping[str, tuple[str, ...]], monthly: frozenset[str]) -> None:
        self.choices, self.monthly = choices, monthly
        self.hoisted: list[str] = []

    def text(self, node: ast.expr) -> str:
        """The node as Python source."""
        return ast.unparse(self.visit(node))

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return _expression({"month": "m", "months": "M"}.get(node.id, f"L_{node.id}[m]"))

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        key = driver_key(node)
        place = "[min(max(m - 1, 0), len(D[{0!r}]) - 1)]" if key in self.monthly else ""
        return _expression(("D[{0!r}]" + place).format(key))

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        right = node.comparators[0]
        if isinstance(right, ast.Constant) and isinstance(right.value, str):
            words = self.choices[driver_key(node.left) or ""]
            node.comparators = [ast.Constant(words.index(right.value))]
        return self.generic_visit(node)  # type: ignore[return-value]

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        left, right = self.text(node.left), self.text(node.right)
        if isinstance(node.op, ast.Div) and not isinstance(node.right, ast.Constant):
            return _expression(f"divide({left}, {right})")
        if isinstance(node.op, ast.Pow):
            return _expression(f"power({left}, {right})")
        return ast.BinOp(_expression(left), node.op, _expression(right))

    def visit_Call(self, node: ast.Call) -> ast.expr:
        assert isinstance(node.func, ast.Name)
        name, arguments = node.func.id, node.args
        if name == "where":
            test, then, otherwise = (self.text(argument) for argument in arguments)
            return _expression(f"(({then}) if ({test}) else ({otherwise}))")
        if name in ("prev", "lag"):
            assert isinstance(arguments[0], ast.Name)
            line, second = f"L_{arguments[0].id}", self.text(arguments[1])
            if name == "prev":
                return _expression(f"({line}[m - 1] if m else ({second}))")
            return _expression(f"({line}[m - int({second})] if m >= int({second}) else 0.0)")
        if name in ACROSS:
            return self._across(name, self.text(arguments[0]))
        texts = ", ".join(self.text(argument) for argument in arguments)
        return _expression(f"{name}({texts})")

    def _across(self, name: str, inner: str) -> ast.expr:
        place = f"H_{len(self.hoisted)}"
        months = f"[{inner} for m in range(M + 1)]"
        if name == "next":
            self.hoisted.append(f"{place} = {months}[1:] + [0.0]")
            return _expression(f"{place}[m]")
        if name == "cumulative":
            self.hoisted.append(f"{place} = list(accumulate({months}))")
            return _expression(f"{place}[m]")
        self.hoisted.append(f"{place} = {SUMMARY[name]}({months})")
        return _expression(place)


def plain_program(
    formulas: Mapping[str, Formula],
    choices: Mapping[str, tuple[str, ...]],
    monthly: frozenset[str],
    keys: Iterable[str],
) -> Trial:
    """A function (drivers, months) → the lines by month, of `keys` and all that they need."""
    needed = _needed(formulas, keys)
    body: list[str] = []
    for step in order({key: formulas[key] for key in needed}):
        loop = []
        for key in step.lines:
            writer = _Writer(choices, monthly)
            text = writer.text(ast.parse(formulas[key].line.expression, mode="eval").body)
            body += [hoist.replace("H_", f"H_{key}_") for hoist in writer.hoisted]
            body.append(f"L_{key} = [0.0] * (M + 1)")
            loop.append(f"    L_{key}[m] = " + text.replace("H_", f"H_{key}_"))
        body += ["for m in range(M + 1):", *loop]
    lines = ", ".join(f"{key!r}: L_{key}" for key in keys)
    source = (
        "def trial(D, M):\n" + "".join(f"    {row}\n" for row in body) + f"    return {{{lines}}}"
    )
    names: dict[str, Any] = dict(NAMES)
    exec(source, names)
    return names["trial"]  # type: ignore[no-any-return]


def npv_and_irr(flows: list[float], rate_per_month: float) -> tuple[float, float]:
    """Net present value and yearly internal rate of return, by numpy-financial."""
    monthly = npf.irr(flows)
    return float(npf.npv(rate_per_month, flows)), float((1 + monthly) ** 12 - 1)


def _needed(formulas: Mapping[str, Formula], keys: Iterable[str]) -> list[str]:
    """The keys and all lines under them, in the order of the model."""
    found: set[str] = set()
    waiting = list(keys)
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting += formulas[key].now | formulas[key].past
    return [key for key in formulas if key in found]


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body
