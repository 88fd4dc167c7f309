"""The guards of the linter, T01 to T34; each says when a plan has fallen into its trap."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from modelworth.costmodel.analysis import Finding, Severity
from modelworth.costmodel.business import lint_guards_finance as finance
from modelworth.costmodel.business import lint_guards_reading as reading
from modelworth.costmodel.business.lint_view import Guard, PlanView
from modelworth.costmodel.scenario.scenario import choice_of
from modelworth.data.catalog import load_catalog

UTILISATION_LIMIT: Final = 0.7
RELEASED_LIMIT: Final = 0.65
BATCH: Final = 0.9
LEAST_BAR: Final = 0.5
FEW_USERS: Final = 4
LENGTH_RATIO: Final = 4.0
MFU_LIMIT: Final = 0.75
SAME: Final = 0.01


def even_load(plan: PlanView) -> Finding | None:
    """T01: utilisation that no interactive load allows."""
    peak = plan.number("demand.peak_over_average") * plan.number("demand.burst_factor")
    used = plan.figure("mean_utilisation_share") or 0.0
    if plan.number("revenue.api.batch_share") >= BATCH:
        return None  # batches wait for the quiet hours: their load is even
    if not plan.line("load_gpu_s").any():
        return None  # hours sold as such: how busy they are is the customers' affair
    if used > UTILISATION_LIMIT or (used > 0 and peak < 1.2):
        return plan.found("T01", "demand.peak_over_average", peak=peak, utilisation=used)
    return None


def free_idle_time(plan: PlanView) -> Finding | None:
    """T02: the bill multiplied by utilisation."""
    released = plan.number("capacity.autoscaling_share")
    released *= 1 - plan.number("capacity.startup_minutes") / 60
    scaled = plan.word("capacity.fleet") == "autoscaled"
    if scaled and plan.word("compute.serving") == "rented" and released > RELEASED_LIMIT:
        return plan.found("T02", "capacity.autoscaling_share", released=released)
    return None


def beyond_capacity(plan: PlanView) -> Finding | None:
    """T03: revenue that the fleet can't serve."""
    served = plan.line("served_share")
    month = int(served.argmin())
    if served[month] < 0.999:
        gpus = float(plan.line("gpus")[month])
        return plan.found(
            "T03", "capacity.given_gpus", gpus=gpus, served=float(served[month]), month=float(month)
        )
    return None


def other_lengths(plan: PlanView) -> Finding | None:
    """T04: one speed for both phases, or speeds of other lengths."""
    prefill = plan.number("capacity.prefill_tokens_per_s_per_gpu")
    if prefill == plan.number("capacity.decode_tokens_per_s_per_gpu"):
        return plan.found("T04", "capacity.decode_tokens_per_s_per_gpu", tokens_per_s=prefill)
    wanted = plan.number("demand.prompt_tokens_per_request")
    for record in plan.resolved.records:
        held = record.workload.prompt_tokens
        if held and wanted and not 1 / LENGTH_RATIO <= wanted / held <= LENGTH_RATIO:
            return plan.found(
                "T04L", "demand.prompt_tokens_per_request",
                measured_tokens=float(held), sold_tokens=wanted,
            )  # fmt: skip
    return None


def one_user(plan: PlanView) -> Finding | None:
    """T05: the speed of one user taken for throughput."""
    for record in plan.resolved.records:
        if record.workload.kind == "decode" and record.workload.batch == 1:
            return plan.found(
                "T05", "capacity.decode_tokens_per_s_per_gpu", model=record.model.name, batch=1.0
            )
    return None


def one_user_given(plan: PlanView) -> Finding | None:
    """T05G: the speed of one user given as a server's."""
    rate = plan.number("capacity.decode_tokens_per_s_per_gpu")
    replica = rate * plan.number("capacity.gpus_per_replica")
    user = 1 / plan.number("capacity.objective.tpot_p95_s")
    setting = plan.settings.get("capacity.decode_tokens_per_s_per_gpu")
    given = setting is not None and not setting.measurement_ids
    if given and plan.line("decode_gpu_s").any() and replica <= FEW_USERS * user:
        return plan.found(
            "T05G", "capacity.decode_tokens_per_s_per_gpu", tokens_per_s=replica, user=user
        )
    return None


def _trained(plan: PlanView) -> bool:
    return plan.word("building.method") != "none"


def sparse_peak(plan: PlanView) -> Finding | None:
    """T06: a sparse or wrong peak."""
    if not _trained(plan):
        return None
    peak, mfu = plan.number("building.peak_flops_per_s"), plan.figure("training_mfu") or 0.0
    known = plan.resolved.settings.get("building.peak_flops_per_s")
    if known is None and _looks_sparse(peak):
        return plan.found(
            "T06S", "building.peak_flops_per_s", peak_flops_per_s=peak, half_flops_per_s=peak / 2
        )
    dense = known.value if known else plan.model.drivers["building.peak_flops_per_s"].default
    assert isinstance(dense, float)
    if mfu > MFU_LIMIT or (known is not None and peak > 1.5 * dense):
        return plan.found(
            "T06", "building.peak_flops_per_s", "error",
            peak_flops_per_s=peak, mfu=mfu, dense_flops_per_s=dense,
        )  # fmt: skip
    return None


def _looks_sparse(peak: float) -> bool:
    """Whether a peak is twice a device's dense rate, in bf16 or fp8, and no device's own in it."""
    devices = [device.matmul_flops_per_s for device in load_catalog().accelerators]
    half = [rates["bf16"] or rates["fp16"] for rates in devices]
    return _doubled(peak, half) or _doubled(peak, [*half, *(rates["fp8"] for rates in devices)])


