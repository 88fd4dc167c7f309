"""Activations against what autograd keeps, published constants, and refusals in words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworth.costmodel.architecture.activations import activation_bytes, layer_activation_bytes
from modelworth.costmodel.architecture.fits import (
    ServingAsk,
    TrainingAsk,
    largest_batch,
    serving_fit,
    training_fit,
)
from modelworth.costmodel.architecture.memory import (
    bytes_per_weight,
    serving_memory,
    training_memory,
    training_state,
    weights_bytes,
)
from modelworth.costmodel.architecture.read import read_model
from modelworth.costmodel.architecture.sharding import Sharding
from modelworth.costmodel.architecture.structure import Architecture
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError
from tests.costmodel.small_models import build, short_config

CATALOG = load_catalog()
H100 = CATALOG.accelerator("H100").memory_bytes
GB = 1e9


def shipped(name: str) -> Architecture:
    return read_model(CATALOG.model(name).config)


def per_layer(name: str, tokens: int, kernels: str = "sdpa") -> float:
    """Bytes per s·b·h of the first layer."""
    model = shipped(name)
    return layer_activation_bytes(model.blocks[0], tokens, kernels=kernels) / tokens / model.hidden


def kept_bytes(name: str, layers: int, kernels: str, tokens: int, checkpoint: bool = False) -> int:
    """Storages that autograd keeps in a real forward pass, parameters and masks left out."""
    import torch

    torch.manual_seed(0)
    model, config = build(name, num_hidden_layers=layers)
    config._attn_implementation = kernels
    config.use_cache = False
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:layers]
    model = model.to(torch.bfloat16).train()
    if checkpoint:
        model.activation_checkpointing_enable()
    for part in model.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    owned = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    kept: dict[int, int] = {}
    alive = []

    def pack(tensor):
        storage = tensor.untyped_storage()
        mask = tensor.dim() == 4 and tuple(tensor.shape[-2:]) == (tokens, tokens)
        shared = tensor.shape[:1] == (1,) or (mask and tensor.shape[1] == 1)
        if storage.data_ptr() not in owned and not shared:
            kept[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)
        return tensor

    ids = torch.zeros(2, tokens, dtype=torch.long)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(input_ids=ids)
    return sum(kept.values())


@pytest.mark.parametrize("kernels", ["sdpa", "eager"])
@pytest.mark.parametrize("name", ["llama", "qwen3", "gemma", "bert"])
def test_a_layer_keeps_what_autograd_keeps(name, kernels):
    pytest.importorskip("torch")
    tokens = 48
    grown = kept_bytes(name, 3, kernels, tokens) - kept_bytes(name, 2, kernels, tokens)
    block = read_model(short_config(name)).blocks[0]
    computed = 2 * layer_activation_bytes(block, tokens, kernels=kernels)
    # Beyond the formula: a float32 scale or log-sum-exp for each token, head and norm.
    assert computed <= grown <= computed * 1.04


def test_full_checkpointing_keeps_a_layers_input():
    pytest.importorskip("torch")
    grown = kept_bytes("llama", 3, "sdpa", 48, checkpoint=True)
    grown -= kept_bytes("llama", 2, "sdpa", 48, checkpoint=True)
    assert grown == 2 * 48 * 64 * 2  # 2.0 bytes per s·b·h


def test_published_constants():
    """Llama-2-7B 46.5 and Llama-3.1-8B 53.0 bytes per s·b·h at 2,048 tokens, traced with fake
    tensors, which keeps a mask of 2·s² bytes and repeats the 8 key-value heads to 32. GPT with
    fused kernels: the 34 of Korthikanti et al. 2022, table 2, less dropout's two masks.
    """
    mask = 2 * 2048**2 / 2048 / 4096
    repeated = 2 * 2 * (32 - 8) * 128 / 4096
    assert per_layer("llama-2-7b", 2048) + mask == 46.5
    assert per_layer("llama-3.1-8b", 2048) + mask + repeated == 53.0
    assert per_layer("gpt3-175b", 2048, "fused") + 2 == 34
    scores = per_layer("gpt3-175b", 2048, "eager") - per_layer("gpt3-175b", 2048, "sdpa")
    assert scores == 2 * 96 * 2048 / 12288  # 5·a·s/h with dropout's mask and output: 2 without


def test_tensor_parallelism_cuts_as_korthikanti_says():
    """34/t with sequence parallelism, 10 + 24/t without; both less dropout, which isn't counted."""
    block = shipped("gpt3-175b").blocks[0]
    unit = 2048 * 12288
    cut = layer_activation_bytes(block, 2048, sharding=Sharding(tensor=8))
    assert cut / unit == (34 - 2) / 8
    cut = Sharding(tensor=8, sequence_parallel=False)
    assert layer_activation_bytes(block, 2048, sharding=cut) / unit == (10 - 2) + 24 / 8


