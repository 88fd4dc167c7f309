"""Steady state of a server: first token, later tokens, throughput; work is conserved everywhere.

A request needs n decode passes shared by b sequences, and P/q passes that also read q prompt
tokens. Where an engine fuses both in one pass, weights and fixed times are paid once; where it
doesn't, they follow each other. So a replica's requests a second are never above
1/(n/b·decode + P/q·prefill), whatever the clients see. Three regimes:

- closed loop: clients keep so many requests in flight; what isn't decoding waits for its first
  token (Little's law), and few clients leave the devices idle while their first tokens are due;
- queued: all requests are there from the start, as many run as there is room for;
- static: one batch from its first to its last token, then the next.

A pipeline's stages work on as many groups of sequences at once. Left out: bursts, and length
distributions (`largest_load` has percentiles).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from modelworth.costmodel.prediction.step.arrays import Columns, Times
from modelworth.costmodel.prediction.step.coefficients import Coefficients
from modelworth.costmodel.prediction.step.device import weight_bytes
from modelworth.costmodel.prediction.step.model import Number, cache_elements
from modelworth.costmodel.prediction.step.passes import Inference, Parts, inference_pass, total_s

PASS_TOKENS = 8192.0
"""Prompt tokens that engines read in one pass at most: the usual setting."""
WORKSPACE_SHARE = 0.03
"""Of a device's memory, taken by graphs and workspaces beside weights and cache."""
HALVINGS, SECANTS = 6, 3
BESIDE = 1e-3
"""How far (as a share) beside a solution its slope is taken."""
DRAFT_SHARE = 0.02
"""Of a pass, what guessing one token ahead costs: one layer of some fifty."""
QUIET_S = 0.003
"""HTTP, tokenising and scheduling of a request that is alone: what reading its weights leaves of
NVIDIA NIM's shortest first token (9 ms, an 8B model in fp8)."""


@dataclass(frozen=True)
class Request:
    """Seconds of the devices that one request takes, and what it is made of."""

    seconds: Number
    decode_s: Number
    prefill_s: Number
    prompts: Number
    parts: Parts


def cache_room(case: Columns, context: Number, share: Number | None = None) -> Number:
    """Sequences of `context` tokens that fit beside the weights of one replica.

    `share` of the memory is used; None: what the case's engine takes, less its workspace.
    """
    shape, device = case.shape, case.device
    devices = case.tensor * case.pipeline
    engine = np.maximum(case.memory_share - WORKSPACE_SHARE, 0.01)
    usable = device.memory_bytes * (engine if share is None else share)
    free = devices * usable - weight_bytes(shape, device)
    return free / np.maximum(cached_bytes(case, context), 1e-9)


def cached_bytes(case: Columns, context: Number) -> Number:
    """Keys and values of one sequence of `context` tokens on all devices of a replica.

    What tensor parallelism can't cut by heads, and attention's replicas don't divide, is kept as
    copies.
    """
    heads = np.minimum(case.tensor, np.maximum(case.shape.cache_split, 1))
    copies = np.maximum(case.tensor / np.maximum(heads, case.attention_data), 1)
    return cache_elements(case.shape, context) * case.device.cache_bytes * copies


def kept_tokens(case: Columns) -> Number:
    """Tokens of a running sequence that its engine keeps room for."""
    return case.tokens + case.reserves * case.new_tokens


def most_running(case: Columns) -> Number:
    """Sequences that a replica decodes together at most, by its cache and its engine."""
    room = cache_room(case, kept_tokens(case))
    return np.maximum(np.minimum(room, case.max_sequences), 1)


def one_pass(case: Columns, fit: Coefficients, decoding: Number, prompts: Number) -> Parts:
    """One pass of a server over so many decoding sequences and fresh prompts."""
    fresh = _fresh(case)
    work = Inference(
        decoding, case.tokens + case.new_tokens / 2, prompts, fresh, case.tensor,
        case.tokens - fresh, case.attention_data, case.unfused, case.ungrouped, case.checked,
        case.pipeline, case.gpus / case.data <= case.device.devices_per_node,
    )  # fmt: skip
    return inference_pass(case.shape, case.device, fit, work)


def decoding_s(case: Columns, one: Parts) -> Number:
    """Seconds of a decode pass with what guessing ahead costs."""
    return total_s(one) * (1 + DRAFT_SHARE * (case.checked - 1))


def later_passes(case: Columns) -> Number:
    """Decode passes of a request after its first token."""
    return np.maximum(case.new_tokens - 1, 0) / case.accepted


def most_prompts(case: Columns) -> Number:
    """Prompts that one pass reads at most; under 1 where a prompt takes several passes."""
    return PASS_TOKENS / _fresh(case)


def _fresh(case: Columns) -> Number:
    return np.maximum(case.tokens * (1 - case.prefix_share), 1)


