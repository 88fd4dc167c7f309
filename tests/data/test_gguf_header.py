"""A GGUF header as the package gguf writes it: sizes, formats and bytes on disk."""

from __future__ import annotations

import struct

import pytest

from modelworth.costmodel.architecture.read import read_model
from modelworth.data.errors import InputError
from modelworth.data.gguf_header import read_gguf

HIDDEN, LAYERS, WIDTH, VOCAB, HEADS, GROUPS = 256, 2, 512, 512, 4, 2
SHAPES = {
    "attn_q": (HIDDEN, HIDDEN),
    "attn_k": (HIDDEN * GROUPS // HEADS, HIDDEN),
    "attn_v": (HIDDEN * GROUPS // HEADS, HIDDEN),
    "attn_output": (HIDDEN, HIDDEN),
    "ffn_gate": (WIDTH, HIDDEN),
    "ffn_up": (WIDTH, HIDDEN),
    "ffn_down": (HIDDEN, WIDTH),
}


def written(path, form: str = "Q4_K"):
    """A small Llama in a GGUF file, made by the package itself."""
    gguf = pytest.importorskip("gguf")
    import numpy as np

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(LAYERS)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(GROUPS)
    writer.add_context_length(2048)
    writer.add_token_list([f"t{place}" for place in range(VOCAB)])
    kind = gguf.GGMLQuantizationType[form]
    block, size = gguf.GGML_QUANT_SIZES[kind]
    total = 0

    def add(name, shape, narrow):
        nonlocal total
        if narrow:
            data = np.zeros((shape[0], shape[1] // block * size), dtype=np.uint8)
            writer.add_tensor(name, data, raw_dtype=kind)
        else:
            data = np.zeros(shape, dtype=np.float32)
            writer.add_tensor(name, data)
        total += data.nbytes

    add("token_embd.weight", (VOCAB, HIDDEN), True)
    add("output.weight", (VOCAB, HIDDEN), True)
    add("output_norm.weight", (HIDDEN,), False)
    for layer in range(LAYERS):
        for name, shape in SHAPES.items():
            add(f"blk.{layer}.{name}.weight", shape, True)
        for name in ("attn_norm", "ffn_norm"):
            add(f"blk.{layer}.{name}.weight", (HIDDEN,), False)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return total


@pytest.mark.parametrize("form", ["Q4_K", "Q6_K", "Q8_0", "Q5_0"])
def test_bytes_are_those_on_disk(tmp_path, form):
    path = tmp_path / "small.gguf"
    total = written(path, form)
    model = read_model(read_gguf(path), "small")
    assert model.stored.weights_bytes == total
    assert model.stored.file_bytes == path.stat().st_size
    assert model.longest == 2048
    assert model.blocks[0].attention.kv_heads == GROUPS


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GGUF",
        b"not a model at all",
        b"GGUF" + struct.pack("<IQQ", 3, 2**60, 2**60),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**62),
        b"GGUF" + struct.pack("<IQQ", 9, 0, 0),
    ],
)
def test_a_broken_file_is_refused(tmp_path, content):
    path = tmp_path / "broken.gguf"
    path.write_bytes(content)
    with pytest.raises(InputError):
        read_gguf(path)
