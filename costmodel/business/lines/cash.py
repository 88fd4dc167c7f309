"""Cash: what came in, what went out, and what it is worth today.

Cash is counted directly (what customers paid, what was paid to others). The tests derive it again
from net profit, and the two must agree to the cent.
"""

from __future__ import annotations

from modelworth.costmodel.formula.text import Line

LINES = (
    Line(
        "collected_usd", "usd", "cash",
        "external_revenue_usd - receivables_usd + prev(receivables_usd, 0)"
        " + deferred_revenue_usd - prev(deferred_revenue_usd, 0)",
        "what customers paid, prepayments included",
    ),
    Line("ebitda_to_date_usd", "usd", "cash", "cumulative(ebitda_usd)"),
    Line(
        "exit_usd", "usd", "cash",
        "where(month == months, company.terminal_multiple * max(0, ebitda_to_date_usd"
        " - lag(ebitda_to_date_usd, 12)), 0)",
        "value of the company at the end; 0 unless the plan asks for it",
    ),
    Line(
        "cash_in_usd", "usd", "cash",
        "collected_usd + revenue_usd - external_revenue_usd + fleet_sales_usd + exit_usd"
        " + debt_drawn_usd + company_income_usd",
    ),
    Line("suppliers_paid_usd", "usd", "cash",
         "supplier_cost_usd - payables_usd + prev(payables_usd, 0)"),
    Line(
        "cash_out_usd", "usd", "cash",
        "suppliers_paid_usd + platform_staff_usd + support_usd + payment_fees_usd + scrubbing_usd"
        " + review_usd + direct_cost_usd + operating_expense_usd + building_usd + tax_usd"
        " + capex_usd + interest_usd + debt_repaid_usd",
    ),
    Line("net_cash_usd", "usd", "cash", "cash_in_usd - cash_out_usd"),
    Line("cash_balance_usd", "usd", "cash", "cumulative(net_cash_usd)", "from 0 before opening"),
    Line(
        "nominal_rate", "share", "cash",
        'where(company.rates == "nominal", company.discount_rate_per_year,'
        " (1 + company.discount_rate_per_year) * (1 + company.inflation_per_year) - 1)",
        "flows are nominal, so the rate must be", "Fisher equation",
    ),
    Line("discount_factor", "ratio", "cash", "exp(-ln(1 + nominal_rate) / 12 * month)",
         "value before opening of 1 USD in this month"),
    Line("present_value_usd", "usd", "cash", "net_cash_usd * discount_factor"),
    Line("discounted_cash_in_usd", "usd", "cash", "cash_in_usd * discount_factor"),
    Line("discounted_building_usd", "usd", "cash", "building_usd * discount_factor"),
    Line(
        "discounted_closing_usd", "usd", "cash",
        "(exit_usd + compute.closing_sale_share * fleet_closing_usd) * discount_factor",
        "what comes at the very end: the sale of the fleet and of the company",
    ),
    Line("discounted_balance_usd", "usd", "cash", "cumulative(present_value_usd)"),
)  # fmt: skip
