"""Formulas of the workbook give what the model's own evaluator gives."""

from __future__ import annotations

import ast
import io
import math

import formualizer
import numpy as np
import openpyxl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelworth.costmodel.formula.compile import Program, Run
from modelworth.costmodel.formula.text import Formula, Line, order, parse
from modelworth.report.formats.sheets.excel_formula import (
    FIRST_COLUMN,
    HORIZON,
    MONTH_ROW,
    Layout,
    Place,
    Writer,
    undefined,
)

MONTHS = 6
DRIVERS = {"a.rate": 0.07, "a.back": 2.0, "a.size": 3.5, "a.on": 1.0}
BASIC = {
    "up": "prev(up, a.size) * (1 + a.rate)",
    "step": "where(month > 2, month - 1.5, -month)",
    "loop": "lag(loop, a.back) + up - step",
    "late": "(up > 4.2) * (month > 1)",
    "never": "up > 1e9",
}


WORDS = dict.fromkeys(DRIVERS, ()) | {"a.on": ("false", "true")}


def _parsed(lines: dict[str, str]) -> dict[str, Formula]:
    return {key: parse(Line(key, "", "cash", text), lines, WORDS) for key, text in lines.items()}


def _modelled(lines: dict[str, str]) -> dict[str, np.ndarray]:
    formulas = _parsed(lines)
    values = {key: np.array([[value]]) for key, value in DRIVERS.items()}
    run = Run(MONTHS, 1, values, Program(formulas, order(formulas), WORDS))
    with np.errstate(all="ignore"):
        found = {key: run.line(key).astype(float) for key in lines}
    return {key: np.broadcast_to(array, (MONTHS + 1, 1))[:, 0] for key, array in found.items()}


def _calculated(lines: dict[str, str]) -> dict[str, list[object]]:
    """The lines in a workbook, computed by a spreadsheet engine."""
    trees = {key: ast.parse(text, mode="eval").body for key, text in lines.items()}
    places = {key: Place("Model", 5 + row) for row, key in enumerate(trees)}
    steps = order(_parsed(lines))
    past = {key: step.lines for step in steps if step.recurrence for key in step.lines}
    layout = Layout(
        places, {}, frozenset(), frozenset({"a.on"}), past, undefined(trees), MONTHS
    )  # fmt: skip
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Model")
        for row, (key, value) in enumerate({**DRIVERS, HORIZON: MONTHS}.items()):
            sheet.write_number(60 + row, 0, value)
            book.define_name(key, f"=Model!$A${61 + row}")
        for month in range(MONTHS + 1):
            sheet.write_number(MONTH_ROW, FIRST_COLUMN + month, month)
            for key, tree in trees.items():
                text = Writer(layout, key, month).formula(tree)
                sheet.write_formula(places[key].row, FIRST_COLUMN + month, text)
    made = formualizer.recalculate_xlsx_bytes(file.getvalue())
    assert made["summary"]["unknown_functions"] == []
    months = range(MONTHS + 1)
    cells = openpyxl.load_workbook(io.BytesIO(made["bytes"]), data_only=True)["Model"]
    return {
        key: [cells.cell(places[key].row + 1, FIRST_COLUMN + 1 + m).value for m in months]
        for key in lines
    }  # fmt: skip


def _agree(lines: dict[str, str]) -> None:
    modelled, calculated = _modelled(lines), _calculated(lines)
    for key, row in modelled.items():
        for month, value in enumerate(row):
            cell = calculated[key][month]
            if math.isfinite(value):
                assert cell == pytest.approx(value, rel=1e-9, abs=1e-9), (key, month, lines[key])
            else:
                assert isinstance(cell, str), (key, month, lines[key], cell)


@pytest.mark.parametrize(
    "text",
    [
        "-a.size ** 2",
        "(-a.size) ** 2",
        "2 ** 3 ** 2",
        "(2 ** 3) ** 2",
        "2 - (3 - 4) - -5",
        "12 / (4 / 2) / 3",
        "12 / (4 * 2)",
        "-(month + 1) * -2",
        "-month % 5",
        "a.size % 2 - 7 % 3",
        "(month > 2) + (month <= 1) * 3",
        "where((month > 2) * (month < 5), 1, 0)",
        "where(a.on, 4, 5)",
        'where(a.on == "true", 4, 5)',
        'where(a.on == "false", 4, 5)',
        "where(month != 3, 1 / (month - 3), 9)",
        "1 / (up - up)",
        "ceil(3 + 1e-12) + floor(3 - 1e-12) + ceil(-2.5) + floor(-2.5)",
        "ceil(up) - floor(step) + round(up * 10) / 10",
        "exp(-ln(2) / 12 * month) + sqrt(a.size) + cos(month)",
        "norm_cdf(step / 3) + norm_ppf(0.1 + month / 10)",
        "min(month, 3, a.size) - max(step, -1)",
        "next(up) - next(step)",
        "lag(step, 1) + lag(up, a.back) + lag(up, 0)",
        "cumulative(step) + cumulative(late)",
        "total(up) - total(late) + highest(step) - lowest(loop)",
        "first(late) * 2",
        "first(never)",
        "first(step)",
        "month / months + 1.5e-7 * 2e12",
    ],
)
def test_each_construction(text):
    _agree({**BASIC, "x": text})


def _expressions() -> st.SearchStrategy[str]:
    leaves = st.sampled_from(
        ["month", "months", "up", "step", "loop", "a.rate", "a.size", "2", "0.5", "total(up)",
         "highest(loop)", "lowest(step)", "cumulative(up)", "next(step)", "lag(loop, 3)"]
    )  # fmt: skip

    def wider(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        def filled(*templates: str) -> st.SearchStrategy[str]:
            parts = st.tuples(st.sampled_from(templates), inner, inner, inner)
            return parts.map(lambda part: part[0].format(*part[1:]))

        return st.one_of(
            filled("({} + {})", "({} - {})", "({} * {})", "-({})"),
            # a comparison with 0 / 0 is 0 in arrays and an error in a cell: no divisor is ever 0
            filled("{} + {}", "{} - {}", "{} * {}", "{} / months", "{} / a.size"),
            filled("min({}, {})", "max({}, {}, {})", "where({} > 1, {}, {})"),
            filled("({} < {}) * 1", "({} >= {}) * 1", "({} == {}) * 1"),
        )

    return st.recursive(leaves, wider, max_leaves=7)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_expressions())
def test_any_expression(text):
    modelled = _modelled({**BASIC, "x": text})["x"]
    if np.all(np.isfinite(modelled)) and np.abs(modelled).max() < 1e12:
        _agree({**BASIC, "x": text})


def test_lines_that_can_have_no_value_are_found():
    texts = {
        "divides": "a_line / other", "asks": "first(other)", "uses": "1 + divides",
        "by_driver": "other / driver.b", "log": "ln(driver.b) / 12", "other": "month",
        "a_line": "2",
    }  # fmt: skip
    trees = {key: ast.parse(text, mode="eval").body for key, text in texts.items()}
    assert undefined(trees) == {"divides", "asks", "uses"}