def _doubled(peak: float, rates: Iterable[float | None]) -> bool:
    """Whether a peak is twice one of the rates, and none of them."""
    own = [rate for rate in rates if rate is not None]
    twice = any(abs(peak / (2 * rate) - 1) < SAME for rate in own)
    return twice and not any(abs(peak / rate - 1) < SAME for rate in own)


def constant_mfu(plan: PlanView) -> Finding | None:
    """T07: one utilisation for every size."""
    computed = plan.word("building.hours_basis") == "computed"
    if _trained(plan) and computed and plan.certain("building.mfu_share"):
        return plan.found(
            "T07", "building.mfu_share", "note", mfu=plan.number("building.mfu_share")
        )
    return None


def final_run_only(plan: PlanView) -> Finding | None:
    """T08: the final run taken for the cost of the model."""
    if not _trained(plan):
        return None
    pretrained = plan.word("building.method") == "pretrain"
    path = "building.research_factor" if pretrained else "building.finetune_runs"
    factor = plan.number(path)
    return plan.found("T08", path, factor=factor) if factor < 1.5 else None


def no_failures(plan: PlanView) -> Finding | None:
    """T09: no failures, restarts or queues."""
    goodput = plan.figure("goodput") or 0.0
    computed = plan.word("building.hours_basis") == "computed"
    if _trained(plan) and computed and goodput > 0.98:
        return plan.found("T09", "building.goodput_share", goodput=goodput)
    return None


def served_is_billed(plan: PlanView) -> Finding | None:
    """T10: all that is served is paid."""
    paid = plan.number("revenue.api.paid_share")
    if plan.number("revenue.api.batch_share") >= BATCH:
        return None  # a batch is ordered and paid for
    if plan.line("api_revenue_usd").any() and paid > 0.98:
        return plan.found("T10", "revenue.api.paid_share", paid=paid)
    return None


def even_usage(plan: PlanView) -> Finding | None:
    """T15: the average user."""
    sigma = plan.number("revenue.seats.usage_sigma")
    if plan.number("revenue.seats.seats") > 0 and sigma < 0.8:
        return plan.found("T15", "revenue.seats.usage_sigma", sigma=sigma, ratio=3.08)
    return None


def cache_assumed(plan: PlanView) -> Finding | None:
    """T19: prefix-cache effects assumed."""
    cached = plan.number("demand.cached_share")
    if plan.line("prompt_tokens").any() and cached > 0 and plan.unmeasured("demand.cached_share"):
        return plan.found("T19", "demand.cached_share", "note", cached=cached)
    return None


def equal_quality(plan: PlanView) -> Finding | None:
    """T20: quality held equal without a test."""
    choice = choice_of(plan.scenario)
    own = any(
        change.driver == "demand.accepted_share"
        for option in choice.options
        for change in option.changes
    )
    if own and choice.quality_bar >= LEAST_BAR * plan.number("demand.accepted_share"):
        return None
    severity: Severity = "warning" if plan.scenario.choice else "note"
    return plan.found("T20", "options.quality_bar", severity)


def noisy_record(plan: PlanView) -> Finding | None:
    """T22: benchmark noise taken for truth."""
    for record in plan.resolved.records:
        assert record.result is not None
        flags = list(record.result.condition.flags)
        samples = record.result.effective_samples
        if samples is not None and samples < 5:
            flags.append("few_samples")
        if flags:
            return plan.found(
                "T22",
                "capacity.basis",
                model=record.model.name,
                flags=", ".join(sorted(set(flags))),
            )
    return None


def beyond_measured(plan: PlanView) -> Finding | None:
    """T23: one device's speed extended to many as if certain."""
    if not plan.resolved.records or not plan.certain("capacity.throughput_factor"):
        return None
    devices = max(record.machine.count for record in plan.resolved.records)
    gpus = plan.figure("peak_fleet_gpus") or 0.0
    if gpus > 8 * devices:
        return plan.found("T23", "capacity.throughput_factor", devices=float(devices), gpus=gpus)
    return None


def private_without_proof(plan: PlanView) -> Finding | None:
    """T28: private training without accountant or sampling."""
    if plan.word("trust.private_training") == "none":
        return None
    accountant = plan.word("trust.privacy_accountant")
    sampling = plan.word("trust.batch_sampling")
    if accountant == "none" or sampling != "poisson":
        return plan.found(
            "T28", "trust.privacy_accountant", "error",
            epsilon=plan.number("trust.epsilon"), accountant=accountant, sampling=sampling,
        )  # fmt: skip
    return None


GUARDS: Final[tuple[Guard, ...]] = (
    even_load, free_idle_time, beyond_capacity, other_lengths, one_user, one_user_given,
    sparse_peak, constant_mfu, final_run_only, no_failures, served_is_billed,
    finance.margin_or_markup, finance.long_life, finance.counted_twice, finance.real_rate,
    even_usage, finance.frozen_price, finance.frozen_seats, finance.market_ignored,
    finance.tokenizers, cache_assumed, equal_quality, finance.stale_prices, noisy_record,
    beyond_measured, finance.free_work, finance.hours_saved, finance.terminal_value,
    finance.rated_power, finance.stable_provider, private_without_proof, finance.never_repaid,
    finance.far_from_mean, reading.answered_price, reading.delayed, reading.past_start,
    reading.upside_down, reading.no_effect,
)  # fmt: skip
