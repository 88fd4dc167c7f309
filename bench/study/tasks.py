"""Examples that the studies make themselves, so that the right answer is known and none is a copy.

Translation: a made-up language whose words map one to one and whose neighbours change places.
Questions: a passage of keys and their values, then a key; the answer is its value. Keywords: filler
with a few words planted, whose kind is the class; which positions decide is known, and
explanations are held to it. Images: smoothed random prototypes, shifted, scaled, under noise.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from modelworth.bench.study.examples import (
    CLASSES,
    FACTS,
    IMAGE_CLASSES,
    KEYWORDS,
    MASK,
    MASKED_SHARE,
    NOISE,
    PATCH,
    PATCHES,
    PLANTED,
    SENTENCE,
    SIDE,
    SPECIAL,
    WORDS,
)
from modelworth.bench.study.training import IGNORED, Batch


def sequences(
    task: str, batch: int, rng: np.random.Generator, device: torch.device
) -> Iterator[Batch]:
    """Batches of a sequence task without end; only the answer's tokens are asked for."""
    make = {"translation": _translation, "question": _question}[task]
    language = np.random.default_rng(0).permutation(WORDS)
    while True:
        rows, answer = make(batch, rng, language)
        targets = np.full_like(rows, IGNORED)
        targets[:, -answer:] = rows[:, -answer:]
        yield _tensors(rows[:, :-1], targets[:, 1:], device)


def _translation(
    batch: int, rng: np.random.Generator, language: np.ndarray
) -> tuple[np.ndarray, int]:
    sentences = rng.integers(0, WORDS, (batch, SENTENCE))
    swapped = sentences.reshape(batch, -1, 2)[:, :, ::-1].reshape(batch, SENTENCE)
    translated = SPECIAL + WORDS + language[swapped]
    separator = np.zeros((batch, 1), int)
    return np.hstack([SPECIAL + sentences, separator, translated]), SENTENCE


def _question(
    batch: int, rng: np.random.Generator, _language: np.ndarray
) -> tuple[np.ndarray, int]:
    keys = rng.permuted(np.tile(np.arange(WORDS), (batch, 1)), axis=1)[:, :FACTS]
    values = rng.integers(0, WORDS, (batch, FACTS))
    passage = np.stack([SPECIAL + keys, SPECIAL + WORDS + values], 2).reshape(batch, -1)
    asked = rng.integers(0, FACTS, batch)
    every = np.arange(batch)
    question = np.stack(
        [np.zeros(batch, int), passage[every, 2 * asked], passage[every, 2 * asked + 1]], 1
    )
    return np.hstack([passage, question]), 1


def keywords(
    batch: int, length: int, rng: np.random.Generator, device: torch.device
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Texts, their class, and which positions decide it."""
    every = np.arange(batch)[:, None]
    while True:
        rows = rng.integers(SPECIAL, SPECIAL + 2 * WORDS, (batch, length))
        rows[rng.random(rows.shape) < MASKED_SHARE] = MASK
        classes = rng.integers(0, CLASSES, batch)
        places = rng.permuted(np.tile(np.arange(length), (batch, 1)), axis=1)[:, :PLANTED]
        planted = rng.integers(0, KEYWORDS, (batch, PLANTED)) + classes[:, None] * KEYWORDS
        rows[every, places] = SPECIAL + 2 * WORDS + planted
        deciding = np.zeros((batch, length), bool)
        deciding[every, places] = True
        inputs, targets = _tensors(rows, classes, device)
        yield inputs, targets, torch.from_numpy(deciding).to(device)


def images(batch: int, rng: np.random.Generator, device: torch.device) -> Iterator[Batch]:
    """Batches of flattened patches and classes without end."""
    prototypes = _prototypes()
    while True:
        classes = rng.integers(0, IMAGE_CLASSES, batch)
        shift = rng.integers(-3, 4, (batch, 2))
        drawn = np.stack(
            [
                np.roll(prototypes[kind], move, (0, 1))
                for kind, move in zip(classes, shift.tolist(), strict=True)
            ]
        )
        drawn = drawn * rng.uniform(0.5, 1.5, (batch, 1, 1)) + rng.normal(0, NOISE, drawn.shape)
        side = SIDE // PATCH
        patches = drawn.reshape(batch, side, PATCH, side, PATCH).transpose(0, 1, 3, 2, 4)
        flat = patches.reshape(batch, PATCHES, PATCH**2).astype(np.float32)
        yield torch.from_numpy(flat).to(device), torch.from_numpy(classes).to(device)


def _prototypes() -> np.ndarray:
    """Ten smooth images of mean 0 and variance 1, the same in every study."""
    raw = np.random.default_rng(1).normal(size=(IMAGE_CLASSES, SIDE, SIDE))
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(SIDE)] * 2))
    smooth = np.fft.ifft2(np.fft.fft2(raw) * np.exp(-((frequency / 0.15) ** 2))).real
    smooth -= smooth.mean((1, 2), keepdims=True)
    return np.asarray(smooth / smooth.std((1, 2), keepdims=True))


def _tensors(inputs: np.ndarray, targets: np.ndarray, device: torch.device) -> Batch:
    return torch.from_numpy(inputs).to(device), torch.from_numpy(targets).to(device)
