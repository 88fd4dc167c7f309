"""The formula language: what is understood, what is refused, and what comes out."""

from __future__ import annotations

import numpy as np
import pytest

from modelworth.costmodel.business.lines import load_lines
from modelworth.costmodel.formula.compile import Program, Run
from modelworth.costmodel.formula.text import FUNCTIONS, Line, monthly, order, parse
from modelworth.costmodel.scenario.drivers import choices, load_drivers
from modelworth.data.errors import InputError

WORDS = choices(load_drivers())


def evaluated(lines, key, months=6, values=None, trials=1):
    """One line of a small model of its own."""
    made = [Line(name, "ratio", "cash", text) for name, text in lines.items()]
    formulas = {line.key: parse(line, lines, WORDS) for line in made}
    program = Program(formulas, order(formulas), WORDS)
    defaults = {name: np.full((1, 1), row.default) for name, row in load_drivers().items()}
    run = Run(months, trials, defaults | (values or {}), program)
    with np.errstate(all="ignore"):
        return np.broadcast_to(run.line(key), (months + 1, trials))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3 - 4 / 8", [6.5] * 7),
        ("2 ** 3 % 5", [3] * 7),
        ("-month", [0, -1, -2, -3, -4, -5, -6]),
        ("+month + months", [6, 7, 8, 9, 10, 11, 12]),
        ("where(month >= 3, 10, 20)", [20, 20, 20, 10, 10, 10, 10]),
        ("min(month, 2, 4) + max(month, 5)", [5, 6, 7, 7, 7, 7, 8]),
        ("ceil(month / 4) + floor(month / 4)", [0, 1, 1, 1, 2, 3, 3]),
        ("ceil(0.1 * 3 / 0.1) + floor(0.3 / 0.1)", [6] * 7),
        ("round(2.6) + exp(ln(5)) + sqrt(16) + cos(0)", [13] * 7),
        ("norm_cdf(norm_ppf(0.3))", [0.3] * 7),
        ("company.tax_rate_share * 100", [21] * 7),
        ('where(compute.serving == "rented", 1, 2)', [1] * 7),
        ('where(compute.serving != "rented", 1, 2)', [2] * 7),
        ("where(building.refreshes, 1, 2)", [1] * 7),
        ("-((month > 2) * 1)", [0, 0, 0, -1, -1, -1, -1]),
        ("(month > 2) + (month > 4) - (month > 5)", [0, 0, 0, 1, 1, 2, 1]),
        ("(2 > 1) + (company.tax_rate_share > 0) + (month > 5)", [2, 2, 2, 2, 2, 2, 3]),
        ("(month > 2) ** (month > 3) % 2", [1, 1, 1, 1, 1, 1, 1]),
    ],
)
def test_expressions(text, expected):
    assert evaluated({"x": text}, "x")[:, 0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("prev(m, 9)", [9, 0, 1, 2, 3, 4, 5]),
        ("next(m)", [1, 2, 3, 4, 5, 6, 0]),
        ("lag(m, 2)", [0, 0, 0, 1, 2, 3, 4]),
        ("cumulative(m)", [0, 1, 3, 6, 10, 15, 21]),
        ("total(m) + highest(m) - lowest(m)", [27] * 7),
        ("first(late)", [4] * 7),
        ("first(never)", [np.nan] * 7),
    ],
)
def test_functions_of_other_months(text, expected):
    lines = {"m": "month", "late": "month > 3", "never": "month > 99", "x": text}
    assert evaluated(lines, "x")[:, 0] == pytest.approx(expected, nan_ok=True)


def test_recurrences_go_month_by_month():
    fibonacci = {"a": "where(month < 2, month, prev(a, 0) + lag(a, 2))"}
    assert evaluated(fibonacci, "a", 10)[:, 0].tolist() == [0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55]
    mutual = {"saved": "prev(debt, 5) * 0.1", "debt": "prev(debt, 5) - saved + month"}
    debt, expected = 5.0, []
    for month in range(7):
        debt = debt - debt * 0.1 + month
        expected.append(debt)
    assert evaluated(mutual, "debt")[:, 0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("-prev(x, 1) + 1", lambda x, _: -x + 1),
        ("+prev(x, 1) * 2", lambda x, _: x * 2),
        ("where(prev(x, 1) > 3, 0, prev(x, 1) + month)",
         lambda x, month: 0 if x > 3 else x + month),
        ("min(prev(x, 1) + 2, 5, 7)", lambda x, _: min(x + 2, 5, 7)),
        ("max(prev(x, 1) - month, 0 - 2)", lambda x, month: max(x - month, -2)),
        ("ceil(prev(x, 1) / 2) + prev(m, 3)", lambda x, month: -(-x // 2) + max(month - 1, 0)
         + (3 if month == 0 else 0)),
        ("lag(m, 2) + prev(x, 1)", lambda x, month: max(month - 2, 0) + x),
    ],
)  # fmt: skip
def test_every_operation_works_in_a_recurrence(text, step):
    value, expected = 1.0, []
    for month in range(7):
        value = step(value, month)
        expected.append(value)
    found = evaluated({"m": "month", "x": text}, "x")
    assert found[:, 0] == pytest.approx(expected)


