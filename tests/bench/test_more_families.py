"""Families beyond the ladders do what plain transformers does."""

from __future__ import annotations

import copy
import json

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from modelworth.bench.models import zoo  # noqa: E402 torch may be absent
from modelworth.bench.run.request import FLAGS  # noqa: E402
from modelworth.bench.run.sweep import expanded  # noqa: E402
from modelworth.bench.work import flops  # noqa: E402
from modelworth.bench.work.prepare import prepare  # noqa: E402
from modelworth.bench.work.task import Task  # noqa: E402
from modelworth.data.measurement import Workload  # noqa: E402
from tests.bench.more_families import SEEING, STATEFUL, UNFUSED  # noqa: E402
from tests.bench.test_work_infer import decoder, written_logits  # noqa: E402


def case(kind_of_model, config, kind, **choices):
    workload = Workload(kind=kind, **{"precision": "float32", "batch": 2, **choices})
    return Task(model="m", config={**config, "model_type": kind_of_model}, workload=workload)


@pytest.mark.parametrize("name", STATEFUL)
def test_a_state_decodes_as_a_full_pass_does(name):
    """Prompt and tokens through states, twice: a full pass without any says the same."""
    attention = zoo.usual_attention(
        zoo.resolve("m", config=case(name, STATEFUL[name], "generate").config)
    )
    asked = case(
        name, STATEFUL[name], "generate", prompt_tokens=12, new_tokens=6, attention=attention
    )
    one = decoder(asked, growing=True)
    one.prefill()
    one.advance()  # what the first sequence left must not reach the second
    logits, tokens = written_logits(one, steps=4)
    whole = torch.cat([one.given["input_ids"], tokens[:, :-1]], 1)
    with torch.inference_mode():
        expected = one.model(input_ids=whole, use_cache=False).logits[:, 11:]
    torch.testing.assert_close(logits, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["mamba", "lfm2"])
def test_a_state_takes_the_same_memory_at_any_context(name):
    """Mamba keeps (kernel + state) × inner width a layer, LFM2's convolution 3 × width."""
    blueprint = zoo.resolve("m", config={**STATEFUL[name], "model_type": name})
    model = zoo.build(blueprint, "meta", torch.bfloat16, "eager")
    short, long = (flops.cache_elements(model, {}, n) for n in (16, 64))
    if name == "mamba":
        assert short == long == 2 * 64 * (4 + 4)
    else:
        assert (short, long) == tuple(32 * 3 + 2 * n * 16 for n in (16, 64))


@pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")  # DeBERTa's own
@pytest.mark.parametrize("name", UNFUSED)
def test_a_family_without_fused_attention_is_measured_with_eager(name, tmp_path):
    if name == "gemma2" and transformers.__version__ < "5.18":
        pytest.skip("transformers 5.17 gives Gemma 2 fused attention")
    file = tmp_path / "config.json"
    file.write_text(json.dumps({**UNFUSED[name], "model_type": name}))
    entry = {"model": str(file), "work": ["pretrain", "forward"], "prompt_tokens": 16, "batch": 1}
    trained, passed = (prepare(asked, "cpu") for asked in expanded(entry, FLAGS, "cpu"))
    trained.step()
    assert trained.attention == passed.attention == "eager"
    with flops.counting() as counter:
        passed.step()
    assert passed.model_flops_per_step == counter.get_total_flops()
    assert trained.model_flops_per_step == 3 * counter.get_total_flops()


def test_a_family_with_fused_attention_keeps_it():
    assert (
        expanded({"model": "ladder-1m", "work": "decode"}, FLAGS, "cpu")[0].workload.attention
        == "sdpa"
    )


CLASSES = {
    "swin": "SwinForImageClassification",
    "segformer": "SegformerForSemanticSegmentation",
    "convnext": "ConvNextForImageClassification",
}


@pytest.mark.parametrize("name", SEEING)
def test_training_of_vision_models_is_that_of_a_loop_by_hand(name):
    """The class that the config names, the same images and labels, plain AdamW: the same losses."""
    asked = {"precision": "float32", "batch": 2, "image_pixels": 32}
    attention = zoo.usual_attention(zoo.resolve("m", config=SEEING[name]))
    workload = Workload(kind="pretrain", attention=attention, **asked)
    work = prepare(Task(model="m", config=SEEING[name], workload=workload), "cpu")
    other = copy.deepcopy(work.step.model)
    assert type(other).__name__ == CLASSES[name]
    optimizer = torch.optim.AdamW(other.parameters(), lr=1e-4)
    for _ in range(3):
        loss = other(**work.step._batches[0]).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        work.step()
        torch.testing.assert_close(work.step.loss, loss.detach(), rtol=1e-5, atol=1e-6)
    assert (work.unit, work.work_per_step) == ("images", 2)
    assert work.model_flops_per_step > 0


def test_a_segmenters_labels_are_of_pixels():
    workload = Workload(kind="pretrain", batch=2, image_pixels=64, precision="float32")
    work = prepare(Task(model="m", config=SEEING["segformer"], workload=workload), "cpu")
    assert work.step._batches[0]["labels"].shape == (2, 64, 64)


@pytest.mark.parametrize("name", ["jamba", "lfm2"])
def test_layers_of_several_types_get_adapters_in_each(name):
    asked = case(name, STATEFUL[name], "finetune_lora", prompt_tokens=12, lora_rank=2)
    step = prepare(asked, "cpu").step
    named = [path for path, weight in step.model.named_parameters() if weight.requires_grad]
    assert all("lora_" in path for path in named)
    assert {path.split("layers.")[1].split(".")[0] for path in named} == {"0", "1"}
