"""FLOPs of every shipped config in full size, against torch's counter on the meta device."""

from __future__ import annotations

import pytest

from modelworth.costmodel.architecture.read import read_model
from modelworth.costmodel.architecture.work import forward_flops
from modelworth.data.catalog import load_catalog

MODELS = load_catalog().models
# One of each kind runs in every test run; the others take most of a minute together.
QUICK = {"llama-3.2-1b", "mixtral-8x7b", "bert-base", "t5-small", "yolos-tiny"}
TOKENS, SOURCE = 16, 24


def cases():
    return [
        pytest.param(entry, id=entry.name, marks=[] if entry.name in QUICK else pytest.mark.slow)
        for entry in MODELS
    ]


@pytest.mark.parametrize("entry", cases())
def test_a_forward_pass_needs_what_torch_counts(entry):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from torch.utils.flop_counter import FlopCounterMode

    config = dict(entry.config)
    settings = transformers.AutoConfig.for_model(config.pop("model_type"), **config)
    settings._attn_implementation = "eager"
    settings._experts_implementation = "batched_mm"
    settings.use_cache = False
    with torch.device("meta"):
        built = getattr(transformers, config["architectures"][0])(settings).to(torch.bfloat16)
        inputs, lengths = inputs_of(torch, entry, settings)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            built.eval()(**inputs)
    model = read_model(entry.config, entry.name)
    assert forward_flops(model, 1, *lengths) == counter.get_total_flops()


def inputs_of(torch, entry, settings):
    """One sequence or image, and its lengths."""
    if entry.family in ("vision", "detector"):
        size = settings.image_size
        height, width = (size, size) if isinstance(size, int) else size
        return {"pixel_values": torch.zeros(1, 3, height, width, dtype=torch.bfloat16)}, ()
    ids = torch.zeros(1, TOKENS, dtype=torch.long)
    if entry.family == "encoder-decoder":
        source = torch.zeros(1, SOURCE, dtype=torch.long)
        return {"input_ids": source, "decoder_input_ids": ids}, (TOKENS, SOURCE)
    if entry.family == "encoder":
        return {"input_ids": ids}, (TOKENS,)
    mask = torch.zeros(1, 1, TOKENS, TOKENS, dtype=torch.bfloat16)
    return {"input_ids": ids, "attention_mask": mask}, (TOKENS,)
