"""How a checkpoint says that its weights are stored: rules from the words of its files.

Read are `quantization_config` (or `compression_config`) of a config.json and NVIDIA's
`hf_quant_config.json`. A rule gives bits a weight, scales and zeros included, and the precision of
the products; patterns say which modules stay wide and which have a rule of their own.
Sources: the documentation of transformers, compressed-tensors, ModelOpt, AutoAWQ, GPTQModel,
AutoRound, Quark, MLX, torchao, HQQ and bitsandbytes on these files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelworth.costmodel.architecture.keys import Config, optional, switch
from modelworth.data.errors import InputError
from modelworth.data.weight_formats import weight_format

SCALE_BITS = WIDE_BITS = 16
WIDE_KEYS = (
    *("ignore", "modules_to_not_convert", "exclude_modules", "llm_int8_skip_modules"),
    *("exclude", "skip_modules"),
)
KNOWN = (
    "fp8, mxfp4, modelopt, compressed-tensors, awq, gptq, auto-round, quark, torchao, hqq, "
    "bitsandbytes, MLX's bits and group_size, or absent"
)


@dataclass(frozen=True)
class Rule:
    """How a module's weights are stored."""

    label: str
    bits: float
    precision: str


@dataclass(frozen=True)
class Scheme:
    """How a checkpoint's weights are stored.

    Attributes:
        rule: of matrix products that nothing else names; None: they stay wide.
        experts: of routed experts, where they differ.
        wide: patterns of modules that stay in 16 bits.
        own: patterns of modules with a rule of their own; the first that fits counts.
        cache: precision of the cache; None: not said.
        whole: whether embedding, head and routers are stored so, too.
    """

    rule: Rule | None
    experts: Rule | None = None
    wide: tuple[str, ...] = ()
    own: tuple[tuple[str, Rule], ...] = field(default=())
    cache: str | None = None
    whole: bool = False


def scheme_of(config: Config) -> Scheme | None:
    """The scheme that a config states; None: its weights are in 16 bits or more.

    Raises:
        InputError: if it states one that isn't known here.
    """
    words = _words(config)
    if words is None:
        experts = _experts(config.get("expert_dtype"), _named("fp8", "fp8"))
        return Scheme(None, experts=experts) if experts else None
    method = str(words.get("quant_method") or ("modelopt" if "quant_algo" in words else "")).lower()
    method = method.rpartition("/")[2]
    wide = _names(words, *WIDE_KEYS)
    if words.get("quant_algo"):
        return _modelopt(words, wide)
    if words.get("config_groups"):
        return _groups(words, wide)
    if method in ("fp8", "fbgemm_fp8"):
        return _fp8(config, words, wide)
    if method == "mxfp4":
        return Scheme(None, experts=_named("MXFP4", "mxfp4"), wide=wide)
    if method == "quark":
        return _quark(words, wide)
    if not method and "bits" in words and "group_size" in words:
        return _mlx(words)
    own, skipped = _apart(method, words)
    return Scheme(_simple(method, words), wide=wide + skipped, own=own)


def _words(config: Config) -> dict[str, Any] | None:
    """What the config says of quantisation, wherever it stands."""
    inner = config.get("text_config")
    for holder in (config, inner if isinstance(inner, Mapping) else {}):
        for key in ("quantization_config", "compression_config", "quantization"):
            found = holder.get(key)
            if found is None or found == {}:
                continue
            if not isinstance(found, Mapping):
                raise InputError(f"config: {key}", found, "a dictionary")
            within = found.get("quantization")
            return {**found, **within} if isinstance(within, Mapping) else dict(found)
    return None


def _names(words: Config, *keys: str) -> tuple[str, ...]:
    """Patterns of modules at any of `keys`."""
    found: list[str] = []
    for key in keys:
        value = words.get(key) or []
        if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
            raise InputError(f"config: quantization_config.{key}", value, "a list of names")
        found += value
    return tuple(found)


def _named(label: str, name: str) -> Rule:
    """A format of the project's table."""
    row = weight_format(name)
    return Rule(label, row.bits, row.products)


