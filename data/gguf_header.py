"""What a GGUF file says of its model: its header alone, never the weights.

The header lists every tensor with shape and format, so parameters and bytes follow exactly. What
comes out is a config in transformers' words, with the bits of each part at `quantization_config`.
Source: the GGUF specification (github.com/ggml-org/ggml, docs/gguf.md); formats by the numbers and
block sizes of the package gguf.
"""

from __future__ import annotations

import os
import struct
from collections import Counter
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

from modelworth.data.errors import InputError
from modelworth.data.foreign_file import opened
from modelworth.data.weight_formats import weight_format

SCALARS = dict(zip((*range(8), 10, 11, 12), "BbHhIif?Qqd", strict=True))
TEXT, ARRAY = 8, 9
MOST_KEYS, MOST_TENSORS, MOST_ITEMS = 10_000, 200_000, 2_000_000
LONGEST_HEADER = 2**25
"""Bytes; a vocabulary of 262,144 tokens with its merges takes a third of it."""
LONGEST_NAME, MOST_LAYERS = 200, 1_000
"""Of longer texts only the beginning is kept, of longer lists nothing."""
FORMATS = {
    0: "fp32", 1: "fp16", 2: "q4_0", 3: "q4_1", 6: "q5_0", 7: "q5_1", 8: "q8_0", 10: "q2_k",
    11: "q3_k", 12: "q4_k", 13: "q5_k", 14: "q6_k", 16: "iq2_xxs", 17: "iq2_xs", 18: "iq3_xxs",
    19: "iq1_s", 20: "iq4_nl", 21: "iq3_s", 22: "iq2_s", 23: "iq4_xs", 29: "iq1_m", 30: "bf16",
    34: "tq1_0", 35: "tq2_0", 39: "mxfp4", 40: "nvfp4", 41: "q1_0",
    **dict.fromkeys((31, 32, 33), "q4_0"), **dict.fromkeys((36, 37, 38), "iq4_nl"),
}  # fmt: skip
"""ggml's numbers of formats; the last are the same weights in another order, as of 2024."""
TYPES = {
    "llama": "llama", "qwen2": "qwen2", "qwen2moe": "qwen2_moe", "qwen3": "qwen3",
    "qwen3moe": "qwen3_moe", "qwen3vl": "qwen3", "qwen3vlmoe": "qwen3_moe",
    "gemma": "gemma", "gemma2": "gemma2", "gemma3": "gemma3_text",
    "phi2": "phi", "phi3": "phi3", "gpt-oss": "gpt_oss", "starcoder2": "starcoder2",
    "granite": "granite", "granitemoe": "granitemoe", "olmo": "olmo", "olmo2": "olmo2",
    "olmoe": "olmoe", "smollm3": "smollm3", "glm4": "glm4", "glm4moe": "glm4_moe",
    "exaone4": "exaone4", "seed_oss": "seed_oss", "mistral3": "mistral", "arcee": "arcee",
    "ernie4_5": "ernie4_5", "command-r": "cohere", "cohere2": "cohere2", "nemotron": "nemotron",
    "stablelm": "stablelm", "gpt2": "gpt2", "gptneox": "gpt_neox", "bloom": "bloom",
    "dots1": "dots1", "hunyuan-dense": "hunyuan_v1_dense", "minimax-m2": "minimax_m2",
    "deepseek2": "deepseek_v3",
}  # fmt: skip
"""Architectures of llama.cpp by transformers' name; the rest are refused."""
KEYS = {
    "block_count": "num_hidden_layers", "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size", "context_length": "max_position_embeddings",
    "attention.head_count": "num_attention_heads", "attention.key_length": "head_dim",
    "attention.head_count_kv": "num_key_value_heads", "attention.q_lora_rank": "q_lora_rank",
    "attention.kv_lora_rank": "kv_lora_rank", "attention.sliding_window": "sliding_window",
    "expert_count": "num_experts", "expert_used_count": "num_experts_per_tok",
    "expert_feed_forward_length": "moe_intermediate_size",
    "expert_shared_feed_forward_length": "shared_expert_intermediate_size",
    "expert_shared_count": "n_shared_experts", "leading_dense_block_count": "first_k_dense_replace",
}  # fmt: skip
PARTS = {
    "token_embd": "embedding", "output.weight": "head", "_norm": "norms", "ffn_gate_inp": "router",
    "_exps": "experts", "_shexp": "experts", "attn_": "attention", "ffn_": "mlp",
}  # fmt: skip
"""By a word of a tensor's name; the first that is in it counts."""


def read_gguf(path: Path) -> dict[str, Any]:
    """The config that a GGUF file's header says.

    Raises:
        InputError: if it isn't such a file, or of an architecture or format that isn't known.
    """
    try:
        with opened(path, "a readable GGUF file") as file:
            values, tensors = _header(file, str(path))
            end = file.tell()
    except (struct.error, OverflowError, OSError) as error:
        raise InputError(str(path), str(error), "a GGUF file") from error
    config = _config(values, tensors, str(path))
    config["quantization_config"]["header_bytes"] = end + _padding(values, tensors, end)
    return config


Tensor = tuple[str, int, int, tuple[int, ...]]


def _padding(values: dict[str, Any], tensors: list[Tensor], end: int) -> int:
    """Bytes between tensors, each of which begins at a multiple of the file's alignment."""
    given = values.get("general.alignment")
    alignment = given if isinstance(given, int) and given > 0 else 32
    sizes = [
        parameters * weight_format(FORMATS[kind]).bits / 8 for _, parameters, kind, _ in tensors
    ]
    return int(sum(-size % alignment for size in (end, *sizes)))


