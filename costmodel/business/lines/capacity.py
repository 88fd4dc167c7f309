"""How many GPUs the load takes within the latency objective; utilisation is what follows.

Prefill and decode are loads of their own, each in GPU seconds. Replicas are whole, sized for the
busiest minute with headroom, with spares in each region. Sources: DeepSeek's published day, whose
fleet of 226.75 nodes this split reproduces to 0.05%; SageServe, arXiv:2502.14617 (autoscaling).
"""

from __future__ import annotations

from modelworth.costmodel.formula.text import Line

LINES = (
    Line(
        "software_gain", "ratio", "capacity",
        "exp(ln(capacity.software_gain_factor_per_year) / 12 * elapsed_months)",
        "throughput on the same GPU relative to opening",
    ),
    Line(
        "serving_slowdown", "ratio", "capacity",
        "1 / ((1 - where(trust.confidential_computing, trust.confidential_loss_share, 0))"
        " * (1 - trust.logprobs_share * trust.logprobs_loss_share))",
        "GPU time over that of plain serving",
    ),
    Line(
        "gpu_time_factor", "ratio", "capacity",
        "serving_slowdown / (software_gain * capacity.throughput_factor)",
        "GPU time of a unit of work over that at opening",
    ),
    Line(
        "own_share", "share", "capacity",
        'where(compute.serving == "api", 0, 1 - compute.large_share)',
        "share of tokens served on own or rented GPUs",
    ),
    Line(
        "prefill_gpu_s", "GPU s", "capacity",
        "own_share * (1 - demand.cached_share) / capacity.prefill_tokens_per_s_per_gpu"
        " * gpu_time_factor * prompt_tokens",
    ),
    Line(
        "decode_gpu_s", "GPU s", "capacity",
        "own_share / capacity.decode_tokens_per_s_per_gpu * gpu_time_factor * generated_tokens",
    ),
    Line(
        "image_gpu_s", "GPU s", "capacity",
        'where(compute.serving == "api", 0, 1) / capacity.images_per_s_per_gpu'
        " * gpu_time_factor * generated_images",
    ),
    Line(
        "call_gpu_s", "GPU s", "capacity",
        'where(compute.serving == "api", 0, 1) / capacity.calls_per_s_per_gpu'
        " * gpu_time_factor * calls",
    ),
    Line(
        "explanation_gpu_s", "GPU s", "capacity",
        "trust.explained_share * trust.explanation_factor"
        " * (own_share * prompt_tokens / capacity.prefill_tokens_per_s_per_gpu * gpu_time_factor"
        " + call_gpu_s)",
        "explanations, in multiples of one forward pass of the same input",
        "Captum, integrated gradients; pairs measured by the bench",
    ),
    Line(
        "load_gpu_s", "GPU s", "capacity",
        "prefill_gpu_s + decode_gpu_s + image_gpu_s + call_gpu_s + explanation_gpu_s",
        "GPU time that all work takes",
    ),
    Line(
        "average_gpus", "GPUs", "capacity", "load_gpu_s / 2628000",
        "GPUs that would do if load were even; a month has 2,628,000 s",
    ),
    Line(
        "peak_gpus", "GPUs", "capacity",
        "average_gpus * (demand.peak_over_average * demand.burst_factor)",
        "GPUs busy in the busiest minute",
    ),
    Line(
        "replicas", "replicas", "capacity",
        "where(load_gpu_s > 0, capacity.regions * (capacity.spare_replicas"
        " + max(capacity.minimum_replicas, ceil(peak_gpus / (capacity.regions"
        " * capacity.gpus_per_replica * capacity.headroom_share)))), 0)",
        "whole replicas for the peak with headroom, and spares",
    ),
    Line(
        "gpus", "GPUs", "capacity",
        'where(compute.serving == "api", 0, where(capacity.fleet == "given",'
        " capacity.given_gpus * operating, replicas * capacity.gpus_per_replica))",
    ),
    Line(
        "served_share", "share", "capacity",
        'where(capacity.fleet == "given", where(peak_gpus > 0,'
        " min(1, gpus * capacity.headroom_share / max(peak_gpus, 1e-12)), 1), 1)",
        "share of the load that the fleet can serve within the objective",
    ),
    Line(
        "busy_gpus", "GPUs", "capacity", "average_gpus * served_share", "GPUs' worth of work done",
    ),
    Line(
        "paid_share", "share", "capacity",
        'where(capacity.fleet == "autoscaled", 1 - capacity.autoscaling_share'
        " * (1 - capacity.startup_minutes / 60) * (1 - busy_gpus / max(gpus, 1e-12)), 1)",
        "share of the fleet's hours that is paid: autoscaling releases idle ones, unless starting"
        " takes as long as the hour for which they are needed",
    ),
    Line(
        "gpu_hours", "GPU hours", "capacity",
        "730 * gpus * where(compute.serving == \"rented\","
        " max(paid_share, compute.reserved_share), 1)",
        "GPU hours paid: rented ones as scaled, own ones always",
    ),
    Line(
        "utilisation", "share", "capacity",
        "where(gpu_hours > 0, 730 * busy_gpus / max(gpu_hours, 1e-12), 0)",
        "work done over work paid for: an outcome, never an input",
    ),
)  # fmt: skip
