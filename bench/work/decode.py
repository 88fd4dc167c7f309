"""A decoder with a static cache: prefill, one token at a time, and whole generations.

The cache has as many places as the work needs and is written in place. A decode step at a fixed
context is rewound before each call, so every step sees the same number of tokens. On CUDA a step
is captured into one graph: token in, logits, the likeliest token out, no word from the host.
Generation is greedy and never stops early: `new_tokens` tokens for every sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from modelworth.bench.models import zoo
from modelworth.bench.models.fused import fuse_projections
from modelworth.bench.models.grids import PREFIX, worked_out
from modelworth.bench.models.low_precision import lower_weights
from modelworth.bench.work.attention import (
    GROWING,
    SPLIT,
    UNMASKED,
    implementation,
    split,
    windowed,
)
from modelworth.bench.work.attention_kernel import run_aside, using
from modelworth.bench.work.blueprint import Job, compiled
from modelworth.bench.work.flops import cache_name, has_last_logits, kept_tensors
from modelworth.bench.work.inputs import Lengths, in_format, lengths, source_batch
from modelworth.bench.work.task import Step
from modelworth.data.errors import InputError, ModelworthError

WARM_UPS_BEFORE_CAPTURE = 3
STATE_TOKENS = 16
"""Of the prompt, with which layers that keep a state are made; more than any convolution sees."""


class Decoder:
    """A model, its cache, and the token that each sequence is at."""

    def __init__(self, job: Job, *, growing: bool) -> None:
        self.model = build_decoder(job, growing=growing)
        self.size: Lengths = lengths(job.blueprint, self.model.config, job.workload)
        given = in_format(source_batch(job.asked(self.model.config)), job.dtype)
        self.given: dict[str, Any] = given | worked_out(self.model, given)
        self._ahead = self._places_ahead()
        shape = (job.workload.batch, 1)
        self.token = torch.full(shape, 10, dtype=torch.long, device=job.device)
        self.cache = self._new_cache(places_needed(self.encodes, self.size, job.workload.kind))
        self._last = {"logits_to_keep": 1} if has_last_logits(self.model) else {}
        self._cache_name = cache_name(self.model)
        self._source: Any = None
        self.prompt_kernel: str | None = None
        self.token_kernel: str | None = None
        self._read: Callable[..., Tensor] = compiled(self._first, job.workload)
        self._pass: Callable[[Tensor], Tensor] = compiled(self._forward, job.workload)
        self._encode = compiled(self._encoder, job.workload)
        self.fused = False
        # unless asked not to, or split over devices by name
        if job.workload.fused_projections is not False and not job.layout.splits_weights:
            self.fused = fuse_projections(self.model, self._allocate)
        else:
            self._allocate()
        self.weight_bits = lower_weights(self.model, job.workload.precision)

    @property
    def encodes(self) -> bool:
        """Whether the prompt goes through an encoder of its own."""
        return bool(self.model.config.is_encoder_decoder)

    def prefill(self) -> None:
        """Read the prompt into an empty cache and take the first token."""
        with torch.inference_mode(), using(self.prompt_kernel):
            self._set_length(0)
            if self.encodes:
                self._source = self._encode(**self.given)
                self.token.fill_(self.model.config.decoder_start_token_id)
                self._take(self._read(self.token))
            else:
                self._take(self._read(**self.given))

    def advance(self) -> None:
        """One more token for every sequence."""
        with torch.inference_mode(), using(self.token_kernel):
            self._take(self._pass(self.token))

    def attend_by(self, kernel: str | None) -> None:
        """Let single tokens attend by a kernel; before anything is compiled or captured."""
        self.token_kernel = kernel
        if kernel == SPLIT:
            config = self.model.config
            config._attn_implementation = split(config._attn_implementation)

    @property
    def splits(self) -> bool:
        """Whether a single token's attention can split the cache."""
        return self.model.config._attn_implementation in (UNMASKED, GROWING)

    def hold(self, context: int) -> None:
        """Fill the cache as if it held `context` tokens: random keys and values, in place."""
        with torch.inference_mode():
            for tensor in self.cache_tensors():
                tensor.normal_()
        self.rewind(context)

    def rewind(self, context: int) -> None:
        """Let the cache hold `context` tokens again."""
        with torch.inference_mode():
            self._set_length(context, self_attention_only=True)

    def cache_bytes(self) -> int:
        """Storage of keys and values."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.cache_tensors())

    def cache_tensors(self) -> list[Tensor]:
        """What every layer keeps: keys and values, or the states of one that runs through time."""
        return [tensor for layer in self._layers() for tensor in kept_tensors(layer)]

    def _new_cache(self, places: int) -> Any:
        """An empty cache of that many places; an encoder-decoder's has a second for the source."""
        from transformers import EncoderDecoderCache, StaticCache

        own = StaticCache(config=self.model.config, max_cache_len=places)
        if not self.encodes:
            return own
        source = StaticCache(config=self.model.config, max_cache_len=self.size.prompt)
        return EncoderDecoderCache(own, source)

    def _allocate(self) -> None:
        """Let transformers make the cache's tensors, which it does at first use.

        Done before anything is compiled, lest the first step be compiled twice.
        """
        first = self.token
        if any(hasattr(layer, "conv_states") for layer in self._layers()):
            # one token is too few to size a convolution's
            first = self.given["input_ids"][:, :STATE_TOKENS]
        with torch.inference_mode():
            if self.encodes:
                self._source = self._encoder(**self.given)
            self._forward(first)
            named = ("pixel_values", PREFIX)
            if seen := {key: self.given[key] for key in self.given if key.startswith(named)}:
                self.model.get_image_features(**seen)  # at first use under a lock, too

    def _places_ahead(self) -> int:
        """How far the next token's place in the text is from their count: an image takes fewer."""
        places = self.given.get("position_ids")
        return 0 if places is None else int(places.max()) + 1 - places.shape[-1]

    def _layers(self) -> list[Any]:
        """Layers of the cache, the source's last."""
        if self.encodes:
            return [
                *self.cache.self_attention_cache.layers,
                *self.cache.cross_attention_cache.layers,
            ]
        return list(self.cache.layers)

    def _set_length(self, tokens: int, *, self_attention_only: bool = False) -> None:
        """Say how many places are taken; nothing is erased."""
        own = self.cache.self_attention_cache if self.encodes else self.cache
        layers = list(own.layers) if self_attention_only else self._layers()
        for layer in layers:
            if hasattr(layer, "conv_states"):
                _set_state(layer, empty=tokens == 0)
            if not hasattr(layer, "cumulative_length"):
                continue
            layer.cumulative_length.fill_(tokens)
            if hasattr(layer, "cumulative_length_int"):  # sliding windows count twice
                layer.cumulative_length_int = tokens
        if self.encodes and not self_attention_only:
            self.cache.is_updated = dict.fromkeys(self.cache.is_updated, False)

    def _encoder(self, **given: Tensor) -> Tensor:
        """The source as the decoder sees it."""
        hidden: Tensor = self.model.get_encoder()(**given).last_hidden_state
        return hidden

    def logits_of(self, model: Any, input_ids: Tensor, **seen: Tensor) -> Tensor:
        """Logits of the last position, by a model that may stand in for the decoder's own."""
        given: dict[str, Any] = {"input_ids": input_ids, **seen, **self._last}
        if self.encodes:
            from transformers.modeling_outputs import BaseModelOutput

            source = BaseModelOutput(last_hidden_state=self._source)
            given = {"decoder_input_ids": input_ids, "encoder_outputs": source}
        elif self._ahead and not seen:
            place = torch.full((3, *input_ids.shape), self._ahead, device=input_ids.device)
            given["position_ids"] = place + self.cache.get_seq_length()
        held = {self._cache_name: self.cache}
        logits: Tensor = model(**given, **held, use_cache=True).logits
        return logits[:, -1:]

    def first_logits_of(self, model: Any, **source: Tensor) -> Tensor:
        """As `logits_of`, for a prompt that may have to go through the encoder first."""
        if not self.encodes:
            return self.logits_of(model, **source)
        self.cache.is_updated = dict.fromkeys(self.cache.is_updated, False)
        given = {**source, "decoder_input_ids": self.token}
        held = {self._cache_name: self.cache}
        logits: Tensor = model(**given, **held, use_cache=True).logits
        return logits

    def _first(self, input_ids: Tensor, **seen: Tensor) -> Tensor:
        """As `_forward`, for the first pass: a function of its own is compiled on its own."""
        return self.logits_of(self.model, input_ids, **seen)

    def _forward(self, ids: Tensor) -> Tensor:
        """Logits of the last position; the cache takes up what passes."""
        return self.logits_of(self.model, ids)

    def _take(self, logits: Tensor) -> None:
        """The likeliest token becomes each sequence's next, in place."""
        self.logits = logits
        self.token.copy_(logits.argmax(-1))


