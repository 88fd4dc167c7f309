"""A decoder with a static cache says what a full pass says; generations are what they claim."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from modelworth.bench.models import zoo  # noqa: E402 torch may be absent
from modelworth.bench.work.attention import INTERFACE_MODELS, implementation  # noqa: E402
from modelworth.bench.work.blueprint import compile_mode, job_of  # noqa: E402
from modelworth.bench.work.decode import Decoder, graphed  # noqa: E402
from modelworth.bench.work.prepare import prepare  # noqa: E402
from modelworth.bench.work.task import Task  # noqa: E402
from modelworth.data.errors import InputError, ModelworthError  # noqa: E402
from modelworth.data.measurement import Workload  # noqa: E402
from tests.bench.tiny import CONFIGS, SHAPE, TEXT  # noqa: E402

CAUSAL = ["gpt2", "llama", "mixtral", "image"]
EXPERTS = {"num_experts_per_tok": 2, "moe_intermediate_size": 32}
BY_TYPE = {
    **CONFIGS,
    "mistral": {**SHAPE, "sliding_window": None},
    "qwen2": SHAPE,
    "qwen3": {**SHAPE, "head_dim": 8},
    "qwen3_moe": {**SHAPE, **EXPERTS, "head_dim": 8, "num_experts": 4},
    "deepseek_v3": {
        **SHAPE,
        **EXPERTS,
        "num_key_value_heads": 4,
        "n_routed_experts": 8,
        "n_group": 2,
        "topk_group": 1,
        "kv_lora_rank": 16,
        "q_lora_rank": 16,
        "qk_rope_head_dim": 8,
        "qk_nope_head_dim": 8,
        "v_head_dim": 16,
        "first_k_dense_replace": 1,
    },
}


def case(name, kind, config=None, **choices):
    """A case of a tiny config, its length filled in where it has one."""
    length = {"prompt_tokens": 12} if name in (*TEXT, "windowed") else {}
    asked = {"precision": "float32", "batch": 2, **length, **choices}
    workload = Workload(kind=kind, **asked)
    return Task(model=name, config=config or CONFIGS[name], workload=workload)


def work(name, kind, **choices):
    return prepare(case(name, kind, **choices), "cpu")


def decoder(asked, *, growing):
    torch.manual_seed(1)
    blueprint = zoo.resolve(asked.model, config=asked.config)
    return Decoder(job_of(asked, blueprint, torch.device("cpu")), growing=growing)


def written_logits(one, steps):
    """Logits of the prefill and of each step after it, and the tokens they led to."""
    one.prefill()
    logits, tokens = [one.logits], [one.token.clone()]
    for _ in range(steps):
        one.advance()
        logits.append(one.logits)
        tokens.append(one.token.clone())
    return torch.cat(logits, 1), torch.cat(tokens, 1)


@pytest.mark.parametrize("attention", [None, "sdpa", "eager"])
@pytest.mark.parametrize("model", CAUSAL)
def test_decoding_agrees_with_a_full_pass(model, attention):
    asked = case(model, "generate", prompt_tokens=12, new_tokens=6, attention=attention)
    one = decoder(asked, growing=True)
    logits, tokens = written_logits(one, steps=4)
    whole = torch.cat([one.given["input_ids"], tokens[:, :-1]], 1)
    with torch.inference_mode():
        expected = one.model(input_ids=whole, use_cache=False).logits[:, 11:]
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


def test_an_encoder_decoder_agrees_with_a_full_pass():
    one = decoder(case("t5", "generate", prompt_tokens=12, new_tokens=6), growing=True)
    one.prefill()  # a second prefill must not see what the first one left
    logits, tokens = written_logits(one, steps=4)
    start = torch.full_like(tokens[:, :1], one.model.config.decoder_start_token_id)
    target = torch.cat([start, tokens[:, :-1]], 1)
    with torch.inference_mode():
        expected = one.model(input_ids=one.given["input_ids"], decoder_input_ids=target).logits
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


def test_a_sliding_window_agrees_with_a_full_pass():
    config = {**SHAPE, "model_type": "mistral", "sliding_window": 8}
    asked = case("windowed", "generate", config, prompt_tokens=12, new_tokens=6)
    one = decoder(asked, growing=True)
    logits, tokens = written_logits(one, steps=4)
    whole = torch.cat([one.given["input_ids"], tokens[:, :-1]], 1)
    with torch.inference_mode():
        expected = one.model(input_ids=whole, use_cache=False).logits[:, 11:]
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("model_type", sorted(INTERFACE_MODELS))
def test_attention_without_masks_equals_attention_with_them(model_type):
    config = {**BY_TYPE[model_type], "model_type": model_type, "pad_token_id": None}
    blueprint = zoo.resolve("tiny", config=config)
    own = zoo.transformers_config(blueprint)
    ids = torch.randint(0, 64, (2, 24))
    found = []
    for name in ("sdpa", implementation(None, own, growing=False)):
        torch.manual_seed(3)
        model = zoo.build(blueprint, "cpu", torch.float32, name)
        with torch.inference_mode():
            found.append(model(input_ids=ids, use_cache=False).logits)
    assert implementation(None, own, growing=False) != "sdpa"
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("model", [*CAUSAL, "t5"])
def test_a_step_at_a_fixed_context_sees_the_whole_cache(model):
    one = decoder(case(model, "decode", prompt_tokens=12), growing=False)
    context = one.size.context
    one.hold(context)
    one.advance()
    first = one.logits.clone()
    own = one.cache.self_attention_cache if one.encodes else one.cache
    for places in (slice(0, 1), slice(context - 1, context)):
        one.rewind(context)
        one.token.fill_(10)
        for layer in own.layers:
            with torch.inference_mode():
                layer.values[:, :, places] += 1
        one.advance()
        assert not torch.allclose(first, one.logits)
        first = one.logits.clone()
    assert all(layer.keys.shape[2] == context + 1 for layer in own.layers)


def test_rewinding_makes_every_step_the_same():
    one = decoder(case("llama", "decode", prompt_tokens=12), growing=False)
    one.hold(12)
    seen = []
    for _ in range(3):
        one.rewind(12)
        one.token.fill_(10)
        one.advance()
        seen.append(one.logits.clone())
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(seen[1], seen[2])


@pytest.mark.parametrize("model", ["llama", "t5"])
def test_a_generation_is_its_prefill_and_one_step_less_than_its_tokens(model, monkeypatch):
    calls = []
    for name in ("prefill", "advance"):
        plain = getattr(Decoder, name)
        monkeypatch.setattr(
            Decoder, name, lambda self, n=name, f=plain: (calls.append(n), f(self))[1]
        )
    prepared = work(model, "generate", prompt_tokens=8, new_tokens=5)
    assert [name for name, _ in prepared.parts] == ["prefill", "decode"]
    calls.clear()
    prepared.step()
    assert calls == ["prefill"] + ["advance"] * 4
    calls.clear()
    for _, part in prepared.parts:
        part()
    assert calls == ["prefill"] + ["advance"] * 4
    assert (prepared.unit, prepared.work_per_step) == ("tokens", 2 * 5)


def test_greedy_generation_is_that_of_transformers():
    one = decoder(case("llama", "generate", prompt_tokens=8, new_tokens=6), growing=True)
    _, tokens = written_logits(one, steps=5)
    expected = one.model.generate(
        one.given["input_ids"],
        attention_mask=torch.ones_like(one.given["input_ids"]),
        max_new_tokens=6,
        do_sample=False,
        eos_token_id=-1,
        pad_token_id=0,
    )
    assert torch.equal(tokens, expected[:, 8:])


@pytest.mark.parametrize(
    ("model", "kind", "choices", "unit", "done"),
    [
        ("llama", "prefill", {"prompt_tokens": 8}, "tokens", 16),
        ("llama", "decode", {"prompt_tokens": 8}, "tokens", 2),
        ("llama", "forward", {"prompt_tokens": 8}, "tokens", 16),
        ("bert", "forward", {"prompt_tokens": 8}, "sequences", 2),
        ("t5", "forward", {"prompt_tokens": 8}, "sequences", 2),
        ("t5", "prefill", {"prompt_tokens": 8}, "tokens", 16),
        ("vit", "forward", {"image_pixels": 32}, "images", 2),
        ("yolos", "forward", {"image_pixels": 32}, "images", 2),
        ("image", "generate", {"new_tokens": 4}, "tokens", 8),
        ("image", "generate", {}, "images", 2),
    ],
)
def test_work_is_counted_in_its_natural_unit(model, kind, choices, unit, done):
    prepared = work(model, kind, **choices)
    if prepared.reset is not None:
        prepared.reset()
    prepared.step()
    assert (prepared.unit, prepared.work_per_step) == (unit, done)
    assert prepared.model_flops_per_step > 0


def test_weights_and_cache_are_in_the_precision_of_the_work():
    prepared = work("llama", "decode", prompt_tokens=15, precision="bfloat16")
    assert prepared.weights_bytes == 2 * prepared.model.parameters_total
    keys_and_values, layers, heads, width = 2, 2, 2, 8
    token = keys_and_values * layers * heads * width
    assert prepared.cache_bytes == 2 * 2 * 16 * token  # bytes, sequences, places
    prepared.reset()
    prepared.step()


@pytest.mark.parametrize("name", ["llama", "gpt2", "t5"])
def test_expected_memory_is_what_a_step_takes(name):
    memory = pytest.importorskip("modelworth.bench.timing.peak_memory")
    prepared = work(name, "prefill", prompt_tokens=128)
    prepared.step()
    standing = prepared.weights_bytes + prepared.cache_bytes
    taken = memory._peak_and_rest(prepared.step)[0]
    assert prepared.predicted_bytes - standing == pytest.approx(taken, rel=0.05)


@pytest.mark.parametrize(
    ("model", "kind", "choices", "where"),
    [
        ("bert", "decode", {"prompt_tokens": 8}, "workload.kind"),
        ("vit", "generate", {}, "workload.kind"),
        ("llama", "serve", {"prompt_tokens": 8}, "workload.kind"),
        ("llama", "generate", {"prompt_tokens": 8}, "workload.new_tokens"),
        ("llama", "decode", {"prompt_tokens": 512}, "workload.prompt_tokens"),
        ("vit", "forward", {"image_pixels": 33}, "workload.image_pixels"),
        ("roberta", "forward", {"prompt_tokens": 511}, "workload.prompt_tokens"),
    ],
)
def test_what_a_model_cannot_do_is_refused(model, kind, choices, where):
    with pytest.raises(InputError) as refused:
        work(model, kind, **choices)
    assert refused.value.where == where


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch itself, in its compiler
@pytest.mark.parametrize("model", ["llama", "t5"])
def test_a_compiled_decoder_says_the_same(model):
    choices = {"prompt_tokens": 12, "new_tokens": 6}
    plain = decoder(case(model, "generate", **choices), growing=True)
    fused = decoder(case(model, "generate", compiled=True, **choices), growing=True)
    expected, _ = written_logits(plain, steps=4)
    found, _ = written_logits(fused, steps=4)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


class FakeGraph:
    """Stands in for a CUDA graph: notes what happens to it."""

    def __init__(self):
        self.replays = 0

    def replay(self):
        self.replays += 1


@pytest.fixture
def fake_cuda(monkeypatch):
    """PyTorch's stream and graph calls, doing nothing, and the steps run under capture."""
    captured = []

    @contextmanager
    def capture(graph):
        captured.append(graph)
        yield

    stream = SimpleNamespace(wait_stream=lambda other: None)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda side: nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", FakeGraph)
    monkeypatch.setattr(torch.cuda, "graph", capture)
    return captured


