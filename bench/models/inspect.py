"""The description of any model that transformers builds: parts, FLOPs, cache, without weights.

The class is built on the meta device. Parameters are summed over distinct tensors; FLOPs of every
layer are counted at three lengths and fitted as fixed + per token + per pair; what a layer keeps is
read off the model's own cache object at two lengths. The result is a dictionary in the form of
`costmodel/architecture/description`, which a machine without torch reads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from modelworth.bench.models.inspect_blocks import Context, block_of, kept_fits, spared_flops
from modelworth.bench.models.inspect_build import Built, build_bare
from modelworth.bench.models.inspect_inputs import reads_tokens
from modelworth.bench.models.inspect_layers import Layer, is_matrix, layers_of
from modelworth.bench.models.inspect_runs import LONGEST, Fitted, Runs, fitted, runs_of, setting

MARK = {"modelworth_architecture": 1}
TOWER = re.compile(
    r"vision|visual|image|img|pixel|audio|speech|sound|acoustic|tower|projector|merger|connector|"
    r"resampler|qformer|aligner",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Inspected:
    """A model's description, and a pass that was counted, against which it can be held.

    Attributes:
        tokens, source: of the counted pass, in the decoder and before it; 1: one item.
        flops: of it, less those of experts that the class multiplies and no token uses; None: no
            pass could be made.
    """

    description: dict[str, Any]
    tokens: int = 1
    source: int = 0
    flops: int | None = None


def inspected(config: Mapping[str, Any], name: str, *, passes: bool = True) -> Inspected:
    """The model that a config describes, as its class builds it; without `passes` unrun.

    Raises:
        InputError: if transformers has no such type or refuses the config.
    """
    built = build_bare(config, name)
    seen: set[int] = set()
    layers = layers_of(built.model, seen)
    rest = _outside(built.model, seen)
    runs, notes = runs_of(built) if passes else (None, ["FLOPs are 2 a parameter, not counted"])
    made = _assembled(built, name, layers, rest, runs, notes)
    if runs is None:
        return Inspected(made)
    length = runs.lengths[-1]
    spared = sum(spared_flops(layer, runs) for layer in layers) * length
    return Inspected(made, length, runs.source, runs.passes[-1].total - spared)


@dataclass(frozen=True)
class Outside:
    """Parameters outside the layers, by what they are for."""

    embedding: int
    matrices: int
    vectors: int
    shared: int
    towers: dict[str, tuple[int, int]]


def _outside(model: Any, seen: set[int]) -> Outside:
    """Parameters that no layer holds; those of towers by the tower's name."""
    embedding = matrices = vectors = 0
    towers: dict[str, tuple[int, int]] = {}
    generates = model.can_generate()
    for path, weight in model.named_parameters():
        if id(weight) in seen:
            continue
        seen.add(id(weight))
        matrix = is_matrix(model, path, weight) and not re.search(r"pos\w*_?emb", path)
        if generates and (tower := _tower(path)):
            held, multiplied = towers.get(tower, (0, 0))
            towers[tower] = (held + weight.numel(), multiplied + weight.numel() * matrix)
        elif matrix:
            matrices += weight.numel()
        elif weight.ndim > 1:
            embedding += weight.numel()
        else:
            vectors += weight.numel()
    return Outside(embedding, matrices, vectors, _shared(model), towers)


def _tower(path: str) -> str | None:
    """The tower that a parameter of a model that writes text belongs to."""
    for part in path.split(".")[:-1]:
        if part in ("language_model", "text_model", "layers", "lm_head"):
            return None
        if TOWER.search(part):
            return part
    return None


def _shared(model: Any) -> int:
    """Parameters of an output head that is the table of tokens itself."""
    try:
        head, table = model.get_output_embeddings(), model.get_input_embeddings()
    except (NotImplementedError, AttributeError):
        return 0
    weight = getattr(head, "weight", None)
    return weight.numel() if weight is not None and weight is getattr(table, "weight", 0) else 0


def _assembled(
    built: Built,
    name: str,
    layers: list[Layer],
    rest: Outside,
    runs: Runs | None,
    notes: list[str],
) -> dict[str, Any]:
    """The description."""
    model, settings = built.model, built.settings
    hidden = setting(settings, ("hidden_size", "d_model", "n_embd", "embed_dim", "dim")) or 1
    family = family_of_built(model)
    generates, reads = family in ("decoder", "encoder-decoder"), reads_tokens(model)
    blocks, unseen = _blocks(layers, Context(settings, hidden, family, runs, False), generates)
    if unseen:
        notes = [*notes, "what it keeps wasn't seen: its heads say it, without states"]
    described: dict[str, Any] = {
        **MARK,
        "name": name,
        "family": family,
        "hidden": hidden,
        "vocab": (setting(settings, ("vocab_size",)) or 0) if generates or reads else 0,
        "blocks": _gathered(blocks) or [_nothing(hidden)],
        "embedding_parameters": rest.embedding,
        "head": _head(rest, runs, layers, settings, generates=generates),
        "final_norms": 0,
        "model_type": str(settings.model_type),
        "built_class": built.class_name,
    }
    if (runs is None and not reads) or (runs is not None and runs.fixed):
        described["patches"] = {"count": 1, "extra_tokens": 0, "matmul_parameters": 0}
    further = {
        "towers": _towers(layers, rest, generates),
        "longest": setting(settings, LONGEST),
        "note": "; ".join(notes),
    }
    return described | {key: value for key, value in further.items() if value}


