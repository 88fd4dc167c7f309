"""FLOPs against torch's counter, the cache against real ones, bytes by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworth.costmodel.architecture.read import read_model
from modelworth.costmodel.architecture.structure import Architecture
from modelworth.costmodel.architecture.work import (
    decode_flops,
    forward_flops,
    kv_cache_bytes,
    training_flops,
)
from modelworth.data.catalog import load_catalog
from tests.costmodel.small_models import build, short_config, vision_config

BATCH, TOKENS = 2, 24
DECODERS = [
    "llama",
    "llama-biased",
    "mistral",
    "mixtral",
    "qwen2",
    "qwen2-moe",
    "qwen3-moe",
    "gemma2",
    "gemma3",
    "olmo2",
    "phi",
    "starcoder2",
    "gpt2",
    "gpt-neox",
    "gptj",
    "falcon",
    "mpt",
    "deepseek-v3",
]
CACHED = [
    "llama",
    "falcon",
    "gpt2",
    "mistral",
    "gemma2",
    "gemma3",
    "gpt-oss",
    "qwen2",
    "mixtral",
    "deepseek-v3",
]


def of(name: str) -> Architecture:
    return read_model(short_config(name))


def shipped(name: str) -> Architecture:
    return read_model(load_catalog().model(name).config)


def counted_flops(name: str, run) -> int:
    """What torch counts, with eager attention, experts as batched products."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        model, config = build(name)
        model = model.to(torch.bfloat16).eval()
        config._attn_implementation = "eager"
        config._experts_implementation = "batched_mm"
        config.use_cache = False
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            run(torch, model)
    return counter.get_total_flops()


@pytest.mark.parametrize("name", DECODERS)
def test_decoders_need_the_flops_that_torch_counts(name):
    def run(torch, model):
        ids = torch.zeros(BATCH, TOKENS, dtype=torch.long)
        mask = torch.zeros(1, 1, TOKENS, TOKENS, dtype=torch.bfloat16)
        model(input_ids=ids, attention_mask=mask)

    assert forward_flops(of(name), BATCH, TOKENS) == counted_flops(name, run)


@pytest.mark.parametrize("name", ["bert", "bert-classifier", "roberta", "distilbert"])
def test_encoders_need_the_flops_that_torch_counts(name):
    def run(torch, model):
        model(input_ids=torch.zeros(BATCH, TOKENS, dtype=torch.long))

    assert forward_flops(of(name), BATCH, TOKENS) == counted_flops(name, run)


@pytest.mark.parametrize("name", ["t5", "mt5", "bart"])
def test_encoder_decoders_need_the_flops_that_torch_counts(name):
    source = 40

    def run(torch, model):
        model(
            input_ids=torch.zeros(BATCH, source, dtype=torch.long),
            decoder_input_ids=torch.zeros(BATCH, TOKENS, dtype=torch.long),
        )

    assert forward_flops(of(name), BATCH, TOKENS, source) == counted_flops(name, run)


@pytest.mark.parametrize("name", ["vit", "deit", "yolos"])
def test_images_need_the_flops_that_torch_counts(name):
    def run(torch, model):
        size = model.config.image_size
        height, width = (size, size) if isinstance(size, int) else size
        model(pixel_values=torch.zeros(BATCH, 3, height, width, dtype=torch.bfloat16))

    assert forward_flops(of(name), BATCH) == counted_flops(name, run)


def test_mixtral_in_full_size():
    """Counted once by torch on the meta device, one sequence of 512 tokens."""
    assert forward_flops(shipped("mixtral-8x7b"), 1, 512) == 13_191_992_049_664


@pytest.mark.parametrize(
    ("shape", "gmacs"),
    [(("base", 16, 384), 55.54), (("large", 14, 224), 81.08), (("huge", 14, 224), 167.40)],
)
def test_vision_flops_are_twice_timms_multiplications(shape, gmacs):
    assert forward_flops(read_model(vision_config(*shape)), 1) / 2e9 == pytest.approx(
        gmacs, rel=2e-3
    )


def test_attention_conventions():
    model = shipped("llama-2-7b")
    full = forward_flops(model, 1, 4096)
    seen = forward_flops(model, 1, 4096, pairs="seen")
    attention = 4 * 4096**2 * 4096 * 32
    assert full == 2 * model.matmul_parameters * 4096 + attention
    assert full - seen == attention / 2
    windowed = shipped("mistral-7b")  # a window of 4,096
    pairs = (
        forward_flops(windowed, 1, 8192, pairs="seen")
        - 2 * windowed.active_matmul_parameters * 8192
    ) / (4 * 4096 * 32)
    exact = sum(min(position, 4096) for position in range(1, 8193))
    assert pairs == pytest.approx(exact, rel=3e-4)


def test_training_is_three_passes():
    model = shipped("gpt2")
    once = forward_flops(model, 4, 1024)
    assert training_flops(model, 4, 1024) == 3 * once


