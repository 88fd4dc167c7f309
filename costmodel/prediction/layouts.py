"""How to cut a training step or a server over devices: all layouts worth trying, the best that fit.

Each layout is a case, and its time is that case's prediction: nothing here knows how long a step
takes. Tensor groups lie within a node; context parallelism is tried only where sequences are long.
A server's devices beside a replica's tensor groups and stages hold more replicas, at most one for
each request.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from modelworth.costmodel.architecture.activations import RECOMPUTED_SHARE
from modelworth.costmodel.architecture.fits import available_bytes
from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.predictor import Prediction, Predictor
from modelworth.costmodel.prediction.refusal import training_ask
from modelworth.costmodel.prediction.software import has_trait
from modelworth.data.errors import InputError
from modelworth.data.words import Sharding

LARGEST_MICRO_BATCH = 32
LONG_TOKENS = 32_768
RECOMPUTED = (RECOMPUTED_SHARE["none"], RECOMPUTED_SHARE["alternate"], RECOMPUTED_SHARE["full"])
LAYOUT = ("tensor", "pipeline", "sharding", "expert", "virtual", "context")
"""Fields of a case that say how it is cut."""
BATCH_TOKENS = 4e6
"""Of an optimizer step at most where nobody says: as large pretraining runs have."""
MOST = 5
"""Layouts that are shown."""
MOST_TENSOR = 8
MOST_STAGES = 64
MOST_SPREAD = 64
"""Devices that experts of one server are spread over."""


def best_layouts(case: Case, predictor: Predictor) -> list[Prediction]:
    """The fastest layouts of a training case that fit, best first; its own layout isn't looked at.

    Raises:
        InputError: if none fits, with what would.
    """
    if case.global_batch is None:
        raise InputError("global_batch", "missing", "given: sequences in an optimizer step")
    tried = list(layouts(case))
    if not tried:
        raise _unshared(case)
    available = available_bytes(case.accelerator.memory_bytes)
    fitting = [one for one in tried if training_ask(one).memory().total <= available]
    if not fitting:
        raise _refusal(case)
    values = predictor.times(fitting).value
    # Equal times: fewer cuts first, which is simpler to run.
    order = np.lexsort(([one.tensor * one.pipeline for one in fitting], -values))[:MOST]
    found = predictor.predict_all([fitting[place] for place in order])
    if found[0].refusal is not None:
        raise found[0].refusal
    return found


def laid_out(case: Case, predictor: Predictor, said: Iterable[str] = ()) -> Case | None:
    """The case in the layout that does most on all its devices; a server's own is tried, too.

    None where none is to be found: on one device, or where a field `said` is of a layout. A
    training that doesn't say how many sequences an optimizer step has, has the usual number.

    Raises:
        InputError: if none fits, with what would.
    """
    apart = case.read_gpus > 0 or case.attention_data > 1
    if case.gpus == 1 or case.work not in ("train", "serve") or apart or set(said) & set(LAYOUT):
        return None
    if case.work == "train":
        usual = case.global_batch or sequences_of(BATCH_TOKENS, case.tokens, case.gpus)
        return best_layouts(replace(case, global_batch=usual), predictor)[0].case
    found = predictor.predict_all(list(_server_cuts(case)))
    return max(found, key=lambda one: one.value or 0.0).case


def _server_cuts(case: Case) -> Iterator[Case]:
    """A server's own layout, tensor groups × stages, and experts spread, on all its devices."""
    heads, node = case.architecture.blocks[0].attention.heads, case.accelerator.devices_per_node
    staged = has_trait(case.software, "staged")
    tensors = _powers(1 if staged else min(node, MOST_TENSOR, case.gpus), heads)
    most = max(case.batch, 1)
    if not staged:
        yield case
    for tensor, stages in product(tensors, _powers(MOST_STAGES, case.gpus)):
        if case.gpus % (tensor * stages) == 0 and case.gpus <= most * tensor * stages:
            yield replace(case, tensor=tensor, pipeline=stages)
    for tensor in _powers(min(case.gpus, MOST_SPREAD), case.gpus):
        if case.gpus <= most * tensor and is_spread_over(case, tensor):
            yield experts_spread(case, tensor)


