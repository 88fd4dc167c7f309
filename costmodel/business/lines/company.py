"""The profit and loss account, tax by year with losses carried forward, and working capital."""

from __future__ import annotations

from modelworth.costmodel.formula.text import Line

LINES = (
    Line(
        "support_factor", "ratio", "company",
        "(1 + company.quality_support_weight * rejected_share)"
        " / (1 + company.quality_support_weight * (1 - demand.usual_accepted_share))",
        "support over that at the usual quality",
    ),
    Line("support_usd", "usd", "company",
         "external_revenue_usd * company.support_share * support_factor"),
    Line("payment_fees_usd", "usd", "company", "external_revenue_usd * company.payment_fee_share"),
    Line(
        "variable_cost_usd", "usd", "company",
        "gpu_cost_usd + bought_usd + inference_usd + tools_usd + finetune_service_usd"
        " + scrubbing_usd + review_usd + support_usd + payment_fees_usd + lease_usd"
        " + direct_cost_usd",
        "cost of revenue without the platform's staff",
    ),
    Line("cost_of_revenue_usd", "usd", "company", "variable_cost_usd + platform_staff_usd",
         "depreciation of the serving fleet included"),
    Line("gross_profit_usd", "usd", "company", "revenue_usd - cost_of_revenue_usd"),
    Line("contribution_usd", "usd", "company", "revenue_usd - variable_cost_usd"),
    Line(
        "acquisition_usd", "usd", "company",
        'where(verdict.question == "cost", 0, where(company.acquisition_basis == "stated",'
        " (customers_won + contracts_won) * company.acquisition_usd_per_customer"
        " + seats_won * company.acquisition_usd_per_seat,"
        " company.acquisition_revenue_months * (customers_won"
        " * demand.requests_per_customer_month * revenue.api.paid_share"
        " * api_price_usd_per_request * price_index + contracts_won"
        " * revenue.enterprise.contract_usd_per_year / 12 * (1 - revenue.enterprise.discount_share)"
        " * contract_price_index + seats_won * revenue.seats.price_usd_per_month"
        " * contract_price_index)))",
        "as stated for each account, or in months of what an account brings",
    ),
    Line(
        "sales_usd", "usd", "company",
        "external_revenue_usd * company.sales_share + where(month > 0,"
        " company.advertising_usd_per_month + company.sales_people * company.staff_usd_per_year"
        " / 12, 0) * wage_index",
    ),
    Line(
        "general_usd", "usd", "company",
        "external_revenue_usd * (company.general_share + company.bad_debt_share"
        " + company.partner_share)"
        " + where(month > 0, company.general_usd_per_month + company.administration_people"
        " * company.staff_usd_per_year / 12, 0) * wage_index",
        "bad debt and a partner's share included",
    ),
    Line(
        "research_usd", "usd", "company",
        "revenue_usd * building.research_share_of_revenue + where(month > 0,"
        " (building.research_usd_per_year + building.research_compute_usd_per_year"
        " + building.training_compute_usd_per_year"
        " + building.data_licence_usd_per_year + company.product_people"
        " * company.staff_usd_per_year * wage_index) / 12, 0)",
        "research and product development beside the models, and data licences",
    ),
    Line("setup_usd", "usd", "company", "where(month == 0, company.setup_usd, 0)"),
    Line(
        "operating_expense_usd", "usd", "company",
        "acquisition_usd + sales_usd + general_usd + research_usd + compliance_usd"
        " + incidents_usd + setup_usd + commitments_settled_usd",
    ),
    Line(
        "ebitda_usd", "usd", "company",
        "gross_profit_usd + fleet_depreciation_usd - operating_expense_usd"
        ' - where(building.accounting == "expense", building_usd, 0)',
        "earnings before interest, tax, depreciation and amortisation",
    ),
    Line(
        "operating_profit_usd", "usd", "company",
        "gross_profit_usd - operating_expense_usd - building_charge_usd - fleet_write_off_usd",
        "before interest, other income and tax",
    ),
    Line("company_income_usd", "usd", "company",
         "where(month > 0, company.other_income_usd_per_month, 0)", "income beside the business"),
    Line("profit_before_tax_usd", "usd", "company",
         "operating_profit_usd - interest_usd + company_income_usd"),
    Line(
        "tax_year_end", "ratio", "company",
        "where(month == months, 1, (month > 0) * (month % 12 == 0))",
        "1 in the months in which a year of tax ends; the first year holds month 0, too",
    ),
    Line("profit_to_date_usd", "usd", "company", "cumulative(profit_before_tax_usd)"),
    Line(
        "assessed_to_date_usd", "usd", "company",
        "prev(assessed_to_date_usd, 0) + year_profit_usd",
        "profit of all years of tax that have ended",
    ),
    Line(
        "year_profit_usd", "usd", "company",
        "where(tax_year_end == 1, profit_to_date_usd - prev(assessed_to_date_usd, 0), 0)",
        "profit before tax of the year that ends; 0 in other months",
    ),
    Line(
        "losses_used_usd", "usd", "company",
        "where(tax_year_end == 1, min(prev(losses_carried_usd, 0),"
        " company.loss_offset_limit_share * max(0, year_profit_usd)), 0)",
        "past losses set against the profit of the year that ends",
    ),
    Line(
        "losses_carried_usd", "usd", "company",
        "where(tax_year_end == 1, where(company.loss_carry_forward,"
        " prev(losses_carried_usd, 0) - losses_used_usd - min(0, year_profit_usd), 0),"
        " prev(losses_carried_usd, 0))",
        "past losses that may still lower tax",
    ),
    Line(
        "tax_usd", "usd", "company",
        "company.tax_rate_share * max(0, year_profit_usd - losses_used_usd)"
        " + where(month > 0, company.stated_tax_usd_per_year / 12, 0)",
        "by year, paid when it ends; losses are carried forward, never back",
    ),
    Line("net_profit_usd", "usd", "company", "profit_before_tax_usd - tax_usd"),
    Line(
        "supplier_cost_usd", "usd", "company",
        "rent_usd + owned_running_usd + bought_usd + inference_usd + tools_usd"
        " + finetune_service_usd + lease_usd",
        "bills that are paid later, or before",
    ),
    Line(
        "receivables_usd", "usd", "company",
        "where(month < months, external_revenue_usd * company.receivable_days / 30.416666666666668,"
        " 0)",
        "a month has 365/12 days; settled in the last month",
    ),
    Line(
        "opening_contracts_usd", "usd", "company",
        "(enterprise_revenue_usd + contracted_compute_usd) * opening_month",
        "contracted revenue of the first month of service",
    ),
    Line(
        "deferred_revenue_usd", "usd", "company",
        "where(company.customer_prepaid_share > 0, where(month < months,"
        " company.customer_prepaid_share * total(opening_contracts_usd)"
        " * where(month < building.months_to_market, 0, max(0, company.prepaid_months"
        " - (month - building.months_to_market))), 0), 0)",
        "prepaid before service and drawn down evenly over the term; settled in the last month",
    ),
    Line("payables_usd", "usd", "company",
         "where(month < months, supplier_cost_usd * company.payable_days / 30.416666666666668, 0)"),
)  # fmt: skip
