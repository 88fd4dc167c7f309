"""Suites: which cases are measured together, for how long, and which of them tell most.

`quick` is a ladder of decoders from training to decoding; `standard` is text and images by nine
architectures, training and inference, at three sizes; `families` is what hears, sees beside text,
draws or keeps a state, at two; `ladder` takes each of both up to what fits; `full` adds kinds of
work, batches and contexts. A YAML file makes one's own:

    name: mine
    limits: {timed_s: 5}
    cases:
      - {model: [ladder-1m, ladder-4m], work: [pretrain, decode], batch: [1, 8]}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from modelworth.bench.models import zoo
from modelworth.bench.run.expected import PROBING_S, expected_s
from modelworth.bench.run.request import Request, input_error
from modelworth.bench.run.sweep import expanded
from modelworth.bench.work.task import DeviceKind, Limits, Task
from modelworth.data import yaml_reader
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError
from modelworth.data.words import TRAINING, Kind

QUICK = Limits(timed_s=2.0, warmup_s=1.5, time_limit_s=60.0, min_samples=6, precision=0.01)
STANDARD = Limits(timed_s=2.5, warmup_s=1.5, time_limit_s=120.0, min_samples=6, precision=0.01)
THOROUGH = Limits(timed_s=20.0, warmup_s=20.0, time_limit_s=1800.0, min_samples=10)
NAMES = {
    "quick": "four decoders, three octaves: pre-training, prefill, decode",
    "standard": "text and images by nine architectures, training and inference, three sizes",
    "families": "what hears, sees beside text, draws or keeps a state, two sizes",
    "ladder": "standard and families, each size that fits",
    "full": "ladder, and fine-tuning, generation, batches and contexts",
}
CUDA: dict[str, tuple[str, ...]] = {
    "llama": ("ladder-160m", "llama-3.2-1b", "llama-3.2-3b", "llama-3.1-8b"),
    "gpt": ("gpt2", "gpt2-large", "gpt3-1.3b"),
    "moe": ("moe-32m", "moe-110m", "moe-420m"),
    "bert": ("bert-small", "bert-base", "bert-large"),
    "roberta": ("roberta-16m", "roberta-base", "roberta-large"),
    "t5": ("t5-small", "t5-base", "t5-large"),
    "vit": ("vit-small", "vit-base", "vit-large"),
    "yolos": ("yolos-tiny", "yolos-small", "yolos-base"),
    "dalle": ("dalle-90m", "dalle-340m", "dalle-1.3b"),
}
LADDERS: dict[DeviceKind, dict[str, tuple[str, ...]]] = {
    "cpu": {name: zoo.LADDERS[name][: 4 if name == "llama" else 3] for name in CUDA}
    | {"yolos": ("detector-1m", "detector-3m", "detector-9m")},
    "cuda": CUDA,
}
"""Three sizes of each architecture (four of the quick one) that a device of this kind can do."""
INFERENCE: dict[str, tuple[Kind, ...]] = {
    **dict.fromkeys(("llama", "gpt", "moe"), ("prefill", "decode")),
    **dict.fromkeys(("llava", "qwen-vl", "mamba", "lfm2"), ("prefill", "decode")),
    **dict.fromkeys(("t5", "dalle"), ("decode", "generate")),
    **dict.fromkeys(("whisper", "dit", "sd3", "flux"), ("generate",)),
}
BYTES_PER_PARAMETER = {"training": 18, "inference": 4}
"""Least that a parameter takes: weights, gradients and AdamW's state; float32 weights."""
MEMORY_SHARE = 0.7
CROWDED_BYTES = 40e9
"""State of training beside which four sequences of 2,048 tokens don't fit into 80 GB."""
PROCESSORS: dict[str, dict[str, int]] = {
    "flux": {"image_pixels": 256},
    "mamba": {"prompt_tokens": 64},
}
"""What a processor is asked of a family whose own sizes take it minutes: FLUX's images have 1,024
pixels, and without a kernel of its own Mamba goes through a sequence token by token."""
USUAL_BYTES = 80e9
"""Memory of a GPU, where nothing says how large it is."""


@dataclass(frozen=True, slots=True)
class Suite:
    """Cases to be measured together."""

    name: str
    cases: tuple[Task, ...]
    limits: Limits


