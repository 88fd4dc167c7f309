"""Model FLOPs of a step, counted exactly, and bytes that a decode step must move.

FLOPs are counted by PyTorch's FlopCounterMode over the same model on the meta device, with eager
attention and batched experts, so that nothing is hidden in a fused kernel. Attention counts fully,
4·b·s²·h·L forward, causal or not (layers with a sliding window too); a decode step attends to what
the cache holds and to itself. Training is 3 × forward and recomputation isn't counted. LoRA counts
the backward pass as it is: frozen weights need no gradient of their own. The optimizer isn't
counted. A count is for one sequence or image, and scales with the batch; where texts are compared
with images, it is for the batch. What an image becomes in a prompt is counted apart from the text,
as putting one into the other needs no product.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from modelworth.bench.models import size as zoo_size
from modelworth.bench.models import zoo
from modelworth.bench.models.adapters import add_lora
from modelworth.bench.models.families import EXPERTS, USUAL_STEPS
from modelworth.bench.models.inspect_values import Literals, Values
from modelworth.bench.work.inputs import (
    IMAGE_INPUTS,
    Asked,
    Batch,
    forward_batch,
    in_format,
    lengths,
    options,
    source_batch,
    training_batch,
)
from modelworth.bench.work.losses import loss_of
from modelworth.data.measurement import Workload
from modelworth.data.words import TRAINING

if TYPE_CHECKING:
    from transformers import PreTrainedModel

META = torch.device("meta")
NOT_DECODING = re.compile(
    r"^(model\.)?(encoder|vision_tower|vision_model|visual|multi_modal_projector)\."
    r"|EncDecAttention\.[kv]$|encoder_attn\.[kv]_proj$"
)
"""Paths of modules that a decode step doesn't meet: what reads a source, an image or a sound."""


def model_flops(blueprint: zoo.Blueprint, workload: Workload) -> float | None:
    """Model FLOPs of one step on one data-parallel rank.

    None for a model that looks into large tensors on the way, which the meta device can't show.
    """
    together = blueprint.family == "image-text"  # every text meets every image
    batch = workload.batch if together else 1
    one = workload.model_copy(update={"batch": batch, "gradient_accumulation": 1})
    try:
        counted = _counted(blueprint.key, one.model_dump_json())
    except RuntimeError as error:
        if "meta tensor" not in str(error):
            raise
        return None
    accumulated = workload.gradient_accumulation if workload.kind in TRAINING else 1
    return counted * workload.batch / batch * accumulated


def counting() -> FlopCounterMode:
    """PyTorch's counter, without products that add nothing up.

    Rotary angles are such a product in some releases of transformers (5.17), and none in others.
    """
    bmm: Any = torch.ops.aten.bmm
    return FlopCounterMode(display=False, custom_mapping={bmm: _of_pairs})


def _of_pairs(one: tuple[int, ...], other: tuple[int, ...], *_: Any, **__: Any) -> int:
    """FLOPs of a batch of products of these shapes."""
    return 2 * one[0] * one[1] * one[2] * other[2] if one[2] > 1 else 0


def cache_name(model: torch.nn.Module) -> str:
    """What the model's forward pass calls its cache."""
    names = inspect.signature(model.forward).parameters
    return next(one for one in ("cache_params", "cache", "past_key_values") if one in names)


def has_last_logits(model: torch.nn.Module) -> bool:
    """Whether the model can leave out all logits but the last, as serving does."""
    return "logits_to_keep" in inspect.signature(model.forward).parameters


@cache
def _counted(key: str, workload_json: str) -> float:
    """FLOPs of a step of one sequence, by everything that they depend on."""
    blueprint = zoo.Blueprint.of_key(key)
    workload = Workload.model_validate_json(workload_json)
    model = _meta_model(key)
    if workload.kind == "finetune_lora":
        return _lora(blueprint, workload)
    if workload.kind in (*TRAINING, "forward"):
        passes = 3 if workload.kind in TRAINING else 1
        return passes * _forward(blueprint, model, workload)
    if blueprint.family == "diffusion":
        return (workload.denoising_steps or USUAL_STEPS) * _forward(blueprint, model, workload)
    with _shapes():
        return _written(blueprint, model, workload)


