"""From lists of choices to cases: every combination, and every mistake in them at once.

What a kind of work ignores isn't part of its case, so that `pretrain` and `decode` at two
optimizers are three cases; what every kind that is asked for ignores is a mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from math import prod
from typing import Any, get_args

from pydantic import ValidationError

from modelworth.bench.models import zoo
from modelworth.bench.models.families import FAMILIES
from modelworth.bench.run.request import FLAGS, KINDS, Request, input_error, place
from modelworth.bench.work.task import DeviceKind, Task
from modelworth.data.errors import InputError, together
from modelworth.data.words import TRAINING, Family, Kind

MOST_CASES = 1000
"""Combinations that one entry may make."""
GENERATION: tuple[Kind, ...] = ("decode", "generate")
USED_BY: dict[str, tuple[Kind, ...]] = {
    **dict.fromkeys(
        (
            *("optimizer", "gradient_accumulation", "activation_checkpointing", "clip_norm"),
            "chunked_loss",
        ),
        TRAINING,
    ),
    "lora_rank": ("finetune_lora",),
    "cuda_graphs": GENERATION,
    "fused_projections": ("prefill", *GENERATION),
    **dict.fromkeys(("new_tokens", "denoising_steps"), ("generate",)),
}
"""Kinds of work that heed a choice; other choices are heeded by all that the family has."""
SIZES = ("prompt_tokens", "image_pixels", "denoising_steps")
"""Choices that only some families heed."""


def expanded(entry: Mapping[str, Any], where: str, device: DeviceKind) -> tuple[Task, ...]:
    """The cases of an entry, each once.

    Args:
        entry: fields of a `Request`, each a value or a list of them; without `work`, all kinds that
            a model's family has.
        where: the entry's place, or `FLAGS` where it was typed.
        device: what the cases will run on.

    Raises:
        InputError: with everything that is wrong.
    """
    lists = {
        str(key).replace("-", "_"): list(value) if isinstance(value, list | tuple) else [value]
        for key, value in entry.items()
    }
    if (count := prod(map(len, lists.values()))) > MOST_CASES:
        allowed = f"at most {MOST_CASES:,}: split the suite"
        raise InputError(where, f"{count:,} combinations", allowed)
    mistakes: list[InputError] = []
    cases: dict[str, Task] = {}
    heeded, paired = {"model", "work"}, False
    for model, family in _families(lists, where, mistakes):
        kinds = list(_kinds(lists, model, family, where, mistakes))
        for kind in kinds or KINDS[family][:1]:  # without one, what else is wrong is said as well
            paired = paired or bool(kinds)
            used = {key: lists[key] for key in lists if uses(key, family, kind)}
            heeded |= used.keys()
            for one in _combined(used | {"model": [model], "work": [kind]}, where, mistakes):
                case = _case(one, device, mistakes)
                cases |= {case.id: case} if case else {}
    if paired:
        mistakes += _ignored(lists, heeded, where)
    if mistakes:
        raise together(mistakes)
    return tuple(cases.values())


def uses(choice: str, family: Family, kind: Kind) -> bool:
    """Whether a kind of work of a family heeds a choice."""
    sizes = FAMILIES[family].sizes
    if choice in SIZES and choice not in sizes:
        return False
    if choice == "new_tokens" and ("new_tokens" in sizes or "prompt_tokens" not in sizes):
        return "new_tokens" in sizes
    return choice not in USED_BY or kind in USED_BY[choice]


def _families(
    lists: Mapping[str, list[Any]], where: str, mistakes: list[InputError]
) -> Iterator[tuple[Any, Family]]:
    """Each model with its family; unknown ones are mistakes."""
    if "model" not in lists:
        mistakes.append(InputError(where, "no model", "there"))
    for model in lists.get("model", ()):
        try:
            trusted = lists.get("trust_remote_code") == [True]
            yield model, zoo.resolve(str(model), trust_remote_code=trusted).family
        except InputError as error:
            mistakes.append(error)


def _kinds(
    lists: Mapping[str, list[Any]],
    model: str,
    family: Family,
    where: str,
    mistakes: list[InputError],
) -> Iterator[Kind]:
    """The kinds of work that are asked for; those that the family lacks are mistakes."""
    for kind in lists.get("work", KINDS[family]):
        if kind in KINDS[family]:
            yield kind
            continue
        found = f"{kind}, of {model} ({family})" if kind in get_args(Kind) else kind
        mistakes.append(
            InputError(place(where, "work"), found, f"one of {', '.join(KINDS[family])}")
        )


def _combined(
    used: Mapping[str, list[Any]], where: str, mistakes: list[InputError]
) -> Iterator[Request]:
    for values in product(*used.values()):
        try:
            asked = dict(zip(used, values, strict=True))
            yield Request.model_validate(asked, strict=where != FLAGS)  # what is typed is text
        except ValidationError as error:
            mistakes.append(input_error(error, where, Request))


def _case(one: Request, device: DeviceKind, mistakes: list[InputError]) -> Task | None:
    try:
        return one.case(device)
    except InputError as error:
        mistakes.append(error)
        return None


def _ignored(lists: Mapping[str, list[Any]], heeded: set[str], where: str) -> Iterator[InputError]:
    """Choices that nothing of what is asked for heeds."""
    kinds = [kind for kind in lists.get("work", ()) if kind in get_args(Kind)]
    of = " or ".join(kinds) if kinds else "any work of this model"
    for choice in lists:
        if choice in heeded:
            continue
        users = USED_BY.get(choice)
        hint = f" ({', '.join(users)} would)" if users else ""
        shown = ", ".join(map(str, lists[choice]))
        advice = f"leave it out: {of} doesn't heed it{hint}"
        yield InputError(place(where, choice), shown, advice=advice)