def load(name: str, device: DeviceKind, memory_bytes: int | None = None) -> Suite:
    """The suite of this name, or of a YAML file.

    Args:
        name: one of `NAMES`, or the path of a file.
        device: what it will run on.
        memory_bytes: of one device; larger models are left out of `ladder` and `full`.

    Raises:
        InputError: if there is none, or the file is wrong.
    """
    if name not in NAMES:
        if not Path(name).exists():
            allowed = f"one of {', '.join(NAMES)}, gpu-proof, or the path of a YAML file"
            raise InputError("suite", name, allowed)
        return _from_file(Path(name), device)
    requests = {
        "quick": _quick,
        "standard": _standard,
        "families": lambda device: _families(device, memory_bytes or USUAL_BYTES),
        "ladder": lambda _: _ladder(memory_bytes),
        "full": lambda _: _full(memory_bytes),
    }[name](device)
    limits = {"quick": QUICK, "standard": STANDARD, "families": STANDARD}.get(name, THOROUGH)
    return Suite(name, tuple(item.case(device) for item in requests), limits)


def within_budget(suite: Suite, budget_s: float) -> Suite:
    """The cases that tell most in so much time, in the suite's order; one at least.

    What a fit needs comes first: of each model family and kind of work the smallest case, then the
    largest, then what lies between, halving the gaps.
    """
    chosen: set[str] = set()
    left_s = budget_s - PROBING_S
    for case in ranked(suite.cases):
        left_s -= expected_s(suite.limits, case)
        if chosen and left_s < 0:
            break
        chosen.add(case.id)
    return Suite(suite.name, tuple(case for case in suite.cases if case.id in chosen), suite.limits)


def spread_over(suite: Suite, ranks: int) -> Suite:
    """The suite with each case on so many ranks, each with a batch of its own."""
    if ranks == 1:
        return suite
    cases = []
    for case in suite.cases:
        layout = case.workload.layout.model_copy(update={"data": ranks})
        workload = case.workload.model_copy(update={"layout": layout})
        cases.append(case.model_copy(update={"workload": workload}))
    return Suite(suite.name, tuple(cases), suite.limits)


def ranked(cases: Sequence[Task]) -> list[Task]:
    """Cases by how much they tell: groups in turn, of each the ends first, then the middles."""
    groups: dict[tuple[str, str], list[Task]] = {}
    for case in cases:
        groups.setdefault((_architecture(case.model), case.workload.kind), []).append(case)
    places = [
        (place, order, group[index])
        for order, group in enumerate(groups.values())
        for place, index in enumerate(_ends_first(len(group)))
    ]
    return [case for _, _, case in sorted(places, key=lambda item: item[:2])]