def _header(file: BinaryIO, where: str) -> tuple[dict[str, Any], list[Tensor]]:
    """Values by key, and each tensor's name, parameters, format and shape."""
    if file.read(4) != b"GGUF":
        raise InputError(where, "no mark of GGUF", "a GGUF file")
    version, tensors, keys = struct.unpack("<IQQ", file.read(20))
    if version not in (2, 3) or keys > MOST_KEYS or tensors > MOST_TENSORS:
        found = f"version {version}, {keys:,} keys, {tensors:,} tensors"
        raise InputError(where, found, "version 2 or 3 of GGUF, as llama.cpp writes it")
    values = {}
    for _ in range(keys):
        key = _text(file, where)
        (kind,) = struct.unpack("<I", file.read(4))
        values[key] = _value(file, kind, where)
    return values, [_tensor(file, where) for _ in range(tensors)]


def _tensor(file: BinaryIO, where: str) -> Tensor:
    """One tensor's entry."""
    name = _text(file, where)
    (dimensions,) = struct.unpack("<I", file.read(4))
    if dimensions > 8:
        raise InputError(where, f"{dimensions} dimensions of {name}", "a GGUF file")
    shape = struct.unpack(f"<{dimensions}Q", file.read(8 * dimensions))
    kind, _offset = struct.unpack("<IQ", file.read(12))
    if kind not in FORMATS:
        raise InputError(where, f"format {kind} of {name}", f"one of {sorted(FORMATS)}")
    return name, prod(shape), kind, shape


def _text(file: BinaryIO, where: str) -> str:
    """The beginning of a text with its length before it."""
    (length,) = struct.unpack("<Q", file.read(8))
    start = file.read(min(length, LONGEST_NAME))
    _pass(file, length - len(start), where)
    return start.decode("utf-8", "replace")


def _pass(file: BinaryIO, length: int, where: str) -> None:
    """Go on behind so many bytes."""
    if file.seek(min(length, LONGEST_HEADER), os.SEEK_CUR) > LONGEST_HEADER:
        found = f"a header of over {LONGEST_HEADER:,} bytes"
        raise InputError(where, found, "a GGUF file with a shorter one")


def _value(file: BinaryIO, kind: int, where: str) -> Any:
    """A value; None for a list of texts, such as a vocabulary, which nothing is asked of."""
    if kind == TEXT:
        return _text(file, where)
    if kind != ARRAY:
        if kind not in SCALARS:
            raise InputError(where, f"a value of kind {kind}", "a GGUF file")
        return _numbers(file, kind, 1)[0]
    inner, count = struct.unpack("<IQ", file.read(12))
    if count > MOST_ITEMS or inner == ARRAY:
        raise InputError(where, f"a list of {count:,} items", "a GGUF file")
    if inner not in SCALARS:
        for _ in range(count):
            (length,) = struct.unpack("<Q", file.read(8))
            file.seek(min(length, LONGEST_HEADER), os.SEEK_CUR)
        _pass(file, 0, where)
        return None
    if count <= MOST_LAYERS:
        return list(_numbers(file, inner, count))
    _pass(file, count * struct.calcsize(SCALARS[inner]), where)
    return None


def _numbers(file: BinaryIO, kind: int, count: int) -> tuple[Any, ...]:
    """So many numbers of a kind."""
    form = f"<{count}{SCALARS[kind]}"
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _config(values: dict[str, Any], tensors: list[Tensor], where: str) -> dict[str, Any]:
    """The header in transformers' words."""
    named = str(values.get("general.architecture"))
    if named not in TYPES:
        raise InputError(f"{where}: general.architecture", named, f"one of {', '.join(TYPES)}")
    config: dict[str, Any] = {"model_type": TYPES[named]}
    for key, word in KEYS.items():
        found = values.get(f"{named}.{key}")
        if isinstance(found, list):
            found = found[0] if len(set(found)) == 1 else None
        if found is not None:
            config[word] = found
    if named == "llama" and config.get("num_experts"):
        config["model_type"] = "mixtral"
    if "kv_lora_rank" in config:
        config |= _latent(values, named)
    sizes = {name: shape for name, _, _, shape in tensors}
    if "token_embd.weight" in sizes:
        config["vocab_size"] = sizes["token_embd.weight"][-1]
    config["tie_word_embeddings"] = "output.weight" not in sizes
    config["quantization_config"] = {"quant_method": "gguf", "parts": _parts(tensors)}
    return config


def _latent(values: dict[str, Any], named: str) -> dict[str, Any]:
    """Widths of latent attention, which the header counts with the part that carries positions."""
    rope, key, value = (
        values.get(f"{named}.{word}")
        for word in (
            "rope.dimension_count",
            "attention.key_length_mla",
            "attention.value_length_mla",
        )
    )
    unpacked = key - rope if isinstance(key, int) and isinstance(rope, int) else None
    return {"qk_rope_head_dim": rope, "qk_nope_head_dim": unpacked, "v_head_dim": value}


def _parts(tensors: list[Tensor]) -> list[list[Any]]:
    """Parameters of each part in each format: part, parameters, format."""
    held: Counter[tuple[str, str]] = Counter()
    for name, parameters, kind, _ in tensors:
        if name.startswith("rope_freqs"):
            continue
        part = next((part for word, part in PARTS.items() if word in name), "norms")
        held[part, FORMATS[kind]] += parameters
    return [[part, count, form] for (part, form), count in held.items()]
