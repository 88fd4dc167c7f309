"""Which models can be measured, what a name means, and how a model is built from its config.

A name is looked up as a config.json file, a folder, a name of the catalogue, then a hub id. Weights
are random unless pretrained ones are asked for; those are read as safetensors only. Dropout is set
to 0: current pre-training does without, and a step that drops at random can't be compared.
Sources of the shipped configs: `data/models/index.csv`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelworth.bench.models.families import auto_class, family_of
from modelworth.data.catalog import ModelEntry, load_catalog
from modelworth.data.errors import InputError
from modelworth.data.measurement import Model
from modelworth.data.model_files import MARK, read_model_file
from modelworth.data.words import Family

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import torch
    from transformers import PreTrainedConfig, PreTrainedModel

    from modelworth.bench.models.size import Size

USUAL_PIXELS = 224
"""A side of the images of a model that takes any size."""
LONGEST_NAME = 200
"""Characters that a record has for a model's name."""


def _ladders(entries: Iterable[ModelEntry]) -> dict[str, tuple[str, ...]]:
    """Names by architecture, smallest first."""
    found: dict[str, tuple[str, ...]] = {}
    for entry in sorted(entries, key=lambda entry: entry.parameters_total):
        if entry.ladder:
            found[entry.ladder] = (*found.get(entry.ladder, ()), entry.name)
    return found


LADDERS, MORE_LADDERS = _ladders(load_catalog().models), _ladders(load_catalog().built)
"""Of text and images; and of what hears, sees beside text, draws or keeps a state."""
EVERY_LADDER = LADDERS | MORE_LADDERS
FUSED = frozenset(
    (
        *("bert", "gpt2", "llama", "mistral", "mixtral", "qwen2", "qwen3", "roberta", "t5", "vit"),
        *("clip", "lfm2", "llava", "qwen2_5_vl", "siglip", "swin", "whisper", "yolos"),
    )
)
"""Model types known to have sdpa, for which nothing needs to be imported to know."""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What a name means: enough to build the model.

    Attributes:
        config: in the format of transformers' config.json.
        source: hub id or folder that pretrained weights come from; None where there are none.
    """

    name: str
    family: Family
    config: Mapping[str, Any]
    source: str | None = None
    pretrained: bool = False
    trust_remote_code: bool = False

    @property
    def key(self) -> str:
        """The blueprint as text, by which what follows from it alone is remembered."""
        return json.dumps(asdict(self), sort_keys=True, default=str)

    @classmethod
    def of_key(cls, key: str) -> Blueprint:
        """The blueprint that a key stands for."""
        return cls(**json.loads(key))


def resolve(
    name: str,
    *,
    config: Mapping[str, Any] | None = None,
    pretrained: bool = False,
    trust_remote_code: bool = False,
) -> Blueprint:
    """What `name` means.

    Args:
        name: a config.json, a folder, a name of the catalogue or a hub id.
        config: a config to take instead of the one that the name stands for.
        pretrained: whether to load weights; the name must then be a folder or a hub id.
        trust_remote_code: run Python code that comes with a hub model.

    Raises:
        InputError: if there is no such model, its config isn't one, or it has no safe weights.
    """
    if config:
        found = Blueprint(name, family_of(config, name), dict(config))
    else:
        found = _found(name, trust_remote_code)
    if not pretrained:
        return found
    if found.source is None:
        raise InputError("weights", f"pretrained, for {name}", "random, or name a folder or hub id")
    return replace(found, pretrained=True)


def _found(name: str, trust_remote_code: bool) -> Blueprint:
    """The blueprint of a name, looked up in order: file, folder, catalogue, hub."""
    path = Path(name)
    if len(path.name) > LONGEST_NAME:
        raise InputError("model", name, f"a name of at most {LONGEST_NAME} characters")
    if path.is_file():
        config = _read_config(path)
        return Blueprint(path.stem, family_of(config, name), config)
    if path.is_dir():
        config = _read_config(path / "config.json")
        family, label = family_of(config, name), path.resolve().name
        return Blueprint(label, family, config, str(path), False, trust_remote_code)
    if name.endswith(".json") or name.startswith((".", "/")):
        raise InputError("model", name, "a config.json or folder that exists")
    if re.fullmatch(r"[\w.\-]+/[\w.\-]+", name):
        config = _hub_config(name, trust_remote_code)
        return Blueprint(name, family_of(config, name), config, name, False, trust_remote_code)
    entry = load_catalog().model(name)
    if "modelworth_architecture" in entry.config:
        raise InputError("model", name, "a config.json: the catalogue only describes this one")
    return Blueprint(entry.name, entry.family, entry.config)


def _read_config(path: Path) -> dict[str, Any]:
    """A config.json as a dictionary."""
    config = read_model_file(path)
    if MARK in config:
        raise InputError(str(path), "a description", "a config.json, which a class is built from")
    return config


def _hub_config(name: str, trust_remote_code: bool) -> dict[str, Any]:
    """The config of a model on the hub, or in the hub's cache on this machine."""
    from transformers import AutoConfig

    try:
        with _quiet():
            config = AutoConfig.from_pretrained(name, trust_remote_code=trust_remote_code)
    except (OSError, ValueError) as error:
        raise InputError("model", name, _hub_hint(str(error))) from error
    found: dict[str, Any] = config.to_dict()
    return found


