"""What privacy, explanations and care cost, beside slower compute.

The slower compute itself is in capacity and building.

Sources: arXiv:2406.17298 (private training), vLLM and Presidio issues, European Commission/CEPS.
"""

from __future__ import annotations

from modelworth.costmodel.formula.text import Line

LINES = (
    Line(
        "private_quality_loss", "share", "trust",
        'where(building.method == "none", 0, where(trust.private_training == "none", 0,'
        " min(0.99, trust.private_quality_loss_share * exp(trust.quality_loss_epsilon_exponent"
        " * ln(trust.reference_epsilon / trust.epsilon)))))",
        "accepted results lost by private training, more so at a smaller epsilon; none where"
        " nothing is trained",
    ),
    Line(
        "scrubbing_usd", "usd", "trust",
        "prompt_tokens * served_share * trust.scrubbed_share"
        " / (trust.scrub_tokens_per_s_per_core * 3600) * compute.cpu_core_usd_per_hour",
        "personal data removed from prompts on CPU cores",
    ),
    Line(
        "review_usd", "usd", "trust",
        "(requests + calls + images) * served_share * trust.reviewed_share"
        " * trust.review_usd_per_item * wage_index",
        "results that a person looks at",
    ),
    Line(
        "compliance_usd", "usd", "trust",
        "where(month > 0, (trust.high_risk_systems * trust.compliance_usd_per_system_year"
        " + trust.audit_usd_per_year) / 12 * wage_index, 0)",
        "high-risk systems, audits and certificates",
    ),
    Line(
        "incidents_usd", "usd", "trust",
        "operating * trust.incidents_per_year * trust.incident_loss_usd / 12",
        "expected loss: probability times loss",
    ),
)  # fmt: skip
