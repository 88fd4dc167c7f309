"""Steady state of a continuously batching server: first token, later tokens, throughput.

Closed loop: clients keep `concurrency` requests in flight. All sequences decode together; each new
prompt's prefill delays them, so a later token takes t_d(b) + b·t_p/n for n new tokens: work is
conserved. A new request waits for the step that runs, for its share of other prefills, and for room
in the cache. Open loop: at an arrival rate, concurrency follows from Little's law.
Left out: length distributions, speculative decoding, prefill on other devices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelworth.costmodel.prediction.efficiency import Efficiency
from modelworth.costmodel.prediction.shape import (
    Device,
    Number,
    Shape,
    cache_elements,
    weight_bytes,
)
from modelworth.costmodel.prediction.step_time import decode_step, forward_pass, total_s

CACHE_SHARE = 0.9
"""Of a device's memory that an engine takes for weights and cache (vLLM's default)."""
ROUNDS = 15


@dataclass(frozen=True)
class Steady:
    """What a replica does in the long run, for one case or arrays of them.

    Attributes:
        running: sequences that decode together.
        room: sequences that the cache has room for.
        prefill_share: of the devices' time that goes to prefills.
    """

    ttft_s: Number
    tpot_s: Number
    running: Number
    room: Number
    requests_per_s: Number
    prefill_s: Number
    decode_s: Number
    prefill_share: Number


def cache_room(
    shape: Shape, device: Device, tensor: Number, context: Number, share: float = CACHE_SHARE
) -> Number:
    """Sequences of `context` tokens that fit beside the weights on `tensor` devices."""
    free = tensor * device.memory_bytes * share - weight_bytes(shape, device)
    copies = np.maximum(tensor / np.maximum(shape.cache_split, 1), 1)
    each = cache_elements(shape, context) * device.cache_bytes * copies
    return free / np.maximum(each, 1e-9)


def steady_state(
    shape: Shape,
    device: Device,
    fit: Efficiency,
    *,
    concurrency: Number,
    prompt_tokens: Number,
    new_tokens: Number,
    tensor: Number,
    reserves: Number = 0.5,
    cached_share: Number = 0.0,
) -> Steady:
    """Latencies and throughput of one replica with `concurrency` requests in flight.

    `reserves` is the share of the new tokens that the engine keeps room for: 1 reserves all of them
    ahead, 0.5 takes room as they come. `cached_share` of the prompt's tokens are in a prefix cache.
    """
    fresh = np.maximum(prompt_tokens * (1 - cached_share), 1)
    prefill_s = total_s(forward_pass(shape, device, fit, 1.0, fresh, tensor))
    context = prompt_tokens + new_tokens / 2
    room = cache_room(shape, device, tensor, prompt_tokens + reserves * new_tokens)
    room = np.maximum(room, 1)
    limit = np.minimum(room, concurrency)
    running = limit * np.ones_like(prefill_s)
    for _ in range(ROUNDS):
        decode_s = total_s(decode_step(shape, device, fit, running, context, tensor))
        waits_s = running * prefill_s * fit.interference / new_tokens
        tpot_s = decode_s + waits_s
        share = waits_s / tpot_s
        others = (concurrency - 1) / 2 * (fit.burst + fit.queue * share**2)
        ttft_s = fit.first_token_s + decode_s + prefill_s * (1 + others)
        fed = concurrency * new_tokens * tpot_s / (ttft_s + new_tokens * tpot_s)
        running = np.sqrt(running * np.clip(fed, 1, limit))
    requests_per_s = running / (new_tokens * tpot_s)
    full = (room < concurrency) & (running > 0.99 * room)
    waiting_s = concurrency / requests_per_s - new_tokens * tpot_s
    ttft_s = np.where(full, np.maximum(ttft_s, waiting_s), ttft_s)
    served = concurrency / (ttft_s + new_tokens * tpot_s)
    return Steady(ttft_s, tpot_s, running, room, served, prefill_s, decode_s, share)