def grouped(bits: int, kind: str, group: int | None, *, zeros: bool = False) -> Rule:
    """A format of `bits` with a scale (and a zero) for each `group` weights; None: for a row."""
    if kind == "float":
        scale = {4: 8, 8: 8}.get(bits, SCALE_BITS) if group and group <= 32 else SCALE_BITS
        label = {(4, 16): "NVFP4", (4, 32): "MXFP4", (8, 32): "MXFP8"}.get(
            (bits, group or 0), f"fp{bits}"
        )
        precision = f"fp{bits}"
    else:
        scale, precision = SCALE_BITS + (bits if zeros else 0), f"int{bits}"
        label = f"int{bits}" + (f" in groups of {group}" if group else "")
    if bits >= WIDE_BITS:
        return Rule("16 bits", bits, "bf16")
    if precision not in ("fp8", "fp4", "int8", "int4"):
        precision = "int8" if bits > 4 else "int4"
    return Rule(label, bits + (scale / group if group else 0), precision)


def _block_fp8(words: Config) -> Rule:
    """fp8 with a scale a block, a row or a tensor."""
    block = words.get("weight_block_size")
    if block is None:
        return _named("fp8", "fp8")
    if not (isinstance(block, list | tuple) and len(block) == 2 and all(_size(b) for b in block)):
        raise InputError("config: quantization_config.weight_block_size", block, "two sizes")
    return Rule(f"fp8 in blocks of {block[0]} × {block[1]}", 8 + 32 / (block[0] * block[1]), "fp8")


def _size(value: Any) -> bool:
    """Whether it is a whole number above 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _group(value: Any) -> int | None:
    """Weights that share a scale; None: a whole row, which files write as -1."""
    if value != -1 and not _size(value):
        raise InputError("config: quantization_config.group_size", value, "a size, or -1")
    return None if value == -1 else int(value)


def _kind(words: Config, default: str) -> str:
    """Whether numbers are whole ones or have a point."""
    found = words.get("type", default)
    if found not in ("int", "float"):
        raise InputError("config: quantization_config: type", found, "int or float")
    return str(found)


def _fp8(config: Config, words: Config, wide: tuple[str, ...]) -> Scheme:
    """fp8 as transformers and DeepSeek write it; DeepSeek V4's experts may be in 4 bits."""
    rule = _block_fp8(words)
    experts = _experts(words.get("expert_dtype") or config.get("expert_dtype"), rule)
    return Scheme(rule, experts=experts, wide=wide)


def _experts(said: Any, fp8: Rule) -> Rule | None:
    """What `expert_dtype` says of routed experts, beside a scheme for the rest or alone."""
    if said is None:
        return None
    known = {"fp4": _named("MXFP4", "mxfp4"), "fp8": fp8, "bf16": Rule("bf16", 16, "bf16")}
    if not isinstance(said, str) or said not in known:
        raise InputError("config: expert_dtype", said, "one of fp4, fp8, bf16")
    return known[said]


def _modelopt(words: Config, wide: tuple[str, ...]) -> Scheme:
    """NVIDIA ModelOpt: one algorithm, or one for each of the named layers."""
    algorithm = str(words["quant_algo"]).upper()
    cache = _cache(words)
    layers = words.get("quantized_layers")
    if algorithm != "MIXED_PRECISION":
        return Scheme(_algorithm(algorithm, words), wide=wide, cache=cache)
    rest = None
    if words.get("quant_method") == "fp8" and words.get("weight_block_size"):
        rest = _block_fp8(words)
        wide = ("lm_head", "head")
    if not isinstance(layers, Mapping):
        raise InputError("config: quantized_layers", layers, "a dictionary of layers")
    own = tuple(
        (str(name), _algorithm(str(each.get("quant_algo")).upper(), each))
        for name, each in layers.items()
        if isinstance(each, Mapping)
    )
    return Scheme(rest, wide=wide, own=own, cache=cache)


def _algorithm(name: str, words: Config) -> Rule:
    """A rule by ModelOpt's name for it."""
    group = optional(words, "group_size")
    if name in ("FP8", "FP8_PER_CHANNEL_PER_TOKEN", "FP8_PB_WO", "FP8_PB_REAL"):
        return _named("fp8", "fp8")
    if name in ("NVFP4", "W4A16_NVFP4", "W4A8_NVFP4_FP8", "NVFP4_AWQ", "NVFP4_SVDQUANT"):
        return grouped(4, "float", group or 16)
    if name in ("W4A16_MXFP4", "W4A8_MXFP4_FP8", "MXFP4"):
        return _named("MXFP4", "mxfp4")
    if name == "MXFP8":
        return _named("MXFP8", "mxfp8")
    if name in ("W4A16_AWQ", "W4A8_AWQ", "INT4_AWQ", "W4A16", "W4A16_GPTQ"):
        return grouped(4, "int", group or 128)
    if name in ("W8A8_SQ_PER_CHANNEL", "W8A8_SQ_PER_TENSOR_PLUGIN", "W8A16", "INT8", "INT8_SQ"):
        return _named("int8", "int8")
    allowed = "one of FP8, NVFP4, MXFP4, MXFP8, W4A16_AWQ, W8A8_SQ_PER_CHANNEL, MIXED_PRECISION"
    raise InputError("config: quant_algo", name, allowed)