def _blocks(
    layers: list[Layer], model: Context, generates: bool
) -> tuple[list[dict[str, Any]], bool]:
    """Each layer outside towers as a block, and whether what they keep wasn't seen."""
    runs = model.runs
    main = [layer for layer in layers if not (generates and _tower(layer.path))]
    kept = kept_fits(runs, main, model.family) if generates else {}
    model = replace(model, unseen=generates and not kept)
    blocks = [block_of(layer, kept.get(layer.path), model) for layer in main]
    if runs is not None and runs.source and not runs.by_source:
        _listens(blocks, outside_flops(runs, layers), runs.source)
    return blocks, model.unseen


def family_of_built(model: Any) -> str:
    """The project's word for what a built model does."""
    kind = type(model).__name__
    if model.config.is_encoder_decoder and model.can_generate():
        return "encoder-decoder"
    if model.can_generate():
        return "decoder"
    if kind.endswith("ForObjectDetection"):
        return "detector"
    return "encoder" if reads_tokens(model) else "vision"


def _head(
    rest: Outside, runs: Runs | None, layers: list[Layer], settings: Any, *, generates: bool
) -> dict[str, Any]:
    """What stands outside the layers and is multiplied: by its FLOPs, where they were counted."""
    outputs = setting(settings, ("vocab_size", "num_labels")) or 1
    used, positions = rest.matrices + rest.shared, None
    if runs is not None:
        found = outside_flops(runs, layers)
        once = runs.fixed or (found.fixed > found.token and not generates)
        used = max(0, round((found.fixed if once else found.token) / 2))
        positions = 1 if once else None
    shared = min(rest.shared, used)
    own = rest.matrices + rest.vectors
    if used - shared > own:
        shared = used - own
    head: dict[str, Any] = {"matmul_parameters": used, "outputs": outputs}
    head["shared_parameters"] = shared
    head["vectors"] = own - (used - shared)
    if positions is not None:
        head["positions"] = positions
    return head


def outside_flops(runs: Runs, layers: list[Layer]) -> Fitted:
    """FLOPs of a pass outside the layers."""
    return fitted(
        [one.total - sum(one.flops.get(layer.path, 0) for layer in layers) for one in runs.passes],
        runs.lengths,
    )


def _listens(blocks: list[dict[str, Any]], outside: Fitted, source: int) -> None:
    """Adds what stands before an encoder of a fixed size (convolutions) to its first layer."""
    first = next((block for block in blocks if block["stack"] == "encoder"), None)
    if first is not None and outside.fixed > 0:
        mixer = first["attention"]
        mixer["token_flops"] = mixer.get("token_flops", 0) + round(outside.fixed / source)


def _towers(layers: list[Layer], rest: Outside, generates: bool) -> list[dict[str, Any]]:
    """Towers of a model that writes text, each with its parameters."""
    if not generates:
        return []
    held: dict[str, list[int]] = {name: list(pair) for name, pair in rest.towers.items()}
    for layer in layers:
        if tower := _tower(layer.path):
            total = sum(layer.parameters.values())
            pair = held.setdefault(tower, [0, 0])
            pair[0] += total
            pair[1] += total - layer.of("vectors")
    return [
        {"name": name.replace("_", " "), "architecture": _whole_tower(name, *pair)}
        for name, pair in held.items()
        if pair[0]
    ]


def _whole_tower(name: str, total: int, multiplied: int) -> dict[str, Any]:
    """A tower as one block: its parts aren't told apart."""
    block = _nothing(1)
    block["feed_forward"] = {"hidden": 1, "width": 1, "gated": False, "network": multiplied}
    block["norms"] = total - multiplied
    block["stack"] = "encoder"
    return {
        "name": name.replace("_", " "),
        "family": "vision",
        "hidden": 1,
        "vocab": 0,
        "blocks": [block],
        "embedding_parameters": 0,
        "head": {"matmul_parameters": 0, "outputs": 0},
    }


def _nothing(hidden: int) -> dict[str, Any]:
    """A block without parameters."""
    mixer = {"hidden": hidden, "heads": 0, "kv_heads": 0, "head_dim": 0, "value_dim": 0}
    mixer |= {"kind": "none", "products": 0, "cached": 0}
    network = {"hidden": hidden, "width": 0, "gated": False}
    return {"count": 1, "attention": mixer, "feed_forward": network, "norms": 0}


def _gathered(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Equal blocks as one."""
    found: dict[str, dict[str, Any]] = {}
    for block in blocks:
        key = repr({name: value for name, value in block.items() if name != "at"})
        if key in found:
            found[key]["count"] += 1
            found[key]["at"] += block["at"]
        else:
            found[key] = block
    return list(found.values())
