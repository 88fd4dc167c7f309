"""Which head a model carries, by the class that its config names in `architectures`.

A config without that list is read with its type's usual head. Decoders that classify or embed keep
their layers and lose what writes text; what a reader doesn't know is left to building.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from modelworth.costmodel.architecture.keys import Config, NotReadError, listed, optional
from modelworth.costmodel.architecture.structure import Architecture, Head

WRITES = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "ForPrediction")
BARE = "Model"


def named_class(config: Config) -> str | None:
    """The first class that a config names; None: none."""
    named = listed(config, "architectures") or []
    return str(named[0]) if named else None


def is_bare(built: str) -> bool:
    """Whether a class is the layers alone, without a head."""
    return built.endswith(BARE) and not built.endswith(("HeadModel", "HeadsModel", "EncoderModel"))


def refused(built: str, known: str) -> NotReadError:
    """What to say of a class that a reader doesn't know."""
    return NotReadError("config: architectures", built, known)


def labels_of(config: Config, default: int) -> int:
    """Classes the model tells apart, by their number or their names."""
    names = config.get("id2label")
    if isinstance(names, Mapping) and "num_labels" not in config:
        return len(names)
    return optional(config, "num_labels") or default


def with_head(read: Architecture, config: Config) -> Architecture:
    """A decoder with the head of the class that its config names.

    Raises:
        InputError: if that is another than a text's, a classifier's or none.
    """
    built = named_class(config)
    if built is None or read.family != "decoder" or built.endswith(WRITES):
        return read
    several = bool(read.towers) or "text_config" in config
    if is_bare(built) and not several:
        return replace(read, family="encoder", head=Head(0, read.hidden))
    if built.endswith("ForSequenceClassification") and not several:
        labels = labels_of(config, 2)
        return replace(read, family="encoder", head=Head(read.hidden * labels, labels, positions=1))
    raise refused(built, "…ForCausalLM, …ForSequenceClassification or …Model")