def _hub_hint(message: str) -> str:
    """What would mend a failed look-up on the hub."""
    if "trust_remote_code" in message:
        return "a model that needs no code of its own, or be run with --trust-remote-code"
    if "does not recognize" in message or "Unrecognized model" in message:
        return "of an architecture that the installed transformers knows"
    if "gated" in message or "restricted" in message or "401" in message:
        return "a model you have access to: log in with `hf auth login`"
    return (
        "a name of the catalogue, a folder, a config.json or a hub id that can be reached "
        "(the hub couldn't be, or has no such model)"
    )


def transformers_config(blueprint: Blueprint) -> PreTrainedConfig:
    """The config as transformers' own object (of diffusion: diffusers'), dropout set to 0.

    Raises:
        InputError: if transformers refuses it.
    """
    if blueprint.family == "diffusion":
        return _made(blueprint, "meta", {"dtype": None}).config  # type: ignore[no-any-return]
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig

    if blueprint.trust_remote_code and blueprint.source:
        config = AutoConfig.from_pretrained(blueprint.source, trust_remote_code=True)
    else:
        stated = dict(blueprint.config)
        model_type = stated.pop("model_type", None)
        try:
            config = AutoConfig.for_model(model_type, **stated)
        except (ValueError, TypeError, KeyError, StrictDataclassError) as error:
            raise _refused_config(blueprint, str(model_type), str(error)) from error
    for key, value in vars(config).items():
        if "drop" in key and isinstance(value, float):
            setattr(config, key, 0.0)
    return config


def _refused_config(blueprint: Blueprint, model_type: str, message: str) -> InputError:
    """What is wrong with a config, and what would do."""
    from transformers import CONFIG_MAPPING

    where = f"{blueprint.name}: model_type"
    if model_type in CONFIG_MAPPING:
        return InputError(where, model_type, f"given a config that fits it ({message[:200]})")
    if "auto_map" in blueprint.config:
        return InputError(where, model_type, "known, or its own code run by --trust-remote-code")
    near = get_close_matches(model_type, list(CONFIG_MAPPING), n=3, cutoff=0.6)
    named = f", such as {', '.join(near)}" if near else ""
    return InputError(where, model_type, f"one that the installed transformers knows{named}")


def build(
    blueprint: Blueprint,
    device: str | torch.device,
    dtype: torch.dtype,
    attention: str = "sdpa",
    experts: str | None = None,
) -> PreTrainedModel:
    """The model on its device, in evaluation mode, with random or pretrained weights.

    Args:
        blueprint: what to build.
        device: where; `meta` for a model without storage.
        dtype: of its parameters.
        attention: name of transformers' attention implementation.
        experts: name of transformers' experts implementation; None: its own choice.

    Raises:
        InputError: if transformers can't build it so, or the weights aren't safetensors.
    """
    choices: dict[str, Any] = {"dtype": dtype, "attn_implementation": attention}
    if experts is not None:
        choices["experts_implementation"] = experts
    with _refusals(blueprint, attention), _quiet():
        model = _made(blueprint, device, choices)
    if blueprint.family in ("decoder", "image-decoder"):
        model.loss_type = "ForCausalLM"  # GPT-2's class name doesn't tell transformers
    return model.eval()  # type: ignore[no-any-return]


