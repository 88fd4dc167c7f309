"""The class that a config names decides its head: read as built, or refused."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from docs.model_rows import default_config
from modelworth.bench.models.inspect_build import build_bare
from modelworth.costmodel.architecture.fits import unservable
from modelworth.costmodel.architecture.read import read_model
from modelworth.data.errors import InputError

READ = """
    ViTModel ViTForImageClassification DeiTModel LlamaModel LlamaForSequenceClassification
    MistralModel Qwen3ForSequenceClassification GPT2Model GPT2LMHeadModel T5EncoderModel
    MT5EncoderModel MarianMTModel OPTModel MambaModel Gemma2Model PhiModel CohereModel
    FalconForSequenceClassification GPTNeoXForSequenceClassification BertModel
"""
REFUSED = """
    ViTForMaskedImageModeling Phi3ForTokenClassification BertForTokenClassification T5Model
    BartModel WhisperForAudioClassification GPT2DoubleHeadsModel YolosModel
"""


def config_of(built):
    """The defaults of a class's type, with the class named."""
    import transformers

    kind = getattr(transformers, built).config_class.model_type
    return default_config(kind) | {"architectures": [built]}


@pytest.mark.parametrize("built", READ.split())
def test_parameters_are_those_of_the_named_class(built):
    config = config_of(built)
    model = build_bare(config, built)
    assert model.class_name == built
    weights = {id(weight): weight.numel() for weight in model.model.parameters()}
    assert read_model(config).parameters == sum(weights.values())


@pytest.mark.parametrize("built", REFUSED.split())
def test_another_head_is_refused_towards_building(built):
    with pytest.raises(InputError, match="modelworth inspect FILE"):
        read_model(config_of(built))


def test_a_decoder_that_embeds_serves_no_tokens():
    assert unservable(read_model(config_of("MistralModel")), "serve", 1024)
    assert not unservable(read_model(config_of("MistralForCausalLM")), "serve", 1024)


@pytest.mark.parametrize("kind", ["llama", "bert", "opt", "gpt2", "qwen2", "unknown_kind"])
def test_heads_that_leave_a_part_of_the_width_are_refused(kind):
    from modelworth.costmodel.architecture.plausible import require_plausible

    config = {"model_type": kind, "hidden_size": 4096, "num_attention_heads": 30}
    with pytest.raises(InputError, match="30 heads of a width of 4,096"):
        require_plausible(config)
    if kind in ("llama", "qwen2", "unknown_kind"):  # the others' classes know no head_dim
        require_plausible({**config, "head_dim": 128, "num_key_value_heads": 6})


def test_key_value_heads_that_no_class_takes_are_refused_before_it_is_built():
    from modelworth.costmodel.architecture.plausible import require_plausible

    config = {"model_type": "llama", "hidden_size": 4096, "num_attention_heads": 32}
    with pytest.raises(InputError, match="key-value heads"):
        require_plausible({**config, "num_key_value_heads": 5})
