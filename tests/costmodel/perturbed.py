"""Every key of a config set otherwise: reading against the class that transformers builds.

`python -m tests.costmodel.perturbed [TYPE ...]` goes over every type that reading knows (an hour)
and prints what differs; the slow test takes every so many of the same cases. Parameters are held
for all; FLOPs and cache, with `--passes`, for each type as it is and with its layers in other
orders (`--passes` goes over these alone).
"""

# ruff: noqa: T201
from __future__ import annotations

import copy
import re
import sys
from collections.abc import Iterator
from typing import Any

from docs.model_rows import default_config
from modelworth.bench.models.inspect import inspected
from modelworth.costmodel.architecture.plausible import require_plausible
from modelworth.costmodel.architecture.read import known_types, knows, read_model
from modelworth.costmodel.architecture.work import forward_flops, kv_cache_bytes
from modelworth.data.errors import InputError

ABSENT = object()
LAYERS = re.compile(
    r"num_hidden_layers|n_layers?|num_layers|num_decoder_layers|\w+coder_layers|depth"
)
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
USED = ("num_experts_per_tok", "moe_topk", "moe_k", "top_k_experts")
BY_LAYER = ("layer_types", "mlp_layer_types", "indexer_types", "per_layer_config")
BY_LAYER += ("no_rope_layers", "moe_layers", "out_features", "out_indices", "stage_names")
SAID_TWICE = ("hybrid_override_pattern", "hybrid_layer_ids")
OF_NO_SIZE = re.compile(
    r"dropout|_token_id|(^|_)init|_eps|epsilon|coef|theta|rope_|use_cache|id2label|label2id|scal|"
    r"jitter|temperature|clamp|floor|dtype|problem_type|pretraining_tp|softcap|^_|model_type|eos|bos|"
    r"transformers_version|architectures|output_|return_dict|is_encoder_decoder|chunk_size_feed|"
    r"suppress|_implementation|labels$"
)
FOREIGN: dict[str, Any] = {
    **dict.fromkeys(("attention_bias", "mlp_bias", "use_bias", "bias", "qkv_bias"), True),
    **dict.fromkeys(("use_qkv_bias", "attention_qkv_bias", "attention_out_bias"), True),
    **dict.fromkeys(("use_qk_norm", "qk_layernorm", "tie_word_embeddings", "norm_bias"), True),
    **dict.fromkeys(("mamba_proj_bias", "conv_bias", "use_task_id", "projectors_bias"), True),
    **dict.fromkeys(("mamba_conv_bias", "use_conv_bias", "tie_embedding"), False),
    **dict.fromkeys(("num_key_value_heads", "num_kv_heads", "n_head_kv", "num_channels"), 1),
    **dict.fromkeys(("n_shared_experts", "num_shared_experts", "moe_layer_freq"), 2),
    **dict.fromkeys(("decoder_sparse_step", "first_k_dense_replace"), 2),
    **dict.fromkeys(EXPERTS, 4),
    **dict.fromkeys(("kv_lora_rank", "q_lora_rank", "sliding_window", "attention_chunk_size"), 16),
    **dict.fromkeys(("head_dim", "attention_head_dim", "moe_intermediate_size", "n_inner"), 24),
    **dict.fromkeys(("ffn_dim", "intermediate_size", "embedding_size", "moe_latent_size"), 24),
    **dict.fromkeys(("shared_expert_intermediate_size", "shared_intermediate_size"), 24),
    **{
        "type_vocab_size": 3,
        "num_labels": 5,
        "mlp_only_layers": [0],
        "num_nextn_predict_layers": 1,
    },
}
"""Keys that types know which are not this one, with a value that would change another's size."""


