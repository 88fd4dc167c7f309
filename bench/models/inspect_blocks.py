"""One layer of a built model as a block of a description: mixer, network, cache, FLOPs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelworth.bench.models.inspect_layers import Layer
from modelworth.bench.models.inspect_measure import Kept, kept_by
from modelworth.bench.models.inspect_runs import Fitted, Runs, fitted, flops_of, setting

HEADS = ("num_attention_heads", "n_head", "num_heads", "encoder_attention_heads", "n_heads")
KV_HEADS = ("num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num")


def kept_fits(
    runs: Runs | None, layers: list[Layer], family: str
) -> dict[str, tuple[Fitted, Kept]]:
    """What each layer keeps, fitted over the first two lengths."""
    if runs is None or len(runs.passes) < 2:
        return {}
    first, second = kept_by(runs.passes[0].output), kept_by(runs.passes[1].output)
    own = [layer for layer in layers if family == "decoder" or _decodes(layer.path)]
    if not own or not first or len(first) != len(second):
        return {}
    span = runs.lengths[1] - runs.lengths[0]
    fits = [_growth(a, b, runs.lengths[0], span) for a, b in zip(first, second, strict=True)]
    if len(first) == len(own):
        return {one.path: (fit, held) for one, fit, held in zip(own, fits, first, strict=True)}
    mixing = [layer for layer in own if layer.of("mixer")]
    if len(first) == len(mixing):
        return {one.path: (fit, held) for one, fit, held in zip(mixing, fits, first, strict=True)}
    whole = Fitted(sum(fit.fixed for fit in fits), sum(fit.token for fit in fits))
    return {own[0].path: (whole, Kept(0, None))}


def _growth(first: Kept, second: Kept, length: int, span: int) -> Fitted:
    """What a layer keeps for each token and beside them; a window holds tokens alone."""
    if first.window is not None and length < first.window <= length + span:
        return Fitted(token=first.elements / length)
    each = (second.elements - first.elements) / span
    return Fitted(first.elements - each * length, each)


def _decodes(path: str) -> bool:
    """Whether a layer of an encoder-decoder is the decoder's."""
    return "decoder" in path


@dataclass(frozen=True)
class Context:
    """What all layers of a model share.

    Attributes:
        unseen: whether its cache wasn't seen, so that heads say what a layer keeps.
    """

    settings: Any
    hidden: int
    family: str
    runs: Runs | None
    unseen: bool


def block_of(layer: Layer, kept: tuple[Fitted, Kept] | None, model: Context) -> dict[str, Any]:
    """One layer as a block of one."""
    encodes = model.family == "encoder-decoder" and not _decodes(layer.path)
    network = _network(layer, model.hidden)
    heads = _heads(model.settings, layer, model.hidden)
    cross = _cross(layer, heads, model.hidden)
    products = layer.of("mixer") + (layer.of("cross") if cross is None else 0)
    mixer: dict[str, Any] = {
        "hidden": model.hidden,
        **heads,
        "products": products,
        "causal": model.family in ("decoder", "encoder-decoder") and not encodes,
        "pair": 0,
    }
    if not model.unseen:
        mixer["cached"] = 0
    if kept is not None and model.runs is not None:
        mixer |= _caching(*kept, model.runs.lengths[0])
    mixer |= _work(layer, products + network["active"], cross, model, encodes=encodes)
    mixer["kind"] = _kind(layer, mixer)
    if mixer["kind"] not in ("attention", "none"):
        mixer["pair"] = 0  # transformers' naive pass between chunks, which no kernel does
    block = {
        "count": 1,
        "attention": mixer,
        "feed_forward": network["described"],
        "norms": layer.of("vectors"),
        "stack": "encoder" if encodes else "decoder",
        "at": [layer.place],
    }
    return block if cross is None else {**block, "cross": cross}


def _work(
    layer: Layer, active: int, cross: dict[str, Any] | None, model: Context, *, encodes: bool
) -> dict[str, int]:
    """FLOPs of a pair, and of a token beside `active` parameters, where they were counted."""
    runs = model.runs
    found = flops_of(runs, layer.path, encodes=encodes)
    if runs is None or found is None:
        return {}
    used = 2 * active + spared_flops(layer, runs)
    if cross is not None:
        wide = cross["heads"] * cross["head_dim"]
        used += 2 * 2 * model.hidden * wide + 4 * wide * runs.source
    once = found.fixed if runs.fixed else 0
    work = {"pair": max(0, round(found.pair)), "token_flops": round(found.token + once) - used}
    if model.family == "encoder" and not once and round(found.fixed) > 0:
        work["sequence_flops"] = round(found.fixed)
    return work


