"""Families that see, hear or draw do what plain loops over the same models do."""

from __future__ import annotations

import copy
import importlib.util
import json

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from torch.nn import functional  # noqa: E402 torch may be absent

from modelworth.bench.models import zoo  # noqa: E402
from modelworth.bench.models.families import FAMILIES, family_of  # noqa: E402
from modelworth.bench.run.request import FLAGS  # noqa: E402
from modelworth.bench.run.sweep import expanded  # noqa: E402
from modelworth.bench.work import flops  # noqa: E402
from modelworth.bench.work.prepare import prepare  # noqa: E402
from modelworth.bench.work.task import Task  # noqa: E402
from modelworth.data.errors import InputError  # noqa: E402
from modelworth.data.measurement import Workload  # noqa: E402
from tests.bench.more_families import (  # noqa: E402
    CLIP,
    DIFFUSION,
    DIT,
    FLUX,
    MORE_DECODERS,
    QWEN_VL,
    RT_DETR,
    SD3,
    SIGLIP,
)
from tests.bench.test_work_infer import decoder, written_logits  # noqa: E402

diffusers = pytest.mark.skipif(
    importlib.util.find_spec("diffusers") is None, reason="diffusers isn't installed"
)
WHISPER, LLAVA = MORE_DECODERS["whisper"], MORE_DECODERS["llava"]
SIZES = {name: {"image_pixels": 64} for name in ("rt_detr", "flux")} | {
    "qwen": {"image_pixels": 32}
}


def case(config, kind, **choices):
    attention = zoo.usual_attention(zoo.resolve("m", config=config))
    asked = {"precision": "float32", "batch": 2, "attention": attention, **choices}
    return Task(model="m", config=config, workload=Workload(kind=kind, **asked))


def trained_twice(config, loss_of, **sizes):
    """Losses of three steps by the harness, and by a loop over a copy with plain AdamW."""
    step = prepare(case(config, "pretrain", **sizes), "cpu").step
    other = copy.deepcopy(step.model)
    optimizer = torch.optim.AdamW(other.parameters(), lr=1e-4)
    ours, theirs = [], []
    for _ in range(3):
        loss = loss_of(other, step._batches[0])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        step()
        ours.append(step.loss.item())
        theirs.append(loss.item())
    assert ours[2] != ours[0]
    return ours, theirs


@pytest.mark.parametrize("name", MORE_DECODERS)
def test_what_is_written_of_a_sound_or_an_image_is_what_a_full_pass_writes(name):
    """Twice the same source through the cache; then one pass over source and all tokens."""
    sizes = {"new_tokens": 6} if name == "whisper" else {"prompt_tokens": 24, "new_tokens": 6}
    one = decoder(case(MORE_DECODERS[name], "generate", **sizes), growing=True)
    one.prefill()
    one.advance()  # what the first one left must not reach the second
    logits, tokens = written_logits(one, steps=4)
    source = dict(one.given)
    start = source.pop("input_ids", torch.ones(2, 1, dtype=torch.long))  # Whisper's first token
    whole = torch.cat([start, tokens[:, :-1]], 1)
    named = "decoder_input_ids" if name == "whisper" else "input_ids"
    with torch.inference_mode():
        expected = one.model(**source, **{named: whole}, use_cache=False).logits
    expected = expected[:, start.shape[1] - 1 :]
    torch.testing.assert_close(logits, expected, rtol=1e-3, atol=1e-4)


def test_a_tower_that_looks_at_its_grid_learns_and_is_counted():
    """64 patches in windows of 4 × 4, then joined by fours; text of 24; three passes of each."""
    work = prepare(case(QWEN_VL, "pretrain", prompt_tokens=24, image_pixels=32), "cpu")
    work.step()
    assert work.step.loss.item() > 0
    patches, text, width, wide = 64, 24, 32, 64
    layer = patches * (4 * width**2 + 3 * width * wide)
    pairs = 4 * 16**2 + patches**2  # the first layer's windows, the second's whole image
    merger = patches // 4 * ((4 * width) ** 2 + 4 * width * width)
    tower = patches * (3 * 2 * 4 * 4) * width + 2 * layer + 2 * pairs * width + merger
    projections = 2 * width**2 + 2 * width * width // 2
    decoder = 2 * (text * (projections + 3 * width * wide) + 2 * text**2 * width)
    by_hand = 2 * (tower + decoder + text * width * 64)
    assert work.model_flops_per_step == 3 * 2 * by_hand