@pytest.mark.parametrize("name", ["llama", "mixtral", "gemma2", "deepseek-v3", "t5"])
def test_decoding_token_by_token_adds_up_to_a_pass_over_the_sequence(name):
    """All products once for each token; pairs: each token sees those before it and itself."""
    model = of(name)
    source = 16 if name == "t5" else 0
    steps = sum(decode_flops(model, 3, context, source) for context in range(TOKENS))
    whole = forward_flops(model, 3, TOKENS, source, pairs="seen")
    for block in model.blocks:
        attention = block.attention
        if block.stack == "encoder":
            encoder = 2 * block.matmul_parameters * source + attention.pair_flops * source**2
            whole -= 3 * block.count * encoder
            continue
        if block.cross is not None:
            whole -= 3 * block.count * 2 * block.cross.key_parameters * source
        window = attention.window or TOKENS
        exact = sum(min(position, window) for position in range(1, TOKENS + 1))
        halves = TOKENS * min(window, TOKENS) - min(window, TOKENS) ** 2 / 2
        whole -= 3 * block.count * attention.pair_flops * halves
        whole += 3 * block.count * attention.cached_pair_flops * exact
    assert steps == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("name", CACHED)
def test_cache_is_as_large_as_a_real_one(name):
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    torch.manual_seed(0)
    model, _ = build(name)
    with torch.no_grad():
        ids = torch.zeros(BATCH, TOKENS, dtype=torch.long)
        cache = model.eval()(input_ids=ids, use_cache=True).past_key_values
    held = sum(
        part.numel() * part.element_size()
        for layer in cache.layers
        for part in (layer.keys, layer.values)
    )
    # transformers keeps one position less than the window: the next token's comes on top.
    cut = sum(
        BATCH * block.count * block.attention.cache_elements * 4
        for block in of(name).blocks
        if block.attention.window is not None and block.attention.window <= TOKENS
    )
    assert kv_cache_bytes(of(name), BATCH, TOKENS, 4) - cut == held


@pytest.mark.parametrize("name", ["llama", "gpt2", "falcon"])
def test_cache_of_fixed_length_is_as_large_as_a_real_one(name):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    model, config = build(name)
    cache = transformers.StaticCache(config=config, max_cache_len=48)
    with torch.no_grad():
        model.eval()(input_ids=torch.zeros(1, 5, dtype=torch.long), past_key_values=cache)
    held = sum(
        part.numel() * part.element_size()
        for layer in cache.layers
        for part in (layer.keys, layer.values)
    )
    assert kv_cache_bytes(of(name), 1, 48, 4) == held


def test_cache_of_an_encoder_decoder_is_as_large_as_a_real_one():
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    model, _ = build("t5")
    with torch.no_grad():
        cache = model.eval()(
            input_ids=torch.zeros(BATCH, 16, dtype=torch.long),
            decoder_input_ids=torch.zeros(BATCH, TOKENS, dtype=torch.long),
            use_cache=True,
        ).past_key_values
    halves = (cache.self_attention_cache, cache.cross_attention_cache)
    held = sum(
        part.numel() * part.element_size()
        for half in halves
        for layer in half.layers
        for part in (layer.keys, layer.values)
    )
    assert kv_cache_bytes(of("t5"), BATCH, TOKENS, 4, encoder_tokens=16) == held


def test_published_cache_sizes():
    """Llama-2-7B 512 KiB a token; Llama-3.1-8B an eighth query per key head; DeepSeek-V3 70 kB."""
    assert kv_cache_bytes(shipped("llama-2-7b"), 1, 1) == 2 * 32 * 4096 * 2
    assert kv_cache_bytes(shipped("llama-3.1-8b"), 1, 1) == 131_072
    assert kv_cache_bytes(shipped("deepseek-v3"), 1, 1) == 61 * (512 + 64) * 2 == 70_272
    assert kv_cache_bytes(shipped("falcon-7b"), 1, 1) == 2 * 32 * 64 * 2
    assert kv_cache_bytes(read_model(vision_config("base", 16, 224)), 1, 197) == 0
    assert kv_cache_bytes(shipped("bert-base"), 1, 512) == 0


def test_sliding_layers_stop_growing():
    model = shipped("gpt-oss-20b")  # every other layer sees 128 tokens
    grown = kv_cache_bytes(model, 1, 2000) - kv_cache_bytes(model, 1, 1000)
    assert grown == 1000 * 12 * 2 * 8 * 64 * 2


@settings(max_examples=40)
@given(st.integers(1, 64), st.integers(1, 5000), st.sampled_from(["llama", "mixtral", "gemma2"]))
def test_longer_and_wider_is_never_less(batch, tokens, name):
    model = of(name)
    for measure in (forward_flops, training_flops, kv_cache_bytes):
        once = measure(model, batch, tokens)
        assert measure(model, batch + 1, tokens) > once
        assert measure(model, batch, tokens + 1) >= once


def test_arrays_give_what_numbers_give():
    model = of("gemma2")
    batches, contexts = np.array([1, 4, 9]), np.array([3, 50, 800])
    for measure in (decode_flops, kv_cache_bytes):
        each = [measure(model, b, c) for b, c in zip(batches, contexts, strict=True)]
        np.testing.assert_allclose(measure(model, batches, contexts), each)


def test_tokens_must_be_given_where_there_is_no_image():
    with pytest.raises(ValueError, match="number of tokens"):
        forward_flops(of("llama"), 1)
