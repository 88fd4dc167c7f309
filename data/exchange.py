"""Measurements out of a store into JSONL, CSV or Parquet files, and back without loss.

CSV and Parquet have the columns of `data.flat` for readers and one more, `document`, that holds the
whole record as JSON: reading takes only that one, so no digit is lost on the way. Files are written
beside their place and moved there when whole.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Literal, get_args

from pydantic import ValidationError

from modelworth.data.errors import InputError
from modelworth.data.flat import COLUMNS, flatten
from modelworth.data.measurement import Measurement
from modelworth.data.store import parse

Format = Literal["jsonl", "csv", "parquet"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
DOCUMENT: Final = "document"


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
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        count = writer(documents, draft)
        draft.replace(path)
    except OSError as error:
        raise InputError(str(path), error.strerror or str(error), "a place to write") from error
    finally:
        draft.unlink(missing_ok=True)
    return count


def read(path: Path) -> list[Measurement]:
    """The records of a file that `write` made.

    Raises:
        InputError: if it can't be read or a record is wrong, with file and line.
    """
    reader = {"jsonl": _read_jsonl, "csv": _read_csv, "parquet": _read_parquet}[format_of(path)]
    records = []
    try:
        for number, text in reader(path):
            records.append(_record(text, f"{path}:{number}"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(str(path), str(error), "a readable file in UTF-8") from error
    return records


def _record(text: str, where: str) -> Measurement:
    try:
        return parse(text)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "record"
        found = first["input"] if first["loc"] else text
        raise InputError(f"{where}: {field}", found, f"right ({first['msg']})") from error
    except InputError as error:
        raise error.at(f"{where}: {error.where}") from error


def _write_jsonl(documents: Iterable[str], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for text in documents:
            file.write(text + "\n")
            count += 1
    return count


def _write_csv(documents: Iterable[str], path: Path) -> int:
    count = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*COLUMNS, DOCUMENT])
        for text in documents:
            cells = flatten(json.loads(text))
            writer.writerow([*("" if cell is None else cell for cell in cells), text])
            count += 1
    return count


def _write_parquet(documents: Iterable[str], path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"number": pa.float64(), "count": pa.int64(), "truth": pa.bool_()}
    texts = list(documents)
    rows = [flatten(json.loads(text)) for text in texts]
    fields = [(name, kinds.get(sort, pa.string())) for name, (_, sort) in COLUMNS.items()]
    columns = [[row[index] for row in rows] for index in range(len(fields))]
    schema = pa.schema([*fields, (DOCUMENT, pa.string())])
    arrays = [
        pa.array(column, kind) for column, kind in zip([*columns, texts], schema.types, strict=True)
    ]
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), path)
    return len(texts)


def _read_jsonl(path: Path) -> Iterator[tuple[int, str]]:
    with path.open(encoding="utf-8") as file:
        yield from ((number, line) for number, line in enumerate(file, 1) if line.strip())


def _read_csv(path: Path) -> Iterator[tuple[int, str]]:
    csv.field_size_limit(sys.maxsize)
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if DOCUMENT not in (reader.fieldnames or ()):
            raise InputError(str(path), "no column document", "a table that `export` wrote")
        for row in reader:
            yield reader.line_num, row[DOCUMENT] or ""


def _read_parquet(path: Path) -> Iterator[tuple[int, str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        column = pq.read_table(path, columns=[DOCUMENT]).column(DOCUMENT)
    except (pa.ArrowInvalid, KeyError) as error:
        allowed = "a Parquet table that `export` wrote"
        raise InputError(str(path), str(error).splitlines()[0], allowed) from error
    yield from ((number, str(text)) for number, text in enumerate(column.to_pylist(), 1))
