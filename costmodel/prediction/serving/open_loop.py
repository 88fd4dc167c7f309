"""A replica at arrival rates: latencies with their percentiles, by queueing formulas.

Requests arrive at random (Poisson), prefills go first, all running sequences decode together. A
first token waits as in a queue with one server whose service is a prefill (M/G/1 by Pollaczek and
Khinchine, its tail by the heavy-traffic exponential); a later token's 95th percentile takes as many
neighbours as a normal count reaches in 95 of 100 cases; other percentiles in the same way. Lengths
may vary: `variation` is their standard deviation over their mean, which lengthens queues and, for
new tokens, leaves the mean count of running sequences alone (Little's law). `tests` holds a
discrete-event simulation of the same rules. Left out: bursts of users, engines that drop requests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from modelworth.costmodel.prediction.step.model import Number
from modelworth.data.words import Basis

NORMAL = {0.5: 0.0, 0.9: 1.2816, 0.95: 1.645, 0.99: 2.3263}
"""Share of requests → standard deviations of a normal count under which they are."""
NORMAL_95 = NORMAL[0.95]
BUSY_LIMIT = 0.999


@dataclass(frozen=True)
class OpenLoop:
    """A replica at arrival rates: arrays over the mean number of running sequences.

    Attributes:
        ttft_share_s, tpot_share_s: within which the asked share of requests is.
    """

    requests_per_s: Number
    tpot_s: Number
    ttft_share_s: Number
    tpot_share_s: Number
    prefill_share: Number


@dataclass(frozen=True)
class Service:
    """What a replica's devices take.

    Attributes:
        request_s: sequences decoding → seconds of one lane for a whole request.
        decode_s: sequences decoding → seconds until each has one more token.
        prefill_s: of one prompt alone.
        first_token_s: before a first token beside the passes.
        room: sequences that the cache has room for.
        lanes: groups of sequences that a pipeline works on at once.
        factor, basis: half-width of the rates' 90% interval, and what it rests on.
    """

    request_s: Callable[[Number], Number]
    decode_s: Callable[[Number], Number]
    prefill_s: float
    first_token_s: float
    room: float
    factor: float
    basis: Basis
    lanes: float = 1.0


def open_loop(
    service: Service,
    new_tokens: float,
    running: Number,
    *,
    variation: float = 0.0,
    share: float = 0.95,
) -> OpenLoop:
    """Latencies at the arrival rates that keep `running` sequences decoding on average.

    `share` is one of `NORMAL`'s: of the requests, those within the latencies.
    """
    each = running / service.lanes
    request_s = service.request_s(each)
    rate = service.lanes / request_s
    tpot_s = each * request_s / new_tokens
    many = each + NORMAL[share] * np.sqrt(each)
    busy = np.minimum(service.prefill_s / request_s, BUSY_LIMIT)
    decode_s = service.decode_s(each)
    before_s = service.first_token_s + decode_s
    return OpenLoop(
        requests_per_s=rate,
        tpot_s=tpot_s,
        ttft_share_s=read_within_s(before_s, service.prefill_s, busy, variation, share),
        tpot_share_s=many * service.request_s(many) / new_tokens,
        prefill_share=1 - np.minimum(new_tokens * decode_s / each / request_s, 1),
    )


def read_within_s(
    before_s: Number, prefill_s: Number, busy: Number, variation: float, share: float
) -> Number:
    """Seconds within which a share of prompts is read by a server that is `busy` for a part."""
    scale = prefill_s * (1 + variation**2) / (2 * (1 - busy))
    tail = scale * np.log(np.maximum(busy / (1 - share), 1))
    return before_s + prefill_s * (1 + NORMAL[share] * variation) + tail
