"""A formula of the model as a sentence: names of lines and drivers in the reader's language.

The workbook and the JSON keep the formula's own text; people on paper read this one. A guard
against dividing by nothing, `max(x, 1e-12)`, is said as `x`.
"""

from __future__ import annotations

import ast

from modelworth.costmodel.formula.text import driver_key
from modelworth.report.sections.context import Context

_BINARY = {
    ast.Add: ("+", 1), ast.Sub: ("−", 1), ast.Mult: ("×", 2), ast.Div: ("÷", 2),
    ast.Mod: ("mod", 2), ast.Pow: ("^", 3),
}  # fmt: skip
_COMPARE = {
    ast.Eq: "=", ast.NotEq: "≠", ast.Lt: "<", ast.LtE: "≤", ast.Gt: ">", ast.GtE: "≥",
}  # fmt: skip
_ATOM = 9
_NEXT_TO_NOTHING = 1e-6
_ENCLOSING = ("min", "max", "exp", "ln", "sqrt", "cos", "norm_cdf", "norm_ppf")
"""Functions whose sentence puts brackets round what they are of."""


def in_words(context: Context, formula: str) -> str:
    """The formula as a reader says it."""
    return _said(context, ast.parse(formula, mode="eval").body)[0]


def _said(context: Context, node: ast.expr) -> tuple[str, int]:
    """The node's words and how tightly its outermost operator binds."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return "−" + _inside(context, operand, 3), 2
        case ast.UnaryOp(operand=operand):
            return _said(context, operand)
        case ast.BinOp(left=left, op=operator, right=right):
            symbol, binds = _BINARY[type(operator)]
            after = binds + 1 if isinstance(operator, ast.Sub | ast.Div) else binds
            text = f"{_inside(context, left, binds)} {symbol} {_inside(context, right, after)}"
            return text, binds
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            symbol = _COMPARE[type(operator)]
            return f"{_inside(context, left, 1)} {symbol} {_inside(context, right, 1)}", 0
        case ast.Call(func=ast.Name(id=function), args=arguments):
            return _call(context, function, arguments)
    return _leaf(context, node), _ATOM


def _leaf(context: Context, node: ast.expr) -> str:
    """A number, a word, the month, a line or a driver."""
    match node:
        case ast.Constant(value=str() as word):
            return context.known(f"choice.{word}", word)
        case ast.Constant(value=value):
            return f"{value:g}"
        case ast.Name(id=key) if key in ("month", "months"):
            return context.t(f"formula.{key}")
        case ast.Name(id=key):
            return f"[{context.name(key)}]"
        case ast.Attribute():
            return f"[{context.name(driver_key(node) or '')}]"
    raise AssertionError(ast.dump(node))


def _inside(context: Context, node: ast.expr, least: int) -> str:
    text, binds = _said(context, node)
    return text if binds >= least else f"({text})"


def _is_guard(node: ast.expr) -> bool:
    """Whether it is a number above 0 that only keeps a divisor from being 0."""
    return isinstance(node, ast.Constant) and 0 < float(node.value) < _NEXT_TO_NOTHING


def _call(context: Context, function: str, arguments: list[ast.expr]) -> tuple[str, int]:
    """A function's sentence, with its arguments by number, and how tightly it binds."""
    if function == "max":
        arguments = [one for one in arguments if not _is_guard(one)]
        if len(arguments) == 1:
            return _said(context, arguments[0])
    if function in _ENCLOSING:
        least, binds = [0] * len(arguments), _ATOM
    elif function == "where":
        least, binds = [0, 1, 0], 0
    else:
        least, binds = [_ATOM] * len(arguments), 0
    shown = [_inside(context, each, low) for each, low in zip(arguments, least, strict=True)]
    if function in ("min", "max"):
        return context.t(f"formula.{function}", items=context.t("list.join").join(shown)), binds
    named = {"abc"[place]: text for place, text in enumerate(shown)}
    return context.t(f"formula.{function}", **named), binds
