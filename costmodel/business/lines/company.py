"""The profit and loss account, tax with losses carried forward, and working capital."""

from __future__ import annotations

from modelworth.costmodel.formula.text import Line

LINES = (
    Line("support_usd", "usd", "company", "external_revenue_usd * company.support_share"),
    Line("payment_fees_usd", "usd", "company", "external_revenue_usd * company.payment_fee_share"),
    Line(
        "variable_cost_usd", "usd", "company",
        "gpu_cost_usd + bought_usd + tools_usd + finetune_service_usd + scrubbing_usd + review_usd"
        " + support_usd + payment_fees_usd",
        "cost of revenue without the platform's staff",
    ),
    Line(
        "cost_of_revenue_usd", "usd", "company", "variable_cost_usd + platform_staff_usd",
        "depreciation of the serving fleet included",
    ),
    Line("gross_profit_usd", "usd", "company", "revenue_usd - cost_of_revenue_usd"),
    Line("contribution_usd", "usd", "company", "revenue_usd - variable_cost_usd"),
    Line(
        "acquisition_usd", "usd", "company",
        "(customers_won + contracts_won) * company.acquisition_usd_per_customer"
        " + seats_won * company.acquisition_usd_per_seat",
    ),
    Line("sales_usd", "usd", "company", "external_revenue_usd * company.sales_share"),
    Line(
        "general_usd", "usd", "company",
        "external_revenue_usd * company.general_share"
        " + where(month > 0, company.general_usd_per_month, 0) * wage_index",
    ),
    Line("setup_usd", "usd", "company", "where(month == 0, company.setup_usd, 0)"),
    Line(
        "operating_expense_usd", "usd", "company",
        "acquisition_usd + sales_usd + general_usd + compliance_usd + incidents_usd + setup_usd",
    ),
    Line(
        "ebitda_usd", "usd", "company",
        "gross_profit_usd + fleet_depreciation_usd - operating_expense_usd"
        ' - where(building.accounting == "expense", building_usd, 0)',
        "earnings before interest, tax, depreciation and amortisation",
    ),
    Line(
        "profit_before_tax_usd", "usd", "company",
        "gross_profit_usd - operating_expense_usd - building_charge_usd - fleet_write_off_usd",
    ),
    Line(
        "losses_carried_usd", "usd", "company",
        "where(company.loss_carry_forward, max(0, prev(losses_carried_usd, 0)"
        " - where(profit_before_tax_usd > 0, min(prev(losses_carried_usd, 0),"
        " company.loss_offset_limit_share * profit_before_tax_usd), profit_before_tax_usd)), 0)",
        "past losses that may still lower tax",
    ),
    Line(
        "tax_usd", "usd", "company",
        "company.tax_rate_share * max(0, profit_before_tax_usd"
        " - min(prev(losses_carried_usd, 0), company.loss_offset_limit_share"
        " * max(0, profit_before_tax_usd)))",
        "each month by itself; losses are carried forward, never back",
    ),
    Line("net_profit_usd", "usd", "company", "profit_before_tax_usd - tax_usd"),
    Line(
        "supplier_cost_usd", "usd", "company",
        "rent_usd + owned_running_usd + bought_usd + tools_usd + finetune_service_usd",
        "bills that are paid later, or before",
    ),
    Line(
        "receivables_usd", "usd", "company",
        "where(month < months, external_revenue_usd * company.receivable_days / 30.416666666666668,"
        " 0)",
        "a month has 365/12 days; settled in the last month",
    ),
    Line(
        "payables_usd", "usd", "company",
        "where(month < months, supplier_cost_usd * company.payable_days / 30.416666666666668, 0)",
    ),
)  # fmt: skip