def request_s(case: Columns, fit: Coefficients, running: Number) -> Request:
    """Seconds of a group's devices for one request while `running` sequences decode."""
    later = later_passes(case)
    arriving = np.where(case.static > 0, running, running / np.maximum(later, 1))
    prompts = np.minimum(np.maximum(arriving, 1), most_prompts(case))

    decode, prefill = one_pass(case, fit, running, 0.0), one_pass(case, fit, 0.0, prompts)
    decode_s, prefill_s = decoding_s(case, decode), total_s(prefill)
    apart_s = decode_s + prefill_s
    shared = fit.fused * np.minimum(later / running * prompts, 1) * (1 - case.static)
    saved_s = shared * np.maximum(apart_s - total_s(one_pass(case, fit, running, prompts)), 0)
    parts = {name: decode[name] * later / running + prefill[name] / prompts for name in decode} | {
        "shared": -saved_s / prompts
    }
    seconds = later / running * decode_s + (prefill_s - saved_s) / prompts
    return Request(seconds, decode_s, prefill_s, prompts, parts)


def steady_state(case: Columns, fit: Coefficients, near: Number | None = None) -> Times:
    """Latencies and throughput of one replica in the long run.

    `near`: sequences that decode together with coefficients almost the same, found before.
    """
    groups = np.minimum(case.pipeline, np.maximum(case.batch, 1))
    clients = case.batch / groups
    room = most_running(case) / case.pipeline
    limit = np.where(case.static > 0, clients, np.minimum(np.maximum(room, 1), clients))
    limit = limit * np.ones_like(np.asarray(case.tokens, dtype=float))
    closed = (case.static == 0) & (case.queued == 0)
    near = None if near is None else np.clip(near / groups, 1, limit)
    running = np.where(closed, _decoding(case, fit, clients, limit, near), limit)
    request = request_s(case, fit, running)
    first_s = _first_token_s(fit, request, clients)
    quiet_s = np.where(closed, first_s + later_passes(case) * request.decode_s, 0.0)
    whole_s = np.maximum(np.where(closed, clients, running) * request.seconds, quiet_s)
    rate = np.where(closed, clients, running) / whole_s
    ttft_s = np.where(
        closed,
        np.maximum(first_s, (clients - running) * request.seconds),
        np.minimum(running * request.prefill_s / request.prompts, whole_s),
    )
    later = np.maximum(case.new_tokens - 1, 1)
    tpot_s = np.where(case.new_tokens > 1, (whole_s - ttft_s) / later, request.decode_s)
    parts = {name: seconds * groups for name, seconds in request.parts.items()}
    rate = rate * groups
    value = rate * case.new_tokens / (case.tensor * case.pipeline)
    return Times(value, None, tpot_s, ttft_s, parts, rate, running * groups, room * case.pipeline)


def _decoding(
    case: Columns, fit: Coefficients, clients: Number, limit: Number, near: Number | None
) -> Number:
    """Sequences that decode in a closed loop: clients less those that wait for a first token."""

    def excess(running: Number) -> Number:
        request = request_s(case, fit, running)
        return clients - _first_token_s(fit, request, clients) / request.seconds - running

    if near is None:
        return where_falling(excess, np.ones_like(limit), limit)
    there, below = excess(near), excess(near * (1 - BESIDE))
    step = there / np.maximum(below - there, 1e-300) * near * BESIDE
    return np.clip(near + step, 1, limit)


def where_falling(
    excess: Callable[[Number], Number], low: Number, high: Number, halvings: int = HALVINGS
) -> Number:
    """Where `excess`, which falls, is 0; `high` where it never is.

    The more decode, the sooner requests end and the more wait, so there is one such number: halved
    towards in logarithms, then by the line between both ends.
    """
    limit = high
    above, below = excess(low), excess(high)
    for place in range(halvings + SECANTS):
        share = np.clip(above / np.maximum(above - below, 1e-300), 0.0, 1.0)
        line = low + (high - low) * share
        tried = np.sqrt(low * high) if place < halvings else line
        found = excess(tried)
        more = found > 0
        low, above = np.where(more, tried, low), np.where(more, found, above)
        high, below = np.where(more, high, tried), np.where(more, below, found)
    share = np.clip(above / np.maximum(above - below, 1e-300), 0.0, 1.0)
    return np.where(below > 0, limit, low + (high - low) * share)


def before_first_s(among_others_s: Number, others: Number, own_s: Number) -> Number:
    """Seconds before a prompt, read in `own_s`, while so many other requests are in flight.

    Alone it waits for nothing; among others for the pass that runs and a host that serves them, but
    no longer than if all of theirs were read before it.
    """
    waits_s = np.minimum(among_others_s * others / (1 + others), (QUIET_S + own_s) * others)
    return QUIET_S + waits_s


def _first_token_s(fit: Coefficients, request: Request, clients: Number) -> Number:
    """Own prefill, the pass that runs, and the others' prefills that it waits for."""
    own = request.prefill_s / np.minimum(request.prompts, 1)
    share = np.minimum(own / np.maximum(request.prompts, 1) / request.seconds, 1)
    others = (clients - 1) / 2 * (fit.burst + fit.queue * share**2)
    each = request.prefill_s / request.prompts
    before_s = before_first_s(fit.first_token_s + request.decode_s, clients - 1, own)
    return before_s + own + others * each
