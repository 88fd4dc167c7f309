"""How families of decoders depart from Llama, one row a family.

Defaults are those of transformers 5; a test builds a small model of every row and compares sizes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from modelworth.costmodel.architecture.structure import Norm

Windows = Literal["none", "all", "late"] | int
"""Layers with a sliding window, unless the config lists them: none, all, those from
max_window_layers on, or all but every n-th."""


@dataclass(frozen=True)
class Traits:
    """How a family of decoders departs from Llama.

    Attributes:
        tied: whether the head shares the embedding's table, unless the config says.
        norms, norm_vectors: norms a layer, and vectors in each (with a bias: 2).
        norm: what kind they are.
        activation: the config's default.
        qkv_bias, output_bias, mlp_bias: vectors added after the products, unless the config's
            attention_bias, mlp_bias or `bias_key` says.
        bias_key: the config's one switch for all three.
        qk_norm: norm of queries and keys, by head or over the whole width; `qk_norm_key` switches.
        learned_positions: rows of the position table beyond the longest sequence; None: no table.
        windows: which layers see a sliding window only.
        sinks, expert_bias, head_bias, embedding_norm, shared_gate, output_gate: parts that few
            families have.
        no_output_bias: whether attention_bias is for the inputs only.
    """

    tied: bool = False
    gated: bool = True
    norms: int = 2
    norm_vectors: int = 1
    norm: Norm = "rms"
    activation: str = "silu"
    qkv_bias: bool = False
    output_bias: bool = False
    mlp_bias: bool = False
    bias_key: str | None = None
    qk_norm: Literal["head", "width"] | None = None
    qk_norm_key: str | None = None
    learned_positions: int | None = None
    windows: Windows = "none"
    sinks: bool = False
    expert_bias: bool = False
    head_bias: bool = False
    embedding_norm: bool = False
    shared_gate: bool = False
    output_gate: bool = False
    no_output_bias: bool = False
    qk_norm_vectors: int = 1


LAYER_NORM = Traits(
    gated=False,
    norm_vectors=2,
    norm="layer",
    activation="gelu",
    qkv_bias=True,
    output_bias=True,
    mlp_bias=True,
    tied=True,
)
GEMMA = Traits(tied=True, norm="rms_float32", activation="gelu_pytorch_tanh")
TRAITS: dict[str, Traits] = {
    "llama": Traits(),
    "mistral": Traits(windows="all"),
    "mixtral": Traits(windows="all"),
    "ministral": Traits(windows="all"),
    "arcee": Traits(gated=False, activation="relu2"),
    "dots1": Traits(qk_norm="head"),
    "ernie4_5": Traits(tied=True, bias_key="use_bias"),
    "exaone4": Traits(qk_norm="head", windows=4),
    "glm": Traits(qkv_bias=True),
    "glm4_moe": Traits(qk_norm="head", qk_norm_key="use_qk_norm", no_output_bias=True),
    "bailing_moe": Traits(qk_norm="head", qk_norm_key="use_qk_norm", no_output_bias=True),
    "granitemoe": Traits(),
    "granitemoeshared": Traits(),
    "helium": Traits(no_output_bias=True),
    "hunyuan_v1_dense": Traits(qk_norm="head"),
    "olmo3": Traits(qk_norm="width", windows=4),
    "seed_oss": Traits(qkv_bias=True),
    "phi3": Traits(windows="all"),
    "granite": Traits(),
    "deepseek_v2": Traits(),
    "deepseek_v3": Traits(),
    "qwen2": Traits(qkv_bias=True, windows="late"),
    "qwen2_vl_text": Traits(qkv_bias=True, windows="late"),
    "qwen2_5_vl_text": Traits(qkv_bias=True, windows="late"),
    "qwen2_moe": Traits(qkv_bias=True, windows="late", shared_gate=True),
    "qwen3": Traits(qk_norm="head", windows="late"),
    "qwen3_moe": Traits(qk_norm="head"),
    "qwen3_vl_text": Traits(qk_norm="head"),
    "qwen3_vl_moe_text": Traits(qk_norm="head"),
    "mimo": Traits(qkv_bias=True, windows="late"),
    "minimax_m2": Traits(qk_norm="width"),
    "smollm3": Traits(tied=True, windows="late"),
    "gemma": GEMMA,
    "gemma2": replace(GEMMA, norms=4, windows=2),
    "gemma3_text": replace(GEMMA, norms=4, qk_norm="head", windows=6),
    "olmo": Traits(norm_vectors=0, norm="layer"),
    "olmo2": Traits(qk_norm="width"),
    "olmoe": Traits(qk_norm="width"),
    "glm4": Traits(norms=4, no_output_bias=True),
    "cohere": Traits(tied=True, norms=1, norm="layer", qk_norm="width", qk_norm_key="use_qk_norm"),
    "cohere2": Traits(tied=True, norms=1, norm="layer", windows=4),
    "gpt_oss": Traits(qkv_bias=True, output_bias=True, windows=2, sinks=True, expert_bias=True),
    "gpt2": replace(LAYER_NORM, learned_positions=0, activation="gelu_new"),
    "opt": replace(LAYER_NORM, learned_positions=2, bias_key="enable_bias", activation="relu"),
    "bloom": replace(LAYER_NORM, embedding_norm=True),
    "gpt_neox": replace(LAYER_NORM, tied=False),
    "gptj": replace(
        LAYER_NORM, tied=False, norms=1, qkv_bias=False, output_bias=False, head_bias=True
    ),
    "codegen": replace(
        LAYER_NORM, tied=False, norms=1, qkv_bias=False, output_bias=False, head_bias=True
    ),
    "gpt_bigcode": replace(LAYER_NORM, learned_positions=0, activation="gelu_pytorch_tanh"),
    "phi": replace(
        LAYER_NORM,
        tied=False,
        norms=1,
        head_bias=True,
        qk_norm="head",
        qk_norm_key="qk_layernorm",
        qk_norm_vectors=2,
    ),
    "starcoder2": replace(LAYER_NORM, bias_key="use_bias", windows="all"),
    "stablelm": Traits(norm_vectors=2, norm="layer", qk_norm="width", qk_norm_key="qk_layernorm"),
    "falcon": replace(
        LAYER_NORM, qkv_bias=False, output_bias=False, mlp_bias=False, bias_key="bias"
    ),
    "nemotron": Traits(gated=False, norm_vectors=2, norm="layer", activation="relu2"),
    **dict.fromkeys(("glm4_moe_lite", "internlm3", "minicpm3", "mistral4", "youtu"), Traits()),
    "solar_open": Traits(no_output_bias=True),
    **dict.fromkeys(("hunyuan_v1_moe", "hy_v3", "mellum"), Traits(qk_norm="head")),
    "exaone_moe": Traits(qk_norm="head", windows=4),
    "flex_olmo": Traits(qk_norm="width"),
    "ministral3": Traits(windows="all"),
    "phimoe": Traits(norm_vectors=2, norm="layer", windows="all"),
    "vaultgemma": replace(GEMMA, windows=2),
    "gpt-sw3": replace(LAYER_NORM, learned_positions=0, activation="gelu_new"),
    "gpt_neo": replace(LAYER_NORM, learned_positions=0, qkv_bias=False, activation="gelu_new"),
    "mpt": Traits(tied=True, gated=False, norm="layer", activation="gelu"),
}