def graphable(name="llama", config=None):
    asked = case(name, "decode", config, cuda_graphs=True, prompt_tokens=12)
    blueprint = zoo.resolve(name, config=asked.config)
    job = job_of(asked, blueprint, torch.device("cpu"))
    one = Decoder(job, growing=False)
    one.hold(12)
    return one, replace(job, device=torch.device("cuda"))


def test_a_decode_step_is_captured_whole(fake_cuda):
    one, job = graphable()
    step, captured = graphed(one, job)
    assert captured
    step()
    assert [graph.replays for graph in fake_cuda] == [1]


def test_a_step_that_cannot_be_captured_says_what_to_do(fake_cuda, monkeypatch):
    one, job = graphable()

    @contextmanager
    def refuse(graph):
        yield
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(torch.cuda, "graph", refuse)
    with pytest.raises(ModelworthError, match="--cuda-graphs off"):
        graphed(one, job)


def test_a_sliding_window_is_not_captured(fake_cuda):
    config = {**SHAPE, "model_type": "mistral", "sliding_window": 8}
    one, job = graphable("windowed", config)
    assert graphed(one, job) == (one.advance, False)
    assert not fake_cuda


@pytest.mark.parametrize(
    ("asked", "mode"),
    [
        ({}, None),
        ({"compiled": True}, "default"),
        ({"compiled": True, "compile_mode": "max-autotune"}, "max-autotune"),
        ({"compiled": True, "compile_mode": "reduce-overhead", "cuda_graphs": True}, "default"),
        (
            {"compiled": True, "compile_mode": "max-autotune", "cuda_graphs": True},
            "max-autotune-no-cudagraphs",
        ),
    ],
)
def test_a_captured_step_is_compiled_without_graphs_of_its_own(asked, mode):
    assert compile_mode(case("llama", "decode", **asked).workload) == mode


def test_attention_that_would_see_empty_places_is_refused():
    with pytest.raises(InputError, match="sdpa or eager"):
        work("llama", "generate", new_tokens=4, attention="flash_attention_2")
