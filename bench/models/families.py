"""The families that can be measured: how each is recognised, which class builds it, what it can do.

A new family of transformers is one row here and one function of inputs in `bench.work.inputs`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelworth.data.errors import InputError
from modelworth.data.words import TRAINING, Family, Kind

EXPERTS = ("num_local_experts", "n_routed_experts", "num_experts")
"""What configs call the number of routed experts."""
GENERATIVE: tuple[Kind, ...] = (*TRAINING, "prefill", "decode", "generate", "forward")
WHOLE: tuple[Kind, ...] = (*TRAINING, "forward")
IMAGE, BOTH = ("image_pixels",), ("prompt_tokens", "image_pixels")
USUAL_STEPS = 28
"""Passes that an image takes in the pipelines of SD 3 and FLUX."""
SEGMENTING, SEGMENTER = "ForSemanticSegmentation", "AutoModelForSemanticSegmentation"
"""Of vision models that give each pixel a class: a part of their names, and who builds them."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What the harness knows of a family.

    Attributes:
        kinds: of work that it can do.
        auto: the class of transformers that builds it.
        task: in transformers' names of tables, such as MODEL_FOR_{task}_MAPPING_NAMES, which tell
            the family of a config that names no class.
        named: pattern of the class that a config may name; None where names don't tell.
        sizes: of inputs and outputs that a workload states; others are the model's own.
    """

    kinds: tuple[Kind, ...]
    auto: str
    task: str | None = None
    named: str | None = None
    sizes: tuple[str, ...] = ("prompt_tokens",)


FAMILIES: dict[Family, Traits] = {
    "decoder": Traits(
        GENERATIVE, "AutoModelForCausalLM", "CAUSAL_LM", r"ForCausalLM|LMHeadModel"
    ),
    "image-decoder": Traits(GENERATIVE, "AutoModelForCausalLM"),
    "encoder": Traits(WHOLE, "AutoModelForMaskedLM", "MASKED_LM", r"ForMaskedLM|ForPreTraining"),
    "encoder-decoder": Traits(
        GENERATIVE, "AutoModelForSeq2SeqLM", "SEQ_TO_SEQ_CAUSAL_LM",
        sizes=("prompt_tokens", "new_tokens"),
    ),
    "vision": Traits(
        WHOLE, "AutoModelForImageClassification", "IMAGE_CLASSIFICATION",
        rf"ForImageClassification|{SEGMENTING}", IMAGE,
    ),
    "detector": Traits(
        WHOLE, "AutoModelForObjectDetection", "OBJECT_DETECTION", "ForObjectDetection", IMAGE
    ),
    "speech": Traits(
        GENERATIVE, "AutoModelForSpeechSeq2Seq", "SPEECH_SEQ_2_SEQ", sizes=("new_tokens",)
    ),
    "image-text": Traits(
        WHOLE, "AutoModelForZeroShotImageClassification", "ZERO_SHOT_IMAGE_CLASSIFICATION",
        r"^(CLIP|Siglip|AltCLIP|ChineseCLIP|MetaClip2)Model$", BOTH,
    ),
    "vision-language": Traits(
        GENERATIVE, "AutoModelForImageTextToText", "IMAGE_TEXT_TO_TEXT", sizes=BOTH
    ),
    "diffusion": Traits(
        ("pretrain", "finetune", "forward", "generate"), "", None, "Transformer2DModel",
        ("image_pixels", "denoising_steps"),
    ),
}  # fmt: skip
ORDER: tuple[Family, ...] = (
    "encoder-decoder", "speech", "detector", "image-text", "vision", "encoder", "decoder",
    "vision-language",
)  # fmt: skip
"""In which order a model type is looked for, as some types are in several tables."""


def family_of(config: Mapping[str, Any], where: str) -> Family:
    """The family that a config belongs to, by its architecture, else by its model type.

    Raises:
        InputError: if it is none that can be measured.
    """
    named = [str(each) for each in config.get("architectures") or (config.get("_class_name", ""),)]
    for family, traits in FAMILIES.items():
        if traits.named and any(re.search(traits.named, each) for each in named):
            return "image-decoder" if "image_tokens" in config else family
    if config.get("is_encoder_decoder") and "ForConditionalGeneration" in " ".join(named):
        return "speech" if "num_mel_bins" in config else "encoder-decoder"
    return _family_of_type(str(config.get("model_type")), where)


def _family_of_type(model_type: str, where: str) -> Family:
    """The first family whose auto class knows a model type."""
    from transformers.models.auto import modeling_auto as auto

    for family in ORDER:
        known = getattr(auto, f"MODEL_FOR_{FAMILIES[family].task}_MAPPING_NAMES")
        if model_type in known:
            return family
    allowed = (
        f"a type that transformers builds as one of {', '.join(FAMILIES)}, "
        "or a diffusion transformer's config.json of diffusers"
    )
    raise InputError(f"{where}: model_type", model_type, allowed)


def segments(config: Mapping[str, Any]) -> bool:
    """Whether a vision model gives each pixel a class instead of the image."""
    return any(SEGMENTING in each for each in config.get("architectures") or ())


def auto_class(family: Family, config: Mapping[str, Any]) -> Any:
    """The class of transformers that builds a family's model, head included."""
    import transformers

    return getattr(transformers, SEGMENTER if segments(config) else FAMILIES[family].auto)
