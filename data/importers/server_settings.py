"""What a result says of its server: how keys and values were cached, how tokens were guessed ahead.

Tools and harnesses keep a server's settings where they like: as keys beside the figures, in an
object of their own, as JSON in a text, as the flags of a command. So every name is looked for
wherever it may stand. Read: vLLM and SGLang server arguments and metrics, trtllm-bench's
`decoding_stats`, AIPerf's metrics, InferenceX's settings, llama.cpp's cache types; 2024 to 2026.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from modelworth.data.errors import InputError
from modelworth.data.importers.read import count, first, positive, text
from modelworth.data.serving import Drafting
from modelworth.data.words import SHORT, precision

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "cache": (
        "kv_cache_dtype", "kv_cache_quant_algo", "cache_dtype", "kv_cache_precision", "kv_dtype",
        "cache_type_k", "type_k", "ctk",
    ),
    "values": ("cache_type_v", "type_v", "ctv"),
    "method": (
        "speculative_algorithm", "spec_decoding", "spec_method", "speculative_method",
        "decoding_type", "mtp", "speculative_model", "speculative_draft_model_path", "model_draft",
    ),
    "tree": ("speculative_num_draft_tokens",),
    "drafted": ("num_speculative_tokens", "speculative_num_steps", "max_draft_len", "draft_max"),
    "acceptance": (
        "spec_decode_acceptance_rate", "spec_decode_overall_draft_acceptance_rate",
        "draft_acceptance_rate", "draft_acceptance_rate_percentiles", "acceptance_rate",
    ),
    "per_pass": (
        "accept_length", "spec_decode_acceptance_length", "avg_spec_accept_length",
        "acceptance_length", "acceptance_length_percentiles",
    ),
    "drafts": ("spec_decode_num_drafts",),
    "guessed": ("spec_decode_draft_tokens",),
    "kept": ("spec_decode_accepted_tokens",),
}  # fmt: skip
"""Meaning → the names that tools have for it, the surest first."""
CONFIGS: Final = frozenset({"speculative_config", "decoding_stats"})
"""Objects whose `method`, `mode` or `model` is how tokens were guessed."""
OFF: Final = frozenset({"none", "off", "false", "no", "stp", "null", "0"})
_FLAG: Final = re.compile(r"(?<!\S)--?([A-Za-z][\w.-]*)(?:=|\s+)('[^']*'|\"[^\"]*\"|[^\s'\"-]\S*)")
DEEPEST: Final = 6


def cache_format(said: Any, values: Any = None) -> str | None:
    """The format of cached keys and values in the project's words, both where they differ.

    None where it is left to the engine (`auto`), so not known.
    """
    keys = _format(said)
    other = _format(values) or keys
    return keys if keys == other or keys is None else f"{keys}/{other}"


def _format(said: Any) -> str | None:
    word = (text(said) or "").casefold().removeprefix("torch.")
    if word in ("", "auto", *OFF):
        return None
    word = "fp8" if word.startswith("fp8") else {"f16": "fp16", "f32": "fp32"}.get(word, word)
    try:
        return SHORT[precision(word)]
    except InputError:
        return word


def server_settings(content: object) -> tuple[str | None, Drafting | None]:
    """Format of the cache and drafting, as far as what a tool wrote about a run says them."""
    found: dict[str, Any] = {}
    for name, value in _said(content, DEEPEST):
        found.setdefault(name, value)
    told = {meaning: first(found, *names) for meaning, names in NAMES.items()}
    return cache_format(told["cache"], told["values"]), _drafting(told)


def _drafting(told: Mapping[str, Any]) -> Drafting | None:
    """None where it is said to be off, or nothing speaks of it."""
    word = "mtp" if told["method"] in (True, "on") else text(str(told["method"] or ""))
    if told["method"] is False or (word or "").casefold() in OFF:
        return None
    tree, drafts, guessed, kept, per_pass = (
        positive(told[name]) for name in ("tree", "drafts", "guessed", "kept", "per_pass")
    )
    steps = int(tree) - 1 if tree and tree > 1 else count(told["drafted"])
    drafted = round(guessed / drafts) if guessed and drafts else steps
    share = kept / guessed if kept and guessed else _share(told["acceptance"])
    if share is None and per_pass and drafted:
        share = min(max(per_pass - 1, 0) / drafted, 1.0)
    if per_pass is None and share is not None and drafted:
        per_pass = 1 + share * drafted
    if per_pass == 1 and not drafted and not word:  # as SGLang's client writes without any
        return None
    found = Drafting(
        method=word, drafted=drafted or None, acceptance=share,
        tokens_per_pass=per_pass if per_pass and per_pass >= 1 else None,
    )  # fmt: skip
    return found if found.model_dump(exclude_none=True) else None


def _share(said: Any) -> float | None:
    """Tools write it as a share or in percent."""
    found = positive(said)
    return found if found is None or found <= 1 else found / 100 if found <= 100 else None


def _said(value: Any, deep: int, within: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting's name and value, however it was kept; the outer ones first."""
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else _flags(value)
    if not isinstance(value, Mapping) or not deep:
        return
    named = [(re.sub(r"\W", "_", str(key)).casefold(), one) for key, one in value.items()]
    for name, one in named:
        inner = name.removeprefix("speculative_config_")
        own = (within in CONFIGS or inner != name) and inner in ("method", "mode", "model")
        yield "speculative_method" if own else inner, _plain(one)
    for name, one in named:
        yield from _said(one, deep - 1, name)


def _flags(words: list[Any]) -> dict[str, Any]:
    """A command's flags, of the list of its words."""
    pairs = (pair for pair in pairwise(words) if all(isinstance(one, str) for one in pair))
    return {name.lstrip("-"): value for name, value in pairs if name[:1] == "-"}


def _plain(value: Any) -> Any:
    """A figure with its unit or its statistics as the figure."""
    if not isinstance(value, Mapping):
        return None if isinstance(value, list) else value
    return first(value, "avg", "average", "mean")


def _parsed(said: str) -> Any:
    """JSON, or a command's flags by their names."""
    if said[:1] == "{":
        try:
            return json.loads(said)
        except (ValueError, RecursionError):
            return None
    if "-" not in said:
        return None
    return {name: value.strip("'\"") for name, value in _FLAG.findall(said)}