def is_spread_over(case: Case, devices: int) -> bool:
    """Whether a model's experts can lie on so many devices."""
    experts = max(block.feed_forward.experts for block in case.architecture.blocks)
    return 1 < devices <= experts and experts % devices == 0


def experts_spread(case: Case, devices: int) -> Case:
    """A server whose experts lie on so many devices, each with attention of its own sequences."""
    return replace(case, tensor=devices, pipeline=1, attention_data=devices, expert=devices)


def sequences_of(batch_tokens: float, tokens: float, gpus: int) -> int:
    """Sequences of an optimizer step of about so many tokens, which so many devices can share.

    A power of two, times what is odd in the number of devices.
    """
    odd = gpus // (gpus & -gpus)
    return odd * int(2 ** max(0, round(math.log2(batch_tokens / tokens / odd))))


def layouts(case: Case) -> Iterator[Case]:
    """Every layout worth looking at: degrees that divide what they cut."""
    block = case.architecture.blocks[-1]
    layers, experts = case.architecture.layers, block.feed_forward.experts
    node = min(case.accelerator.devices_per_node, MOST_TENSOR, case.gpus)
    contexts = (1, 2, 4, 8) if case.tokens >= LONG_TOKENS else (1,)
    for tensor, context in product(_powers(node, block.attention.heads), contexts):
        for pipeline in _stages(layers, case.gpus // tensor // context):
            data, rest = divmod(case.gpus, tensor * pipeline * context)
            if rest or (case.global_batch or 0) % data:
                continue
            for expert in _powers(data, experts) if experts else [1]:
                cut = replace(
                    case, tensor=tensor, context=context, pipeline=pipeline, expert=expert,
                    virtual=1, sharding="none", batch=1,
                )  # fmt: skip
                yield from _variants(cut)


def _variants(case: Case) -> Iterator[Case]:
    """The choices that are left once the degrees are fixed."""
    staged = case.pipeline > 1
    shardings: tuple[Sharding, ...] = ("none",) if case.data == 1 else ("gradients", "full")
    if staged and case.data > 1:
        shardings = ("gradients",)  # gathering weights for every micro-batch of a stage never pays
    per_stage = -(-case.architecture.layers // case.pipeline)
    slices = [count for count in ((1, 2, 4) if staged else (1,)) if per_stage % count == 0]
    batches = _powers(LARGEST_MICRO_BATCH, int((case.global_batch or 1) // case.data))
    for sharding, virtual, batch, recomputed in product(shardings, slices, batches, RECOMPUTED):
        yield replace(case, sharding=sharding, virtual=virtual, batch=batch, recomputed=recomputed)


def _unshared(case: Case) -> InputError:
    """That no layout shares the batch of an optimizer step, and one that all do."""
    batch = case.global_batch or 1
    return InputError(
        f"training {case.architecture.name} on {case.gpus} × {case.accelerator.name}",
        f"{batch:,.0f} sequences in an optimizer step don't divide among {case.gpus} devices",
        advice=f"give --global-batch {sequences_of(batch, 1, case.gpus)}, or other --gpus",
    )


def _refusal(case: Case) -> InputError:
    """Why nothing fits, by the leanest layout."""
    lean = replace(
        case, tensor=1, pipeline=1, expert=1, context=1, batch=1, recomputed=1.0,
        sharding="full" if case.gpus > 1 else "none",
    )  # fmt: skip
    held = training_ask(lean).memory().total
    return InputError(
        f"training {case.architecture.name} on {case.gpus} × {case.accelerator.name}",
        f"{held / 1e9:,.0f} GB a device in the leanest layout",
        advice=f"a device has {case.accelerator.memory_gib:g} GB: give more devices (--gpus)",
    )


def _powers(most: float, divides: float) -> list[int]:
    """Powers of two up to `most` that divide a number."""
    powers = (2**power for power in range(int(most).bit_length()))
    return [power for power in powers if power <= most and divides % power == 0]


def _stages(layers: int, most: int) -> list[int]:
    """Numbers of pipeline stages: those that divide the layers, and powers of two."""
    numbers = np.arange(1, min(layers, most, MOST_STAGES) + 1)
    return [int(count) for count in numbers if layers % count == 0 or count & (count - 1) == 0]
