"""Profit and loss of each stream: its revenue, its part of serving, and its other direct costs.

Serving is split by tokens and GPU time; support and payment fees by revenue. What belongs to no
stream (platform staff, scrubbing, review, explanations, a standing fleet, commitments) stays apart,
so that the streams and what they share add up to gross profit.
"""

from __future__ import annotations

from typing import Final

from modelworth.costmodel.formula.text import Line

#: stream → (revenue, serving cost, other direct cost)
_STREAMS: Final = {
    "api": (
        "api_revenue_usd",
        "request_cost_usd * where(requests > 0, api_requests / max(1e-12, requests), 0)",
        "revenue.api.direct_cost_share * api_revenue_usd"
        " + revenue.api.direct_cost_usd_per_thousand_requests * api_requests * served_share / 1000",
    ),
    "seat": (
        "seat_revenue_usd",
        "seat_cost_usd",
        "revenue.seats.direct_cost_share * seat_revenue_usd"
        " + revenue.seats.direct_cost_usd_per_seat_month * seats * served_share",
    ),
    "enterprise": (
        "enterprise_revenue_usd",
        "request_cost_usd * where(requests > 0, contracts"
        " * revenue.enterprise.requests_per_contract_month / max(1e-12, requests), 0)",
        "revenue.enterprise.direct_cost_share * enterprise_revenue_usd"
        " + contracts * (revenue.enterprise.direct_cost_usd_per_contract_month"
        " + revenue.enterprise.delivery_people_per_contract * company.staff_usd_per_year / 12"
        " * wage_index)",
    ),
    "image": (
        "image_revenue_usd",
        "image_cost_usd",
        "revenue.images.direct_cost_share * image_revenue_usd",
    ),
    "call": (
        "call_revenue_usd",
        "call_cost_usd",
        "revenue.calls.direct_cost_share * call_revenue_usd",
    ),
    "finetune": (
        "finetune_revenue_usd",
        "finetune_service_usd",
        "revenue.finetune.direct_cost_share * finetune_revenue_usd",
    ),
    "compute": (
        "compute_revenue_usd",
        "sold_cost_usd",
        "revenue.compute.direct_cost_share * compute_revenue_usd",
    ),
    **{
        name: (
            f"{name}_revenue_usd",
            "0",
            f"revenue.{name}.direct_cost_share * {name}_revenue_usd"
            f" + revenue.{name}.direct_cost_usd_per_year / 12 * volume",
        )
        for name in ("products", "services")
    },
}


def _stream(name: str, revenue: str, serving: str, direct: str) -> tuple[Line, ...]:
    """Direct cost, gross profit and margin of one stream."""
    kept = "1 - company.support_share * support_factor - company.payment_fee_share"
    return (
        Line(f"{name}_direct_cost_usd", "usd", "company", direct),
        Line(
            f"{name}_profit_usd", "usd", "company",
            f"{revenue} * ({kept}) - {serving} - {name}_direct_cost_usd",
            "gross profit of the stream",
        ),
        Line(f"{name}_margin_share", "share", "company",
             f"total({name}_profit_usd) / max(0, total({revenue}))"),
    )  # fmt: skip


LINES = (
    *(line for name, parts in _STREAMS.items() for line in _stream(name, *parts)),
    Line(
        "direct_cost_usd", "usd", "company",
        " + ".join(f"{name}_direct_cost_usd" for name in _STREAMS),
        "direct costs of the streams beside serving",
    ),
    Line(
        "shared_cost_usd", "usd", "company",
        " + ".join(f"{name}_profit_usd" for name in _STREAMS)
        + " + revenue_usd - external_revenue_usd - gross_profit_usd",
        "cost of revenue that belongs to no stream that customers pay for",
    ),
)  # fmt: skip
