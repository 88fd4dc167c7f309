"""The explanation study's runs: serving plain against explained, and whether the reason is right.

A classifier is trained on a task whose deciding positions are known (keywords in filler) or on
images; then single inputs are answered and explained in turn, so that a busy machine slows both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from modelworth.bench.study import examples, tasks
from modelworth.bench.study.case import Seen, StudyCase
from modelworth.bench.study.explanations import (
    METHODS,
    Explain,
    completeness_gaps,
    emptied,
    perturbed,
)
from modelworth.bench.study.learning import net_of
from modelworth.bench.study.nets import Net
from modelworth.bench.study.training import Batch, in_turn, mean, share, train
from modelworth.data.study import Estimate

TRAINING_STEPS: Final = 200
TRAINING_BATCH: Final = 32
JUDGED: Final = 24
RATE: Final = 3e-3


def run(case: StudyCase, device: torch.device) -> Seen:
    """One run of the study."""
    assert case.shape is not None
    net = net_of(case, device)
    rng = np.random.default_rng(case.seed + 1)
    trained = train(net, _batches(case, rng, device), TRAINING_STEPS, case.shape.width, RATE)
    net.eval()
    inputs, labels, deciding = _judged(case, device)
    with torch.no_grad():
        classes = net(inputs).argmax(-1)
    figures = {"accuracy_share": share((classes == labels).float().tolist())}
    figures |= _quality(case, net, inputs, classes, deciding)
    times, cost = _cost(case, net, inputs, classes, device)
    return Seen(
        unit="images" if case.family == "vision" else "sequences",
        work_per_step=1,
        samples_s=times,
        parameters_total=net.parameters_total(),
        parameters_matmul=net.parameters_matmul(),
        figures=figures | cost,
        diverged=trained.diverged,
    )


def _batches(case: StudyCase, rng: np.random.Generator, device: torch.device) -> Iterator[Batch]:
    assert case.shape is not None
    if case.family == "vision":
        return tasks.images(TRAINING_BATCH, rng, device)
    made = tasks.keywords(TRAINING_BATCH, case.shape.length, rng, device)
    return ((inputs, classes) for inputs, classes, _ in made)


def _judged(case: StudyCase, device: torch.device) -> tuple[Tensor, Tensor, Tensor | None]:
    """Inputs that nobody trained on, their classes, and what decides where that is known."""
    assert case.shape is not None
    rng = np.random.default_rng(0)
    if case.family == "vision":
        inputs, labels = next(tasks.images(JUDGED, rng, device))
        return inputs, labels, None
    return next(tasks.keywords(JUDGED, case.shape.length, rng, device))


def _quality(
    case: StudyCase, net: Net, inputs: Tensor, classes: Tensor, deciding: Tensor | None
) -> dict[str, Estimate]:
    """Whether the explanations hold: scores beside those of a random order, hits, stability."""
    explain, empty = METHODS[case.method], emptied(inputs)
    first, again = (_seeded(seed, explain, net, inputs, empty, classes) for seed in (0, 1))
    deletion, insertion = perturbed(net, inputs, empty, classes, first)
    chance = torch.rand(first.shape, generator=torch.Generator().manual_seed(0)).to(first.device)
    by_chance = perturbed(net, inputs, empty, classes, chance)
    alike = [
        float(spearmanr(one.cpu(), other.cpu()).statistic)
        for one, other in zip(first, again, strict=True)
    ]
    figures = {
        "deletion_share": Estimate(value=deletion),
        "insertion_share": Estimate(value=insertion),
        "deletion_by_chance_share": Estimate(value=by_chance[0]),
        "insertion_by_chance_share": Estimate(value=by_chance[1]),
        "rerun_rank_correlation": mean(alike),
    }
    if case.method in ("integrated_gradients", "shapley"):
        gaps = completeness_gaps(net, inputs, empty, classes, first)
        figures["completeness_gap"] = Estimate(value=float(gaps.median()))
    if deciding is not None:
        top = first.argsort(1, descending=True)[:, : examples.PLANTED]
        figures["hit_share"] = share(deciding.gather(1, top).float().mean(1).tolist())
    return figures


def _seeded(seed: int, explain: Explain, net: Net, *parts: Tensor) -> Tensor:
    torch.manual_seed(seed)
    found: Tensor = explain(net, *parts)
    return found


def _cost(
    case: StudyCase, net: Net, inputs: Tensor, classes: Tensor, device: torch.device
) -> tuple[tuple[float, ...], dict[str, Estimate]]:
    """Seconds of each explanation of one input, and multiples of a plain answer."""
    one, kind = inputs[:1], classes[:1]
    empty, explain = emptied(one), METHODS[case.method]

    @torch.no_grad()
    def plain() -> object:
        return net(one)

    def explained() -> object:
        return explain(net, one, empty, kind)

    times, cost, held = in_turn(explained, plain, device)
    return times, {"cost_factor": cost} | ({"memory_factor": held} if held else {})
