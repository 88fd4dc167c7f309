"""FLOPs and bytes against closed forms and the published total of Mixtral."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from modelworth.bench.models import zoo  # noqa: E402
from modelworth.bench.work import flops  # noqa: E402
from modelworth.bench.work.kernel_flops import kernel_flops  # noqa: E402
from modelworth.data.measurement import Workload  # noqa: E402
from tests.bench.tiny import CONFIGS  # noqa: E402

MIXTRAL_512_TOKENS = 13_191_992_049_664  # theory for 512 tokens, by hand


def work(kind, **choices):
    return Workload(kind=kind, precision="bfloat16", **{"batch": 1, **choices})


def count(name, kind, **choices):
    return flops.model_flops(zoo.resolve(name), work(kind, **choices))


def llama(name):
    """(matrix parameters, hidden, layers, head parameters) of a Llama of the catalogue."""
    blueprint = zoo.resolve(name)
    config = blueprint.config
    head = config["vocab_size"] * config["hidden_size"]
    matmul = zoo.describe(blueprint).parameters_matmul
    return matmul, config["hidden_size"], config["num_hidden_layers"], head


@pytest.mark.parametrize("name", ["ladder-1m", "ladder-48m", "llama-3.1-8b"])
@pytest.mark.parametrize(("batch", "tokens"), [(1, 64), (3, 512)])
def test_forward_is_two_n_b_s_and_four_b_s_s_h_l(name, batch, tokens):
    matmul, hidden, layers, _ = llama(name)
    counted = count(name, "forward", batch=batch, prompt_tokens=tokens)
    assert counted == 2 * matmul * batch * tokens + 4 * batch * tokens**2 * hidden * layers


def test_training_is_three_times_forward_for_every_accumulated_batch():
    forward = count("ladder-4m", "forward", batch=2, prompt_tokens=128)
    step = {"batch": 2, "prompt_tokens": 128, "gradient_accumulation": 4}
    assert count("ladder-4m", "pretrain", **step) == 3 * 4 * forward
    recomputed = count("ladder-4m", "pretrain", **step, activation_checkpointing=True)
    assert recomputed == 3 * 4 * forward


def test_prefill_computes_the_head_once_a_sequence():
    matmul, hidden, layers, head = llama("ladder-4m")
    counted = count("ladder-4m", "prefill", batch=2, prompt_tokens=128)
    body = 2 * (matmul - head) * 128 + 4 * 128**2 * hidden * layers
    assert counted == 2 * (body + 2 * head)


def test_decode_attends_to_what_the_cache_holds_and_itself():
    matmul, hidden, layers, _ = llama("ladder-4m")
    counted = count("ladder-4m", "decode", batch=8, prompt_tokens=300)
    assert counted == 8 * (2 * matmul + 4 * 301 * hidden * layers)


@pytest.mark.slow
def test_generation_is_its_prefill_and_every_decode_step():
    steps = sum(count("ladder-1m", "decode", prompt_tokens=20 + written) for written in range(5))
    whole = count("ladder-1m", "generate", prompt_tokens=20, new_tokens=6)
    assert whole == count("ladder-1m", "prefill", prompt_tokens=20) + steps


def test_an_encoder_decoder_writes_from_a_context_of_one():
    d, f, inner, layers, vocabulary = 96, 256, 96, 3, 8192
    products = layers * (4 * d * inner + 2 * d * inner + 2 * d * f) + d * vocabulary
    steps = sum(2 * products + 4 * inner * layers * (written + 1 + 20) for written in range(1, 6))
    whole = count("t5-1m", "generate", prompt_tokens=20, new_tokens=6)
    assert whole == count("t5-1m", "prefill", prompt_tokens=20) + steps


def test_a_mixture_of_experts_is_seen_through():
    assert count("mixtral-8x7b", "forward", prompt_tokens=512) == MIXTRAL_512_TOKENS


def test_an_image_classifier_counts_patches_and_one_class_token():
    blueprint = zoo.resolve("vit-base")
    hidden, layers, tokens = 768, 12, 197
    layer = 12 * hidden**2
    patches = 2 * 196 * 768 * hidden
    expected = patches + 2 * layers * layer * tokens + 4 * tokens**2 * hidden * layers
    expected += 2 * hidden * 1000
    assert flops.model_flops(blueprint, work("forward")) == expected


@pytest.mark.slow
def test_lora_spares_the_gradients_of_frozen_weights():
    forward = count("ladder-4m", "forward", batch=1, prompt_tokens=128)
    lora = count("ladder-4m", "finetune_lora", batch=1, prompt_tokens=128, lora_rank=8)
    assert 2 * forward < lora < 2.5 * forward
    more = count("ladder-4m", "finetune_lora", batch=1, prompt_tokens=128, lora_rank=16)
    # An adapter of rank r costs 2·r·(in + out) a token; its backward pass twice that, except that
    # nothing needs the gradient of the first layer's input.
    config = zoo.resolve("ladder-4m").config
    h, f = config["hidden_size"], config["intermediate_size"]
    kv = h // config["num_attention_heads"] * config["num_key_value_heads"]
    widths = 2 * (h + h) + 2 * (h + kv) + 3 * (h + f)
    whole = 3 * 2 * 8 * 128 * widths * config["num_hidden_layers"]
    spared = 3 * 2 * 8 * 128 * h
    assert more - lora == whole - spared


def test_a_decode_step_reads_weights_and_cache():
    matmul, _, layers, _ = llama("llama-3.1-8b")
    moved = flops.decode_bytes(
        zoo.resolve("llama-3.1-8b"), work("decode", batch=4, prompt_tokens=2047), 2
    )
    cache = 2 * layers * 8 * 128 * 2048
    assert moved == 2 * (matmul + 4 * cache)


def test_a_decode_step_reads_only_the_experts_that_the_batch_touches():
    blueprint = zoo.resolve("mixtral-8x7b")
    one = flops.decode_bytes(blueprint, work("decode", prompt_tokens=1), 2)
    matmul = zoo.describe(blueprint).parameters_matmul
    cache = 2 * 32 * 8 * 128
    assert one == pytest.approx(2 * (matmul + 2 * cache))
    many = flops.decode_bytes(blueprint, work("decode", batch=512, prompt_tokens=1), 2)
    everything = 46_702_792_704 - 32_000 * 4096 - (2 * 32 + 1) * 4096
    assert many == pytest.approx(2 * (everything + 512 * 2 * cache), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "elements"),
    [
        ("falcon-7b", 32 * 2 * 64),  # one key-value head of 64 for 71 query heads
        ("gpt2", 12 * 2 * 768),
        ("deepseek-v3", 61 * (512 + 64)),  # latent attention
    ],
)
def test_cache_of_a_token(name, elements):
    blueprint = zoo.resolve(name)
    model = zoo.build(blueprint, "meta", torch.bfloat16, "eager")
    assert flops.cache_elements(model, {}, 10) == 10 * elements


def test_a_sliding_window_caps_the_cache():
    blueprint = zoo.resolve("gpt-oss-20b")
    model = zoo.build(blueprint, "meta", torch.bfloat16, "eager")
    full, window = 12, 12
    kept = flops.cache_elements(model, {}, 1000)
    token = 2 * 8 * 64
    assert kept == pytest.approx(token * (full * 1000 + window * 128), rel=0.01)


def test_an_encoder_decoder_decodes_without_its_encoder():
    blueprint = zoo.resolve("t5-1m")
    config = blueprint.config
    d, f, inner, layers = config["d_model"], config["d_ff"], 96, config["num_decoder_layers"]
    layer = 4 * d * inner + 2 * d * inner + 2 * d * f  # self, cross without keys, feed-forward
    head = d * config["vocab_size"]
    cache = 2 * inner * layers * (8 + 1 + 32)  # written so far, this token, the source
    moved = flops.decode_bytes(blueprint, work("decode", prompt_tokens=32), 4)
    assert moved == 4 * (layers * layer + head + cache)


@pytest.mark.parametrize(("window", "pairs"), [(None, 256 * 257 // 2), (8, 8 * 9 // 2 + 248 * 8)])
def test_kernels_do_only_the_pairs_that_a_mask_lets_through(window, pairs):
    """4 FLOPs for each pair, layer and number of a hidden state; pairs as a mask's sum."""
    offsets = torch.arange(256)[:, None] - torch.arange(256)
    assert int(((offsets >= 0) & (offsets < (window or 256))).sum()) == pairs
    mistral = {
        "architectures": ["MistralForCausalLM"],
        "model_type": "mistral",
        "sliding_window": window,
    }
    blueprint = zoo.resolve("m", config=CONFIGS["llama"] | mistral)
    step = work("pretrain", batch=2, prompt_tokens=256)
    done = kernel_flops(blueprint, step, "sdpa")
    assert flops.model_flops(blueprint, step) - done == 3 * 2 * 4 * (256**2 - pairs) * 32 * 2
    assert kernel_flops(blueprint, step, "eager") is None
    assert kernel_flops(blueprint, work("decode", prompt_tokens=256), "sdpa") is None