def _ends_first(count: int) -> list[int]:
    """0, last, middle, then the middles of the gaps that are left."""
    order = list(dict.fromkeys((0, count - 1))) if count else []
    while len(order) < count:
        seen = sorted(order)
        gaps = [(after - before, before, after) for before, after in pairwise(seen)]
        _, before, after = max(gaps, key=lambda gap: (gap[0], -gap[1]))
        order.append((before + after) // 2)
    return order


def _architecture(model: str) -> str:
    """The ladder that a model stands on; a model on none is its own."""
    return next((name for name, models in zoo.EVERY_LADDER.items() if model in models), model)


def _quick(device: DeviceKind) -> Iterator[Request]:
    for model in LADDERS[device]["llama"]:
        for work in ("pretrain", "prefill", "decode"):
            if device == "cpu" or work != "pretrain" or model != LADDERS[device]["llama"][-1]:
                yield Request(model=model, work=work, batch=_batch(device, model, work))


def _standard(device: DeviceKind) -> Iterator[Request]:
    for name, models in LADDERS[device].items():
        for model in models[:3]:
            yield from _train_and_infer(name, model, device)
    small = LADDERS[device]["llama"][0]
    yield Request(model=small, work="finetune")
    yield Request(model=small, work="finetune_lora")
    yield Request(model=small, work="generate")


def _families(device: DeviceKind, memory_bytes: float) -> Iterator[Request]:
    """Of each further ladder the two smallest on a processor, on a GPU the two largest that fit."""
    for name, models in zoo.MORE_LADDERS.items():
        fitting = [
            item
            for model in models
            for item in _train_and_infer(name, model, device)
            if _fits(item, memory_bytes)
        ]
        for work in dict.fromkeys(item.work for item in fitting):
            of_work = [item for item in fitting if item.work == work]
            yield from of_work[:2] if device == "cpu" else of_work[-2:]


def _train_and_infer(name: str, model: str, device: DeviceKind | None = None) -> Iterator[Request]:
    for work in ("pretrain", *INFERENCE.get(name, ("forward",))):
        sizes = PROCESSORS.get(name, {}) if device == "cpu" else {}
        new_tokens = 16 if name == "dalle" and work == "generate" else None
        batch = _batch(device, model, work)
        yield Request(model=model, work=work, batch=batch, new_tokens=new_tokens, **sizes)


def _batch(device: DeviceKind | None, model: str, work: Kind) -> int | None:
    """One sequence where the state of training leaves little of a GPU's 80 GB; else the default."""
    state = load_catalog().model(model).parameters_total * BYTES_PER_PARAMETER["training"]
    crowded = device == "cuda" and work in TRAINING and state > CROWDED_BYTES
    return 1 if crowded else None


def _ladder(memory_bytes: int | None) -> Iterator[Request]:
    for name, models in zoo.EVERY_LADDER.items():
        for model in models:
            for item in _train_and_infer(name, model):
                if _fits(item, memory_bytes):
                    yield item


def _full(memory_bytes: int | None) -> Iterator[Request]:
    further = {model for models in zoo.MORE_LADDERS.values() for model in models}
    for item in _ladder(memory_bytes):
        yield item
        if item.model in further:
            continue
        if item.work == "pretrain":
            yield item.model_copy(update={"work": "finetune"})
            yield item.model_copy(update={"work": "finetune_lora"})
            yield item.model_copy(update={"activation_checkpointing": True})
        elif item.work == "decode":
            yield from (item.model_copy(update={"batch": batch}) for batch in (4, 16, 64))
            yield item.model_copy(update={"attention": "eager", "compile": False})
        elif item.work in ("prefill", "forward"):
            yield item.model_copy(update={"batch": 8})


def _fits(item: Request, memory_bytes: float | None) -> bool:
    """Whether the parameters alone, with what training adds, leave room in the device."""
    if memory_bytes is None:
        return True
    parameters = load_catalog().model(item.model).parameters_total
    kind = "training" if item.work in TRAINING else "inference"
    return parameters * BYTES_PER_PARAMETER[kind] < MEMORY_SHARE * memory_bytes


def _from_file(path: Path, device: DeviceKind) -> Suite:
    content = yaml_reader.read_file(path, str(path))
    keys = ("name", "limits", "cases")
    if not isinstance(content.get("cases"), list):
        raise InputError(str(path), "no list of cases", f"a mapping with {', '.join(keys)}")
    for key in content:
        if key not in keys:
            raise InputError(str(path), f"unknown key {key}", f"one of {', '.join(keys)}")
    cases = [
        case
        for number, entry in enumerate(content["cases"])
        for case in _cases(entry, f"{path}: cases.{number}", device)
    ]
    limits = _limits(content.get("limits") or {}, f"{path}: limits")
    if not cases:
        raise InputError(str(path), "no case", "at least one case")
    name = content.get("name", path.stem)
    if not isinstance(name, str) or not 0 < len(name) <= zoo.LONGEST_NAME:
        allowed = f"a text of at most {zoo.LONGEST_NAME} characters"
        raise InputError(f"{path}: name", name, allowed)
    return Suite(name, tuple({case.id: case for case in cases}.values()), limits)


def _cases(entry: Any, where: str, device: DeviceKind) -> tuple[Task, ...]:
    """Every combination of what an entry lists."""
    if not isinstance(entry, Mapping):
        raise InputError(where, entry, "a mapping such as {model: ladder-1m, work: decode}")
    if "trust_remote_code" in entry:
        advice = "a file can't allow it: run that model alone, with --model and --trust-remote-code"
        raise InputError(f"{where}.trust_remote_code", entry["trust_remote_code"], advice=advice)
    return expanded(entry, where, device)


def _limits(content: Any, where: str) -> Limits:
    try:
        return Limits.model_validate(THOROUGH.model_dump() | dict(content), strict=True)
    except (TypeError, ValueError) as error:
        if isinstance(error, ValidationError):
            raise input_error(error, where, Limits) from error
        raise InputError(where, content, "a mapping such as {timed_s: 5}") from error