def test_interleaving_holds_more_micro_batches():
    """Korthikanti et al. 2022: 1 + (p − 1)/(p·m) for m interleaved slices."""
    model = shipped("gpt3-175b")
    whole = activation_bytes(model, 1, 2048, sharding=Sharding(pipeline=8))
    assert whole == activation_bytes(model, 1, 2048)
    sliced = activation_bytes(model, 1, 2048, sharding=Sharding(pipeline=8, slices=3))
    assert sliced == pytest.approx(whole * (1 + 7 / 24))


def test_checkpointing_orders_memory():
    model = shipped("llama-3.1-8b")
    eager = [
        activation_bytes(model, 1, 4096, checkpointing=kept, kernels="eager")
        for kept in ("none", "selective", "full", "alternate")
    ]
    assert eager[0] > eager[1] > eager[2]
    assert eager[1] == activation_bytes(model, 1, 4096, kernels="sdpa")
    assert eager[2] == 32 * 2 * 4096 * 4096  # the layers' inputs
    assert eager[3] == (eager[0] + eager[2]) / 2


def test_a_recomputed_layer_and_the_logits_never_meet():
    model = shipped("llama-3.1-8b")
    inputs = 32 * 2 * 4096 * 4096
    layer = layer_activation_bytes(model.blocks[0], 4096)
    full = training_memory(model, 1, 4096, checkpointing="full")
    assert full.logits == 4096 * 128_256 * 4
    assert full.activations == inputs + max(layer - full.logits, 0)
    image = shipped("vit-large")
    few = training_memory(image, 8, checkpointing="full")
    each = layer_activation_bytes(image.blocks[0], 197)
    assert few.activations + few.logits == 8 * (24 * 2 * 197 * 1024 + each)


def test_fsdp_holds_two_layers_whole():
    model = shipped("llama-3.1-8b")
    cut = Sharding(data=8, zero_stage=3)
    whole = 2 * model.blocks[0].parameters * 2 * 7 / 8
    held = training_memory(model, 1, 512, sharding=cut).weights
    assert held == training_state(model, sharding=cut).weights + whole


def mpt(layers: int, hidden: int, heads: int) -> Architecture:
    return Architecture.from_columns(
        layers=layers,
        hidden=hidden,
        heads=heads,
        ffn=4 * hidden,
        vocab=50368,
        gated_mlp=False,
        tied=True,
    )


# mosaicml/llm-foundry@8c8dd48, scripts/train/benchmarking/README.md: largest micro-batches that
# were run: shape, devices, GiB, tokens, micro-batch, checkpointing.
RAN = [
    ((12, 768, 12), 8, 40, 2048, 26, "none"),
    ((24, 1024, 16), 8, 40, 32768, 1, "none"),
    ((24, 1024, 16), 16, 40, 2048, 18, "none"),
    ((24, 1536, 12), 8, 80, 2048, 24, "none"),
    ((24, 2048, 16), 16, 80, 2048, 20, "none"),
    ((32, 2560, 20), 8, 80, 8192, 3, "none"),
    ((32, 4096, 32), 8, 80, 65536, 1, "full"),
    ((40, 5120, 40), 16, 40, 2048, 10, "full"),
    ((48, 7168, 56), 8, 80, 8192, 1, "full"),
]


