"""How many GPUs the load takes within the latency objective; utilisation is what follows.

Prefill and decode are loads of their own, each in GPU seconds. Replicas are whole, sized for the
busiest minute with headroom, with spares in each region. A given fleet serves what it can hour by
hour: a day's hours follow a raised cosine with the stated peak, minutes within an hour a lognormal
whose 99th percentile is the burst. Sources: DeepSeek's published day, whose fleet of 226.75 nodes
this split reproduces to 0.05%; SageServe, arXiv:2502.14617 (autoscaling).
"""

from __future__ import annotations

from modelworth.costmodel.formula.text import Line

#: a raised cosine at the middles of six stretches of half a day: (1 + cos) / 2
_SHAPE = (0.982962913, 0.853553391, 0.629409523, 0.370590477, 0.146446609, 0.017037087)


def _served(shape: float) -> str:
    """Load served in that stretch of the day, over the mean load: E[min(load, capacity)]."""
    load = f"{shape} ** day_power / day_mean"
    score = f"ln(max(1e-9, fleet_over_mean) / ({load})) / minute_spread"
    return (
        f"({load}) * norm_cdf({score} - minute_spread / 2)"
        f" + fleet_over_mean * (1 - norm_cdf({score} + minute_spread / 2))"
    )


LINES = (
    Line(
        "software_gain", "ratio", "capacity",
        "exp(ln(capacity.software_gain_factor_per_year) / 12 * market_months)",
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
        "serving_slowdown * generation_size / (software_gain * capacity.throughput_factor)",
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
    Line("decode_gpu_s", "GPU s", "capacity",
         "own_share / capacity.decode_tokens_per_s_per_gpu * gpu_time_factor * generated_tokens"),
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
    Line("average_gpus", "GPUs", "capacity", "load_gpu_s / 2628000",
         "GPUs that would do if load were even; a month has 2,628,000 s"),
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
        "serving_gpus", "GPUs", "capacity",
        'where(compute.serving == "api", 0, where(capacity.fleet == "given",'
        " capacity.given_gpus * operating, replicas * capacity.gpus_per_replica))",
        "the fleet that answers requests, calls and images",
    ),
    Line("gpus", "GPUs", "capacity", "serving_gpus + sold_gpus", "serving, and sold by the hour"),
    Line(
        "day_power", "ratio", "capacity",
        "max(0.001, (demand.peak_over_average ** 2 - 1) / 3.141592653589793 + 0.0683"
        " * (1 - demand.peak_over_average ** -4))",
        "exponent of the raised cosine whose highest hour is the stated peak; the number is pi",
        "Wallis: peak = sqrt(pi) gamma(k + 1) / gamma(k + 1/2)",
    ),
    Line("day_mean", "ratio", "capacity",
         "(" + " + ".join(f"{shape} ** day_power" for shape in _SHAPE) + ") / 6"),
    Line(
        "minute_spread", "ratio", "capacity",
        "max(0.001, 2.3263478740408408 - sqrt(max(0, 5.411894 - 2 * ln(demand.burst_factor))))",
        "sigma of the lognormal whose 99th percentile is the burst: z s - s^2 / 2 = ln burst",
    ),
    Line(
        "fleet_over_mean", "ratio", "capacity",
        "serving_gpus * capacity.headroom_share / max(average_gpus, 1e-12)",
        "what the fleet serves within the objective, over the mean load",
    ),
    Line(
        "fleet_share", "share", "capacity",
        'where(capacity.fleet == "given", where(average_gpus > 0, min(1, ('
        + " + ".join(_served(shape) for shape in _SHAPE)
        + ") / 6), 1), 1)",
        "share of the load that the fleet can serve within the objective, hour by hour",
        "limited expected value of a lognormal",
    ),
    Line(
        "served_share", "share", "capacity",
        "where(capacity.burst_on_demand, 1, fleet_share)",
        "share of the load that is served: by the fleet, or on demand beyond it",
    ),
    Line(
        "burst_gpus", "GPUs", "capacity",
        "where(capacity.burst_on_demand, average_gpus * (1 - fleet_share)"
        " / capacity.headroom_share, 0)",
        "GPUs rented on demand for the load beyond a given fleet, on average",
    ),
    Line("busy_serving_gpus", "GPUs", "capacity", "average_gpus * served_share",
         "GPUs' worth of work done"),
    Line(
        "busy_gpus", "GPUs", "capacity",
        "busy_serving_gpus + sold_gpus * (revenue.compute.contracted_share"
        " + (1 - revenue.compute.contracted_share) * sold_use_share)",
        "the same, and GPUs sold",
    ),
    Line(
        "paid_share", "share", "capacity",
        'where(capacity.fleet == "autoscaled", 1 - capacity.autoscaling_share'
        " * (1 - capacity.startup_minutes / 60)"
        " * (1 - busy_serving_gpus / max(serving_gpus, 1e-12)), 1)",
        "share of the fleet's hours that is paid: autoscaling releases idle ones, unless starting"
        " takes as long as the hour for which they are needed",
    ),
    Line(
        "gpu_hours", "GPU hours", "capacity",
        "730 * (where(compute.serving == \"rented\", where(compute.reserved_share > 0,"
        " max(serving_gpus * paid_share + sold_gpus, reserved_gpus), serving_gpus * paid_share"
        " + sold_gpus), gpus) + burst_gpus)",
        "GPU hours paid: rented ones as scaled or reserved, own ones always",
    ),
    Line(
        "utilisation", "share", "capacity",
        "where(gpu_hours > 0, 730 * busy_gpus / max(gpu_hours, 1e-12), 0)",
        "work done over work paid for: an outcome, never an input",
    ),
)  # fmt: skip
