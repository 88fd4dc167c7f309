"""Whether a config's sizes can be a model's at all, before anything is built from them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import Any

from modelworth.costmodel.architecture.defaults import (
    SAME,
    completed,
    defaults_of,
    parts_of,
    taken_by,
)
from modelworth.costmodel.architecture.keys import LARGEST, MOST_LAYERS
from modelworth.data.errors import InputError

SIZE = re.compile(
    r"(_size|_dim|_dims|_width|_widths|_heads|_layers|_experts|_rank|^d_model|^d_ff|^n_embd|^n_layer|"
    r"^n_head|^dim|^depth|_channels|_ratio|depths|_positions|_embeddings)s?$"
)
LAYERS = re.compile(r"(\w*layers|^n_layers?|\w*depths?)$")
PIXELS = re.compile(r"^(image|patch|frame)_size$")
MOST_PIXELS = 16_384
MOST_PATCHES = 1_024
"""Of an image's side."""
HEADS = ("num_attention_heads", "n_head", "n_heads", "encoder_attention_heads")
SHARED_HEADS = ("num_key_value_heads", "num_kv_heads")
HEAD_WIDTH = re.compile(r"head_dim|head_size|^d_kv$|^kv_channels$|lora_rank|attention_hidden_size")
MOST_VALUES = 200_000
MOST_STAGES = 256
"""Sizes in a list, by stage or by layer."""
ABOVE_NOTHING = re.compile(
    r"(hidden_size|d_model|vocab_size|(?<!value)_heads|num_heads|(patch|image|merge)_size|d_kv|"
    r"num_channels|stride|kernel_size|_pattern|num_filters|_groups)s?$"
)
"""Keys that are never 0 where the class's default isn't."""
ACTIVATION_NAMES = (
    "gelu gelu_10 gelu_accurate gelu_fast gelu_new gelu_python gelu_python_tanh gelu_pytorch_tanh "
    "hardswish laplace leaky_relu linear mish prelu quick_gelu relu relu2 relu6 sigmoid silu "
    "sqrtsoftplus swish tanh xielu"
)
ACTIVATIONS = frozenset(ACTIVATION_NAMES.split())
"""Those that classes of transformers know by name."""
LETTERS = {bool: "b", int: "i", float: "f", str: "s", type(None): "n", dict: "d"}
KINDS = {
    **{"i": "a whole number", "f": "a number", "b": "true or false", "n": "null"},
    **{"s": "a word", "a": "a known activation", "d": "a dictionary", "l": "a list"},
    "I": "a list of whole numbers",
}
MOST_WEIGHTS = 10**13
"""No matrix of a model has more."""
LONGEST_NUMBER, LONGEST_NAME = 2**63, 100
ENDLESS = ("time_step_limit", "dt_limit")
"""Keys whose upper end may be infinite."""
MOST_TOKENS = 10_000_000
"""No vocabulary is larger."""
EVERYWHERE = {
    **dict.fromkeys(("id2label", "label2id", "rope_scaling", "rope_parameters"), "dn"),
    **dict.fromkeys(("is_encoder_decoder", "output_hidden_states", "return_dict"), "bn"),
    **{"architectures": "ln", "chunk_size_feed_forward": "in", "model_type": "sn"},
}
"""The kinds of value that keys of every type take."""
SHARE = re.compile(r"(dropout|dropout_prob|_pdrop|layerdrop|drop_rate|initializer_range)$")
"""Keys from 0 to 1."""
DTYPE = re.compile(r"(torch\.)?(auto|b?float\d+(_\w+)?|u?int\d+|half|double)")
ROPE_KINDS = (
    "axial, default, dynamic, linear, llama3, longrope, mrope, proportional, su, xdrope, yarn"
)
ROPE_NEEDED = re.compile(
    r"^factor$|theta$|partial_rotary_factor$|^(low|high)_freq_factor$|^original_"
)
ROPE_NUMBER = re.compile(rf"{ROPE_NEEDED.pattern}|^beta_|^mscale|^attention_factor$")
"""What rotary positions say in numbers above 0, null where it isn't needed."""