@pytest.mark.parametrize(("shape", "devices", "gib", "tokens", "batch", "kept"), RAN)
def test_steps_that_were_run_fit(shape, devices, gib, tokens, batch, kept):
    cut = Sharding(data=devices, zero_stage=3)
    ask = TrainingAsk(mpt(*shape), batch, tokens, sharding=cut, checkpointing=kept)
    fit = training_fit(ask, gib * 2**30)
    assert fit.fits, fit.reason
    assert fit.memory.total > 0.55 * fit.available_bytes


def test_mixed_adamw_takes_18_bytes_and_zero_spreads_them():
    model = shipped("llama-3.1-8b")
    size = model.parameters
    assert training_state(model).total == 18 * size
    assert training_state(model, "float32").total == 16 * size
    by_stage = [
        training_state(model, sharding=Sharding(data=8, zero_stage=stage)).total / size
        for stage in (0, 1, 2, 3)
    ]
    assert by_stage == [18, 6 + 12 / 8, 2 + 16 / 8, 18 / 8]


def test_zero_spreads_over_replicas_not_over_all_devices():
    model = shipped("llama-3.1-8b")
    cut = Sharding(data=4, tensor=2, pipeline=2, zero_stage=1)
    assert cut.devices == 16
    held = training_state(model, sharding=cut)
    assert held.optimizer == 12 * model.parameters / 4 / 4
    assert held.weights == 2 * model.parameters / 4


def test_experts_are_spread_over_expert_parallelism():
    model = shipped("mixtral-8x7b")
    experts = 32 * 8 * 3 * 4096 * 14336
    held = training_state(model, sharding=Sharding(data=8, expert=8)).weights
    assert held == 2 * (model.parameters - experts + experts / 8)
    # With stage 3 everything is spread over the 8 replicas, however experts are placed.
    spread = training_state(model, sharding=Sharding(data=8, expert=8, zero_stage=3)).weights
    assert spread == 2 * model.parameters / 8


def test_adapters_train_few_parameters():
    model = shipped("llama-3.1-8b")
    held = training_state(model, trainable_parameters=20_000_000)
    assert held.weights == 2 * model.parameters
    assert held.gradients + held.optimizer == pytest.approx(16 * 20_000_000)


def test_stored_weights():
    model = shipped("llama-3.1-70b")
    assert weights_bytes(model) == 2 * 70_553_706_496
    table = 128256 * 8192
    vectors = 80 * 2 * 8192 + 8192
    narrow = model.parameters - 2 * table - vectors
    assert weights_bytes(model, "fp8") == narrow + 2 * (2 * table + vectors)
    assert weights_bytes(model, "fp4") < 0.65 * weights_bytes(model, "fp8")


def test_gpt_oss_files_are_as_large_as_published():
    """The released checkpoint of gpt-oss-120b is 60.8 GiB, of -20b 12.8 GiB (model card); they
    hold attention in 16 bits, which is 3% more than the layers' products all in 4."""
    for name, gib in (("gpt-oss-120b", 60.8), ("gpt-oss-20b", 12.8)):
        assert weights_bytes(shipped(name), "fp4") / 2**30 == pytest.approx(gib, rel=0.09)


def test_serving_cache_is_cut_by_key_heads():
    model = shipped("llama-3.1-70b")  # 8 key-value heads
    whole = serving_memory(model, 4, 1000).kv_cache
    assert serving_memory(model, 4, 1000, tensor=8).kv_cache == whole / 8
    assert serving_memory(model, 4, 1000, tensor=16).kv_cache == whole / 8
    latent = shipped("deepseek-v3")
    assert (
        serving_memory(latent, 4, 10, tensor=8).kv_cache == serving_memory(latent, 4, 10).kv_cache
    )