def _set_state(layer: Any, *, empty: bool) -> None:
    """A state that has seen nothing, or one that goes on from where it is."""
    for state in (*layer.conv_states.values(), *layer.recurrent_states.values()):
        if empty and state is not None:
            state.zero_()
    layer.has_previous_state = dict.fromkeys(layer.has_previous_state, not empty)


def places_needed(encodes: bool, size: Lengths, kind: str) -> int:
    """Tokens that the decoder's cache must take; the last one generated never enters it."""
    start = 1 if encodes else size.prompt
    return {"prefill": start, "decode": size.context + 1}.get(kind, start + size.new - 1)


def build_decoder(job: Job, *, growing: bool) -> Any:
    """The model in evaluation mode, spread over the layout's ranks."""
    config = zoo.transformers_config(job.blueprint)
    attention = implementation(job.workload.attention, config, growing=growing)
    if growing and attention.startswith("flash"):
        allowed = "sdpa or eager: over a cache with free places it would attend to those as well"
        raise InputError("workload.attention", attention, allowed)
    model = zoo.build(job.blueprint, job.birthplace, job.dtype, attention)
    return job.spread(model, trained=False)


def graphed(decoder: Decoder, job: Job) -> tuple[Step, bool]:
    """`advance` as a captured CUDA graph where asked and possible, and whether it is.

    A sliding window's cache is counted on the host, which a graph can't replay.

    Raises:
        ModelworthError: if something in the step can't be captured.
    """
    wanted = job.workload.cuda_graphs and job.device.type == "cuda"
    if not wanted or windowed(decoder.model.config):
        return decoder.advance, False

    def warm_up() -> None:
        for _ in range(WARM_UPS_BEFORE_CAPTURE):
            decoder.rewind(max(0, decoder.size.context - 1))
            decoder.advance()

    run_aside(warm_up, job.device)
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.inference_mode(), torch.cuda.graph(graph):
            decoder.advance()
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise ModelworthError(
            f"{job.blueprint.name}: the decode step can't be captured into a CUDA graph ({reason});"
            " measure it with --cuda-graphs off"
        ) from error
    return graph.replay, True
