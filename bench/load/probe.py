"""What an endpoint understands, found by asking: a few requests before anything is counted.

Which of chat and completions it serves, which fields it refuses (`ignore_eos` isn't everyone's),
whether it counts tokens, how many words make a prompt of the wished length, how long one request
takes. They also warm it up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from modelworth.bench.load.client import drive
from modelworth.bench.load.endpoint import WHERE_KEY, Api, Endpoint
from modelworth.bench.load.plan import Limits, Outcome, Plan
from modelworth.bench.load.prompts import Length, Shape, Words, bodies
from modelworth.data.errors import InputError, ModelworthError

SHORT_PROMPT, SHORT_ANSWER = 24, 4
USAGE: tuple[str, Any] = ("stream_options", {"include_usage": True})
EXTRAS: tuple[tuple[tuple[str, Any], ...], ...] = (
    (USAGE, ("ignore_eos", True), ("min_tokens", SHORT_ANSWER)),
    (USAGE, ("ignore_eos", True)),
    (USAGE,),
    (),
)
"""Fields beside the standard ones, the most wished set first."""
CLOSE_TOKENS, CLOSE_SHARE = 1, 0.005


@dataclass(frozen=True, slots=True)
class Understood:
    """What the endpoint takes, and how it counts.

    Attributes:
        e2e_s: seconds one request of the whole length takes, alone.
        usage: whether it counts tokens.
        new_tokens: what it wrote when asked for the wished number.
    """

    shape: Shape
    words: Words
    e2e_s: float
    usage: bool
    new_tokens: int | None


def understand(
    endpoint: Endpoint, model: str, shape: Shape, words: Words, timeout_s: float, seed: int
) -> Understood:
    """Ask until it is known how to ask.

    Raises:
        ModelworthError: if no form of the question is answered.
    """
    rng = np.random.default_rng([seed, 1])
    shape, first = _accepted(endpoint, replace(shape, model=model), timeout_s, rng)
    asker = _Asker(endpoint, timeout_s, rng)
    if first.input_tokens is not None:
        words = _calibrated(asker, shape, words, first.input_tokens)
    whole = asker.ask(shape, words)
    if whole.failure:
        raise ModelworthError(
            f"the endpoint refused a request of the wished length: {whole.detail}\n"
            "  must fit in its context: give smaller --prompt-tokens and --new-tokens"
        )
    usage = whole.output_tokens is not None
    return Understood(shape, words, whole.end_s - whole.due_s, usage, whole.output_tokens)


@dataclass(slots=True)
class _Asker:
    endpoint: Endpoint
    timeout_s: float
    rng: np.random.Generator
    asked: int = 0

    def ask(self, shape: Shape, words: Words) -> Outcome:
        """One request, alone."""
        self.asked += 1
        plan = Plan(
            target=self.endpoint.target(shape.api),
            bodies=bodies(_typical(shape), words, self.rng)[:1],
            concurrency=1,
            count=1,
            first_nonce=int(self.rng.integers(10**12)),
            limits=Limits(timeout_s=self.timeout_s, failures_in_a_row=1),
        )
        return drive(plan).outcomes[0]


def _typical(shape: Shape) -> Shape:
    """The same with both lengths at their means."""
    return replace(shape, prompt=Length(shape.prompt.mean), new=Length(shape.new.mean))


def _accepted(
    endpoint: Endpoint, shape: Shape, timeout_s: float, rng: np.random.Generator
) -> tuple[Shape, Outcome]:
    """The first form of the question that is answered, with its answer."""
    asker = _Asker(endpoint, timeout_s, rng)
    apis: tuple[Api, ...] = (endpoint.api,) if endpoint.api else ("chat", "completions")
    said = "nothing"
    for api in apis:
        for extras in EXTRAS:
            tried = replace(shape, api=api, extras=extras)
            short = replace(tried, prompt=Length(SHORT_PROMPT), new=Length(SHORT_ANSWER))
            outcome = asker.ask(short, Words())
            if outcome.failure is None:
                return tried, outcome
            said = outcome.detail
            if outcome.failure != "client_error":
                break
            if "status 401" in said or "status 403" in said:
                raise InputError("--api-key-env", said, WHERE_KEY)
    raise ModelworthError(
        f"the endpoint answered no request: {said}\n"
        "  must serve /v1/chat/completions or /v1/completions with streaming"
    )


def _calibrated(asker: _Asker, shape: Shape, words: Words, short_tokens: int) -> Words:
    """Words with this server's overhead and tokens a word, near the wished length."""
    if words.count is not None:
        counted = words.count(_plain_text(SHORT_PROMPT))
        return replace(words, overhead_tokens=max(0.0, float(short_tokens - counted)))
    wished = round(shape.prompt.mean)
    short_words = words.words_for(SHORT_PROMPT)
    found = replace(words, tokens_per_word=1.0)
    for _ in range(3):
        count = found.words_for(wished)
        quick = replace(shape, prompt=Length(wished), new=Length(1))
        tokens = asker.ask(quick, found).input_tokens
        if tokens is None:
            return found
        if abs(tokens - wished) <= max(CLOSE_TOKENS, CLOSE_SHARE * wished):
            return found
        found = _line(short_words, short_tokens, count, tokens)
    return found


def _line(words: int, tokens: int, more_words: int, more_tokens: int) -> Words:
    """The line through two counts; through their last where they are too near each other."""
    if abs(more_words - words) < SHORT_PROMPT or (more_words - words) * (more_tokens - tokens) <= 0:
        return Words(overhead_tokens=float(max(0, more_tokens - more_words)))
    per_word = (more_tokens - tokens) / (more_words - words)
    return Words(more_tokens - per_word * more_words, per_word)


def _plain_text(words: int) -> str:
    from modelworth.bench.load.words import WORDS

    return " ".join(WORDS[:words])
