"""What a model becomes as a GGUF file: which format each tensor gets, and bytes on disk.

A preset such as Q4_K_M mixes formats of tensors by what they do and where they stand. The rules are
those of llama.cpp's quantize (src/llama-quant.cpp, early 2026), in one table; with an importance
matrix a few tensors differ. Vectors, routers and tables of positions are stored in 32 bits. Experts
whose checkpoint holds them in MXFP4 stay so in every preset, as in all files of gpt-oss.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from modelworth.costmodel.architecture.structure import (
    Architecture,
    Block,
    Part,
    Stored,
    StoredPart,
)
from modelworth.data.errors import InputError
from modelworth.data.weight_formats import weight_format

VECTOR_BITS = 32.0
SUPER_BLOCK, BLOCK = 256, 32
"""Weights that one scale of scales covers, and one scale."""
IN_BLOCKS = ("q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "iq4_nl", "mxfp4")
NARROWER = {"q4_k": "q5_0", "q5_k": "q5_1", "q6_k": "q8_0"}
"""What a row that super-blocks don't divide gets instead; the rest get iq4_nl."""
FUSED = ("falcon", "gpt2", "gpt_neox", "bloom", "mpt", "phi3", "codegen", "gpt_bigcode")
"""Types whose files hold queries, keys and values as one tensor."""
BYTES_A_WORD = 45
"""Of a vocabulary's entry in a header: its text, kind, score and merges. Measured: 42 to 60."""
HEADER_BYTES, TENSOR_BYTES, ALIGNMENT = 3_000, 90, 32

Rule = tuple[tuple[str, str], ...]
"""Formats with the layers that get them; the first that fits counts."""


@dataclass(frozen=True)
class Preset:
    """One preset: the format of most tensors, and of those that differ."""

    base: str
    head: str = "q6_k"
    table: str | None = None
    value: Rule = ()
    qkv: Rule = ()
    asked: Rule = ()
    output: Rule = ()
    down: Rule = ()
    up: Rule = ()
    experts: str | None = None


THREE = (("q4_k", "grouped"),)
TWO = Preset("iq2_xs", "q5_k", "iq3_s", (("q4_k", "grouped"), ("iq3_s", "all")))
TWO = replace(TWO, output=(("iq3_s", "all"),), down=(("iq3_s", "eighth"),))
ONE = Preset("iq1_s", "q5_k", "q2_k", (("q4_k", "grouped"), ("q2_k", "all")))
ONE = replace(ONE, output=(("iq2_xxs", "all"),), down=(("q2_k", "eighth"),))
PRESETS: dict[str, Preset] = {
    "q2_k": Preset(
        "q2_k",
        value=(("q4_k", "grouped"), ("q3_k", "all")),
        output=(("q3_k", "all"),),
        down=(("q3_k", "all"),),
    ),
    "q2_k_s": Preset("q2_k", value=THREE, down=(("q4_k", "eighth"),)),
    "q3_k_s": Preset("q3_k"),
    "q3_k_m": Preset(
        "q3_k",
        value=(("q5_k", "first 2"), ("q4_k", "all")),
        qkv=(("q4_k", "all"),),
        output=(("q4_k", "all"),),
        down=(("q5_k", "sixteenth"), ("q4_k", "all")),
    ),
    "q3_k_l": Preset(
        "q3_k",
        value=(("q5_k", "all"),),
        qkv=(("q4_k", "all"),),
        output=(("q5_k", "all"),),
        down=(("q5_k", "all"),),
    ),
    "q4_0": Preset("q4_0"),
    "q4_1": Preset("q4_1"),
    "q4_k_s": Preset("q4_k", value=(("q5_k", "first 4"),), down=(("q5_k", "eighth"),)),
    "q4_k_m": Preset(
        "q4_k", value=(("q6_k", "more"),), qkv=(("q5_k", "all"),), down=(("q6_k", "more"),)
    ),
    "q5_0": Preset("q5_0"),
    "q5_1": Preset("q5_1"),
    "q5_k_s": Preset("q5_k"),
    "q5_k_m": Preset(
        "q5_k", value=(("q6_k", "more"),), qkv=(("q6_k", "all"),), down=(("q6_k", "more"),)
    ),
    "q6_k": Preset("q6_k"),
    "q8_0": Preset("q8_0", "q8_0"),
    "mxfp4_moe": Preset("q8_0", "q8_0", experts="mxfp4"),
    "f16": Preset("fp16", "fp16"),
    "bf16": Preset("bf16", "bf16"),
    "iq1_s": ONE,
    "iq1_m": replace(ONE, base="iq1_m"),
    "iq2_xxs": replace(ONE, base="iq2_xxs", output=()),
    "iq2_xs": replace(ONE, base="iq2_xs", output=()),
    "iq2_s": TWO,
    "iq2_m": replace(TWO, base="iq2_s"),
    "iq3_xxs": Preset(
        "iq3_xxs",
        "q5_k",
        "iq3_s",
        value=THREE,
        asked=(("iq2_s", "all"),),
        output=(("iq3_s", "all"),),
    ),
    "iq3_xs": Preset(
        "iq3_s", value=THREE, asked=(("iq3_xxs", "all"),), up=(("iq3_xxs", "middle"),)
    ),
    "iq3_s": Preset("iq3_s", value=THREE),
    "iq3_m": Preset(
        "iq3_s",
        value=(("q4_k", "all"),),
        qkv=(("q4_k", "all"),),
        output=(("q4_k", "all"),),
        down=(("q4_k", "eighth"),),
    ),
    "iq4_xs": Preset("iq4_xs", value=(("q5_k", "grouped"),), down=(("q5_k", "eighth"),)),
    "iq4_nl": Preset("iq4_nl", value=(("q5_k", "grouped"),), down=(("q5_k", "eighth"),)),
}
EIGHT_EXPERTS = {"value": "q8_0", "keys": "q8_0", "output": "q5_k"}
"""What attention of a mixture of eight gets below 5 bits, since it is little of the whole."""


