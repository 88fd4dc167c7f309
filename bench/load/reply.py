"""One streamed answer of an OpenAI-compatible endpoint: when text came, and the server's counts.

Text is anything the model wrote: content, reasoning, a tool call's arguments. A first chunk with a
role alone, an empty one or one with the usage counts is no token. How many tokens there were is
what the server's usage says; chunks are counted only to tell how many came at once.
"""

from __future__ import annotations

import json
from array import array
from typing import Any

MOST_CHUNKS, MOST_TOKENS = 1_000_000, 20_000_000
"""Of one answer, and of one request: twice the longest context that is known."""


class Reply:
    """What the events of one answer have said so far; moments are seconds of one clock.

    Attributes:
        first_s, last_s: when the first and the last text came.
        gaps_s: times between chunks with text.
        first_characters, characters: of text in the first chunk, and in all.
        first_tokens: tokens in the first chunk, where the server counts as it goes.
        error: what the server said went wrong, inside the stream.
    """

    __slots__ = (
        "cached_tokens", "characters", "chunks", "ended", "error", "first_characters", "first_s",
        "first_tokens", "gaps_s", "input_tokens", "last_s", "output_tokens", "reasoning_seen",
        "reasoning_tokens",
    )  # fmt: skip

    def __init__(self) -> None:
        self.first_s = self.last_s = None
        self.gaps_s: array[float] = array("f")
        self.chunks = self.first_characters = self.characters = 0
        self.first_tokens: int | None = None
        self.input_tokens: int | None = None
        self.output_tokens: int | None = None
        self.cached_tokens: int | None = None
        self.reasoning_tokens: int | None = None
        self.reasoning_seen = self.ended = False
        self.error: str | None = None

    def take(self, payload: bytes, moment_s: float) -> None:
        """Take one event's data that came at this moment.

        Raises:
            ValueError: if it is neither JSON in the expected form nor the end mark.
        """
        if payload == b"[DONE]":
            self.ended = True
            return
        try:
            self._take_event(json.loads(payload), moment_s)
        except (AttributeError, TypeError, RecursionError) as error:
            raise ValueError("an event of another form") from error

    def _take_event(self, event: dict[str, Any], moment_s: float) -> None:
        if event.get("error"):
            self.error = str(event["error"])[:200]
            return
        for choice in event.get("choices") or ():
            self._take_choice(choice, moment_s)
        usage = event.get("usage")
        if usage:
            self._take_usage(usage)

    def _take_choice(self, choice: dict[str, Any], moment_s: float) -> None:
        delta = choice.get("delta") or choice
        text = delta.get("content") or choice.get("text")
        if not text:
            text = delta.get("reasoning_content") or delta.get("reasoning")
            self.reasoning_seen = self.reasoning_seen or bool(text)
        if not text and delta.get("tool_calls"):
            text = json.dumps(delta["tool_calls"])
        if choice.get("finish_reason"):
            self.ended = True
        if not text:
            return
        self.chunks += 1
        if self.chunks > MOST_CHUNKS:
            raise ValueError(f"over {MOST_CHUNKS:,} pieces of text")
        self.characters += len(text)
        if self.first_s is None:
            self.first_s, self.first_characters = moment_s, len(text)
        else:
            self.gaps_s.append(moment_s - self.last_s)
        self.last_s = moment_s

    def _take_usage(self, usage: dict[str, Any]) -> None:
        output, prompt = _count(usage, "completion_tokens"), _count(usage, "prompt_tokens")
        self.reasoning_tokens = _count(
            usage.get("completion_tokens_details") or usage, "reasoning_tokens"
        )
        self.cached_tokens = _count(usage.get("prompt_tokens_details") or {}, "cached_tokens")
        if output is None:
            return
        total, apart = _count(usage, "total_tokens"), self.reasoning_tokens or 0
        if apart and prompt is not None and total == prompt + output + apart:
            output += apart  # some servers count reasoning beside the completion, not in it
        if self.chunks == 1 and output:
            self.first_tokens = output
        self.input_tokens, self.output_tokens = prompt, output

    def tokens_after_first(self) -> float | None:
        """Tokens that came after the first chunk; None where it can't be told.

        Where the server doesn't count as it goes and there are fewer chunks than tokens, the first
        chunk has its share of the text's characters.
        """
        if self.output_tokens is None or not self.chunks:
            return None
        streamed = self.output_tokens
        if self.reasoning_tokens and not self.reasoning_seen:
            streamed -= self.reasoning_tokens  # thought in silence before the first chunk
        if self.chunks >= streamed:
            first = 1.0
        elif self.first_tokens is not None and self.first_tokens < streamed:
            first = float(self.first_tokens)
        else:
            first = max(1.0, streamed * self.first_characters / self.characters)
        return streamed - first if streamed > first else None


def _count(part: dict[str, Any], name: str) -> int | None:
    value = part.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_TOKENS:
        return None
    return value
