"""Bodies of requests: prompts of a wished length, unique or with a common start, or one's own.

Prompts are words of which most tokenizers hold each as one token; how many words make how many
tokens is learnt from the server's usage counts (`Lengths`), or counted by a tokenizer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modelworth.bench.load.endpoint import Api
from modelworth.bench.load.words import NONCE_WORDS, WORDS
from modelworth.data.errors import InputError
from modelworth.data.foreign_file import read_text

MARK = "[[these words are this request's own]]"
FIXED_POOL, DRAWN_POOL = 32, 512
"""How many different bodies are made; each request changes the one it uses."""
MAX_TOKENS = 10**7
MAX_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Length:
    """A number of tokens: fixed, drawn evenly between two, or log-normal about a mean."""

    mean: float
    low: int | None = None
    high: int | None = None
    sigma: float = 0.0

    @property
    def fixed(self) -> bool:
        """Whether all are of the same length."""
        return not self.sigma and self.low is None

    def draw(self, count: int, rng: np.random.Generator) -> list[int]:
        """This many lengths, each 1 or more."""
        if self.low is not None and self.high is not None:
            values = rng.integers(self.low, self.high + 1, count)
        elif self.sigma:
            values = rng.lognormal(np.log(self.mean) - self.sigma**2 / 2, self.sigma, count)
        else:
            values = np.full(count, self.mean)
        return [max(1, min(MAX_TOKENS, round(float(value)))) for value in values]


def parse_length(text: str, where: str) -> Length:
    """`512`, `256-1024` (drawn evenly) or `512:0.5` (log-normal of mean 512 and this sigma).

    Raises:
        InputError: if it is none of them.
    """
    found = re.fullmatch(r"(\d{1,8})(?:-(\d{1,8})|:(\d*\.?\d+))?", text.strip())
    first = int(found[1]) if found else 0
    if found is None or not 1 <= first <= MAX_TOKENS:
        raise InputError(where, text, "tokens: 512, 256-1024 (evenly) or 512:0.5 (log-normal)")
    if found[2]:
        if not first <= int(found[2]) <= MAX_TOKENS:
            raise InputError(where, text, "LOW-HIGH, the lower number first")
        return Length((first + int(found[2])) / 2, first, int(found[2]))
    if found[3] and not 0 < float(found[3]) <= 3:
        raise InputError(where, text, "MEAN:SIGMA with a sigma from 0 to 3")
    return Length(float(first), sigma=float(found[3] or 0))


@dataclass(frozen=True, slots=True)
class Words:
    """How many words make a prompt of so many tokens, by this server's or a tokenizer's count.

    Attributes:
        overhead_tokens: what the template adds to every prompt.
        count: tokens of a text; None: by `tokens_per_word` alone.
    """

    overhead_tokens: float = 0.0
    tokens_per_word: float = 1.0
    count: Callable[[str], int] | None = None

    def words_for(self, tokens: float) -> int:
        """Words in a prompt of this length, the request's own included."""
        return max(1, round((tokens - self.overhead_tokens) / self.tokens_per_word))


@dataclass(frozen=True, slots=True)
class Shape:
    """What every request of a run looks like.

    Attributes:
        shared: share of each prompt that all have in common, at its start.
        extras: further fields of the body, such as `ignore_eos`.
    """

    api: Api
    model: str
    prompt: Length
    new: Length
    shared: float = 0.0
    extras: tuple[tuple[str, Any], ...] = ()


def bodies(shape: Shape, words: Words, rng: np.random.Generator) -> tuple[tuple[bytes, ...], ...]:
    """A pool of bodies, each cut where a request's own words go."""
    pool = FIXED_POOL if shape.prompt.fixed and shape.new.fixed else DRAWN_POOL
    lengths = zip(shape.prompt.draw(pool, rng), shape.new.draw(pool, rng), strict=True)
    common = list(rng.choice(WORDS, words.words_for(shape.prompt.mean) if shape.shared else 1))
    made = []
    for prompt_tokens, new_tokens in lengths:
        text = _prompt(prompt_tokens, shape.shared, words, common, rng)
        made.append(_cut(body(shape, text, new_tokens)))
    return tuple(made)


