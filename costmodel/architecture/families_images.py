"""Models of images: the Vision Transformer and its kin by one table of departures, and YOLOS.

A kind is a row: what a config says itself (registers, a mask, biases, gates) is read for all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from modelworth.costmodel.architecture.encoder_parts import biased_network, labels_of
from modelworth.costmodel.architecture.heads import is_bare, named_class, refused, require_class
from modelworth.costmodel.architecture.keys import (
    Config,
    NotReadError,
    head_width,
    layer_count,
    optional,
    sized,
    switch,
    whole,
)
from modelworth.costmodel.architecture.structure import (
    Architecture,
    Attention,
    Block,
    Head,
    Patches,
)
from modelworth.data.errors import InputError
from modelworth.data.words import Family


@dataclass(frozen=True)
class Seeing:
    """How a family departs from the Vision Transformer.

    Attributes:
        tokens: beside the patches and registers, classes among them.
        masked: whether there is always a vector for hidden patches.
        placed: whether each token but registers has a row in a table of positions; None: the
            config says.
        scaled: whether what a layer adds is scaled, by two vectors.
        keyed: whether keys have a bias, unless the config says.
        both: whether the class token and the patches' mean are classified together.
        pooled: whether a class without a head has a product on the class token.
        heads: whether there is a class with one.
    """

    tokens: int = 1
    masked: bool = False
    placed: bool | None = True
    scaled: bool = False
    keyed: bool = True
    both: bool = False
    pooled: bool = False
    heads: bool = True


DINOV2 = Seeing(scaled=True, both=True)
BEIT = Seeing(placed=None, scaled=True, keyed=False)
KINDS = {
    "vit": Seeing(pooled=True),
    "vit_msn": Seeing(),
    "deit": Seeing(tokens=2, pooled=True),
    "dinov2": DINOV2,
    "dinov2_with_registers": replace(DINOV2, masked=True),
    "dinov3_vit": Seeing(masked=True, placed=False, scaled=True, heads=False),
    "beit": BEIT,
    "data2vec-vision": BEIT,
}


def _seeing(config: Config, name: str) -> Architecture:
    """A Vision Transformer or one of its kin: patches and a class token, which are classified."""
    kind = config.get("model_type") or "vit"
    kin, hidden = KINDS[kind], whole(config, "hidden_size")
    registers = optional(config, "num_register_tokens") or 0
    patches = _patches(config, hidden, kin.tokens + registers)
    vectors = 1 + patches.extra_tokens + (kin.masked or switch(config, "use_mask_token", False))
    placed = kin.placed
    if placed is None:
        placed = switch(config, "use_absolute_position_embeddings", False)
    vectors += (patches.tokens - registers) * placed
    block = _layers(config, hidden, kin)
    embedding = patches.matmul_parameters + vectors * hidden
    head = _head(config, hidden, kin)
    return _images(name, "vision", hidden, block, embedding, head, patches)


def _images(
    name: str,
    family: Family,
    hidden: int,
    block: Block,
    embedding: int,
    head: Head,
    patches: Patches,
) -> Architecture:
    """A model of images with one norm behind its layers."""
    return Architecture(
        name=name,
        family=family,
        hidden=hidden,
        vocab=0,
        blocks=(block,),
        embedding_parameters=embedding,
        head=head,
        final_norms=2 * hidden,
        patches=patches,
    )


def _head(config: Config, hidden: int, kin: Seeing) -> Head:
    """A classifier, or what a class without one has in its place."""
    built = named_class(config) or ("ForImageClassification" if kin.heads else "Model")
    if is_bare(built):
        wide = sized(config, "pooler_output_size") or hidden
        pooled = Head(hidden * wide, wide, vectors=wide, positions=1)
        return pooled if kin.pooled else Head(0, hidden)
    if not built.endswith("ForImageClassification") or not kin.heads:
        raise refused(built, "…ForImageClassification or …Model")
    labels = labels_of(config, 2)
    return Head((1 + kin.both) * hidden * labels, labels, vectors=labels, positions=1)


def _layers(config: Config, hidden: int, kin: Seeing) -> Block:
    """The layers of all kin."""
    heads = whole(config, "num_attention_heads")
    width = sized(config, "head_dim") or head_width(hidden, heads)
    ratio = sized(config, "mlp_ratio")
    inner = hidden * ratio if ratio else whole(config, "intermediate_size")
    gated = switch(config, "use_swiglu_ffn", False)
    if gated:
        inner = (2 * inner // 3 + 7) // 8 * 8
    gated = gated or switch(config, "use_gated_mlp", False)
    biased = switch(config, "qkv_bias", True)
    biases = [switch(config, f"{each}_bias", biased) for each in ("query", "value")]
    biases.append(switch(config, "key_bias", biased and kin.keyed))
    vectors = hidden * switch(config, "proj_bias", True) + heads * width * sum(biases)
    attention = Attention(hidden, heads, heads, width, width, causal=False, vectors=vectors)
    network = biased_network(config, hidden, inner)
    bias = switch(config, "mlp_bias", True) * ((1 + gated) * inner + hidden)
    network = replace(network, gated=gated, vectors=bias)
    norms = (6 if kin.scaled else 4) * hidden
    return Block(layer_count(config, "num_hidden_layers"), attention, network, norms, "layer")


def _beit(config: Config, name: str) -> Architecture:
    """BEiT, where nothing but a class is asked of it: its places are distances, or none."""
    if not config.get("layer_scale_init_value"):
        raise NotReadError("config: layer_scale_init_value", 0, "above 0")
    read = _seeing(config, name)
    (rows, columns), (tall, wide) = _pair(config, "image_size"), _pair(config, "patch_size")
    each = whole(config, "num_attention_heads")
    table = ((2 * (rows // tall) - 1) * (2 * (columns // wide) - 1) + 3) * each
    if switch(config, "use_shared_relative_position_bias", False):
        read = replace(read, embedding_parameters=read.embedding_parameters + table)
    if not switch(config, "use_relative_position_bias", False):
        return read
    (block,) = read.blocks
    attention = replace(block.attention, vectors=block.attention.vectors + table)
    return replace(read, blocks=(replace(block, attention=attention),))


def _yolos(config: Config, name: str) -> Architecture:
    """YOLOS: a Vision Transformer with detection tokens, each classified and given a box."""
    require_class(config, "ForObjectDetection")
    hidden, labels = whole(config, "hidden_size"), labels_of(config, 2) + 1
    detections = whole(config, "num_detection_tokens")
    patches = _patches(config, hidden, 1 + detections)
    block = _layers(config, hidden, KINDS["vit"])
    embedding = patches.matmul_parameters + (1 + 1 + detections + patches.tokens) * hidden
    if switch(config, "use_mid_position_embeddings", True):
        embedding += (block.count - 1) * patches.tokens * hidden
    networks = 2 * 2 * hidden * hidden  # a class and a box network, each with two hidden layers
    vectors = 4 * hidden + labels + 4
    head = Head(networks + hidden * (labels + 4), labels + 4, vectors=vectors, positions=detections)
    return _images(name, "detector", hidden, block, embedding, head, patches)


def _patches(config: Config, hidden: int, extra_tokens: int) -> Patches:
    """How many patches an image has, and their projection."""
    (rows, columns), (tall, wide) = _pair(config, "image_size"), _pair(config, "patch_size")
    channels = sized(config, "num_channels") or 3
    count = (rows // tall) * (columns // wide)
    if not count:
        raise InputError("config: patch_size", f"{tall} × {wide}", f"within {rows} × {columns}")
    return Patches(count, extra_tokens, channels * tall * wide * hidden)


def _pair(config: Config, key: str) -> tuple[int, int]:
    """Height and width from one number or two."""
    value = config.get(key)
    if isinstance(value, list | tuple) and len(value) == 2:
        height, width = value
        return whole({key: height}, key), whole({key: width}, key)
    side = whole(config, key)
    return side, side


READERS: dict[str, Callable[[Config, str], Architecture]] = {
    **dict.fromkeys(KINDS, _seeing),
    **dict.fromkeys(("beit", "data2vec-vision"), _beit),
    "yolos": _yolos,
}