def _written(blueprint: zoo.Blueprint, model: PreTrainedModel, workload: Workload) -> float:
    """FLOPs of reading a prompt, writing one token, or writing several after a prompt."""
    size = lengths(blueprint, model.config, workload)
    given = _source(blueprint, model, workload)
    if workload.kind == "prefill":
        return _prefill(model, given)
    if workload.kind == "decode":
        return _decode(model, given, size.context)
    # the prompt gives the first token; a later step's FLOPs are linear in its context
    first = 1 if model.config.is_encoder_decoder else size.prompt
    last = first + size.new - 2
    ends = _decode(model, given, first) + _decode(model, given, last)
    return _prefill(model, given) + (size.new - 1) * ends / 2


@lru_cache(maxsize=4)
def _meta_model(key: str) -> PreTrainedModel:
    """The model without storage, in the form that the counter sees through."""
    blueprint = zoo.Blueprint.of_key(key)
    return zoo.build(blueprint, META, torch.float32, "eager", _experts(blueprint))


def _experts(blueprint: zoo.Blueprint) -> str | None:
    """The experts implementation whose products the counter sees."""
    routed = any(blueprint.config.get(key) for key in EXPERTS)
    return "batched_mm" if routed else None


@contextmanager
def _shapes(*, gradients: bool = False) -> Iterator[None]:
    """Passes without storage, where small tensors, such as a grid of patches, have values."""
    values = Values()
    with torch.set_grad_enabled(gradients), Literals(values), values:
        yield


def _forward(blueprint: zoo.Blueprint, model: PreTrainedModel, workload: Workload) -> float:
    """FLOPs of one pass over a whole sequence or image, all logits."""
    with _shapes():
        batch = in_format(
            forward_batch(Asked(blueprint, model.config, workload, META)), model.dtype
        )
        with counting() as counter:
            _pass(model, batch, **options(blueprint, model.config, batch))
    return float(counter.get_total_flops())


def _source(blueprint: zoo.Blueprint, model: PreTrainedModel, workload: Workload) -> Batch:
    """What one sequence's prefill is given."""
    given = source_batch(Asked(blueprint, model.config, workload, META))
    return in_format(given, model.dtype)


def _pass(model: Any, given: Batch, **more: Any) -> Any:
    """A forward pass; an image beside tokens goes through its tower alone.

    Where the image belongs in the text is told by tokens, which the meta device can't show.
    """
    if seen := _seen_apart(model, given):
        model.get_image_features(**seen)
        given = {key: given[key] for key in given if key not in seen}
    return model(**given, **more)


def _seen_apart(model: Any, given: Batch) -> Batch:
    """Of what a model is given, what goes through its tower; nothing where that is all of it."""
    seen = {key: given[key] for key in given if key in IMAGE_INPUTS}
    return seen if hasattr(model.config, "image_token_id") else {}


def _lora(blueprint: zoo.Blueprint, workload: Workload) -> float:
    """FLOPs of a forward and backward pass with adapters."""
    model = zoo.build(blueprint, META, torch.float32, "eager", _experts(blueprint))
    adapted = add_lora(model, workload.lora_rank)
    with _shapes(gradients=True):
        asked = Asked(blueprint, model.config, workload, META)
        batch = in_format(training_batch(asked), model.dtype)
        apart = _seen_apart(adapted, batch)
        with counting() as counter:
            loss = _beside_image(adapted, batch) if apart else loss_of(blueprint, adapted, batch)
            loss.backward()
    return float(counter.get_total_flops())


def _beside_image(model: Any, batch: Batch) -> torch.Tensor:
    """A loss that reaches all that one over text and image reaches.

    The first layer's products owe their input a gradient, as the tower's adapters wait for it.
    """
    seen = model.get_image_features(**_seen_apart(model, batch)).pooler_output
    ids = batch["input_ids"]
    given = {"inputs_embeds": model.get_input_embeddings()(ids).detach().requires_grad_()}
    loss: torch.Tensor = model(**given, labels=batch["labels"]).loss
    parts = [seen] if isinstance(seen, torch.Tensor) else seen
    return loss + sum(part.sum() for part in parts)


