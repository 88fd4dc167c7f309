"""Debt: drawn before opening or with purchases, interest, equal instalments, settled at the end.

A draw is repaid by an annuity after its months of interest alone; interest is charged each month on
what was owed a month before. What is still owed at the end of the horizon is repaid then.
"""

from __future__ import annotations

from modelworth.costmodel.formula.text import Line

_ANY = "any_debt == 1"

LINES = (
    Line("monthly_debt_rate", "share", "cash", "company.debt_rate_per_year / 12"),
    Line("debt_planned_usd", "usd", "cash", "where(month > 0, company.debt_drawn_usd_by_month, 0)",
         "draws of the plan's own table"),
    Line("any_debt", "ratio", "cash",
         "company.debt_usd + company.debt_share_of_capex + total(debt_planned_usd) > 0"),
    Line(
        "debt_drawn_usd", "usd", "cash",
        f"where({_ANY}, where(month == 0, company.debt_usd, 0)"
        " + where(month < months, debt_planned_usd + company.debt_share_of_capex * capex_usd, 0),"
        " 0)",
        "before opening, by the plan's table, and with each purchase of hardware",
    ),
    Line("debt_drawn_to_date_usd", "usd", "cash", "cumulative(debt_drawn_usd)"),
    Line(
        "debt_instalment_share", "share", "cash",
        "where(monthly_debt_rate > 0, monthly_debt_rate"
        " / max(1e-12, 1 - exp(-company.debt_months * ln(1 + monthly_debt_rate))),"
        " 1 / company.debt_months)",
        "monthly instalment of a debt of 1", "annuity: r / (1 - (1 + r)^-n)",
    ),
    Line(
        "debt_instalment_usd", "usd", "cash",
        "debt_instalment_share * (lag(debt_drawn_to_date_usd, company.debt_grace_months + 1)"
        " - lag(debt_drawn_to_date_usd, company.debt_grace_months + company.debt_months + 1))"
        " + monthly_debt_rate * (prev(debt_drawn_to_date_usd, 0)"
        " - lag(debt_drawn_to_date_usd, company.debt_grace_months + 1))",
        "interest and repayment by plan; interest alone in the months of grace",
    ),
    Line(
        "debt_owed_usd", "usd", "cash",
        f"where({_ANY}, where(month < months, prev(debt_owed_usd, 0) * (1 + monthly_debt_rate)"
        " + debt_drawn_usd - debt_instalment_usd, 0), 0)",
        "settled in the last month",
    ),
    Line("interest_usd", "usd", "cash",
         f"where({_ANY}, prev(debt_owed_usd, 0) * monthly_debt_rate, 0)"),
    Line("debt_repaid_usd", "usd", "cash",
         f"where({_ANY}, prev(debt_owed_usd, 0) + debt_drawn_usd - debt_owed_usd, 0)"),
    Line("interest_share_of_revenue", "share", "cash",
         "total(interest_usd) / max(0, total(revenue_usd))"),
)  # fmt: skip
