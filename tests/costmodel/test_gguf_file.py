"""GGUF files: bits a weight as llama.cpp publishes, and bytes as its own package writes them."""

from __future__ import annotations

import pytest

from modelworth.costmodel.architecture.gguf_file import PRESETS, as_gguf
from modelworth.costmodel.architecture.memory import weights_bytes
from modelworth.costmodel.architecture.read import read_model
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError
from modelworth.data.gguf_header import read_gguf

# llama.cpp tools/quantize/README.md, bits a weight of Llama-3.1-8B, 2025-12
LLAMA_3 = {
    "iq1_s": 2.0042, "iq1_m": 2.1460, "iq2_xxs": 2.3824, "iq2_xs": 2.5882, "iq2_s": 2.7403,
    "iq2_m": 2.9294, "iq3_xxs": 3.2548, "iq3_xs": 3.4977, "iq3_s": 3.6606, "iq3_m": 3.7628,
    "iq4_xs": 4.4597, "iq4_nl": 4.6818, "q2_k_s": 2.9697, "q2_k": 3.1593, "q3_k_s": 3.6429,
    "q3_k_m": 3.9960, "q3_k_l": 4.2979, "q4_k_s": 4.6672, "q4_k_m": 4.8944, "q5_k_s": 5.5704,
    "q5_k_m": 5.7036, "q6_k": 6.5633, "q8_0": 8.5008, "f16": 16.0005,
}  # fmt: skip
# The README of the space gguf-my-repo, Llama 2 7B, 2024
LLAMA_2 = {
    "q3_k_s": 3.50, "q3_k_m": 3.91, "q3_k_l": 4.27, "q4_k_s": 4.58, "q4_k_m": 4.84,
    "q5_k_s": 5.52, "q5_k_m": 5.68, "q6_k": 6.56,
}  # fmt: skip
TINY = {
    "model_type": "llama",
    "hidden_size": 512,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "intermediate_size": 1376,
    "vocab_size": 8000,
    "max_position_embeddings": 2048,
}


def shipped(name):
    entry = load_catalog().model(name)
    return read_model(entry.config, entry.name)


@pytest.mark.parametrize(
    ("name", "published", "near"),
    [("llama-3.1-8b", LLAMA_3, 0.0001), ("llama-2-7b", LLAMA_2, 0.002)],
)
def test_bits_a_weight_are_those_that_are_published(name, published, near):
    model = shipped(name)
    found = {preset: as_gguf(model, preset).stored for preset in published}
    bits = {key: 8 * stored.weights_bytes / model.parameters for key, stored in found.items()}
    assert bits == pytest.approx(published, rel=near)
    assert weights_bytes(model, "Q4_K_M") == found["q4_k_m"].weights_bytes


@pytest.mark.parametrize(
    ("preset", "gib"), [("q4_k_m", 58.46), ("q6_k", 58.94), ("q8_0", 59.03), ("mxfp4_moe", 59.03)]
)
def test_experts_in_mxfp4_stay_so(preset, gib):
    """Files of gpt-oss-120b as unsloth and ggml-org publish them, late 2025."""
    stored = as_gguf(shipped("gpt-oss-120b"), preset).stored
    assert stored.file_bytes / 2**30 == pytest.approx(gib, rel=0.002)


def test_tensors_are_as_large_as_llama_bench_says():
    """Qwen2 7B Q4_K - Medium: 4,677,120,000 bytes, 7,615,616,512 parameters."""
    config = {
        "model_type": "qwen2",
        "hidden_size": 3584,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "intermediate_size": 18944,
        "vocab_size": 152064,
        "tie_word_embeddings": False,
    }
    model = read_model(config)
    assert model.parameters == 7_615_616_512
    stored = as_gguf(model, "q4_k_m").stored
    assert stored.weights_bytes == pytest.approx(4_677_120_000, rel=0.001)


def formats_of(preset, layers):
    """The rules of Q4_K_M and Q8_0, written out again by hand: format by tensor and layer."""
    more = [at for at in range(layers) if at < layers // 8 or at >= 7 * layers // 8]
    more += [at for at in range(layers) if (at - layers // 8) % 3 == 2]

    def chosen(name, at, row):
        if preset == "q8_0":
            return "Q8_0"
        better = name in ("attn_v", "ffn_down") and at in more
        if name in ("output", "token_embd"):
            better = name == "output"
        if row % 256:
            return "Q8_0" if better else "Q5_0"
        return "Q6_K" if better else "Q4_K"

    return chosen


@pytest.mark.parametrize("preset", ["q4_k_m", "q8_0"])
def test_a_file_that_the_package_writes_is_predicted(tmp_path, preset):
    gguf = pytest.importorskip("gguf")
    import numpy as np

    path, hidden, width = tmp_path / "tiny.gguf", TINY["hidden_size"], TINY["intermediate_size"]
    layers, vocab = TINY["num_hidden_layers"], TINY["vocab_size"]
    writer, chosen = gguf.GGUFWriter(path, "llama"), formats_of(preset, layers)
    writer.add_block_count(layers)
    writer.add_embedding_length(hidden)
    writer.add_feed_forward_length(width)
    writer.add_head_count(8)
    writer.add_head_count_kv(4)
    writer.add_context_length(2048)
    writer.add_token_list([f"token{place}" for place in range(vocab)])
    writer.add_token_types([1] * vocab)
    writer.add_token_merges([f"tok en{place}" for place in range(vocab)])

    def add(name, rows, row, at=0):
        kind = gguf.GGMLQuantizationType[chosen(name.split(".")[-1], at, row)]
        block, size = gguf.GGML_QUANT_SIZES[kind]
        data = np.zeros((rows, row // block * size), dtype=np.uint8)
        writer.add_tensor(f"{name}.weight", data, raw_dtype=kind)

    add("token_embd", vocab, hidden)
    add("output", vocab, hidden)
    for at in range(layers):
        shapes = {"attn_q": (hidden, hidden), "attn_k": (256, hidden), "attn_v": (256, hidden)}
        shapes |= {"attn_output": (hidden, hidden), "ffn_down": (hidden, width)}
        shapes |= {"ffn_gate": (width, hidden), "ffn_up": (width, hidden)}
        for name, (rows, row) in shapes.items():
            add(f"blk.{at}.{name}", rows, row, at)
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{at}.{name}.weight", np.zeros(hidden, dtype=np.float32))
    writer.add_tensor("output_norm.weight", np.zeros(hidden, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    size = path.stat().st_size
    read = read_model(read_gguf(path), "tiny")
    assert read.stored.file_bytes == size
    assert as_gguf(read_model(TINY), preset).stored.file_bytes == pytest.approx(size, rel=0.02)


def test_more_bits_never_make_a_smaller_file():
    model = shipped("mixtral-8x7b")
    order = ("q2_k", "q3_k_s", "q3_k_m", "q4_k_s", "q4_k_m", "q5_k_s", "q5_k_m", "q6_k", "q8_0")
    sizes = [as_gguf(model, preset).stored.file_bytes for preset in order]
    assert sizes == sorted(sizes)


def test_an_unknown_preset_is_refused():
    with pytest.raises(InputError, match="q4_k_m"):
        as_gguf(shipped("gpt2"), "q4_k_x")
    assert all(as_gguf(shipped("gpt2"), preset).stored.weights_bytes for preset in PRESETS)
