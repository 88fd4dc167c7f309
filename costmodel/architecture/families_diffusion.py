"""Transformers that denoise images, from configs of diffusers: DiT, Stable Diffusion 3, Flux.

An item is one pass over one image, a denoising step: of the config's own size, or of 1,024 pixels a
side where it says none. Layers of two streams hold weights for the image's tokens and others for
the text's, and attend over both. Embedders of time and text count as parameters; their FLOPs are a
few thousandths of a pass and left out. Defaults are those of diffusers 0.42.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modelworth.costmodel.architecture.decoder_parts import gathered
from modelworth.costmodel.architecture.keys import (
    Config,
    layer_count,
    listed,
    sized,
    switch,
    whole,
)
from modelworth.costmodel.architecture.structure import (
    Architecture,
    Attention,
    Block,
    FeedForward,
    Head,
    Patches,
)
from modelworth.data.errors import InputError

FREQUENCIES = 256
"""Width in which a step's time is written before it is embedded."""
LATENT_SIDE = 64
"""Tokens of a side of an image of 1,024 pixels: eight to a latent, two latents to a token."""
FLUX_TEXT, SD3_TEXT = 512, 77 + 256
"""Tokens of text beside an image: T5's of Flux, CLIP's and T5's of Stable Diffusion 3."""

TEXT = {"joint_attention_dim": 4096}
FLUX = TEXT | {"num_attention_heads": 24, "attention_head_dim": 128, "in_channels": 64}
FLUX |= {"patch_size": 1, "num_layers": 19, "num_single_layers": 38, "pooled_projection_dim": 768}
SD3 = TEXT | {"num_attention_heads": 18, "attention_head_dim": 64, "in_channels": 16}
SD3 |= {"patch_size": 2, "sample_size": 128, "num_layers": 18, "pooled_projection_dim": 2048}
SD3 |= {"caption_projection_dim": 1152}
DIT = {"num_attention_heads": 16, "attention_head_dim": 72, "in_channels": 4, "patch_size": 2}
DIT |= {"sample_size": 32, "num_layers": 28, "num_embeds_ada_norm": 1000}


@dataclass(frozen=True)
class Sizes:
    """Widths of a model, and the tokens of an item.

    Attributes:
        image, text: tokens of each stream.
    """

    hidden: int
    heads: int
    head_dim: int
    image: int
    text: int = 0

    @property
    def tokens(self) -> int:
        """Tokens of both streams."""
        return self.image + self.text


def _sizes(config: Config, image: int, text: int = 0) -> Sizes:
    """Widths by heads and their dimension."""
    heads, each = whole(config, "num_attention_heads"), whole(config, "attention_head_dim")
    return Sizes(heads * each, heads, each, image, text)


def _layer(
    sizes: Sizes,
    *,
    image: int = 0,
    text: int = 0,
    both: int = 0,
    modulation: int,
    vectors: int,
    attentions: int = 1,
) -> Block:
    """One layer.

    `image`, `text` and `both` are matrix parameters that multiply the tokens of a stream or all,
    `modulation` those applied once; `attentions` over all tokens, those beyond the first over the
    image's. FLOPs of each token are their mean over the item's.
    """
    hidden, tokens = sizes.hidden, sizes.tokens
    held = image + text + both
    used = image * sizes.image + text * sizes.text + both * tokens + modulation
    extra = (attentions - 1) * 4 * hidden * sizes.image**2
    spared = 2 * used - 2 * (held + modulation) * tokens + extra
    attention = Attention(
        hidden,
        sizes.heads,
        sizes.heads,
        sizes.head_dim,
        sizes.head_dim,
        causal=False,
        vectors=vectors,
        products=min(held, 4 * hidden**2),
        token_flops=round(spared / tokens),
    )
    network = held - min(held, 4 * hidden**2)
    feed_forward = FeedForward(hidden, 4 * hidden, gated=False, activation="gelu", network=network)
    return Block(1, attention, feed_forward, 0, "layer", residual=modulation)


def _model(
    name: str, sizes: Sizes, layers: list[Block], patch: int, embedding: int, outputs: int
) -> Architecture:
    """A model of these layers; `outputs` are numbers that it gives for one token of the image."""
    hidden = sizes.hidden
    return Architecture(
        name=name,
        family="vision",
        hidden=hidden,
        vocab=0,
        blocks=gathered(layers),
        embedding_parameters=embedding + (patch + 1) * hidden,
        head=Head(hidden * outputs, outputs, vectors=outputs, positions=sizes.image),
        final_norms=2 * hidden * (hidden + 1),  # the last modulation
        patches=Patches(sizes.image, sizes.text, patch * hidden),
        note=f"an item is one denoising step of {sizes.image:,} tokens of an image"
        + (f" and {sizes.text:,} of text" if sizes.text else ""),
    )