def test_seventy_billion_on_one_card_is_refused_with_what_would_do():
    fit = serving_fit(ServingAsk(shipped("llama-3.1-70b")), H100)
    assert not fit.fits
    assert fit.reason == (
        "70B in bf16 needs 141 GB for weights alone; 1 × 80 GB; fits on 2 with tensor parallelism"
    )
    assert serving_fit(ServingAsk(shipped("llama-3.1-70b")), H100, 2).fits


def test_cache_that_does_not_fit_names_the_batch_that_does():
    ask = ServingAsk(shipped("llama-3.1-8b"), batch=256, context=8192)
    fit = serving_fit(ask, H100)
    most = largest_batch(ask, H100)
    assert f"fits with {most} sequences" in fit.reason
    assert "256 × 8,192 tokens" in fit.reason
    just = ServingAsk(ask.architecture, batch=most, context=8192)
    above = ServingAsk(ask.architecture, batch=most + 1, context=8192)
    assert serving_fit(just, H100).fits
    assert not serving_fit(above, H100).fits


def test_nothing_fits_beyond_reason():
    huge = Architecture.from_columns(
        layers=2000, hidden=65536, heads=512, ffn=262144, vocab=100_000
    )
    fit = serving_fit(ServingAsk(huge), H100)
    assert "doesn't fit on 256 either" in fit.reason
    assert fit.reason.startswith("137T in bf16 needs")
    assert "shorter sequences" in training_fit(TrainingAsk(huge, 1, 65536), H100).reason


def test_training_refusals():
    alone = training_fit(TrainingAsk(shipped("llama-3.1-70b"), 1, 2048), H100).reason
    assert "1,270 GB for weights, gradients and optimizer alone" in alone
    assert "fits on 32 with FSDP" in alone
    sharded = Sharding(data=8, zero_stage=3)
    wide = TrainingAsk(shipped("llama-3.1-8b"), 16, 8192, sharding=sharded)
    assert "fits with full checkpointing and one sequence" in training_fit(wide, H100).reason
    milder = TrainingAsk(shipped("llama-3.1-8b"), 1, 16384, sharding=sharded)
    assert training_fit(milder, H100).reason.endswith("fits with full checkpointing")
    small = training_fit(TrainingAsk(shipped("gpt2"), 8, 1024), H100)
    assert small.fits
    assert 0 < small.memory.total < small.available_bytes < H100


def test_logits_dominate_small_models():
    memory = training_memory(shipped("gpt2"), 8, 1024, kernels="sdpa", checkpointing="full")
    assert memory.logits == 8 * 1024 * 50257 * 14
    assert memory.logits > memory.activations
    assert training_memory(shipped("gpt2"), 8, 1024).logits == 8 * 1024 * 50257 * 4


def test_unknown_words_are_refused():
    with pytest.raises(InputError, match="precision"):
        bytes_per_weight("fp7")
    with pytest.raises(InputError, match="optimizer"):
        training_state(shipped("gpt2"), optimizer="magic")


@settings(max_examples=40)
@given(
    st.sampled_from(["llama", "mixtral", "bert", "t5", "deepseek-v3"]),
    st.integers(1, 64),
    st.integers(1, 4096),
    st.sampled_from(["fused", "sdpa", "eager"]),
)
def test_more_devices_never_hold_more(name, batch, tokens, kernels):
    model = read_model(short_config(name))
    whole = training_memory(model, batch, tokens, 16, kernels=kernels)
    for cut in (
        Sharding(tensor=2),
        Sharding(pipeline=2),
        Sharding(data=4, zero_stage=1),
        Sharding(data=4, zero_stage=3),
    ):
        assert training_memory(model, batch, tokens, 16, sharding=cut, kernels=kernels).total <= (
            whole.total
        )
    assert training_memory(model, batch + 1, tokens, 16, kernels=kernels).total > whole.total