def shrunk(config: dict[str, Any], layers: int = 5) -> dict[str, Any]:
    """A config of a few layers and experts, without lists by layer."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        if key in BY_LAYER or key in SAID_TWICE:
            continue
        found[key] = value
        if isinstance(value, dict):
            found[key] = shrunk(value, layers)
        elif LAYERS.fullmatch(str(key)) and isinstance(value, int):
            found[key] = min(value, layers)
        elif key in EXPERTS and value:
            found[key] = min(value, 8)
        elif key in USED and value:
            found[key] = min(value, 4)
        elif key == "layers_block_type" and value:
            found[key] = list(dict.fromkeys(value))
        elif key == "num_kv_shared_layers":
            found[key] = 0
        elif isinstance(value, list) and len(value) == config.get("num_hidden_layers"):
            found[key] = value[:layers]
    return found


def others(value: Any) -> list[Any]:
    """What a key is set to instead."""
    if isinstance(value, bool):
        return [not value, None, ABSENT]
    if value is None:
        return [True, False, 2, 16, ABSENT]
    if isinstance(value, int):
        return [None, ABSENT, 2 * value, value // 2, value + 1, 0, 1]
    if isinstance(value, list):
        return [None, ABSENT, value[:-1], value[::-1]]
    return [None, ABSENT]


def with_value(config: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The config with another value at a path, or none."""
    changed = copy.deepcopy(config)
    holder = changed
    for part in path[:-1]:
        holder = holder[part]
    holder.pop(path[-1], None)
    if value is not ABSENT:
        holder[path[-1]] = value
    return changed


def variants(config: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any, dict]]:
    """The name of a key, its other value, and the config with it; parts of the config, too."""
    inner = config
    for part in path:
        inner = inner[part]
    for key, value in inner.items():
        if OF_NO_SIZE.search(key):
            continue
        if isinstance(value, dict) and key.endswith("_config"):
            yield from variants(config, (*path, key))
            continue
        for other in others(value):
            yield ".".join((*path, key)), other, with_value(config, (*path, key), other)
    for key, other in FOREIGN.items():
        if key not in inner and (not path or path[-1] in ("text_config", "vision_config")):
            yield ".".join((*path, key)), other, with_value(config, (*path, key), other)


def orders(kind: str) -> Iterator[tuple[str, Any, dict]]:
    """A small config of a type with its lists by layer in other orders, and of one kind alone."""
    whole, small = default_config(kind) or {}, usual(kind) or {}
    for part in ((), ("text_config",)):
        held, cut = (whole.get(part[0]), small.get(part[0])) if part else (whole, small)
        for key in BY_LAYER if isinstance(held, dict) else ():
            values = held.get(key)
            if not isinstance(values, list) or len(values) != held.get("num_hidden_layers"):
                continue
            values = values[: cut["num_hidden_layers"]]
            others = [values, values[::-1], *([each] * len(values) for each in sorted(set(values)))]
            for other in others:
                yield key, other, with_value(small, (*part, key), other)


def difference(config: dict[str, Any], *, passes: bool = False) -> str | None:
    """What reading says that the built class denies; None: they agree, or one of them refuses."""
    try:
        require_plausible(config)
        read = read_model(config)
        found = inspected(config, "it", passes=passes)
        built = read_model(found.description)
    except InputError:
        return None
    if read.parameters != built.parameters:
        return f"read {read.parameters:,} parameters for {built.parameters:,}"
    if read.active_parameters != built.active_parameters:
        return f"read {read.active_parameters:,} active ones for {built.active_parameters:,}"
    if not found.flops:
        return None
    tokens = None if read.patches is not None else found.tokens
    flops = forward_flops(read, 1, tokens, found.source)
    if abs(flops / found.flops - 1) > 0.01:
        return f"read {flops:,.0f} FLOPs for {found.flops:,}"
    if not read.generates or "wasn't seen" in str(built.note):
        return None
    kept = [float(kv_cache_bytes(each, 1, 900)) for each in (read, built)]
    return (
        None
        if abs(kept[0] - kept[1]) <= 0.02 * kept[1]
        else f"read {kept[0]:,} bytes kept for {kept[1]:,}"
    )


def kinds() -> list[str]:
    """Types of transformers whose whole config is read."""
    return sorted(kind for kind in set(known_types()) if kind.islower())


def usual(kind: str) -> dict[str, Any] | None:
    """A small config of a type; None: it is a part, or transformers lacks it."""
    config = default_config(kind)
    return shrunk(config) if config is not None and knows(config) else None


def main(named: list[str]) -> None:
    """Prints what differs."""
    passes = "--passes" in named
    for kind in [each for each in named if each != "--passes"] or kinds():
        config = usual(kind)
        further = orders(kind) if passes else variants(config or {})
        cases = [("as it is", "", config), *further] if config else []
        print(f"{kind}: {len(cases)} cases", flush=True)
        for key, other, changed in cases:
            if found := difference(changed, passes=passes):
                shown = "absent" if other is ABSENT else other
                print(f"  {key} {shown}: {found}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
