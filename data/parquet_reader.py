"""Reads a column of texts out of a Parquet file that somebody else wrote, a few rows at a time.

What such a file says of itself need not be true, and pyarrow takes memory by it. So the footer's
parts are counted before pyarrow reads it, and the header of every page that will be read is looked
at first: how large it says it is when unpacked, how many values it says it holds, how they are
coded. Together these must be what the footer says.
Sources: parquet.thrift of Apache Parquet; thrift-compact-protocol.md of Apache Thrift.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from modelworth.data.errors import InputError
from modelworth.data.foreign_file import MOST_COLUMNS, opened

if TYPE_CHECKING:
    from pyarrow.parquet import ColumnChunkMetaData, FileMetaData

MOST_FOOTER_BYTES: Final = 2**23
MOST_STRUCTS: Final = 250_000
"""Of a footer, some 500 bytes each in memory; 200,000 records that `export` wrote take 100,000."""
MOST_VALUES: Final = 2_000_000
MOST_ROWS: Final = 10_000_000
MOST_PAGE_BYTES: Final = 2**25
MOST_DICTIONARY: Final = 2**20
"""Different texts of a page; pyarrow and others end a dictionary at a megabyte."""
ROWS: Final = 256
BATCH_BYTES: Final = 2**24
"""Read at once: so many rows, or fewer long ones."""
MAX_DEPTH: Final = 20
WHOLE: Final = "a whole Parquet file"
DATA, INDEX, DICTIONARY, DATA_V2 = range(4)
_ABOUT: Final = {DATA: (5, 2), DICTIONARY: (7, 2), DATA_V2: (8, 4)}
"""Kind of page → fields of its own header, and of the coding in it."""
_CODINGS: Final = {0: "PLAIN", 2: "PLAIN_DICTIONARY", 8: "RLE_DICTIONARY"}
"""In these a page holds no more than its bytes; in the others a text may repeat the last one's."""


def texts(path: Path, names: Sequence[str], allowed: str) -> Iterator[str | None]:
    """Each row's text under the first of `names` that is a column; None where it has none.

    Raises:
        InputError: if it isn't such a file, or says of itself what isn't true or is out of bounds.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with opened(path, allowed) as source:
            _check_footer(source, path)
            about = parquet.read_metadata(source)
            name, place = _column(about, names, path, allowed)
            rows = min(map(_rows_at_once, _groups(source, about, place, path)), default=ROWS)
            how = {"pre_buffer": False, "buffer_size": 2**20, "read_dictionary": [name]}
            with parquet.ParquetFile(source, metadata=about, **how) as file:
                for batch in file.iter_batches(rows, columns=[name]):
                    found = (value.as_py() for value in batch.column(0))
                    yield from (text if isinstance(text, str) else None for text in found)
    except (LookupError, struct.error, TypeError) as error:  # no bytes: a file that makes wait
        raise InputError(str(path), "a header that isn't whole", WHOLE) from error
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(str(path), (str(error).splitlines() or [""])[0], allowed) from error


def _check_footer(source: BinaryIO, path: Path) -> None:
    """Count a footer's parts."""
    end = source.seek(0, os.SEEK_END)
    source.seek(max(0, end - 8))
    size, mark = struct.unpack("<I4s", source.read(8))
    if mark != b"PAR1" or size > end - 8:
        raise InputError(str(path), "no mark of Parquet", WHOLE)
    if size > MOST_FOOTER_BYTES:
        raise InputError(
            str(path), f"a footer of {size:,} bytes", f"at most {MOST_FOOTER_BYTES:,} bytes"
        )
    source.seek(end - 8 - size)
    _Thrift(source, f"{path}: footer").struct()


def _column(about: FileMetaData, names: Sequence[str], path: Path, allowed: str) -> tuple[str, int]:
    """Name and place of the column of texts, which nothing else in the file is called."""
    columns = [about.schema.column(place) for place in range(about.num_columns)]
    there = [column.path.split(".")[0] for column in columns]
    name = next((name for name in names if name in there), None)
    if name is None or len(there) > MOST_COLUMNS:
        found = f"{len(there):,} columns" if name else f"no column {' or '.join(names)}"
        raise InputError(str(path), found, allowed)
    column = columns[there.index(name)]
    is_text = column.physical_type == "BYTE_ARRAY" and not column.max_repetition_level
    if not is_text or column.path != name or there.count(name) > 1:
        raise InputError(f"{path}: {name}", column.physical_type, "one text a row")
    return name, there.index(name)