def _made(blueprint: Blueprint, device: str | torch.device, choices: Mapping[str, Any]) -> Any:
    """The model by its family's auto class, loaded or with fresh weights."""
    import torch

    from modelworth.bench.models import diffusion
    from modelworth.bench.models.fresh import fill

    if blueprint.family == "diffusion":
        return diffusion.build(blueprint.config, device, choices["dtype"])
    if blueprint.family == "vision-language":
        # Whether a prompt has as many places as its image has tokens is looked at on the device,
        # which PyTorch 2.11 can't trace; prompts here are made to.
        os.environ.setdefault("TRANSFORMERS_DISABLE_TORCH_CHECK", "1")
    auto = auto_class(blueprint.family, blueprint.config)
    config = transformers_config(blueprint)
    trust = blueprint.trust_remote_code
    if blueprint.pretrained and str(device) != "meta":
        model = auto.from_pretrained(
            blueprint.source,
            config=config,
            use_safetensors=True,
            trust_remote_code=trust,
            **choices,
        )
        return model.to(device)
    own_code = trust and blueprint.source is not None  # may not draw its weights as others do
    with torch.device(device if own_code else "meta"):
        model = auto.from_config(config, trust_remote_code=trust, **choices)
    if not own_code and str(device) != "meta":
        fill(model, device)
    return model


@contextmanager
def _refusals(blueprint: Blueprint, attention: str) -> Iterator[None]:
    """Turns what transformers refuses into an InputError that says what to change."""
    try:
        yield
    except OSError as error:
        allowed = f"weights as safetensors ({str(error).splitlines()[0]})"
        raise InputError("weights", blueprint.source, allowed) from error
    except ImportError as error:
        raise InputError("attention", attention, f"installed ({error})") from error
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
        allowed = f"built as asked (attention {attention}): {error}"
        raise InputError("model", blueprint.name, allowed) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the progress bars and advice of transformers and of the hub's client."""
    from huggingface_hub.utils import logging as hub_logging
    from transformers.utils import logging

    shown, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    hub_shown = hub_logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    hub_logging.set_verbosity_error()
    try:
        yield
    finally:
        hub_logging.set_verbosity(hub_shown)
        logging.set_verbosity(shown)
        if bars:
            logging.enable_progress_bar()


@cache
def _size(key: str) -> Size:
    """Size of what a blueprint builds, counted on the meta device."""
    import torch

    from modelworth.bench.models.size import size_of

    return size_of(build(Blueprint.of_key(key), "meta", torch.bfloat16, "eager"))


def describe(blueprint: Blueprint) -> Model:
    """The model as a measurement records it."""
    size = _size(blueprint.key)
    return Model(
        name=blueprint.name,
        family=blueprint.family,
        parameters_total=size.total,
        parameters_active=size.active,
        parameters_matmul=size.matmul,
        weights="pretrained" if blueprint.pretrained else "random",
        config=Blueprint.of_key(blueprint.key).config,
    )


def usual_attention(blueprint: Blueprint) -> str:
    """The implementation that is used unless one is asked for: sdpa, or eager where it is lacking.

    Gemma 2, BLOOM, Mamba and DeBERTa are among those that transformers gives no fused attention.
    """
    known = blueprint.config.get("model_type") in FUSED or blueprint.family == "diffusion"
    if known or blueprint.trust_remote_code:
        return "sdpa"
    try:
        config = transformers_config(blueprint)
        kind = auto_class(blueprint.family, blueprint.config)._model_mapping[type(config)]
    except (KeyError, InputError):
        return "sdpa"  # building will say what is wrong
    backbone = getattr(config, "backbone_config", None)  # a part may lack what the whole has
    return "sdpa" if kind._supports_sdpa and backbone is None else "eager"


def image_tokens(config: Mapping[str, Any]) -> int:
    """Tokens of an image that an image decoder writes, a key of our own in its config."""
    return int(config["image_tokens"])


def longest_sequence(config: Any) -> int | None:
    """Positions that a model has for text; None where there is no limit."""
    if getattr(config, "model_type", "") == "t5":
        return None
    config = getattr(config, "text_config", None) or config
    limit = getattr(config, "max_position_embeddings", None)
    # Two rows of RoBERTa's position table are padding.
    return limit - 2 if limit and config.model_type == "roberta" else limit