@dataclass(frozen=True)
class Tensor:
    """Some tensors of a file that are alike: how many weights, in rows of how many."""

    part: Part
    kind: str
    parameters: int
    row: int
    place: int = 0
    routed: bool = False


def is_preset(name: str) -> bool:
    """Whether a precision is a preset of GGUF files that mixes formats of tensors."""
    key = name.strip().lower()
    return key in PRESETS and key not in ("f16", "bf16")


def as_gguf(architecture: Architecture, name: str) -> Architecture:
    """The model as a GGUF file of a preset stores it.

    Raises:
        InputError: if there is no such preset.
    """
    key = name.strip().lower()
    if key not in PRESETS:
        raise InputError("precision", name, f"one of {', '.join(PRESETS)}")
    preset, held, tensors = PRESETS[key], Counter[tuple[Part, float]](), 0
    if holds_mxfp4(architecture):
        preset = replace(preset, experts="mxfp4")
    rest = Counter(architecture.parameters_by_part)
    for each in _tensors(architecture):
        bits = weight_format(_format(architecture, preset, each)).bits
        held[each.part, bits] += each.parameters
        rest[each.part] -= each.parameters
        tensors += 1
    parts = [StoredPart(part, count, bits) for (part, bits), count in held.items() if count]
    parts += [StoredPart(part, count, VECTOR_BITS) for part, count in rest.items() if count > 0]
    header = HEADER_BYTES + architecture.vocab * BYTES_A_WORD + tensors * TENSOR_BYTES
    products = weight_format(preset.experts or preset.base).products
    stored = Stored(f"GGUF {key.upper()}", products, tuple(parts), header_bytes=header)
    return replace(architecture, stored=stored)


def holds_mxfp4(architecture: Architecture) -> bool:
    """Whether experts are held in MXFP4."""
    bits = weight_format("mxfp4").bits
    parts = () if architecture.stored is None else architecture.stored.parts
    return any(each.part == "experts" and each.bits == bits for each in parts)


def _format(architecture: Architecture, preset: Preset, tensor: Tensor) -> str:
    """The format of one tensor."""
    chosen = _chosen(architecture, preset, tensor)
    if chosen in ("bf16", "fp16") or tensor.row % _block(chosen) == 0:
        return chosen
    narrower = NARROWER.get(chosen, "iq4_nl")
    return narrower if tensor.row % _block(narrower) == 0 else "fp16"


def _block(name: str) -> int:
    """Weights that a block of a format covers."""
    return BLOCK if name in IN_BLOCKS else SUPER_BLOCK