@diffusers
def test_flops_of_sd3_and_flux_are_those_of_their_blocks():
    """Esser et al. 2024, figure 2: text and image with weights of their own, one attention.

    A stream's block has 4·d² of attention and 8·d² of feed-forward a token; both streams' shifts
    and scales are 6·d² each, once. FLUX's single blocks join their first product (7·d²) and last
    (5·d²), with 3·d² of shifts. The last block of SD3 keeps no text: its queries and feed-forward
    go, its shifts are 2·d².
    """
    d, text, pooled, times = 32, 16, 16, 256
    said = times * d + d * d + pooled * d + d * d  # the level of noise, the pooled text
    image, words = 16, 333
    both = image + words
    whole = both * 12 * d**2 + 2 * both**2 * d + 12 * d**2
    last = image * 12 * d**2 + words * 3 * d**2 + 2 * both**2 * d + 8 * d**2
    ends = image * (2 * 2 * 4 * d + d * 2 * 2 * 4) + words * text * d + 2 * d**2
    sd3 = 2 * (whole + last + ends + said)
    image, words = 16, 512
    both = image + words
    double = both * 12 * d**2 + 2 * both**2 * d + 12 * d**2
    single = both * 12 * d**2 + 2 * both**2 * d + 3 * d**2
    ends = image * 2 * 16 * d + words * text * d + 2 * d**2
    flux = 2 * (double + single + ends + said + times * d + d * d)  # guidance, as a second level
    for config, sizes, by_hand in ((SD3, {}, sd3), (FLUX, SIZES["flux"], flux)):
        asked = case(config, "forward", batch=1, **sizes)
        assert flops.model_flops(zoo.resolve("m", config=config), asked.workload) == by_hand


def test_the_image_is_seen_and_the_sound_is_heard():
    """Another image, another sound: other logits."""
    for config, key in ((WHISPER, "input_features"), (LLAVA, "pixel_values")):
        sizes = {"new_tokens": 2} if config is WHISPER else {"prompt_tokens": 24}
        one = decoder(case(config, "prefill", **sizes), growing=False)
        one.prefill()
        first = one.logits.clone()
        one.given[key] = -one.given[key]
        one.prefill()
        assert not torch.allclose(first, one.logits)


def test_clip_learns_which_text_is_whose():
    """Radford et al. 2021: cross-entropy of the matrix of likenesses, along rows and columns."""

    def by_hand(model, batch):
        both = model(**batch)
        one, other = both.text_embeds, both.image_embeds  # of length 1
        alike = model.logit_scale.exp() * one @ other.T
        right = torch.arange(2)
        along = functional.cross_entropy
        return (along(alike, right) + along(alike.T, right)) / 2

    ours, theirs = trained_twice(CLIP, by_hand)
    assert ours == pytest.approx(theirs, rel=1e-5)


def test_siglip_learns_each_pair_by_itself():
    """Zhai et al. 2023: −log σ(z·(t·x·y + b)), summed over pairs, a text."""

    def by_hand(model, batch):
        both = model(**batch)
        alike = both.text_embeds @ both.image_embeds.T * model.logit_scale.exp() + model.logit_bias
        sign = 2 * torch.eye(2) - 1
        return -functional.logsigmoid(sign * alike).sum() / 2

    ours, theirs = trained_twice(SIGLIP, by_hand)
    assert ours == pytest.approx(theirs, rel=1e-5)


def overlap_by_hand(one, other):
    """Generalised overlap of two boxes in plain numbers."""
    corners = [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for x, y, w, h in (one, other)]
    areas = [(right - left) * (low - high) for left, high, right, low in corners]
    (a, b, c, d), (e, f, g, h) = corners
    shared = max(min(c, g) - max(a, e), 0) * max(min(d, h) - max(b, f), 0)
    union = sum(areas) - shared
    hull = (max(c, g) - min(a, e)) * (max(d, h) - min(b, f))
    return shared / union - (hull - union) / hull