def _prompt(
    tokens: int, shared: float, words: Words, common: list[str], rng: np.random.Generator
) -> str:
    """Common start, mark, and drawn words; as long as wished where there is a tokenizer."""
    count = words.words_for(tokens)
    start = " ".join(common[: round(count * shared)])
    own = list(rng.choice(WORDS, max(0, count - round(count * shared) - NONCE_WORDS)))
    text = " ".join(part for part in (start, MARK, *own) if part)
    if words.count is None:
        return text
    typical = " ".join(WORDS[:NONCE_WORDS])
    wished = tokens - words.overhead_tokens
    for _ in range(8):
        missing = round(wished - words.count(text.replace(MARK, typical)))
        if missing > 0:
            text += " " + " ".join(rng.choice(WORDS, missing))
        elif missing < 0 and own:
            kept = text.split(" ")[:missing]
            text = " ".join(kept) if MARK in " ".join(kept) else text
        else:
            break
    return text


def body(shape: Shape, text: str, new_tokens: int) -> dict[str, Any]:
    """The fields of one request."""
    asked: dict[str, Any] = {"model": shape.model}
    if shape.api == "chat":
        asked["messages"] = [{"role": "user", "content": text}]
    else:
        asked["prompt"] = text
    asked |= {"max_tokens": new_tokens, "temperature": 0, "stream": True}
    extras = dict(shape.extras)
    if "min_tokens" in extras:
        extras["min_tokens"] = new_tokens
    return asked | extras


def _cut(asked: dict[str, Any]) -> tuple[bytes, ...]:
    return tuple(json.dumps(asked).encode().split(json.dumps(MARK)[1:-1].encode(), 1))


def dataset(path: Path, shape: Shape) -> tuple[tuple[bytes, ...], ...]:
    """One's own traffic: a JSON object a line with `prompt` or `messages`, and `max_tokens`.

    Raises:
        InputError: if a line is none, with its number.
    """
    made = []
    for number, line in enumerate(read_text(path, "a readable file of JSON lines").splitlines(), 1):
        if line.strip():
            made.append(_own(line, f"{path}:{number}", shape))
        if len(made) > MAX_ROWS:
            raise InputError(str(path), f"over {MAX_ROWS} rows", f"{MAX_ROWS} or fewer")
    if not made:
        raise InputError(str(path), "no line", "one JSON object a line, with a prompt")
    return tuple(made)


def _own(line: str, where: str, shape: Shape) -> tuple[bytes, ...]:
    allowed = 'an object such as {"prompt": "…", "max_tokens": 200} or with "messages"'
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise InputError(where, line.strip(), allowed) from None
    text = row.get("prompt") if isinstance(row, dict) else None
    messages = row.get("messages") if isinstance(row, dict) else None
    if not isinstance(text, str) and not isinstance(messages, list):
        raise InputError(where, line.strip(), allowed)
    new = row.get("max_tokens", row.get("output_tokens"))
    if new is None:
        new = round(shape.new.mean)
    if isinstance(new, bool) or not isinstance(new, int) or not 1 <= new <= MAX_TOKENS:
        raise InputError(f"{where}: max_tokens", new, "a whole number, 1 or more")
    if messages is not None and shape.api != "chat":
        raise InputError(where, "messages", "a prompt: this endpoint completes text")
    asked = body(shape, text or "", new)
    if messages is not None:
        asked["messages"] = messages
    return (json.dumps(asked).encode(),)


def tokenizer_count(folder: Path) -> Callable[[str], int]:
    """Counts a text's tokens with the tokenizer in a folder (or a tokenizer.json).

    Raises:
        InputError: if there is none.
    """
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json" if folder.is_dir() else folder
    if not path.is_file():
        raise InputError("--tokenizer", str(folder), "a folder with a tokenizer.json")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # noqa: BLE001 - the library raises nothing narrower
        raise InputError("--tokenizer", f"{path}: {error}", "a tokenizer.json") from None
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)
