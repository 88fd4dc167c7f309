"""The page of types is what the installed transformers builds, counts and keeps."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from docs.model_rows import row_of, rows  # noqa: E402 torch may be absent

PAGE = Path(__file__).parents[2] / "docs" / "models.md"
SAMPLE = """
    aimv2_vision_model audio-spectrogram-transformer beit bit bloom bros chinese_clip
    chinese_clip_vision_model clip clip_vision_model clipseg convnext convnextv2 cvt data2vec-audio
    data2vec-vision deit dinov2 dinov2_with_registers dinov3_convnext dinov3_vit distilbert
    donut-swin dpt glpn gpt2 gpt_bigcode groupvit hgnet_v2 hiera hubert idefics3_vision ijepa
    internvl_vision layoutlmv3 levit maskformer-swin metaclip_2 mobilenet_v1 mobilenet_v2
    mobilevitv2 patchtsmixer poolformer pvt stablelm swiftformer swin swinv2 unispeech-sat univnet
    vision-text-dual-encoder vit vit_msn vitdet vivit wav2vec2 xglm xlm-roberta yolos focalnet
"""
"""Sixty types that build quickly."""


@cache
def page() -> dict[str, list[str]]:
    """The cells of each type's row."""
    lines = PAGE.read_text("utf-8").splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return {row[0].strip("`"): row for row in cells if len(row) == 6 and row[0].startswith("`")}


def hold(row):
    """A row that was made now against the page's."""
    _, built_class, parameters, active, flops, _ = page()[row.model_type]
    assert row.refused is None
    assert row.built_class == built_class
    assert f"{row.parameters:,}" == parameters
    assert f"{row.active:,}" == active
    if row.flops_off is not None:
        assert f"{row.flops_off:+.1%}" == flops
    assert row.read is None or row.read == row.parameters


@pytest.mark.parametrize("kind", SAMPLE.split())
def test_a_type_is_what_the_page_says(kind):
    if kind == "vision-text-dual-encoder" and transformers.__version__ < "5.23":
        pytest.skip("transformers 5.17 has no defaults for its two parts")
    counts = kind in ("bloom", "clip", "convnext", "dinov2", "gpt2", "swin", "wav2vec2", "xglm")
    hold(row_of(kind, passes=counts))


def test_at_least_500_types_are_described_and_none_is_read_otherwise():
    assert len(page()) >= 500
    assert not [row for row in page().values() if "; read" in row[-1]]
    counted = [row[4] for row in page().values() if row[4] != "not counted"]
    assert sum(abs(float(cell.strip("%"))) <= 1 for cell in counted) >= 500


@pytest.mark.slow
@pytest.mark.skipif("MODELS_WALK" not in os.environ, reason="takes an hour: make models-walk")
def test_every_type_is_what_the_page_says():
    for row in rows(sorted(page())):
        hold(row)