@pytest.mark.slow
def test_rt_detr_learns_by_focal_loss_and_matched_boxes():
    """Each box by the query of least cost, in loops over numbers."""

    def by_hand(model, batch):
        found = model(pixel_values=batch["pixel_values"])
        chance, boxes = found.logits.sigmoid(), found.pred_boxes
        total, placed = 0.0, []
        for image in range(2):
            wanted = torch.zeros_like(chance[image])
            for label, box in zip(batch["classes"][image], batch["boxes"][image], strict=True):
                costs = [
                    5 * (there - box).abs().sum().item()
                    - 2 * overlap_by_hand(there.tolist(), box.tolist())
                    - chance[image, query, label].item()
                    for query, there in enumerate(boxes[image])
                ]
                query = costs.index(min(costs))
                wanted[query, label] = 1.0
                here = boxes[image, query]
                placed.append(5 * (here - box).abs().sum() + 2 - 2 * overlap_by_hand(here, box))
            p = chance[image]
            focal = -0.25 * wanted * (1 - p) ** 2 * p.log()
            focal -= 0.75 * (1 - wanted) * p**2 * (1 - p).log()
            total = total + focal.sum()
        return total / 14 + torch.stack(placed).mean()

    ours, theirs = trained_twice(RT_DETR, by_hand, image_pixels=64)
    assert ours == pytest.approx(theirs, rel=1e-4)


@diffusers
@pytest.mark.parametrize("name", DIFFUSION)
def test_images_are_those_of_eulers_method_by_hand(name):
    config = DIFFUSION[name]
    sizes = SIZES.get(name, {})
    work = prepare(case(config, "generate", denoising_steps=4, **sizes), "cpu")
    work.step()
    denoiser = work.step.__closure__[0].cell_contents
    denoiser = denoiser if hasattr(denoiser, "images") else work.step.__closure__[1].cell_contents
    given = dict(denoiser._given)
    largest, latents = 2 * given.pop("timestep"), denoiser._start
    with torch.no_grad():
        for index in range(4):
            said = denoiser.model(
                hidden_states=latents, timestep=largest * (1 - index / 4), **given
            ).sample
            latents = latents - said[:, : latents.shape[1]] / 4
    torch.testing.assert_close(denoiser.images, latents)
    assert (work.unit, work.work_per_step) == ("images", 2)
    one = prepare(case(config, "forward", **sizes), "cpu")
    assert (one.unit, one.work_per_step) == ("denoising_steps", 2)
    assert work.model_flops_per_step == 4 * one.model_flops_per_step


@diffusers
def test_a_denoiser_learns_the_noise():
    def by_hand(model, batch):
        given = {key: batch[key] for key in ("hidden_states", "timestep", "class_labels")}
        said = model(**given).sample
        return ((said[:, :4] - batch["labels"]) ** 2).mean()

    ours, theirs = trained_twice(DIT, by_hand)
    assert ours == pytest.approx(theirs, rel=1e-5)


@diffusers
def test_flops_of_a_dit_are_those_of_its_shape():
    """Peebles & Xie 2023: patches, two products of attention, 12·d² a token and layer, 6·d² ada."""
    layers, width, tokens, times = 2, 32, 16, 256  # 256 sines of the time, before its first product
    patches = tokens * (4 * 4) * width
    blocks = layers * (tokens * 12 * width**2 + 2 * tokens**2 * width)
    adaptive = layers * (times * width + width**2 + 6 * width**2)
    last = 2 * width**2 + times * width + width**2 + tokens * width * (8 * 4)
    counted = flops.model_flops(
        zoo.resolve("m", config=DIT), case(DIT, "forward", batch=1).workload
    )
    assert counted == pytest.approx(2 * (patches + blocks + adaptive + last), rel=0.03)


@pytest.mark.parametrize("name", ["whisper", "llava", "qwen", "clip", "rt_detr", *DIFFUSION])
def test_flops_are_those_of_a_pass_that_really_runs(name):
    if name in DIFFUSION:
        pytest.importorskip("diffusers")
    others = {"clip": CLIP, "rt_detr": RT_DETR, "qwen": QWEN_VL}
    config = {**MORE_DECODERS, **DIFFUSION, **others}[name]
    sizes = {"prompt_tokens": 24} if name in ("llava", "qwen") else {}
    seen = {"attention_kernel": "math"} if name in DIFFUSION else {"attention": "eager"}
    work = prepare(case(config, "forward", **sizes | SIZES.get(name, {}) | seen), "cpu")
    with flops.counting() as counter:
        work.step()
    assert work.model_flops_per_step == counter.get_total_flops()