def require_plausible(config: Mapping[str, Any]) -> None:
    """Refuses sizes that no model has.

    Raises:
        InputError: naming the first that is negative, too large, or one of too many.
    """
    for count, (path, key, value) in enumerate(_numbers(config, "")):
        if count > MOST_VALUES:
            raise InputError("config", "more values than any model's", f"at most {MOST_VALUES:,}")
        _require_number(path, key, value)
        if not SIZE.search(key) or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        most = LARGEST
        if LAYERS.search(key):
            most = MOST_LAYERS
        elif PIXELS.search(key):
            most = MOST_PIXELS
        if not -1 <= value <= most:
            shown = f"{value:.3g}" if abs(value) < 1e300 else "a number of hundreds of digits"
            raise InputError(f"config: {path}", shown, f"a size of a model, 0 to {most:,}")
    kind = str(config.get("model_type"))
    if len(kind) > LONGEST_NAME:
        raise InputError("config: model_type", f"{len(kind):,} letters", "a name such as llama")
    _require_taken(config, kind, "config")
    _require_buildable(config)


def _require_number(path: str, key: str, value: Any) -> None:
    """Refuses what isn't finite or has too many digits, and a share that is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if isinstance(value, int) and abs(value) >= LONGEST_NUMBER:
        raise InputError(f"config: {path}", "a number of more than 63 bits", "a shorter one")
    if math.isnan(value) or (math.isinf(value) and key not in ENDLESS):
        raise InputError(f"config: {path}", value, "a finite number")
    if SHARE.search(key) and not 0 <= value <= 1:
        raise InputError(f"config: {path}", f"{value:.3g}", "a number from 0 to 1")


def _require_common(config: Mapping[str, Any], path: str) -> None:
    """Refuses a format of numbers or rotary positions that no class knows."""
    for key in ("dtype", "torch_dtype"):
        said = config.get(key)
        if said is not None and not (isinstance(said, str) and DTYPE.fullmatch(said)):
            raise InputError(f"{path}: {key}", str(said)[:60], "a format such as bfloat16")
    if (padding := _whole(config, "pad_token_id") or 0) > MOST_TOKENS:
        raise InputError(f"{path}: pad_token_id", padding, f"a token, below {MOST_TOKENS:,}")


def _require_positions(config: Mapping[str, Any], path: str) -> None:
    """Refuses what a class with rotary positions can't work them out from."""
    _require_rotary({key: config[key] for key in ("rope_theta",) if key in config}, path)
    said = {key: config.get(key) for key in ("rope_scaling", "rope_parameters")}
    for key, each in said.items():
        if isinstance(each, Mapping):
            _require_rotary(each, f"{path}: {key}")
    key = "qk_rope_head_dim" if "qk_rope_head_dim" in config else "head_dim"
    width = _whole(config, key) or 0
    if width % 2 and "partial_rotary_factor" not in f"{list(config)}{said}":
        raise InputError(f"{path}: {key}", width, "even: positions turn pairs")


def _require_rotary(said: Mapping[str, Any], path: str) -> None:
    """Refuses rotary positions of a kind that isn't known, and what is no number of theirs."""
    for key, value in said.items():
        where = f"{path}.{key}"
        if key in ("rope_type", "type") and str(value) not in ROPE_KINDS.split(", "):
            raise InputError(where, str(value)[:60], f"one of {ROPE_KINDS}")
        if ROPE_NUMBER.search(key):
            above = ROPE_NEEDED.search(key) is not None
            for each in value if isinstance(value, list) else (value,):
                if each is not None and not _turns(each, above):
                    allowed = "a number above 0" if above else "a number, 0 or more"
                    raise InputError(where, str(value)[:60], allowed)
        elif isinstance(value, Mapping):
            _require_rotary(value, where)


