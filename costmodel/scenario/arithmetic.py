"""Sums in a scenario: a number may be written as the published figures that it comes from.

    given_gpu_hours: {value: "= 512 * 198 + 512 * 80 + 5000", source: Nature}

Only numbers, + - * / ** and brackets; nothing is executed. A figure that stands in a source is then
read as it stands there, and what was done with it can be seen.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from modelworth.data.errors import InputError

LONGEST: Final = 500
ALLOWED: Final = "numbers with + - * / ** and brackets, such as = 440 * 9.5 * 24"
WORDS: Final = frozenset({"text", "source", "note", "as_of"})
"""Keys of a scenario under which strings are prose."""
_OPERATORS: Final[Mapping[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.Pow: operator.pow,
}  # fmt: skip


def worked_out(where: str, found: Any) -> Any:
    """The same data with every sum replaced by its number.

    Raises:
        InputError: if a text that begins with = is no sum, or has no finite result.
    """
    if isinstance(found, Mapping):
        return {
            key: value if key in WORDS else worked_out(_below(where, key), value)
            for key, value in found.items()
        }
    if isinstance(found, list):
        return [worked_out(f"{where}[{place}]", value) for place, value in enumerate(found)]
    if isinstance(found, str) and found.startswith("="):
        return _number(where, found)
    return found


def _below(where: str, key: object) -> str:
    return f"{where}{'' if where.endswith(': ') else '.'}{key}"


def _number(where: str, text: str) -> float:
    try:
        if len(text) > LONGEST:
            raise ValueError
        value = _value(ast.parse(text[1:].strip(), mode="eval").body)
        if not isinstance(value, int | float) or not abs(value) <= 1e30:
            raise ValueError
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError) as error:
        raise InputError(where, text[:80], ALLOWED) from error
    return float(value)


def _value(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return float(number)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            return _OPERATORS[type(sign)](_value(left), _value(right))
    raise ValueError