@pytest.mark.parametrize("name", ["llava", "qwen"])
def test_flops_of_adapters_are_those_of_a_pass_that_really_runs(name):
    config = {**MORE_DECODERS, "qwen": QWEN_VL}[name]
    sizes = {"prompt_tokens": 24, "attention": "eager", **SIZES.get(name, {})}
    work = prepare(case(config, "finetune_lora", lora_rank=4, **sizes), "cpu")
    with flops.counting() as counter:
        work.step()
    assert work.model_flops_per_step == counter.get_total_flops()


def test_a_sound_counts_in_seconds_of_it():
    """Whisper's 1,500 positions are 30 s, whatever is written of them."""
    config = {**WHISPER, "max_source_positions": 1500}
    work = prepare(case(config, "generate", new_tokens=3, batch=2), "cpu")
    assert (work.unit, work.work_per_step) == ("audio_seconds", pytest.approx(60))
    work = prepare(case(config, "decode", new_tokens=3, batch=2), "cpu")
    assert (work.unit, work.work_per_step) == ("tokens", 2)


@pytest.mark.parametrize(
    ("config", "family"),
    [
        (WHISPER, "speech"),
        ({"model_type": "whisper"}, "speech"),
        (LLAVA, "vision-language"),
        ({"model_type": "qwen2_5_vl"}, "vision-language"),
        (CLIP, "image-text"),
        ({"model_type": "siglip"}, "image-text"),
        ({"model_type": "clip", "architectures": ["CLIPForImageClassification"]}, "vision"),
        (RT_DETR, "detector"),
        (DIT, "diffusion"),
        ({"model_type": "t5"}, "encoder-decoder"),
        ({"model_type": "gemma2"}, "decoder"),
    ],
)
def test_a_config_tells_its_family(config, family):
    assert family_of(config, "m") == family


@pytest.mark.parametrize(
    ("config", "kind", "sizes", "where"),
    [
        (LLAVA, "prefill", {"prompt_tokens": 16}, "workload.prompt_tokens"),
        (LLAVA, "prefill", {"prompt_tokens": 24, "image_pixels": 33}, "workload.image_pixels"),
        (WHISPER, "generate", {"new_tokens": 65}, "workload.new_tokens"),
        (CLIP, "forward", {"prompt_tokens": 17}, "workload.prompt_tokens"),
        (CLIP, "decode", {}, "workload.kind"),
        ({**DIT, "_class_name": "WanTransformer2DModel"}, "forward", {}, "_class_name"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(config, kind, sizes, where):
    asked = {"precision": "float32", "batch": 1, **sizes}
    with pytest.raises(InputError) as refused:
        prepare(Task(model="m", config=config, workload=Workload(kind=kind, **asked)), "cpu")
    assert refused.value.where == where


def test_without_diffusers_a_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'modelworth\[diffusion\]'"):
        zoo.build(zoo.resolve("m", config=DIT), "meta", torch.float32)


@pytest.mark.parametrize("name", ["whisper", "llava", "clip", "rt_detr", "dit"])
def test_every_kind_of_work_of_a_family_has_a_complete_case(name, tmp_path):
    config = {**MORE_DECODERS, "clip": CLIP, "rt_detr": RT_DETR, "dit": DIT}[name]
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config))
    cases = expanded({"model": str(file)}, FLAGS, "cpu")
    family = family_of(config, name)
    assert tuple(one.workload.kind for one in cases) == FAMILIES[family].kinds
    stated = {
        size for one in cases for size in ("prompt_tokens", "new_tokens", "denoising_steps")
        if getattr(one.workload, size)
    }  # fmt: skip
    assert stated == {
        "speech": {"new_tokens"}, "vision-language": {"prompt_tokens", "new_tokens"},
        "diffusion": {"denoising_steps"},
    }.get(family, set())  # fmt: skip