def _chosen(architecture: Architecture, preset: Preset, tensor: Tensor) -> str:
    """The format that the preset wants for a tensor."""
    kind = tensor.kind
    if tensor.part == "experts" and preset.experts and tensor.routed:
        return preset.experts
    if kind == "head":
        falcon = architecture.model_type == "falcon" and preset.head == "q6_k"
        return "q8_0" if falcon else preset.head
    if kind == "table":
        return preset.table or preset.base
    experts = max(block.feed_forward.experts for block in architecture.blocks)
    if experts == 8 and kind in EIGHT_EXPERTS and weight_format(preset.base).bits < 5:
        return EIGHT_EXPERTS[kind]
    rules = {"keys": preset.asked, "queries": preset.asked}.get(kind)
    rules = getattr(preset, kind, ()) if rules is None else rules
    layers = architecture.layers
    for form, where in rules:
        if _stands(where, tensor.place, layers) or (where == "grouped" and _grouped(architecture)):
            return form
    return preset.base


def _grouped(architecture: Architecture) -> bool:
    """Whether four heads or more share their keys and values."""
    return any(
        block.attention.kv_heads and block.attention.heads >= 4 * block.attention.kv_heads
        for block in architecture.blocks
    )


def _stands(where: str, place: int, layers: int) -> bool:
    """Whether a layer is among those that a rule names."""
    eighth = layers // 8
    late = place >= 7 * layers // 8
    return {
        "all": True,
        "more": place < eighth or late or (place - eighth) % 3 == 2,
        "eighth": place < eighth,
        "sixteenth": place < layers // 16,
        "middle": eighth <= place and not late,
        "first 2": place < 2,
        "first 4": place < 4,
    }.get(where, False)


def _tensors(architecture: Architecture) -> Iterator[Tensor]:
    """Every tensor of the file that isn't stored in 32 bits."""
    hidden, head = architecture.hidden, architecture.head
    table = architecture.vocab * hidden
    if table:
        tied = head.shared_parameters >= table
        yield Tensor("embedding", "head" if tied else "table", table, hidden)
    own = head.matmul_parameters - head.shared_parameters
    if own:
        yield Tensor("head", "head", own, hidden)
    place = Counter[str]()
    for block in architecture.blocks:
        for at in block.at or range(place[block.stack], place[block.stack] + block.count):
            yield from _layer(block, at, fused=architecture.model_type in FUSED)
        place[block.stack] += block.count
    for tower in architecture.towers:
        inner = tower.architecture
        yield Tensor("towers", "up", inner.matmul_parameters, inner.hidden)


def _layer(block: Block, at: int, *, fused: bool) -> Iterator[Tensor]:
    """The tensors of one layer."""
    mixer, network = block.attention, block.feed_forward
    part: Part = "attention" if mixer.kind == "attention" else "recurrent"
    keys = mixer.hidden * mixer.kv_heads * mixer.head_dim
    values = mixer.hidden * mixer.kv_heads * mixer.value_dim
    output = mixer.hidden * mixer.heads * mixer.value_dim
    rest = mixer.matmul_parameters - keys - values - output
    if part == "recurrent" or mixer.kv_rank is not None or rest <= 0:
        yield Tensor(part, "mixer", mixer.matmul_parameters, mixer.hidden, at)
    elif fused:
        yield Tensor(part, "qkv", rest + keys + values, mixer.hidden, at)
        yield Tensor(part, "output", output, mixer.heads * mixer.value_dim, at)
    else:
        yield Tensor(part, "queries", rest, mixer.hidden, at)
        yield Tensor(part, "keys", keys, mixer.hidden, at)
        yield Tensor(part, "value", values, mixer.hidden, at)
        yield Tensor(part, "output", output, mixer.heads * mixer.value_dim, at)
    if block.cross is not None:
        crossed = block.cross.matmul_parameters
        yield Tensor("cross_attention", "queries", crossed, mixer.hidden, at)
    if block.residual:
        yield Tensor("residual", "mixer", block.residual, mixer.hidden, at)
    of: Part = "experts" if network.experts else "mlp"
    routed = max(network.experts, 1) * network.network_parameters
    shared = network.common_parameters if network.experts else 0
    sizes = ((routed, network.width, of == "experts"), (shared, network.shared_width, False))
    for whole, width, chosen in sizes:
        if whole:
            down, inputs = whole // network.matrices, network.expert_hidden or network.hidden
            yield Tensor(of, "up", whole - down, inputs, at, chosen)
            yield Tensor(of, "down", down, width or network.hidden, at, chosen)
