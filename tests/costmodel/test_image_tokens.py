"""Images in a prompt count as the tokens that the model's own processor makes of them."""

from __future__ import annotations

import json

import pytest

from modelworth.cli import main
from modelworth.costmodel.architecture.read import read_model
from modelworth.costmodel.architecture.work import forward_flops, image_tokens
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError

# Pixels of a side, and tokens: (side / (patch × merge))², by the models' own cards.
FREE = [
    ("qwen3-vl-8b-instruct", 1280, 1600),
    ("qwen3-vl-8b-instruct", 1000, 1024),
    ("kimi-k2.5", 896, 1024),
    ("gemma-4-31b-it-nvfp4", 1280, 280),
    ("gemma-4-31b-it-nvfp4", 64, 280),
]
# Of a fixed size: CLIP's 336 pixels in patches of 14; Gemma 3's and PaliGemma's as stated.
FIXED = [
    ({"model_type": "llava", "vision_config": {"image_size": 336, "patch_size": 14}}, 576),
    ({"model_type": "gemma3", "vision_config": {}, "mm_tokens_per_image": 256}, 256),
]
ASK = ["predict", "--gpu", "H200 SXM 141GB", "--gpus", "8", "--work", "prefill"]


def of(name):
    """A model of the catalogue."""
    entry = load_catalog().model(name)
    return read_model(entry.config, entry.name)


@pytest.mark.parametrize(("name", "side", "tokens"), FREE)
def test_tokens_by_size(name, side, tokens):
    model = of(name)
    found, flops = image_tokens(model, side)
    assert found == tokens
    tower = model.towers[0].architecture
    patches = tokens * model.towers[0].merged
    products = sum(block.count * block.matmul_parameters for block in tower.blocks)
    assert flops > 2 * products * patches  # pairs of patches come on top
    assert flops == forward_flops(tower, 1, 0, patches)


@pytest.mark.parametrize(("config", "tokens"), FIXED, ids=range(len(FIXED)))
def test_tokens_of_a_fixed_size(config, tokens):
    model = read_model({**config, "text_config": {}})
    assert [image_tokens(model, side)[0] for side in (100, 2000)] == [tokens, tokens]


def test_a_prompt_with_images_is_the_prompt_with_their_tokens(capsys):
    model = ["--model", "qwen3-vl-8b-instruct", "--json"]
    assert main([*ASK, *model, "--sequence", "100", "--images", "2", "--image-size", "640"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert main([*ASK, *model, "--sequence", "900"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert "800 of the prompt's tokens" in seen.pop("images")
    assert seen == plain


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("llama-3.1-8b", ["--images", "1"]),
        ("qwen3.5-27b", ["--images", "1"]),
        ("qwen3-vl-8b-instruct", ["--images", "-1"]),
        ("qwen3-vl-8b-instruct", ["--images", "1", "--image-size", "0"]),
        ("qwen3-vl-8b-instruct", ["--images", "1", "--work", "train"]),
    ],
)
def test_what_cannot_be_seen_is_refused_in_two_lines(name, words, capsys):
    assert main([*ASK, "--model", name, *words]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) <= 2


def test_llava_next_is_cut_into_tiles_that_its_config_does_not_tell():
    model = read_model({"model_type": "llava_next", "vision_config": {}, "text_config": {}})
    with pytest.raises(InputError, match="add their tokens to --sequence"):
        image_tokens(model, 336)