def _groups(words: Config, wide: tuple[str, ...]) -> Scheme:
    """compressed-tensors: groups of modules, each with the form of its weights."""
    groups = words["config_groups"]
    if not isinstance(groups, Mapping):
        raise InputError("config: quantization_config.config_groups", groups, "a dictionary")
    rule, own = None, []
    for name, group in groups.items():
        where = f"config: quantization_config.config_groups.{name}"
        if not isinstance(group, Mapping) or "weights" not in group:
            raise InputError(where, group, "a dictionary with the form of its weights")
        weights = group["weights"]
        if weights is None:
            continue
        if not isinstance(weights, Mapping):
            raise InputError(f"{where}.weights", weights, "a dictionary")
        bits = optional(weights, "num_bits")
        if not bits:
            raise InputError(f"{where}.weights.num_bits", bits, "a number of bits")
        group_size = weights.get("group_size")
        size = None if group_size is None else _group(group_size)
        zeros = not switch(weights, "symmetric", True)
        found = grouped(bits, _kind(weights, "int"), size, zeros=zeros)
        targets = _names(group, "targets") or ("Linear",)
        if "Linear" in targets:
            rule = found
        own += [(target, found) for target in targets if target != "Linear"]
    return Scheme(rule, wide=wide, own=tuple(own), cache=_cache(words))


def _simple(method: str, words: Config) -> Rule:
    """Methods with one rule for every product."""
    if method in ("awq", "gptq", "auto-round", "auto_round", "gptq_marlin", "awq_marlin"):
        bits = optional(words, "bits", "w_bit")
        if bits not in (2, 3, 4, 8):
            raise InputError("config: quantization_config.bits", bits, "2, 3, 4 or 8")
        size = _group(words.get("group_size", words.get("q_group_size", 128)))
        zeros = switch(words, "zero_point", True) if "awq" in method else True
        found = grouped(bits, "int", size, zeros=zeros)
        return Rule(f"{method.upper()} {found.label}", found.bits, found.precision)
    if method == "bitsandbytes":
        narrow = [switch(words, f"load_in_{bits}bit", False) for bits in (4, 8)]
        if sum(narrow) != 1:
            raise InputError("config: quantization_config", narrow, "load_in_4bit or load_in_8bit")
        if narrow[0]:
            double = switch(words, "bnb_4bit_use_double_quant", False)
            return _named("NF4", "nf4_double" if double else "nf4")
        return _named("int8", "int8")
    simple = {"eetq": "int8", "fp8_e4m3": "fp8", "mxfp8": "mxfp8"}
    if method in simple:
        return _named(method, simple[method])
    if method == "quanto" and (said := re.fullmatch(r"(int|float)(\d)", str(words.get("weights")))):
        return grouped(int(said[2]), said[1], None)
    if method == "torchao":
        return _torchao(words.get("quant_type"))
    if method == "hqq":
        inner = _within(_within(words, "quant_config"), "weight_quant_params")
        return _affine("HQQ", inner.get("nbits"), inner.get("group_size"))
    raise InputError("config: quantization_config.quant_method", method or "nothing", KNOWN)


def _within(words: Config, key: str) -> Config:
    """A part of what is said."""
    found = words.get(key)
    if not isinstance(found, Mapping):
        raise InputError(f"config: quantization_config.{key}", found, "a dictionary")
    return found


def _affine(label: str, bits: Any, group: Any) -> Rule:
    """Whole numbers with a scale and an offset of 16 bits for each group."""
    if not (_size(bits) and _size(group) and bits <= 8):
        found = f"{bits} bits in groups of {group}"
        raise InputError("config: quantization_config", found, "1 to 8 bits and a group's size")
    precision = "int8" if bits > 4 else "int4"
    return Rule(f"{label} int{bits} in groups of {group}", bits + 2 * SCALE_BITS / group, precision)


