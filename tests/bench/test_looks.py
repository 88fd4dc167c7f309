"""What a model asks its tensors on the host is worked out before, and the model says the same."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from modelworth.bench.models import zoo  # noqa: E402 torch may be absent
from modelworth.bench.models.grids import Numbers, worked_out  # noqa: E402
from modelworth.bench.models.steady import stop_looking  # noqa: E402
from modelworth.bench.work.losses import loss_of  # noqa: E402
from modelworth.bench.work.prepare import prepare  # noqa: E402
from modelworth.bench.work.task import Task  # noqa: E402
from modelworth.data.measurement import Workload  # noqa: E402
from tests.bench.more_families import MORE_DECODERS, QWENS, RT_DETR  # noqa: E402
from tests.bench.test_work_infer import decoder, written_logits  # noqa: E402

WHISPER = MORE_DECODERS["whisper"]


def case(config, kind, pixels, **sizes):
    attention = zoo.usual_attention(zoo.resolve("m", config=config))
    asked = {"precision": "float32", "batch": 2, "attention": attention, "image_pixels": pixels}
    return Task(model="m", config=config, workload=Workload(kind=kind, **asked, **sizes))


def as_shipped(ids, grid):
    """What a processor of Qwen's gives beside tokens and patches."""
    return {"input_ids": ids, "image_grid_thw": grid, "mm_token_type_ids": (ids == 9).int()}


@pytest.mark.parametrize("pixels", [32, 24])  # 24: windows at the edge are smaller
@pytest.mark.parametrize("name", QWENS)
def test_a_tower_that_is_told_its_grid_learns_as_it_does_by_itself(name, pixels):
    """Loss and every gradient, beside the model as transformers calls it."""
    step = prepare(case(QWENS[name], "pretrain", pixels, prompt_tokens=24), "cpu").step
    (batch,) = step._batches
    assert {"image_cu_seqlens", "image_position_ids", "position_ids"} < set(batch)
    plain = copy.deepcopy(step.model)
    across = pixels // 4
    given = as_shipped(batch["input_ids"], torch.tensor([[1, across, across]] * 2))
    expected = plain(**given, pixel_values=batch["pixel_values"], labels=batch["labels"]).loss
    expected.backward()
    step.accumulate()
    torch.testing.assert_close(step.loss, expected.detach(), rtol=1e-6, atol=1e-7)
    for ours, theirs in zip(step.model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", QWENS)
def test_tokens_after_an_image_stand_where_the_model_puts_them(name):
    """Written through the cache; beside one pass over image and all tokens, as shipped."""
    asked = case(QWENS[name], "generate", 32, prompt_tokens=24, new_tokens=6)
    one = decoder(asked, growing=True)
    logits, tokens = written_logits(one, steps=4)
    whole = torch.cat([one.given["input_ids"], tokens[:, :-1]], 1)
    given = as_shipped(whole, torch.tensor([[1, 8, 8]] * 2))
    with torch.inference_mode():
        seen = one.model(**given, pixel_values=one.given["pixel_values"], use_cache=False)
    expected = seen.logits[:, one.given["input_ids"].shape[1] - 1 :]
    torch.testing.assert_close(logits, expected, rtol=1e-3, atol=1e-4)


def test_a_tower_that_takes_no_such_arguments_looks_for_itself(monkeypatch):
    model = zoo.build(zoo.resolve("m", config=QWENS["qwen2_vl"]), "cpu", torch.float32)
    ids, grid = torch.tensor([[9] * 16 + [20, 21]]), torch.tensor([[1, 8, 8]])
    given = {"input_ids": ids, "pixel_values": torch.randn(64, 96), "image_grid_thw": grid}
    assert "image_cu_seqlens" in worked_out(model, given)
    ours, theirs = model.model.get_image_features, {"pixel_values", "image_grid_thw"}

    def strict(**seen):
        if not set(seen) <= theirs:
            raise TypeError(next(iter(set(seen) - theirs)))
        return ours(**seen)

    monkeypatch.setattr(model.model, "get_image_features", strict)
    assert set(worked_out(model, given)) == {"position_ids"}
    assert worked_out(model, {"input_ids": ids}) == {}


def test_numbers_do_what_a_tower_does_with_a_tensor():
    grid, bounds = torch.tensor([[1, 8, 6], [1, 4, 4]]), torch.tensor([0, 48, 64])
    ours = Numbers([(1, 8, 6), (1, 4, 4)]), Numbers([0, 48, 64])
    assert (ours[0].prod(-1) // 4).tolist() == (grid.prod(-1) // 4).tolist()
    assert (ours[1][1:] - ours[1][:-1]).tolist() == (bounds[1:] - bounds[:-1]).tolist()
    assert [list(row) for row in ours[0]] == grid.tolist()


@pytest.mark.parametrize(
    ("config", "sizes"), [(RT_DETR, {"image_pixels": 64}), (WHISPER, {"new_tokens": 6})]
)
def test_what_trains_without_a_look_learns_as_it_does_with_it(config, sizes):
    """RT-DETR's look at its activations; the layers that Whisper might skip, and never does."""
    asked = {"precision": "float32", "batch": 2, "attention": "eager", **sizes}
    case = Task(model="m", config=config, workload=Workload(kind="pretrain", **asked))
    step = prepare(case, "cpu").step
    plain = copy.deepcopy(step.model)
    assert [layer for layer in plain.modules() if layer.__dict__.pop("forward", None)]
    expected = loss_of(zoo.resolve("m", config=config), plain, step._batches[0])
    expected.backward()
    step.accumulate()
    torch.testing.assert_close(step.loss, expected.detach())
    for ours, theirs in zip(step.model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize("largest", [1.0, torch.inf])
def test_a_clamp_on_the_device_is_the_one_on_the_host(largest):
    """Values and gradients of a layer whose activations are finite, or not."""
    config = zoo.transformers_config(zoo.resolve("m", config=RT_DETR))
    from transformers.models.rt_detr.modeling_rt_detr import RTDetrEncoderLayer

    torch.manual_seed(0)
    config._attn_implementation = "eager"
    layer = RTDetrEncoderLayer(config).train()
    with torch.no_grad():
        layer.final_layer_norm.bias[0] = largest
    found = []
    for blind in (False, True):
        if blind:
            stop_looking(layer)
        given = torch.randn(2, 5, 32, generator=torch.Generator().manual_seed(1)).requires_grad_()
        output = layer(hidden_states=given, attention_mask=None)
        output = output[0] if isinstance(output, tuple) else output
        output.sum().backward()
        found.append((output.detach(), given.grad))
    torch.testing.assert_close(found[1], found[0], equal_nan=True)
    assert torch.isfinite(found[1][0]).all()
