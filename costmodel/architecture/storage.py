"""How many bits a checkpoint stores for each part of a model, by its own quantisation.

Every matrix product of every layer is asked for by the name that checkpoints give it, since files
list what stays wide by name. Embeddings, head, routers and vectors stay in 16 bits unless a file
names them, and so do towers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate

from modelworth.costmodel.architecture.keys import Config, optional
from modelworth.costmodel.architecture.mixers import Attention
from modelworth.costmodel.architecture.quantization import Rule, Scheme
from modelworth.costmodel.architecture.structure import (
    Architecture,
    Block,
    Part,
    Stored,
    StoredPart,
)
from modelworth.data.errors import InputError
from modelworth.data.weight_formats import weight_format

WIDE_BITS = 16.0
PREFIX = re.compile(r"^(?:(?:model|language_model|backbone|transformer|decoder|encoder)\.)+")
HOLDERS = ("", "model.", "language_model.", "model.language_model.", "language_model.model.")
MIXERS = ("self_attn", "attn", "attention", "mixer", "linear_attn", "mamba")
ALSO = {
    **{"q_proj": ("qkv_proj", "wq_b"), "o_proj": ("wo_b",)},
    **dict.fromkeys(("k_proj", "v_proj"), ("qkv_proj", "fused_wqa_wkv")),
    **dict.fromkeys(("gate_proj", "up_proj"), ("gate_up_proj",)),
}
"""Other names of a product: of engines that join several, and of DeepSeek V4."""
NETWORKS = ("mlp", "block_sparse_moe", "ffn", "feed_forward", "mixer", "moe")


@dataclass(frozen=True)
class Leaf:
    """The matrix of one product: its names in checkpoints, and its parameters."""

    part: Part
    names: tuple[str, ...]
    parameters: int


class Matcher:
    """Whether a module's name fits any of a list of patterns."""

    def __init__(self, patterns: Sequence[str]) -> None:
        plain, wild = set(), []
        for pattern in patterns:
            if pattern.startswith("re:"):
                wild.append(pattern[3:])
            elif "*" in pattern or "?" in pattern:
                bare = PREFIX.sub("", pattern)
                wild += [translate(bare), translate(bare + ".*")]
            else:
                plain.add(PREFIX.sub("", pattern))
        self.plain = plain
        try:
            self.wild = [re.compile(each) for each in wild]
        except re.error as error:
            raise InputError("config: quantization_config", str(error), "patterns") from error

    def fits(self, name: str) -> bool:
        """Whether the name, a module that holds it, or its end is listed."""
        words = name.split(".")
        ends = range(1, len(words) + 1)
        if any(".".join(words[:end]) in self.plain for end in ends):
            return True
        if any(".".join(words[-end:]) in self.plain for end in ends):
            return True
        return any(each.match(held + name) for each in self.wild for held in HOLDERS)


def stored(architecture: Architecture, scheme: Scheme) -> Stored:
    """The bits of every part of a model under a scheme."""
    wide = Matcher(scheme.wide)
    own = [
        (Matcher([pattern for pattern, each in scheme.own if each == rule]), rule)
        for rule in dict.fromkeys(rule for _, rule in scheme.own)
    ]
    held: Counter[tuple[Part, float]] = Counter()
    narrow: Counter[Rule] = Counter()
    rest = Counter(architecture.parameters_by_part)
    for leaf in _leaves(architecture, scheme):
        rule = _rule(leaf, scheme, wide, own)
        if rule is None:
            continue
        held[leaf.part, rule.bits] += leaf.parameters
        rest[leaf.part] -= leaf.parameters
        narrow[rule] += leaf.parameters
    parts = [StoredPart(part, count, bits) for (part, bits), count in held.items() if count]
    parts += [StoredPart(part, count, WIDE_BITS) for part, count in rest.items() if count]
    labels = [rule.label for rule, _ in narrow.most_common()]
    method = " and ".join(dict.fromkeys(labels)) or "bf16"
    precision = narrow.most_common(1)[0][0].precision if narrow else "bf16"
    return Stored(method, precision, tuple(parts), scheme.cache)


def stored_as_listed(architecture: Architecture, words: Config) -> Stored:
    """The bits of a file that lists its tensors: part, parameters and format of each.

    Raises:
        InputError: if they aren't the model's parameters.
    """
    parts, narrow = [], Counter[str]()
    for part, parameters, form in words.get("parts") or ():
        row = weight_format(form)
        parts.append(StoredPart(part, parameters, row.bits))
        if row.bits < WIDE_BITS:
            narrow[form] += parameters
    counted = sum(each.parameters for each in parts)
    if abs(counted - architecture.parameters) > 0.001 * architecture.parameters:
        found = f"{counted:,} parameters in tensors, {architecture.parameters:,} by the sizes"
        raise InputError("GGUF", found, "a file whose sizes and tensors agree")
    method = narrow.most_common(1)[0][0] if narrow else "bf16"
    precision = weight_format(method).products
    beside = optional(words, "header_bytes") or 0
    return Stored(f"GGUF {method.upper()}", precision, tuple(parts), header_bytes=beside)


