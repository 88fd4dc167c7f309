"""How a served endpoint was loaded, and what its requests saw: parts of a measurement.

`Load` belongs to every run of kind `serve`, a failed one too; `Serving` to one with a result.
Unknown is None. Times are seconds; the bounds admit a run of a month on a thousand machines and
refuse what can only be a wrong unit.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from modelworth.data.record import Count, Name, NonNegative, Record, Share

Mode = Literal["closed", "open"]
Arrivals = Literal["poisson", "gamma", "constant", "burst", "recorded"]
Failure = Literal[
    "refused",  # no connection, or a name that isn't known
    "rate_limited",  # status 429
    "client_error",  # any other status 4xx
    "server_error",  # status 5xx
    "broken_off",  # the stream ended before the answer did
    "malformed",  # what came was no HTTP, no event or no JSON
    "stream_error",  # the server reported an error inside the stream
    "empty",  # an answer without a single token
    "timeout",
    "unknown",  # another tool's file that doesn't say
]
"""Why a request failed."""

Seconds = Annotated[float, Field(ge=0, le=1e7)]
PerSecond = Annotated[float, Field(ge=0, le=1e12)]
Rate = Annotated[float, Field(gt=0, le=1e9)]
Requests = Annotated[int, Field(ge=0, le=10**10)]
InFlight = Annotated[float, Field(ge=0, le=1e8)]
Limit = Annotated[int, Field(ge=1, le=10**8)]
MAX_POINTS: Final = 200


def left_out(value: object) -> bool:
    """Whether a field added later stays out of the record, whose id is then that of before."""
    return value is None


class Spread(Record):
    """How a time differs over requests (or gaps); a quantile nobody gave or can know is None."""

    mean_s: Seconds | None = None
    p50_s: Seconds | None = None
    p90_s: Seconds | None = None
    p95_s: Seconds | None = None
    p99_s: Seconds | None = None
    max_s: Seconds | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        given = [q for q in (self.p50_s, self.p90_s, self.p95_s, self.p99_s, self.max_s) if q]
        if given != sorted(given):
            raise ValueError("p50 ≤ p90 ≤ p95 ≤ p99 ≤ max must hold")
        return self


class Load(Record):
    """How a server was loaded, and which requests it answered.

    Attributes:
        mode: closed: as many in flight as the limit allows, each answer followed by a request;
            open: requests come at a rate, whatever the server does.
        concurrency_limit: most in flight that the client allowed; of a closed loop its level.
        rate_per_s: requests offered per second in an open loop; None: all at once, or unknown.
        burstiness: shape of gamma arrivals; 1 is Poisson.
        endpoint: the user's label for the endpoint, never its address.
        sweep: the same for all points of one curve.
        duration_s: length of the part that was counted, without warm-up and run-out.
        warmup_s: time before it that was left out.
        requests_ok, requests_failed: of the counted part; `failures` says why, and
            `without_usage` how many answers came without token counts.
        in_flight_mean, in_flight_max: requests begun and not ended, as the client saw them.
        in_flight: the mean over equal parts of the counted time, in order.
        waiting_mean: requests in the server's own queue, as it says.
        client_lag_s: how late the client itself was, in sending or in reading; in no latency.
        client_busy: share of the time that the busiest client process had work before it.
        client_bound: whether the client was the limit, so that the run says little of the server.
        cached_share: prompt tokens the server took from its prefix cache, of all.
        shared_prefix: share of each prompt that all of the run's prompts had in common.
        stopped_early: the search saw enough: too many requests had missed the objective.
        objective: such as ("ttft_p95<1s",), where the run was judged by one.
    """

    mode: Mode | None = None
    concurrency_limit: Limit | None = None
    rate_per_s: Rate | None = None
    arrivals: Arrivals | None = None
    burstiness: Annotated[float, Field(gt=0, le=1e6)] | None = None
    endpoint: Name | None = None
    sweep: Name | None = None
    duration_s: Seconds | None = None
    warmup_s: Seconds | None = None
    requests_ok: Requests | None = None
    requests_failed: Requests | None = None
    failures: dict[Failure, Requests] = Field(default_factory=dict)
    without_usage: Requests | None = None
    in_flight_mean: InFlight | None = None
    in_flight_max: InFlight | None = None
    in_flight: Annotated[tuple[InFlight, ...], Field(max_length=MAX_POINTS)] = ()
    client_lag_s: Spread | None = None
    client_busy: Annotated[float, Field(ge=0, le=1.5)] | None = None
    client_bound: bool | None = None
    cached_share: Share | None = None
    shared_prefix: Share | None = None
    stopped_early: bool | None = None
    objective: Annotated[tuple[Name, ...], Field(max_length=16)] = ()
    waiting_mean: InFlight | None = Field(default=None, exclude_if=left_out)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.requests_failed is not None and sum(self.failures.values()) > self.requests_failed:
            raise ValueError("failures by kind are more than requests_failed")
        mean, most = self.in_flight_mean, self.in_flight_max
        if mean is not None and most is not None and mean > most * (1 + 1e-9):
            raise ValueError(f"in_flight_mean {mean} is above in_flight_max {most}")
        return self


class Drafting(Record):
    """How a server guessed tokens ahead (speculative decoding, multi-token prediction).

    Attributes:
        method: such as EAGLE3, mtp or ngram, as the tool says.
        drafted: tokens guessed in a step.
        acceptance: share of the guessed tokens that were kept.
        tokens_per_pass: mean tokens that a pass of the model gave a request, its own included.
    """

    method: Name | None = None
    drafted: Annotated[int, Field(ge=1, le=1000)] | None = None
    acceptance: Share | None = None
    tokens_per_pass: Annotated[float, Field(ge=1, le=1001)] | None = None

    @property
    def kept_at_each_place(self) -> float | None:
        """The share with which so many guesses, kept up to the first wrong one, give as many."""
        number, tokens = self.drafted, self.tokens_per_pass
        if number is None or tokens is None or tokens > number + 1:
            return None
        low, high = 0.0, 1.0
        for _ in range(40):
            share = (low + high) / 2
            kept = sum(share**place for place in range(number + 1))
            low, high = (share, high) if kept < tokens else (low, share)
        return low


class Serving(Record):
    """What the requests of a run saw, and what the server got done.

    Attributes:
        ttft: from the moment a request was due to its first token.
        tpot: per token without the first, one value a request.
        itl: gaps between what arrives, one value a gap; of chunks where a chunk has more tokens.
        e2e: from the moment a request was due to its last token.
        tokens_per_chunk: mean tokens in a chunk of the stream.
        goodput_per_s: requests per second that met the objective.
        input_tokens, output_tokens: of all counted answers; `reasoning_tokens` of the output.
    """

    ttft: Spread | None = None
    tpot: Spread | None = None
    itl: Spread | None = None
    e2e: Spread | None = None
    requests_per_s: PerSecond | None = None
    goodput_per_s: PerSecond | None = None
    input_tokens_per_s: PerSecond | None = None
    output_tokens_per_s: PerSecond | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    reasoning_tokens: Count | None = None
    tokens_per_chunk: NonNegative | None = None


def optional_part(**extra: Any) -> Any:
    """A field added after records were written: absent from the content where it is None."""
    return Field(default=None, exclude_if=left_out, **extra)
