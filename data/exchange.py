"""Measurements out of a store into JSONL, CSV or Parquet files, and back from the first two.

CSV and Parquet have the columns of `data.flat` for readers and one more, `document`, that holds the
whole record as JSON: reading takes only that one, so no digit is lost on the way. Files are written
beside their place and moved there when whole. Parquet is for other programs: what such a file says
of itself need not be true, and a line of JSON says the same.
"""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterable, Iterator, Sequence
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, TextIO, get_args

from modelworth.data.drafts import whole
from modelworth.data.errors import InputError, SetAsideWarning
from modelworth.data.flat import COLUMNS, row_of
from modelworth.data.foreign_file import MOST_COLUMNS, opened, start_of
from modelworth.data.measurement import Measurement
from modelworth.data.record_text import parse

Format = Literal["jsonl", "csv", "parquet"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
DOCUMENT: Final = "document"
MOST_RECORD: Final = 4_000_000
"""Characters of one record; a long run with all its samples has some 100,000."""
MOST_TOTAL: Final = 4_000_000_000
GROUP: Final = 1_000
"""Rows that a Parquet file is written by."""
EXPORTED: Final = "a file that `export` wrote, .jsonl or .csv"


def format_of(path: Path) -> Format:
    """The format that a file's ending names.

    Raises:
        InputError: if it names none.
    """
    for name in FORMATS:
        if path.suffix.lower() == f".{name}":
            return name
    raise InputError(str(path), path.suffix or "no ending", "one of .jsonl, .csv, .parquet")


def write(documents: Iterable[str], path: Path) -> int:
    """Write records, each a line of JSON as the store holds it; returns how many.

    Raises:
        InputError: if the file's ending names no format or its folder isn't there.
    """
    writer = {"jsonl": _write_jsonl, "csv": _write_csv, "parquet": _write_parquet}[format_of(path)]
    if not path.absolute().parent.is_dir():
        raise InputError(str(path), "a folder that doesn't exist", f"in a folder: {path.parent}")
    with whole(path) as draft:
        return writer(documents, draft)


def read(path: Path) -> Iterator[Measurement]:
    """The records of a file that `write` made, one after another.

    Raises:
        InputError: if it can't be read or a record is wrong, with file and line.
    """
    total = 0
    try:
        for number, text in _texts(path):
            total += len(text)
            if len(text) > MOST_RECORD or total > MOST_TOTAL:
                passed = MOST_RECORD if len(text) > MOST_RECORD else MOST_TOTAL
                allowed = f"{MOST_RECORD:,} a record and {MOST_TOTAL:,} a file at most"
                raise InputError(f"{path}:{number}", f"over {passed:,} characters", allowed)
            try:
                record = parse(text)
            except InputError as error:
                raise error.at(f"{path}:{number}: {error.where}") from error
            yield record
    except UnicodeDecodeError as error:
        raise InputError(str(path), f"byte {error.start} isn't UTF-8", "UTF-8 text") from error
    except (OSError, csv.Error) as error:
        raise InputError(str(path), str(error), "a file that can be read") from error


def _rows(documents: Iterable[str]) -> Iterator[tuple[str, list[Any]]]:
    """Each text with its columns; what isn't JSON of one line is left out, and then counted."""
    left_out = 0
    for text in documents:
        cells = row_of(text)
        if cells is None or len(text.splitlines()) > 1:
            left_out += 1
        else:
            yield text, cells
    if left_out:
        advice = "`modelworth doctor --store` names them"
        warnings.warn(f"{left_out} unreadable records left out; {advice}", SetAsideWarning, 2)


def _write_jsonl(documents: Iterable[str], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for text, _ in _rows(documents):
            file.write(text + "\n")
            count += 1
    return count


def _write_csv(documents: Iterable[str], path: Path) -> int:
    count = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*COLUMNS, DOCUMENT])
        for text, cells in _rows(documents):
            writer.writerow([*("" if cell is None else cell for cell in cells), text])
            count += 1
    return count


def _write_parquet(documents: Iterable[str], path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"number": pa.float64(), "count": pa.int64(), "truth": pa.bool_()}
    fields = [(name, kinds.get(sort, pa.string())) for name, (_, sort) in COLUMNS.items()]
    schema = pa.schema([*fields, (DOCUMENT, pa.string())])
    count, rest = 0, _rows(documents)
    with pq.ParquetWriter(path, schema) as writer:
        while rows := [[*cells, text] for text, cells in islice(rest, GROUP)]:
            columns = zip(*rows, strict=True)
            arrays = list(map(pa.array, columns, schema.types))
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            count += len(rows)
    return count


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    """Each record's text with its line, by what the file begins with."""
    start = start_of(path, EXPORTED, 4)
    if start == b"PAR1":
        raise InputError(str(path), "a Parquet file", EXPORTED)
    return _read_jsonl(path) if start.lstrip()[:1] in (b"{", b"") else _read_csv(path)


def _read_jsonl(path: Path) -> Iterator[tuple[int, str]]:
    with _text_of(path, None) as file:
        yield from ((number, line) for number, line in enumerate(_lines(file), 1) if line.strip())


def _read_csv(path: Path) -> Iterator[tuple[int, str]]:
    csv.field_size_limit(MOST_RECORD)
    with _text_of(path, "") as file:
        reader = csv.DictReader(_lines(file))
        _require_columns(path, reader.fieldnames or ())
        for row in reader:
            yield reader.line_num, row[DOCUMENT] or ""


def _require_columns(path: Path, names: Sequence[str]) -> None:
    if DOCUMENT not in names or len(names) > MOST_COLUMNS:
        found = "no column document" if DOCUMENT not in names else f"{len(names):,} columns"
        raise InputError(str(path), found, EXPORTED)


def _text_of(path: Path, newline: str | None) -> TextIO:
    return TextIOWrapper(opened(path, "a file that can be read"), "utf-8", newline=newline)


def _lines(file: TextIO) -> Iterator[str]:
    """Lines, a longer one in pieces that are longer than a record may be."""
    while line := file.readline(MOST_RECORD + 1):
        yield line