def _rule(
    leaf: Leaf, scheme: Scheme, wide: Matcher, own: Sequence[tuple[Matcher, Rule]]
) -> Rule | None:
    """The rule of one product; None: it stays wide."""
    for matcher, rule in own:
        if any(matcher.fits(name) for name in leaf.names):
            return rule
    if leaf.part in ("embedding", "head", "router", "towers") and not scheme.whole:
        return None
    if any(wide.fits(name) for name in leaf.names):
        return None
    routed = ".experts." in leaf.names[0] or ".switch_mlp." in leaf.names[0]
    return scheme.experts if routed and scheme.experts else scheme.rule


def _leaves(architecture: Architecture, scheme: Scheme) -> Iterator[Leaf]:
    """Every matrix that a scheme may name; tables and routers where it says the whole model."""
    for block in architecture.blocks:
        for place in block.at or range(block.count):
            yield from _layer_leaves(block, f"layers.{place}", mlx=scheme.whole)
            if scheme.whole and block.feed_forward.experts:
                names = tuple(f"layers.{place}.{held}.gate" for held in NETWORKS)
                yield Leaf("router", names, block.feed_forward.router_parameters)
    if scheme.whole and (table := architecture.vocab * architecture.hidden):
        yield Leaf("embedding", ("embed_tokens",), min(table, architecture.embedding_parameters))
    head = architecture.head
    own = head.matmul_parameters - head.shared_parameters
    if own:
        yield Leaf("head", ("lm_head", "head"), own)


def _layer_leaves(block: Block, layer: str, *, mlx: bool) -> Iterator[Leaf]:
    """The products of one layer."""
    part: Part = "attention" if block.attention.kind == "attention" else "recurrent"
    for leaf, parameters in _mixer_products(block.attention):
        yield Leaf(part, _named(layer, MIXERS, leaf), parameters)
    if block.cross is not None:
        names = tuple(f"{layer}.{held}.q_proj" for held in ("encoder_attn", "EncDecAttention"))
        yield Leaf("cross_attention", names, block.cross.matmul_parameters)
    network = block.feed_forward
    if not network.experts:
        for leaf in ("gate_proj", "up_proj", "down_proj"):
            names = _named(layer, NETWORKS, leaf)
            yield Leaf("mlp", names, network.network_parameters // 3)
        yield Leaf("mlp", names, network.network_parameters % 3)
        return
    routed = network.experts * network.network_parameters
    experts = ("switch_mlp.gate_proj",) if mlx else ("experts.0.gate_proj", "experts")
    names = tuple(f"{layer}.{held}.{leaf}" for held in NETWORKS for leaf in experts)
    yield Leaf("experts", names, routed)
    names = tuple(
        f"{layer}.{held}.{leaf}.up_proj"
        for held in NETWORKS
        for leaf in ("shared_experts", "shared_expert")
    )
    yield Leaf("experts", names, network.common_parameters)


def _named(layer: str, holders: Sequence[str], leaf: str) -> tuple[str, ...]:
    """The names of a product in a layer."""
    said = (leaf, *ALSO.get(leaf, ()))
    return tuple(f"{layer}.{held}.{each}" for held in holders for each in said)


def _mixer_products(mixer: Attention) -> list[tuple[str, int]]:
    """The products of a mixer by the last part of their names."""
    if mixer.kind != "attention":
        return [("in_proj", mixer.matmul_parameters)]
    hidden = mixer.hidden
    if mixer.kv_rank is not None:
        return _latent_products(mixer)
    queries = hidden * mixer.heads * mixer.head_dim
    keys = hidden * mixer.kv_heads * mixer.head_dim
    values = hidden * mixer.kv_heads * mixer.value_dim
    output = hidden * mixer.heads * mixer.value_dim
    if mixer.products is not None:
        if mixer.products < queries + keys + values + output:
            return [("q_proj", mixer.products)]
        queries = mixer.products - keys - values - output
    return [("q_proj", queries), ("k_proj", keys), ("v_proj", values), ("o_proj", output)]


def _latent_products(mixer: Attention) -> list[tuple[str, int]]:
    """The products of latent attention, an indexer's together."""
    rank, asked = mixer.kv_rank or 0, mixer.heads * mixer.head_dim
    unpacked = mixer.heads * (mixer.head_dim - mixer.rope_dim + mixer.value_dim)
    found = [
        ("kv_a_proj_with_mqa", mixer.hidden * (rank + mixer.rope_dim)),
        ("kv_b_proj", rank * unpacked),
        ("o_proj", mixer.hidden * mixer.heads * mixer.value_dim),
    ]
    if mixer.q_rank is None:
        found.append(("q_proj", mixer.hidden * asked))
    else:
        found += [("q_a_proj", mixer.hidden * mixer.q_rank), ("q_b_proj", mixer.q_rank * asked)]
    rest = mixer.matmul_parameters - sum(count for _, count in found)
    return [*found, ("indexer.wq_b", rest)] if rest else found