def _turns(value: Any, above: bool) -> bool:
    """Whether a value is a number of rotary positions: 0 or more, or above it."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and (value > 0 if above else value >= 0)


def _require_taken(config: Mapping[str, Any], kind: str, path: str) -> None:
    """Refuses values of a kind that the type's class doesn't take, and sizes of nothing or less."""
    kind = SAME.get(kind, kind)
    parts, usual = parts_of(kind), defaults_of(kind)
    taken = {**EVERYWHERE, **dict.fromkeys(parts, "dn"), **taken_by(kind)}
    _require_common(config, path)
    if "rope_parameters" in taken_by(kind):
        _require_positions(config, path)
    for key, value in config.items():
        said, where = taken.get(key), f"{path}: {key}"
        if said and not any(_is(value, letter) for letter in said):
            allowed = " or ".join(KINDS[letter] for letter in said)
            raise InputError(where, str(value)[:60], f"{allowed}, as the {kind} class takes it")
        least = 1 if ABOVE_NOTHING.search(key) else 0 if SIZE.search(key) else None
        if least is not None and key in usual and _lowest(usual[key]) >= least > _lowest(value):
            raise InputError(where, str(value)[:60], f"{least} or more")
        if isinstance(value, list | tuple) and SIZE.search(key) and len(value) > MOST_STAGES:
            raise InputError(where, f"{len(value):,} sizes", f"at most {MOST_STAGES}")
        if isinstance(value, Mapping) and (key in parts or key.endswith("_config")):
            part = value.get("model_type") or parts.get(key)
            part = parts.get(key) if part == kind else part  # as older files name it
            _require_taken(value, str(part), f"{path}.{key}")


def _is(value: Any, letter: str) -> bool:
    """Whether a value is of the kind that a letter stands for."""
    if letter == "a":
        return value in ACTIVATIONS if isinstance(value, str) else False
    if isinstance(value, list | tuple):
        return letter == "l" or (letter == "I" and all(type(each) is int for each in value))
    return LETTERS.get(type(value)) == letter or (letter == "f" and type(value) is int)


def _lowest(value: Any) -> float:
    """The lowest of the whole numbers that a value is or lists; infinite where it has none."""
    found = value if isinstance(value, list | tuple) else (value,)
    return min((each for each in found if type(each) is int), default=math.inf)


def _require_buildable(config: Mapping[str, Any]) -> None:
    """Refuses a table of tokens or a layer that no machine could name."""
    for holder in (config, *(value for value in config.values() if isinstance(value, Mapping))):
        _require_drawable(holder)
        require_divided(holder)
        wide = _whole(holder, "hidden_size", "d_model", "n_embd", "dim") or 1
        for key in ("vocab_size", "intermediate_size", "max_position_embeddings"):
            other = _whole(holder, key)
            if other and wide * other > MOST_WEIGHTS:
                found = f"{other:,} by a width of {wide:,}"
                raise InputError(f"config: {key}", found, f"at most {MOST_WEIGHTS:.0e} weights")


def require_divided(holder: Mapping[str, Any]) -> None:
    """Refuses heads that don't divide the width, where nothing says how wide a head is.

    Raises:
        InputError: unless the type's own defaults are so, too: its class rounds down. Also where
            key-value heads don't divide the heads, which no class takes.
    """
    known = completed(holder, nested=True)
    if (found := _undivided(known)) and not _undivided(_defaults(str(known.get("model_type")))):
        allowed = "a divisor of the width, or head_dim stated"
        raise InputError("config: attention heads", found, allowed)
    heads, shared = _whole(known, *HEADS), _whole(known, *SHARED_HEADS)
    if heads and shared and (shared < 0 or heads % shared):
        raise InputError("config: key-value heads", shared, f"a divisor of the {heads} heads")


@cache
def _defaults(kind: str) -> Mapping[str, Any]:
    """A type by its class's defaults."""
    return completed({"model_type": kind}, nested=True)


def _undivided(known: Mapping[str, Any]) -> str:
    """Heads that leave a part of the width; nothing where they don't, or their width is said."""
    if any(HEAD_WIDTH.search(str(key)) and value for key, value in known.items()):
        return ""
    wide, heads = _whole(known, "hidden_size", "d_model", "n_embd"), _whole(known, *HEADS)
    if wide and heads and min(wide, heads) > 0 and wide % heads:
        return f"{heads:,} heads of a width of {wide:,}"
    return ""


def _require_drawable(holder: Mapping[str, Any]) -> None:
    """Refuses an image of more patches than a model could see, and stages too wide for a matrix."""
    side, patch = _whole(holder, "image_size"), _whole(holder, "patch_size")
    if side and patch and side > MOST_PATCHES * patch:
        found = f"{side:,} pixels in patches of {patch:,}"
        raise InputError("config: image_size", found, f"at most {MOST_PATCHES:,} patches a side")
    for key, value in holder.items():
        if not SIZE.search(str(key)) or not isinstance(value, list | tuple):
            continue
        sizes = [each for each in value if isinstance(each, int)]
        if any(one * other > MOST_WEIGHTS for one, other in pairwise(sizes)):
            raise InputError(f"config: {key}", value[:3], f"at most {MOST_WEIGHTS:.0e} weights")


def _whole(holder: Mapping[str, Any], *keys: str) -> int | None:
    """The first of several keys that is a whole number."""
    for key in keys:
        value = holder.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None


def _numbers(found: Any, path: str, depth: int = 0) -> Iterator[tuple[str, str, Any]]:
    """Every value of a config with its path and its key."""
    if depth > 20:
        raise InputError(f"config: {path[:60]}", "nested too deep", "at most 20 levels")
    if isinstance(found, Mapping):
        for key, value in found.items():
            yield from _numbers(value, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(found, list | tuple):
        for value in found:
            yield from _numbers(value, path, depth + 1)
    else:
        yield path, path.rpartition(".")[2], found