def _groups(source: BinaryIO, about: FileMetaData, place: int, path: Path) -> Iterator[list[Page]]:
    """The pages of each group of rows, once they are what the footer says."""
    rows = about.num_rows
    if rows > MOST_ROWS:
        raise InputError(str(path), f"{rows:,} rows", f"at most {MOST_ROWS:,}")
    for number in range(about.num_row_groups):
        group = about.row_group(number)
        texts_of = group.column(place)
        pages = list(_pages(source, texts_of, f"{path}: group of rows {number + 1}"))
        held = sum(values for kind, _, values in pages if kind != DICTIONARY)
        if not held == texts_of.num_values == group.num_rows:
            raise InputError(str(path), "other rows than its pages hold", WHOLE)
        rows -= held
        yield pages
    if rows:
        raise InputError(str(path), "other rows than its groups hold", WHOLE)


Page = tuple[int, int, int]
"""Its kind, bytes unpacked, and values."""


def _pages(source: BinaryIO, chunk: ColumnChunkMetaData, where: str) -> Iterator[Page]:
    """The pages of a group's texts, read as pyarrow will."""
    start = chunk.data_page_offset
    if chunk.has_dictionary_page and 0 < chunk.dictionary_page_offset < start:
        start = chunk.dictionary_page_offset
    end = start + chunk.total_compressed_size
    seen, first = 0, True
    while seen < chunk.num_values and start < end:
        source.seek(start)
        header = _Thrift(source, where).struct()
        start = source.tell() + _whole_at(header, 3)
        if header[1] != INDEX:
            page = _page(header, where)
            if page[0] == DICTIONARY and not first:
                raise InputError(where, "a second dictionary", "one")
            yield page
            seen, first = seen + (0 if page[0] == DICTIONARY else page[2]), False


def _page(header: dict[int, Any], where: str) -> Page:
    """What a page's header says.

    Raises:
        InputError: if it is out of bounds.
    """
    kind, size, packed = (_whole_at(header, field) for field in (1, 2, 3))
    field, coding = _ABOUT[kind]
    values, coded = _whole_at(header, field, 1), _whole_at(header, field, coding)
    if not (0 <= size <= MOST_PAGE_BYTES and packed >= 0):
        raise InputError(where, f"a page of {size:,} bytes", f"0 to {MOST_PAGE_BYTES:,} bytes")
    most = min(MOST_DICTIONARY, size // 4) if kind == DICTIONARY else MOST_ROWS
    if not 0 <= values <= most:
        raise InputError(where, f"a page of {values:,} texts", f"0 to {most:,}")
    if coded not in _CODINGS:
        raise InputError(where, f"coding {coded}", f"one of {', '.join(_CODINGS.values())}")
    return kind, size, values


def _whole_at(found: Any, *path: int) -> int:
    """A number in a header; LookupError where there is none."""
    for field in path:
        found = found[field] if isinstance(found, dict) else None
    if not isinstance(found, int):
        raise LookupError(path)
    return found


def _rows_at_once(pages: list[Page]) -> int:
    """How many rows to read at once: fewer, the longer a page's texts are."""
    longest = max(
        (size // max(1, values) for kind, size, values in pages if kind != DICTIONARY), default=0
    )
    return max(1, min(ROWS, BATCH_BYTES // max(1, longest)))


class _Thrift:
    """Reads structs in Thrift's compact form; lists and texts are passed over, and None."""

    def __init__(self, source: BinaryIO, where: str) -> None:
        self.source, self.where = source, where
        self.structs = self.values = 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Values by their fields' numbers."""
        self.structs += 1
        found: dict[int, Any] = {}
        last = 0
        while head := self._byte():
            last = last + (head >> 4) if head >> 4 else self._whole()
            found[last] = self._value(head & 15, depth + 1)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        self.values += 1
        if self.structs > MOST_STRUCTS or self.values > MOST_VALUES or depth > MAX_DEPTH:
            found = f"{self.structs:,} parts, {self.values:,} values, {depth} levels"
            allowed = f"at most {MOST_STRUCTS:,}, {MOST_VALUES:,} and {MAX_DEPTH}"
            raise InputError(self.where, found, allowed)
        if kind in (1, 2):
            return kind == 1
        if kind in (4, 5, 6):
            return self._whole()
        if kind == 12:
            return self.struct(depth)
        if kind in (9, 10):
            return self._list(depth)
        size = {3: 1, 7: 8}.get(kind) or (self._number() if kind == 8 else None)
        if size is None:
            raise InputError(self.where, f"a value of kind {kind}", WHOLE)
        self.source.seek(size, os.SEEK_CUR)
        return None

    def _list(self, depth: int) -> None:
        head = self._byte()
        for _ in range(head >> 4 if head < 0xF0 else self._number()):
            if head & 15 in (1, 2):
                self._byte()  # here a truth takes one
            self._value(head & 15, depth + 1)

    def _byte(self) -> int:
        return self.source.read(1)[0]

    def _number(self) -> int:
        found = shift = 0
        while True:
            byte = self._byte()
            found |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return found
            if shift > 63:
                raise InputError(self.where, "a number that doesn't end", WHOLE)

    def _whole(self) -> int:
        raw = self._number()
        return raw >> 1 ^ -(raw & 1)