def _mlx(words: Config) -> Scheme:
    """MLX: every matrix, embedding and head included, and some modules with words of their own."""

    def rule(said: Config) -> Rule:
        mode = said.get("mode") or "affine"
        if mode in ("mxfp4", "mxfp8", "nvfp4"):
            return _named(mode.upper(), mode)
        if mode != "affine":
            raise InputError("config: quantization.mode", mode, "affine, mxfp4, mxfp8 or nvfp4")
        return _affine("MLX", said.get("bits"), said.get("group_size"))

    own = {key: rule(said) for key, said in words.items() if isinstance(said, Mapping)}
    wide = tuple(key for key, said in words.items() if said is False)
    return Scheme(rule(words), wide=wide, own=tuple(own.items()), whole=True)


def _quark(words: Config, wide: tuple[str, ...]) -> Scheme:
    """AMD's Quark: a form for every product, and some modules with one of their own."""

    def rule(said: Config) -> Rule | None:
        weight = said.get("weight")
        weight = weight[0] if isinstance(weight, list) and len(weight) == 1 else weight
        if weight is None:
            return None
        weight = _within({"weight": weight}, "weight")
        form = re.fullmatch(r"(fp|int|uint|mx_?fp)(4|8)(?:_e\dm\d)?", str(weight.get("dtype")))
        if form is None:
            raise InputError("config: quantization_config: dtype", weight, "fp4, fp8, int4, int8")
        group = weight.get("group_size") if weight.get("qscheme") == "per_group" else None
        kind = "float" if "fp" in form[1] else "int"
        return grouped(int(form[2]), kind, None if group is None else _group(group))

    layers = _within(words, "layer_quant_config") if words.get("layer_quant_config") else {}
    said = {key: rule(_within(layers, key)) for key in layers}
    own = tuple((key, found) for key, found in said.items() if found is not None)
    wide += tuple(key for key, found in said.items() if found is None)
    return Scheme(rule(_within(words, "global_quant_config")), wide=wide, own=own)


def _torchao(said: Any) -> Rule:
    """torchao, by the name of its configuration."""
    inner = said.get("default", said) if isinstance(said, Mapping) else {}
    name = str(inner.get("_type", said)).lower().replace("_", "")
    data = inner.get("_data")
    group = data.get("group_size") if isinstance(data, Mapping) else None
    if "float8" in name:
        return _named("fp8", "fp8")
    if match := re.search(r"int(4|8)weight", name):
        usual = 32 if "dynamic" in name else 128
        return _named("int8", "int8") if match[1] == "8" else grouped(4, "int", group or usual)
    raise InputError("config: quantization_config.quant_type", said, "float8, int8 or int4 weights")


def _apart(method: str, words: Config) -> tuple[tuple[tuple[str, Rule], ...], tuple[str, ...]]:
    """Modules that GPTQModel's `dynamic` or AutoRound's `extra_config` store otherwise, or wide."""
    own, wide = [], []
    for key in ("dynamic", "extra_config"):
        for name, said in (_within(words, key) if words.get(key) else {}).items():
            pattern = name if key == "extra_config" else "re:" + name.removeprefix("+:")
            if name.startswith("-:"):
                wide.append(f"re:{name[2:]}")
            elif isinstance(said, Mapping) and (optional(said, "bits") or 0) >= WIDE_BITS:
                wide.append(pattern)
            elif isinstance(said, Mapping):
                own.append((pattern, _simple(method, {**words, **said})))
    return tuple(own), tuple(wide)


def _cache(words: Config) -> str | None:
    """Precision of the cache, where it is said."""
    said = words.get("kv_cache_quant_algo") or words.get("kv_cache_scheme")
    if isinstance(said, Mapping):
        bits = optional(said, "num_bits")
        said = f"{'FP' if _kind(said, 'int') == 'float' else 'INT'}{bits}"
    if said is None:
        return None
    known = {"FP8": "fp8", "INT8": "int8", "NVFP4": "fp4", "FP4": "fp4"}
    if str(said).upper() not in known:
        raise InputError("config: kv_cache_scheme", said, f"one of {', '.join(known)}")
    return known[str(said).upper()]
