"""Where a study's text comes from: a folder of yours, or files that installed packages bring.

A folder may hold plain text, JSON lines and Parquet; a document is a file, a line or a row. The
default corpus is the Python source of packages that this project needs anyway, each under its own
licence, which is noted with the records. Images are a second kind that a folder may hold.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from modelworth.bench.study import parquet_texts
from modelworth.data.errors import InputError
from modelworth.data.foreign_file import read_bytes

PACKAGES: Final = ("numpy", "scipy", "pandas", "sympy", "networkx", "sqlalchemy")
TEXT: Final = frozenset(
    {".txt", ".md", ".rst", ".py", ".html", ".htm", ".csv", ".tex", ".c", ".h", ".js", ".ts"}
)
TABLES: Final = frozenset({".jsonl", ".parquet"})
IMAGES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})
COLUMNS: Final = ("text", "content", "document", "body")
"""Where a row of JSON lines or Parquet keeps its text, the first that is there."""
SHORTEST: Final = 200
"""Characters below which a file of the default corpus is left out."""


@dataclass(frozen=True, slots=True)
class Document:
    """A text and what it is about: its package, or the folder it lies in."""

    text: str
    topic: str


def folder_files(folder: Path) -> list[Path]:
    """The files of a folder that hold text, in order of their names.

    Raises:
        InputError: if it isn't a folder or holds none.
    """
    if not folder.is_dir():
        raise InputError(str(folder), "no folder", "a folder with text, JSON lines or Parquet")
    files = text_files(folder)
    if not files:
        allowed = f"a folder with files of {', '.join(sorted(TEXT | TABLES))}"
        raise InputError(str(folder), "no text in it", allowed)
    return files


def text_files(folder: Path) -> list[Path]:
    """The files of a folder that may hold text, in order of their names; empty if none."""
    return _of_kinds(folder, TEXT | TABLES)


def image_files(folder: Path) -> list[Path]:
    """The images of a folder, in order of their names; empty if it holds none."""
    return _of_kinds(folder, IMAGES)


def _of_kinds(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes)
    return [path for path in files if path.is_file()]


def folder_documents(folder: Path) -> Iterator[Document]:
    """The documents of a folder, file by file."""
    for path in folder_files(folder):
        topic = path.relative_to(folder).parts[0] if path.parent != folder else folder.name
        for text in read(path):
            yield Document(text, topic)


def read(path: Path) -> Iterator[str]:
    """The texts of one file.

    Raises:
        InputError: if JSON lines or Parquet hold no text.
    """
    if path.suffix.lower() == ".jsonl":
        yield from _json_lines(path)
    elif path.suffix.lower() == ".parquet":
        yield from parquet_texts.texts(path, COLUMNS)
    else:
        yield read_bytes(path, "a text").decode("utf-8", "replace")


def package_files(packages: tuple[str, ...] = PACKAGES) -> list[tuple[str, Path]]:
    """Package and path of the default corpus, mixed in an order that depends on names alone."""
    found = []
    for package in packages:
        for file in metadata.files(package) or ():
            if file.suffix == ".py":
                key = hashlib.sha256(f"{package}/{file}".encode()).hexdigest()
                found.append((key, package, Path(str(file.locate()))))
    return [(package, path) for _, package, path in sorted(found)]


def package_documents(limit_bytes: int | None = None) -> Iterator[Document]:
    """The default corpus up to a size."""
    held = 0
    for package, path in package_files():
        text = path.read_text("utf-8", "replace") if path.exists() else ""
        if len(text) < SHORTEST:
            continue
        yield Document(text, package)
        held += len(text.encode())
        if limit_bytes is not None and held >= limit_bytes:
            return


def byte_pairs(texts: Iterable[str], vocabulary: int, special: Sequence[str] = ()) -> Any:
    """A tokenizer of byte pairs, learnt from texts."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def licences(packages: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """Package → the licence that it states."""
    return {package: _licence(metadata.metadata(package)) for package in packages}


def _licence(about: Any) -> str:
    stated = about.get("License-Expression")
    classified = [
        line.rsplit(" :: ", 1)[-1]
        for line in about.get_all("Classifier") or ()
        if line.startswith("License ::")
    ]
    words = stated or ", ".join(classified) or (about.get("License") or "").strip()
    return words.splitlines()[0] if words else "not stated"


def _json_lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InputError(f"{path}:{number}", str(error), "one JSON object a line") from None
            yield _text_of(row, f"{path}:{number}")


def _text_of(row: object, where: str) -> str:
    if isinstance(row, str):
        return row
    if isinstance(row, dict):
        for column in COLUMNS:
            if isinstance(row.get(column), str):
                return str(row[column])
    found = ", ".join(row) if isinstance(row, dict) else type(row).__name__
    raise InputError(where, found, f"an object with a text under {', '.join(COLUMNS)}")
