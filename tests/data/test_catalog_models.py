"""Every shipped config builds with transformers and has the size that the index states."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelworth.data import catalog as room
from modelworth.data.catalog import load_catalog

MODELS, BUILT = load_catalog().models, load_catalog().built

# Exact counts of the released checkpoints, as published.
EXACT = {
    "gpt2": 124_439_808,
    "llama-2-7b": 6_738_415_616,
    "llama-2-70b": 68_976_648_192,
    "llama-3-8b": 8_030_261_248,
    "mixtral-8x7b": 46_702_792_704,
    "deepseek-v3": 671_026_404_352,
}


@pytest.mark.parametrize("entry", MODELS, ids=lambda entry: entry.name)
def test_size_is_what_transformers_builds(entry):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    config = dict(entry.config)
    built = transformers.AutoConfig.for_model(config.pop("model_type"), **config)
    with torch.device("meta"):
        model = getattr(transformers, config["architectures"][0])(built)
    assert sum(weight.numel() for weight in model.parameters()) == entry.parameters_total


@pytest.mark.slow
@pytest.mark.parametrize("entry", BUILT, ids=lambda entry: entry.name)
def test_size_of_what_hears_sees_or_draws_is_what_its_class_builds(entry):
    torch = pytest.importorskip("torch")
    config = dict(entry.config)
    if "_class_name" in config:
        room = pytest.importorskip("diffusers")
        build = getattr(room, config["_class_name"]).from_config
    else:
        room = pytest.importorskip("transformers")
        (named,), kind = config["architectures"], config.pop("model_type")
        build, config = getattr(room, named), room.AutoConfig.for_model(kind, **config)
    with torch.device("meta"):
        model = build(config)
    assert sum(weight.numel() for weight in model.parameters()) == entry.parameters_total


@pytest.mark.parametrize("entry", [*MODELS, *BUILT], ids=lambda entry: entry.name)
def test_size_is_near_what_was_published(entry):
    if entry.published_total is not None:
        assert entry.parameters_total == pytest.approx(entry.published_total, rel=0.045)
    if entry.published_active is not None:
        config = entry.config
        embedding = config["vocab_size"] * config["hidden_size"]
        counted = (entry.parameters_active, entry.parameters_active - embedding)
        assert min(abs(n / entry.published_active - 1) for n in counted) < 0.025


@pytest.mark.parametrize(("name", "parameters"), EXACT.items())
def test_exactly_published_sizes(name, parameters):
    assert load_catalog().model(name).parameters_total == parameters


def test_index_and_configs_are_the_same_set():
    folder = Path(room.__file__).parent / "models"
    for sub, entries in ((".", MODELS), ("built", BUILT)):
        files = (folder / sub).glob("*.json")
        assert {path.stem for path in files} == {entry.name for entry in entries}