def _embedder(wide: int, hidden: int) -> int:
    """Two products with biases that turn a time or a pooled text into a vector."""
    return (wide + 1) * hidden + (hidden + 1) * hidden


def _flux(config: Config, name: str) -> Architecture:
    """Flux 1: layers of two streams, then of one with attention and network side by side."""
    config = {**FLUX, **config}
    sizes = _sizes(config, LATENT_SIDE**2, FLUX_TEXT)
    wide = sizes.hidden
    square, head = wide * wide, sizes.head_dim
    double = _layer(
        sizes,
        image=12 * square,
        text=12 * square,
        modulation=12 * square,
        vectors=30 * wide + 4 * head,
    )
    single = _layer(sizes, both=12 * square, modulation=3 * square, vectors=11 * wide + 2 * head)
    patch = whole(config, "in_channels")
    outputs = whole(config, "patch_size") ** 2 * (sized(config, "out_channels") or patch)
    embedding = _embedder(FREQUENCIES, wide) * (1 + switch(config, "guidance_embeds", False))
    embedding += _embedder(whole(config, "pooled_projection_dim"), wide)
    embedding += (whole(config, "joint_attention_dim") + 1) * wide
    layers = [double] * layer_count(config, "num_layers")
    layers += [single] * layer_count(config, "num_single_layers")
    return _model(name, sizes, layers, patch, embedding, outputs)


def _sd3(config: Config, name: str) -> Architecture:
    """Stable Diffusion 3: two streams, of which the text's ends early; 3.5 attends twice."""
    config = {**SD3, **config}
    patch = whole(config, "patch_size")
    sizes = _sizes(config, (whole(config, "sample_size") // patch) ** 2, SD3_TEXT)
    wide = sizes.hidden
    square, layers = wide * wide, layer_count(config, "num_layers")
    norms = 2 * sizes.head_dim * _normed(config)
    twice = listed(config, "dual_attention_layers") or []
    made = []
    for place in range(layers):
        last, dual = place == layers - 1, place in twice
        made.append(
            _layer(
                sizes,
                image=(12 + 4 * dual) * square,
                text=(3 if last else 12) * square,
                modulation=(6 + 3 * dual + (2 if last else 6)) * square,
                vectors=(20 + 7 * dual if last else 30 + 7 * dual) * wide + norms * (2 + dual),
                attentions=1 + dual,
            )
        )
    channels = whole(config, "in_channels")
    outputs = patch**2 * (sized(config, "out_channels") or channels)
    embedding = _embedder(FREQUENCIES, wide)
    embedding += _embedder(whole(config, "pooled_projection_dim"), wide)
    caption = whole(config, "caption_projection_dim")
    if caption != wide:
        raise InputError("config: caption_projection_dim", caption, f"the layers' width, {wide}")
    embedding += (whole(config, "joint_attention_dim") + 1) * caption
    return _model(name, sizes, made, patch**2 * channels, embedding, outputs)


def _normed(config: Config) -> bool:
    """Whether queries and keys pass a norm."""
    kind = config.get("qk_norm")
    if kind not in (None, "rms_norm"):
        raise InputError("config: qk_norm", kind, "null or rms_norm")
    return kind is not None


def _dit(config: Config, name: str) -> Architecture:
    """DiT: a Vision Transformer whose layers each embed time and class for their modulation."""
    config = {**DIT, **config}
    if switch(config, "norm_elementwise_affine", False):
        raise InputError("config: norm_elementwise_affine", True, "false, as DiT's are")
    patch = whole(config, "patch_size")
    sizes = _sizes(config, (whole(config, "sample_size") // patch) ** 2)
    wide = sizes.hidden
    classes = whole(config, "num_embeds_ada_norm") + 1
    biased = switch(config, "attention_bias", True)
    layer = _layer(
        sizes,
        both=12 * wide * wide,
        modulation=6 * wide * wide,
        vectors=(12 + 3 * biased) * wide + _embedder(FREQUENCIES, wide) + classes * wide,
    )
    channels = whole(config, "in_channels")
    outputs = patch**2 * (sized(config, "out_channels") or channels)
    layers = [layer] * layer_count(config, "num_layers")
    return _model(name, sizes, layers, patch**2 * channels, 0, outputs)


READERS: dict[str, Callable[[Config, str], Architecture]] = {
    "DiTTransformer2DModel": _dit,
    "SD3Transformer2DModel": _sd3,
    "FluxTransformer2DModel": _flux,
}
