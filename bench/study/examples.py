"""Sizes of the examples that the studies make themselves, told without importing torch."""

from __future__ import annotations

from typing import Final

TOPICS: Final = 8
"""Classes of the topics of a text: packages, or folders of a corpus, at most."""
SPECIAL: Final = 2  # separator, mask
WORDS: Final = 32
SENTENCE: Final = 8
FACTS: Final = 6
CLASSES: Final = 4
KEYWORDS: Final = 8  # of each class
PLANTED: Final = 3
MASK: Final = 1
MASKED_SHARE: Final = 0.2
"""Of the filler, so that an emptied input is one that the model knows."""
SIDE: Final = 16
PATCH: Final = 4
IMAGE_CLASSES: Final = 10
NOISE: Final = 1.0

TASKS: Final = {"translation": 2 * SENTENCE + 1, "question": 2 * FACTS + 3}
"""Task of a sequence → its tokens."""
VOCABULARY: Final = SPECIAL + 2 * WORDS
KEYWORD_VOCABULARY: Final = SPECIAL + 2 * WORDS + CLASSES * KEYWORDS
PATCHES: Final = (SIDE // PATCH) ** 2
