"""What the result files of several tools have in common: names of figures, errors, engines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeVar

from modelworth.data.importers.content import Content, Json
from modelworth.data.importers.numbers import first, positive, spread
from modelworth.data.serving import Spread

T = TypeVar("T")
SHORT: Final = {status.phrase.casefold(): f"HTTP {status.value}" for status in HTTPStatus}
LONGEST_NAME: Final = 200
ENGINES: Final = (
    "vllm", "sglang", "tensorrt-llm", "trt", "tgi", "lmdeploy", "deepspeed-mii", "llama.cpp",
)  # fmt: skip


def named_spread(run: Mapping[str, Any], metric: str, unit: str = "_ms") -> Spread:
    """`mean_ttft_ms`, `p99_ttft_ms` and their like; seconds where `unit` is empty."""
    words = ("mean", "median", "p50", "p90", "p95", "p99")
    stated = {word: run.get(f"{word}_{metric}{unit}") for word in words}
    return spread(stated, 1e-3 if unit else 1.0)


def each_object(
    is_run: Callable[[Json], bool], run: Callable[[Json], T]
) -> tuple[Callable[[Content], bool], Callable[[Content], Iterator[T]]]:
    """`knows` and `runs` of a tool whose files hold a run in each object, and nothing else."""
    return (
        lambda content: bool(content.objects) and all(map(is_run, content.objects)),
        lambda content: map(run, content.objects),
    )


def error_kinds(errors: Any, failed: int) -> dict[str, int]:
    """Failed requests by kind; `unknown` for those without a text."""
    texts = [one for one in errors if one] if isinstance(errors, list) else []
    kinds = Counter(short_error(str(one)) for one in texts)
    if failed > kinds.total():
        kinds["unknown"] += failed - kinds.total()
    return dict(kinds)


def short_error(said: str) -> str:
    """An error's kind in a few words: the HTTP status where there is one, no addresses."""
    status = re.search(r"\b([45]\d\d)\b", said)
    if status is not None:
        return f"HTTP {status[1]}"
    lines = said.strip().splitlines() or ["unknown"]
    line = lines[-1] if lines[0].startswith("Traceback") else lines[0]
    known = SHORT.get(line.casefold())
    plain = text(re.sub(r"\S*://\S*", "", line))
    return known or (plain or "unknown")[:60]


def engine(run: Mapping[str, Any]) -> str | None:
    """The server's software, where the client's way of speaking to it says so."""
    said = first(run, "backend", "endpoint_type", "framework")
    return next((name for name in ENGINES if isinstance(said, str) and said.startswith(name)), None)


def mean(total: Any, requests: int | None) -> float | None:
    """A total over completed requests."""
    found = positive(total)
    return found / requests if found is not None and requests else None


def text(value: Any) -> str | None:
    """A word or name, without what could disturb a terminal; None where there is none."""
    if not isinstance(value, str):
        return None
    return "".join(one for one in value if one.isprintable()).strip()[:LONGEST_NAME] or None