def _ids(tokens: int) -> torch.Tensor:
    """One sequence of that many tokens."""
    return torch.zeros(1, tokens, dtype=torch.long, device=META)


def _prefill(model: PreTrainedModel, given: Batch) -> float:
    """FLOPs of the pass that gives the first new token: only its logits are computed."""
    with torch.no_grad(), counting() as counter:
        if model.config.is_encoder_decoder:
            model(**given, decoder_input_ids=_ids(1))
        else:
            last = {"logits_to_keep": 1} if has_last_logits(model) else {}
            _pass(model, given, use_cache=True, **last)
    return float(counter.get_total_flops())


def _decode(model: PreTrainedModel, given: Batch, context: int) -> float:
    """FLOPs of one more token of a decoder that holds `context` tokens."""
    source, held = _holding(model, given, context)
    token = "decoder_input_ids" if model.config.is_encoder_decoder else "input_ids"
    with torch.no_grad(), counting() as counter:
        model(**source, **{token: _ids(1), cache_name(model): held}, use_cache=True)
    return float(counter.get_total_flops())


def _holding(model: PreTrainedModel, given: Batch, context: int) -> tuple[dict[str, Any], Any]:
    """What a next step is given, and the cache of a decoder that holds `context` tokens."""
    with torch.no_grad():
        if not model.config.is_encoder_decoder:
            return {}, getattr(model(input_ids=_ids(context), use_cache=True), cache_name(model))
        source = {"encoder_outputs": model.get_encoder()(**given)}
        held = model(**source, decoder_input_ids=_ids(context), use_cache=True)
        return source, getattr(held, cache_name(model))


def decode_bytes(
    blueprint: zoo.Blueprint,
    workload: Workload,
    element_bytes: int,
    weight_bytes: float | None = None,
) -> float:
    """Bytes that a decode step must move: weights used, cache read, the new token's part written.

    A mixture of experts reads those that the batch touches when each token picks evenly,
    E·(1 − (1 − k/E)^b). An encoder-decoder's encoder, and the keys made from it, stay as they are.
    """
    model = _meta_model(blueprint.key)
    size = lengths(blueprint, model.config, workload)
    weights = _weights_read(model, workload.batch)
    single = workload.model_copy(update={"batch": 1})
    given = _source(blueprint, model, single)
    per_sequence = cache_elements(model, given, size.context + 1)
    return weights * (weight_bytes or element_bytes) + workload.batch * per_sequence * element_bytes


def _weights_read(model: PreTrainedModel, batch: int) -> float:
    """Parameters that the matrix products of a decode step read, each once."""
    share = zoo_size.expert_share(model.config)
    read = 0.0
    for path, module in model.named_modules():
        if NOT_DECODING.search(path):
            continue
        for name, weight in module.named_parameters(recurse=False):
            if zoo_size.is_matrix(module, name, weight):
                read += weight.numel()
            elif zoo_size.is_experts(name, weight):
                read += weight.numel() * (1 - (1 - share) ** batch)
    return read


def cache_elements(model: PreTrainedModel, given: Batch, context: int) -> int:
    """Numbers in the key-value cache of one sequence that holds `context` tokens.

    They are read off the cache that transformers makes, so grouped heads, sliding windows and the
    keys of an encoder-decoder's source are what they are. Latent attention counts compressed.
    """
    config = model.config
    if getattr(config, "kv_lora_rank", None):
        layer = config.kv_lora_rank + config.qk_rope_head_dim
        return config.num_hidden_layers * layer * context
    _, held = _holding(model, given, context)
    caches = [held]
    if config.is_encoder_decoder:
        caches = [held.self_attention_cache, held.cross_attention_cache]
    layers = [layer for one in caches for layer in one.layers]
    return sum(tensor.numel() for layer in layers for tensor in kept_tensors(layer))


def kept_tensors(layer: Any) -> list[torch.Tensor]:
    """What one layer of a cache keeps: keys and values, or the states of what runs through time."""
    states = [
        state
        for kind in ("conv_states", "recurrent_states")
        for state in getattr(layer, kind, {}).values()
    ]
    found = [getattr(layer, "keys", None), getattr(layer, "values", None), *states]
    return [tensor for tensor in found if isinstance(tensor, torch.Tensor)]
