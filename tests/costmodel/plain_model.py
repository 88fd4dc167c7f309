"""The model's formulas by plain Python: one trial, one month, one number at a time."""

from __future__ import annotations

import ast
import math
import operator
from statistics import NormalDist

from modelworth.costmodel.business.model import Model
from modelworth.costmodel.formula.text import driver_key
from modelworth.costmodel.scenario.drivers import choices, load_drivers

BINARY = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}  # fmt: skip
COMPARE = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip


def divided(left, right):
    if right == 0:
        return math.nan if left == 0 or math.isnan(left) else math.copysign(math.inf, left)
    return left / right


def logarithm(x):
    return math.log(x) if x > 0 else (-math.inf if x == 0 else math.nan)


UNARY = {
    "ceil": lambda x: math.ceil(x - 1e-9), "floor": lambda x: math.floor(x + 1e-9), "round": round,
    "exp": math.exp, "ln": logarithm, "sqrt": math.sqrt, "cos": math.cos,
    "norm_cdf": NormalDist().cdf, "norm_ppf": NormalDist().inv_cdf,
}  # fmt: skip


class PlainModel:
    """All lines of one trial, computed by recursion."""

    def __init__(self, model: Model, values: dict[str, float]) -> None:
        self.formulas, self.months = model.formulas, model.months
        self.values = model.completed(values)
        self.words = choices(load_drivers())
        self.known: dict[tuple[str, int], float] = {}

    def line(self, key: str, month: int) -> float:
        if (key, month) not in self.known:
            self.known[key, month] = float(self.value(self.formulas[key].tree, month))
        return self.known[key, month]

    def all_months(self, key: str) -> list[float]:
        return [self.line(key, month) for month in range(self.months + 1)]

    def value(self, node, month):  # noqa: C901
        match node:
            case ast.Constant(value=number):
                return number
            case ast.Name(id="month"):
                return month
            case ast.Name(id="months"):
                return self.months
            case ast.Name(id=key):
                return self.line(key, month)
            case ast.Attribute():
                found = self.values[driver_key(node)]
                if isinstance(found, list):
                    return found[min(max(month - 1, 0), len(found) - 1)]
                return found
            case ast.UnaryOp(operand=operand):
                return -self.value(operand, month)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return divided(self.value(left, month), self.value(right, month))
            case ast.BinOp(left=left, op=op, right=right):
                return BINARY[type(op)](self.value(left, month), self.value(right, month))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                if isinstance(right, ast.Constant) and isinstance(right.value, str):
                    other = self.words[driver_key(left)].index(right.value)
                else:
                    other = self.value(right, month)
                return COMPARE[type(op)](self.value(left, month), other)
            case ast.Call(func=ast.Name(id=function), args=arguments):
                return self.call(function, arguments, month)
        raise AssertionError(ast.dump(node))

    def call(self, function, arguments, month):
        if function == "where":
            chosen = arguments[1] if self.value(arguments[0], month) else arguments[2]
            return self.value(chosen, month)
        if function in ("min", "max"):
            return {"min": min, "max": max}[function](self.value(it, month) for it in arguments)
        if function in UNARY:
            return UNARY[function](self.value(arguments[0], month))
        key = arguments[0].id
        if function == "prev":
            return self.line(key, month - 1) if month else self.value(arguments[1], 0)
        if function == "lag":
            back = month - int(self.value(arguments[1], month))
            return self.line(key, back) if back >= 0 else 0.0
        if function == "next":
            return self.line(key, month + 1) if month < self.months else 0.0
        if function == "cumulative":
            return math.fsum(self.line(key, month) for month in range(month + 1))
        whole = self.all_months(key)
        if function == "first":
            return next((place for place, value in enumerate(whole) if value), math.nan)
        return {"total": math.fsum, "highest": max, "lowest": min}[function](whole)
