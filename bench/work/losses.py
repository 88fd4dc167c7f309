"""The loss of a micro-batch, for every family that trains.

Detectors match each box with the query of least cost, on the device: DETR's assignment on the host
needs scipy and stalls the device. RT-DETR learns from its last layer, without the denoising queries
that its training adds.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from modelworth.bench.models import zoo
from modelworth.bench.work import diffusion
from modelworth.bench.work.inputs import Batch, options


def loss_of(blueprint: zoo.Blueprint, model: Any, batch: Batch) -> torch.Tensor:
    """The loss of one micro-batch."""
    if blueprint.family == "diffusion":
        return diffusion.loss_of(model, batch)
    arguments = options(blueprint, model.config, batch)
    if blueprint.family == "image-text":
        arguments["return_loss"] = True
    if blueprint.family != "detector":
        loss: torch.Tensor = model(**batch, **arguments).loss
        return loss
    found = model(pixel_values=batch["pixel_values"], **arguments)
    if found.logits.shape[-1] == model.config.num_labels:
        return focal_loss(found.logits, found.pred_boxes, batch["classes"], batch["boxes"])
    return detection_loss(found.logits, found.pred_boxes, batch["classes"], batch["boxes"])


def detection_loss(
    logits: torch.Tensor, predicted: torch.Tensor, classes: torch.Tensor, boxes: torch.Tensor
) -> torch.Tensor:
    """DETR's loss with each box matched to the query of least cost.

    Weights as in Carion et al. 2020 (arXiv:2005.12872): 1 class, 5 L1, 2 generalised overlap; the
    class "no object" counts a tenth.
    """
    logits = logits.float()
    query, placed = _matched(logits.softmax(-1), predicted.float(), classes, boxes)
    nothing = logits.shape[-1] - 1
    target = torch.full(logits.shape[:2], nothing, device=logits.device)
    weight = torch.ones(logits.shape[-1], device=logits.device)
    weight[nothing] = 0.1
    named = functional.cross_entropy(
        logits.flatten(0, 1), target.scatter(1, query, classes).flatten(), weight
    )
    return named + placed


def focal_loss(
    logits: torch.Tensor, predicted: torch.Tensor, classes: torch.Tensor, boxes: torch.Tensor
) -> torch.Tensor:
    """The loss of detectors without a class "no object", RT-DETR's among them.

    Each class is told apart by itself, with Lin et al.'s focal weights (arXiv:1708.02002: a quarter
    and a power of 2), summed over queries and divided by the boxes. Boxes count as in DETR.
    """
    logits = logits.float()
    chance = logits.sigmoid()
    query, placed = _matched(chance, predicted.float(), classes, boxes)
    place = query * logits.shape[-1] + classes
    target = torch.zeros_like(logits).flatten(1).scatter(1, place, 1.0).view_as(logits)
    missed = target * (1 - chance) + (1 - target) * chance
    weight = (0.25 * target + 0.75 * (1 - target)) * missed**2
    named = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (weight * named).sum() / classes.numel() + placed


def _matched(
    chance: torch.Tensor, predicted: torch.Tensor, classes: torch.Tensor, boxes: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Each box's query, and what the boxes of those queries cost."""
    pairs = (predicted.unsqueeze(1), boxes.unsqueeze(2))  # (images, boxes, queries, 4) together
    distance = (pairs[0] - pairs[1]).abs().sum(-1)
    by_class = chance.transpose(1, 2)
    certainty = by_class.gather(1, classes.unsqueeze(-1).expand(-1, -1, chance.shape[1]))
    with torch.no_grad():
        query = (5 * distance - 2 * overlap(*pairs) - certainty).argmin(-1)
    matched = predicted.gather(1, query.unsqueeze(-1).expand(-1, -1, 4))
    placed = (matched - boxes).abs().sum(-1).mean()
    return query, 5 * placed + 2 * (1 - overlap(matched, boxes)).mean()


def overlap(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Generalised intersection over union of boxes given by centre and size (arXiv:1902.09630)."""
    low, high = one[..., :2] - one[..., 2:] / 2, one[..., :2] + one[..., 2:] / 2
    low2, high2 = other[..., :2] - other[..., 2:] / 2, other[..., :2] + other[..., 2:] / 2
    shared = (torch.minimum(high, high2) - torch.maximum(low, low2)).clamp(min=0).prod(-1)
    union = one[..., 2:].prod(-1) + other[..., 2:].prod(-1) - shared
    hull = (torch.maximum(high, high2) - torch.minimum(low, low2)).prod(-1)
    return shared / union - (hull - union) / hull
