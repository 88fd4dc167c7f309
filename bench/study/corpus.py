"""A corpus made ready for training: a tokenizer of its own, token ids, a part that is held out.

The tokenizer is byte-level BPE, trained on the text (Sennrich et al. 2016). Every tenth document is
held out whole, so that no held-out sentence was trained on, copies aside. What is made is kept in
one file that worker processes map into memory; its digest names the corpus in the records.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from modelworth.bench.study.examples import TOPICS
from modelworth.bench.study.texts import Document, byte_pairs
from modelworth.data.errors import InputError

Ids = NDArray[np.int64]
HELD_OUT_EVERY: Final = 10
TOKENIZER_BYTES: Final = 2_000_000
"""Text from which the tokenizer is learned: more changes little at small vocabularies."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Token ids of the documents, those held out, and where documents and topics lie.

    Attributes:
        topics: topic of each training token's document, by number; likewise of held-out tokens.
        bytes_per_token: over all text.
    """

    digest: str
    vocabulary: int
    tokens: Ids
    held_out: Ids
    topics: NDArray[np.int16]
    held_out_topics: NDArray[np.int16]
    topic_names: tuple[str, ...]
    bytes_per_token: float

    def save(self, path: Path) -> None:
        """Keep it for worker processes."""
        np.savez(
            path,
            tokens=self.tokens.astype(np.uint16),
            held_out=self.held_out.astype(np.uint16),
            topics=self.topics,
            held_out_topics=self.held_out_topics,
            topic_names=np.array(self.topic_names),
            facts=np.array([self.vocabulary, self.bytes_per_token]),
            digest=np.array(self.digest),
        )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The corpus that `save` kept."""
        with np.load(path) as kept:
            return cls(
                digest=str(kept["digest"]),
                vocabulary=int(kept["facts"][0]),
                tokens=kept["tokens"].astype(np.int64),
                held_out=kept["held_out"].astype(np.int64),
                topics=kept["topics"],
                held_out_topics=kept["held_out_topics"],
                topic_names=tuple(kept["topic_names"].tolist()),
                bytes_per_token=float(kept["facts"][1]),
            )


def build(documents: Iterable[Document], vocabulary: int, where: str) -> Corpus:
    """Learn a tokenizer and encode everything.

    Raises:
        InputError: if there is too little text to hold any out.
    """
    kept = list(documents)
    if len(kept) < 2 * HELD_OUT_EVERY or sum(len(it.text) for it in kept) < 100_000:
        raise InputError(where, f"{len(kept)} documents", "20 documents and 100 kB of text or more")
    tokenizer = byte_pairs(_sample(kept), vocabulary, ["<end>"])
    encoded = [it.ids for it in tokenizer.encode_batch([it.text for it in kept])]
    names = tuple(name for name, _ in Counter(it.topic for it in kept).most_common(TOPICS))
    ids: dict[bool, list[Ids]] = {True: [], False: []}
    topics: dict[bool, list[NDArray[np.int16]]] = {True: [], False: []}
    for place, (document, part) in enumerate(zip(kept, encoded, strict=True)):
        held = place % HELD_OUT_EVERY == HELD_OUT_EVERY - 1
        ids[held].append(np.array([*part, 0]))
        topics[held].append(np.full(len(part) + 1, _place(document.topic, names), np.int16))
    size = sum(len(document.text.encode()) for document in kept)
    digest = hashlib.sha256()
    for part in encoded:
        digest.update(np.array(part, np.uint16).tobytes())
    return Corpus(
        digest.hexdigest()[:16],
        tokenizer.get_vocab_size(),
        np.concatenate(ids[False]),
        np.concatenate(ids[True]),
        np.concatenate(topics[False]),
        np.concatenate(topics[True]),
        names,
        size / sum(len(part) for part in encoded),
    )


def _place(topic: str, names: tuple[str, ...]) -> int:
    """Number of a topic; rare ones share the last."""
    return names.index(topic) if topic in names else len(names) - 1


def _sample(documents: list[Document]) -> Iterable[str]:
    held = 0
    for document in documents:
        yield document.text
        held += len(document.text)
        if held > TOKENIZER_BYTES:
            return