def spared_flops(layer: Layer, runs: Runs) -> int:
    """FLOPs a token that the class spends on experts which the token doesn't use; mostly 0."""
    if layer.chosen >= layer.experts or runs.fixed:
        return 0
    inside = re.compile(re.escape(layer.path) + r"\.(\w+\.)*experts")
    counted = [
        float(sum(flops for path, flops in one.flops.items() if inside.fullmatch(path)))
        for one in runs.passes
    ]
    each = 2 * ((layer.of("experts") - layer.expert_vectors) // layer.experts)
    halfway = each * (layer.chosen + layer.experts) / 2
    spent = round(fitted(counted, runs.lengths).token)
    return spent - each * layer.chosen if spent > halfway else 0


def _cross(layer: Layer, heads: Mapping[str, int], hidden: int) -> dict[str, Any] | None:
    """Attention to an encoder, where it is four products by heads; None: none such."""
    for kv_heads in (heads["heads"], heads["kv_heads"]):
        each = 2 * hidden * (heads["heads"] + kv_heads) * heads["head_dim"]
        if layer.of("cross") and layer.of("cross") == each:
            return {"hidden": hidden, **heads, "kv_heads": kv_heads, "causal": False}
    return None


def _heads(settings: Any, layer: Layer, hidden: int) -> dict[str, int]:
    """Heads and their widths as the settings say; what isn't said is one head of all."""
    if not layer.of("mixer"):
        return {"heads": 0, "kv_heads": 0, "head_dim": 0, "value_dim": 0}
    settings = _of_layer(settings, layer.place)
    heads = setting(settings, HEADS) or 1
    kv_heads = min(setting(settings, KV_HEADS) or heads, heads)
    width = setting(settings, ("head_dim", "d_kv", "kv_channels")) or max(1, hidden // heads)
    return {"heads": heads, "kv_heads": kv_heads, "head_dim": width, "value_dim": width}


def _of_layer(settings: Any, place: int) -> Any:
    """The settings of one layer, where layers differ; else the model's."""
    try:
        return settings.get_text_config().per_layer_config[place]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RuntimeError):
        return settings


def _caching(fit: Fitted, held: Kept, least: int) -> dict[str, Any]:
    """What a layer keeps for a token and for a sequence; `least` tokens were given at first.

    Beyond a window grows only what stands for the far past, and the rest is the window's; within it
    nothing can be told apart. transformers keeps one position less than a window.
    """
    if held.window is None or held.window > least:
        kept: dict[str, Any] = {"state": max(0, round(fit.fixed))}
        whole = fit.token == int(fit.token)
        kept |= {"cached": int(fit.token)} if whole else {"far_cached": fit.token}
    else:
        near = fit.fixed / max(held.window - 1, 1)
        kept = {"cached": int(near), "far_cached": fit.token}
        kept["state"] = max(0, round(fit.fixed - int(near) * (held.window - 1)))
    if held.window is not None:
        kept["window"] = held.window
    return kept


def _kind(layer: Layer, mixer: Mapping[str, Any]) -> str:
    """What a layer's mixer is, by what it does and keeps."""
    if not layer.of("mixer"):
        return "none"
    if not mixer.get("state") or mixer.get("cached") or mixer.get("far_cached"):
        return "attention"
    return "linear" if re.search("linear|delta", layer.mixer) else "state_space"


def _network(layer: Layer, hidden: int) -> dict[str, Any]:
    """The feed-forward part of a layer, and the parameters of it that a token uses in products."""
    dense, routed = layer.of("network"), layer.of("experts")
    router = layer.of("router")
    if not layer.experts or not routed:
        described = {"hidden": hidden, "width": 0, "gated": False}
        if whole := dense + routed + router:
            described |= {"network": whole, "width": max(1, whole // (3 * hidden)), "gated": True}
        whole = dense + routed + router
        return {"described": described, "active": whole, "all": whole}
    matrices = routed - layer.expert_vectors
    each = matrices // layer.experts
    described = {
        "hidden": hidden,
        "width": max(1, each // (3 * hidden)),
        "gated": True,
        "experts": layer.experts,
        "experts_per_token": layer.chosen,
        "network": each,
        "router": router,
        "beside": dense,
        "expert_vectors": (routed - each * layer.experts) // layer.experts,
    }
    left = routed - layer.experts * (each + described["expert_vectors"])
    described["vectors"] = left
    always = dense + router
    return {
        "described": described,
        "active": always + layer.chosen * each,
        "all": always + layer.experts * each,
    }
