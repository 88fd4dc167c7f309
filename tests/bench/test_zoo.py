"""Names mean what they say, models have the size the catalogue states, and weights are safe."""

from __future__ import annotations

import json

import pytest

from modelworth.bench.models import zoo
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

MODELS = load_catalog().models
SMALL = [names[0] for names in zoo.LADDERS.values()]


def test_every_family_of_the_question_has_a_ladder_of_five_sizes_that_ascends():
    families = {load_catalog().model(names[0]).family for names in zoo.LADDERS.values()}
    assert families == {
        "decoder",
        "encoder",
        "encoder-decoder",
        "vision",
        "detector",
        "image-decoder",
    }
    for ladder, names in zoo.EVERY_LADDER.items():
        sizes = [load_catalog().model(name).parameters_total for name in names]
        assert len(sizes) >= (5 if ladder in zoo.LADDERS else 3)
        assert sizes == sorted(sizes)


@pytest.mark.parametrize("entry", [*MODELS, *load_catalog().built], ids=lambda entry: entry.name)
def test_family_is_read_off_the_config(entry):
    assert zoo.family_of(entry.config, entry.name) == entry.family


@pytest.mark.parametrize("name", [*SMALL, "mixtral-8x7b", "gpt-oss-20b", "deepseek-v3"])
def test_parameters_are_those_of_the_catalogue(name):
    entry = load_catalog().model(name)
    described = zoo.describe(zoo.resolve(name))
    assert described.parameters_total == entry.parameters_total
    assert described.parameters_active == entry.parameters_active
    assert described.config == entry.config


def test_matmul_parameters_of_llama_2_7b_are_all_but_embedding_and_norms():
    size = zoo.describe(zoo.resolve("llama-2-7b"))
    embedding, norms = 32_000 * 4096, (2 * 32 + 1) * 4096
    assert size.parameters_matmul == 6_738_415_616 - embedding - norms


def test_matmul_parameters_of_mixtral_count_two_of_eight_experts():
    size = zoo.describe(zoo.resolve("mixtral-8x7b"))
    expert = 3 * 4096 * 14_336
    attention = 2 * 4096 * 4096 + 2 * 4096 * 1024
    layer = attention + 8 * 4096 + 2 * expert
    assert size.parameters_matmul == 32 * layer + 32_000 * 4096


def test_a_tied_head_counts_as_a_product():
    size = zoo.describe(zoo.resolve("gpt2"))
    positions, vectors = 1024 * 768, 12 * (4 * 768 + 9 * 768) + 2 * 768
    assert size.parameters_matmul == 124_439_808 - positions - vectors


def test_an_unknown_name_is_refused_with_near_misses():
    with pytest.raises(InputError, match="ladder-16m") as refused:
        zoo.resolve("ladder-17m")
    assert refused.value.where == "model"


def test_a_hub_that_cannot_be_reached_is_said():
    with pytest.raises(InputError, match="hub couldn't be"):
        zoo.resolve("nobody/no-such-model")


@pytest.mark.parametrize("name", ["./nothing-here", "/nothing/here", "nothing.json"])
def test_a_path_that_is_not_there_is_refused(name):
    with pytest.raises(InputError, match="exists"):
        zoo.resolve(name)


@pytest.mark.parametrize("text", ["{", "[]", '{"hidden_size": 8}', '{"model_type": "nonsense"}'])
def test_a_config_that_is_none_is_refused(tmp_path, text):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(InputError):
        zoo.resolve(str(path))


def test_a_config_file_is_built_with_random_weights(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(load_catalog().model("ladder-1m").config))
    blueprint = zoo.resolve(str(path))
    assert (blueprint.name, blueprint.family, blueprint.pretrained) == ("mine", "decoder", False)
    with pytest.raises(InputError, match="random"):
        zoo.resolve(str(path), pretrained=True)


def test_dropout_is_off():
    config = zoo.transformers_config(zoo.resolve("bert-tiny"))
    assert config.hidden_dropout_prob == config.attention_probs_dropout_prob == 0
    assert zoo.transformers_config(zoo.resolve("gpt2")).resid_pdrop == 0


@pytest.fixture
def checkpoint(tmp_path):
    """A small model saved by transformers itself, and that model."""
    model = zoo.build(zoo.resolve("ladder-1m"), "cpu", torch.float32)
    model.save_pretrained(tmp_path / "saved")
    return tmp_path / "saved", model


def test_pretrained_weights_load_as_safetensors(checkpoint):
    folder, saved = checkpoint
    loaded = zoo.build(zoo.resolve(str(folder), pretrained=True), "cpu", torch.float32)
    for (name, weight), (other, expected) in zip(
        loaded.named_parameters(), saved.named_parameters(), strict=True
    ):
        assert name == other
        assert torch.equal(weight, expected)


def test_random_weights_are_taken_unless_pretrained_ones_are_asked_for(checkpoint):
    folder, saved = checkpoint
    fresh = zoo.build(zoo.resolve(str(folder)), "cpu", torch.float32)
    assert not torch.equal(fresh.lm_head.weight, saved.lm_head.weight)


def test_pickled_weights_are_refused(checkpoint):
    folder, saved = checkpoint
    (folder / "model.safetensors").unlink()
    torch.save(saved.state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(InputError, match="safetensors"):
        zoo.build(zoo.resolve(str(folder), pretrained=True), "cpu", torch.float32)


def test_code_that_comes_with_a_model_is_not_run_unasked(checkpoint):
    folder, _ = checkpoint
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "homemade"
    config["auto_map"] = {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text("raise SystemExit('ran')")
    with pytest.raises(InputError, match="--trust-remote-code"):
        zoo.build(zoo.resolve(str(folder)), "cpu", torch.float32)


def test_an_unknown_architecture_is_refused_with_near_misses():
    config = {"model_type": "lama", "architectures": ["LamaForCausalLM"]}
    with pytest.raises(InputError, match=r"such as .*llama") as refused:
        zoo.build(zoo.resolve("mine", config=config), "cpu", torch.float32)
    assert len(str(refused.value)) < 200


def test_a_config_that_does_not_fit_its_architecture_is_refused():
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": "wide"}
    with pytest.raises(InputError, match="hidden_size"):
        zoo.build(zoo.resolve("mine", config=config), "cpu", torch.float32)


def test_an_attention_that_a_model_lacks_is_refused():
    with pytest.raises(InputError, match="nonsense"):
        zoo.build(zoo.resolve("ladder-1m"), "cpu", torch.float32, "nonsense")


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("contains custom code ... set `trust_remote_code=True`", "--trust-remote-code"),
        ("model type `x` but Transformers does not recognize this", "installed transformers"),
        ("401 Client Error: this is a gated repo", "hf auth login"),
        ("We couldn't connect to the hub", "couldn't be"),
    ],
)
def test_a_failed_look_up_on_the_hub_says_what_mends_it(message, hint):
    assert hint in zoo._hub_hint(message)