def test_trials_take_their_own_branch_in_a_recurrence():
    shares = {"company.tax_rate_share": np.array([[0.1, 0.9]])}
    text = "where(company.tax_rate_share > 0.5, prev(x, 0) + 1, prev(x, 0) - 1)"
    assert evaluated({"x": text}, "x", 2, shares, 2).T.tolist() == [[-1, -2, -3], [1, 2, 3]]


def test_a_lag_may_differ_from_trial_to_trial():
    by = {"building.refresh_months": np.array([[1.0, 2.0, 9.0]])}
    whole = {"m": "month", "x": "lag(m, building.refresh_months)"}
    found = evaluated(whole, "x", values=by, trials=3)
    assert found.T.tolist() == [[0, 0, 1, 2, 3, 4, 5], [0, 0, 0, 1, 2, 3, 4], [0] * 7]
    own = {"x": "month + lag(x, building.refresh_months)"}
    found = evaluated(own, "x", values=by, trials=3)
    assert found[:, 0].tolist() == [0, 1, 3, 6, 10, 15, 21]
    assert found[:, 1].tolist() == [0, 1, 2, 4, 6, 9, 12]
    assert found[:, 2].tolist() == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 +", "an expression"),
        ("__import__('os')", "a known name"),
        ("().__class__", "a known name"),
        ("[1, 2]", "numbers, names"),
        ("lambda: 1", "numbers, names"),
        ("x if month else 1", "numbers, names"),
        ("1 < month < 3", "numbers, names"),
        ("month and 1", "numbers, names"),
        ("'text'", "a number"),
        ("True", "a number"),
        ("1e999", "a finite number"),
        ("unknown_line", "a known name"),
        ("company.tax_rate_sharee", "company.tax_rate_share"),
        ("exp(1, 2)", "1 arguments"),
        ("exp(x=1)", "numbers, names"),
        ("max()", "one or more"),
        ("exec(1)", "a known name"),
        ("prev(month, 0)", "the name of a line"),
        ("total(x + 1)", "the name of a line"),
        ('compute.serving == "leased"', "rented, owned, api"),
        ('company.tax_rate_share == "low"', "not a choice"),
        ("1" + " + 1" * 1000, "at most"),
        ("(" * 300 + "1" + ")" * 300, "an expression"),
    ],
)
def test_what_is_no_formula_is_refused(text, said):
    with pytest.raises(InputError, match="formula y") as caught:
        parse(Line("y", "ratio", "cash", text), ["x", "y"], WORDS)
    assert said in str(caught.value)


def test_cycles_within_a_month_are_refused_with_their_path():
    lines = {"a": "b + 1", "b": "c", "c": "a"}
    made = {
        key: parse(Line(key, "ratio", "cash", text), lines, WORDS) for key, text in lines.items()
    }
    with pytest.raises(InputError, match="→"):
        order(made)
    own = {"a": parse(Line("a", "ratio", "cash", "total(a)"), ["a"], WORDS)}
    with pytest.raises(InputError, match="itself"):
        order(own)


def test_the_plain_branch_alone_is_computed():
    lines = {"x": 'where(compute.serving == "rented", 1, broken)', "broken": "ln(0 - 1) + 1 / 0"}
    assert evaluated(lines, "x")[:, 0].tolist() == [1] * 7


def test_what_uses_what_is_known():
    formula = parse(Line("y", "ratio", "cash", "prev(a, 0) * demand.curve + b"), "aby", WORDS)
    assert formula.uses == ("a", "b", "demand.curve")
    assert formula.past == {"a"}
    assert formula.now == {"b"}


def test_lines_of_one_figure_are_told_from_monthly_ones():
    by_key = {line.key: line for line in load_lines()}
    formulas = {key: parse(line, by_key, WORDS) for key, line in by_key.items()}
    found = monthly(formulas, order(formulas), ["demand.volume_by_month"])
    assert {"revenue_usd", "gpus", "losses_carried_usd", "market_volume"} <= found
    assert not {"npv_usd", "model_usd", "own_share", "payback_months"} & found


def test_every_function_is_used_by_the_model():
    used = {name for line in load_lines() for name in FUNCTIONS if f"{name}(" in line.expression}
    assert set(FUNCTIONS) - used <= {"norm_ppf"}
