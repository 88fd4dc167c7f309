"""Joined projections give the logits of the layers that they were made of, cached or not."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from modelworth.bench.models import zoo  # noqa: E402 torch may be absent
from modelworth.bench.models.fused import Wide, fuse_projections  # noqa: E402
from modelworth.bench.work import flops  # noqa: E402
from tests.bench.more_families import STATEFUL  # noqa: E402
from tests.bench.test_work_infer import BY_TYPE, case, decoder, work, written_logits  # noqa: E402
from tests.bench.tiny import CONFIGS, SHAPE, T5  # noqa: E402

WIDE_HEADS = {**SHAPE, "head_dim": 8}
JOINED = {
    **{name: BY_TYPE[name] for name in ("llama", "mixtral", "mistral", "qwen2", "qwen3")},
    **{name: BY_TYPE[name] for name in ("qwen3_moe", "deepseek_v3")},
    **{name: STATEFUL[name] for name in ("lfm2", "falcon_h1", "qwen3_next")},
    **dict.fromkeys(("gemma", "gemma2", "gemma3_text", "glm"), WIDE_HEADS),
    **dict.fromkeys(("phi", "olmo2", "granite", "starcoder2"), SHAPE),
    "gpt_oss": {**WIDE_HEADS, "num_local_experts": 4, "rope_parameters": {"rope_theta": 1e4}},
}
ALREADY_JOINED = {
    "gpt2": CONFIGS["gpt2"],
    "phi3": SHAPE,
    "bloom": {"vocab_size": 64, "hidden_size": 32, "n_layer": 2, "n_head": 4},
    "mamba": STATEFUL["mamba"],
}


def built(model_type, config, dtype=torch.float32):
    special = {"pad_token_id": None, "bos_token_id": 0, "eos_token_id": 0}
    named = {**config, "model_type": model_type, **special}
    blueprint = zoo.resolve("tiny", config={"architectures": ["TinyForCausalLM"], **named})
    torch.manual_seed(0)
    return zoo.build(blueprint, "cpu", dtype, zoo.usual_attention(blueprint))


def cached_logits(model, ids):
    """Logits of a prompt, then of one token after another over its cache."""
    first = model(input_ids=ids[:, :6], use_cache=True)
    name = flops.cache_name(model)
    logits, cache = [first.logits], getattr(first, name, None)
    for at in range(6, ids.shape[1]):
        logits.append(model(input_ids=ids[:, at : at + 1], **{name: cache}).logits)
    return torch.cat(logits, 1)


@pytest.mark.parametrize("model_type", JOINED)
def test_joined_projections_say_what_their_parts_said(model_type):
    model = built(model_type, JOINED[model_type])
    ids = torch.randint(0, 64, (2, 8))
    with torch.inference_mode():
        before, count = cached_logits(model, ids), sum(map(torch.numel, model.parameters()))
        assert fuse_projections(model, lambda: model(input_ids=ids))
        after = cached_logits(model, ids)
    torch.testing.assert_close(after, before, rtol=1e-5, atol=1e-6)
    assert sum(map(torch.numel, model.parameters())) == count
    wide = [module for module in model.modules() if isinstance(module, Wide)]
    assert all(not module.held for module in wide)


@pytest.mark.parametrize("model_type", ["llama", "qwen2", "gemma2"])
def test_in_bfloat16_they_differ_by_rounding_alone(model_type):
    exact = built(model_type, JOINED[model_type])
    model = built(model_type, JOINED[model_type], torch.bfloat16)
    exact.load_state_dict(model.state_dict())
    ids = torch.randint(0, 64, (2, 8))
    with torch.inference_mode():
        truth = exact(input_ids=ids).logits
        before = model(input_ids=ids).logits.float()
        fuse_projections(model, lambda: model(input_ids=ids))
        after = model(input_ids=ids).logits.float()
    rounding = (before - truth).abs().max()
    assert (after - truth).abs().max() <= 2 * rounding


@pytest.mark.parametrize("model_type", ALREADY_JOINED)
def test_families_that_ship_them_joined_stay_as_they_are(model_type):
    model = built(model_type, ALREADY_JOINED[model_type])
    ids = torch.randint(0, 64, (1, 4))
    with torch.inference_mode():
        assert not fuse_projections(model, lambda: model(input_ids=ids))
    assert not [module for module in model.modules() if isinstance(module, Wide)]


def test_a_layer_that_meets_other_inputs_elsewhere_stays_alone():
    """One layer is called with the other's input in one place, and with its own in another."""

    class Block(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = (torch.nn.Linear(4, 4) for _ in range(3))

        def forward(self, x, y):
            return self.a(x) + self.b(x) + self.b(y) + self.c(y)

    block, x, y = Block(), torch.ones(1, 4), torch.zeros(1, 4)
    before = block(x, y)
    assert not fuse_projections(block, lambda: block(x, y))
    assert torch.equal(block(x, y), before)


@pytest.mark.parametrize("name", ["llama", "mixtral", "t5"])
def test_a_decoder_joins_them_unless_asked_not_to(name):
    lengths = {"prompt_tokens": 12, "new_tokens": 6}
    found = []
    for asked, joined in ((None, True), (False, False)):
        one = decoder(case(name, "generate", fused_projections=asked, **lengths), growing=True)
        assert one.fused is joined
        found.append(written_logits(one, steps=4)[0])
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-6)


def test_the_record_says_whether_they_were_joined():
    assert work("llama", "decode").fused_projections is True
    assert work("llama", "decode", fused_projections=False).fused_projections is False
    assert work("gpt2", "decode").fused_projections is False
    assert work("llama", "forward").fused_projections is None


def test_an_encoder_decoder_joins_what_reads_the_source():
    blueprint = zoo.resolve("tiny", config=T5)
    torch.manual_seed(0)
    model = zoo.build(blueprint, "cpu", torch.float32)
    given = {
        "input_ids": torch.randint(0, 64, (2, 8)),
        "decoder_input_ids": torch.ones(2, 4).long(),
    }
    with torch.inference_mode():
        before = model(**given).logits
        assert fuse_projections(model, lambda: model(**given))
        torch.testing.assert_close(model(**given).logits, before, rtol=1e-5, atol=1e-6)
    joined = [path for path, module in model.named_modules() if isinstance(module, Wide)]
    assert any(path.endswith("EncDecAttention.k") for path in joined)
