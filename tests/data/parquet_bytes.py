"""Parquet files with another footer or other headers of pages, written in Thrift's compact form.

A struct is a dictionary from a field's number to its type and value; none of it need be true.
Source: thrift-compact-protocol.md of Apache Thrift; parquet.thrift of Apache Parquet.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

TRUE, FALSE, BYTE, DOUBLE, BINARY, LISTS, STRUCT = 1, 2, 3, 7, 8, (9, 10), 12
Struct = dict[int, tuple[int, Any]]
FOOTER_GROUPS, GROUP_COLUMNS, CHUNK_ABOUT = 4, 1, 3
DATA_OFFSET, CHUNK_SIZE = 9, 7


def _number(file: io.BytesIO) -> int:
    found = shift = 0
    while True:
        byte = file.read(1)[0]
        found |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return found


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def read_value(file: io.BytesIO, kind: int) -> Any:
    """A value of a type."""
    if kind in (TRUE, FALSE):
        return kind == TRUE
    if kind == BYTE:
        return file.read(1)
    if kind == DOUBLE:
        return file.read(8)
    if kind == BINARY:
        return file.read(_number(file))
    if kind in LISTS:
        head = file.read(1)[0]
        count = head >> 4 if head < 0xF0 else _number(file)
        return head & 15, [read_value(file, head & 15) for _ in range(count)]
    if kind != STRUCT:
        raw = _number(file)
        return raw >> 1 ^ -(raw & 1)
    found: Struct = {}
    last = 0
    while head := file.read(1)[0]:
        last = last + (head >> 4) if head >> 4 else read_value(file, 4)
        found[last] = head & 15, read_value(file, head & 15)
    return found


def written(kind: int, value: Any) -> bytes:
    """A value of a type, in bytes."""
    if kind in (TRUE, FALSE):
        return b""
    if kind in (BYTE, DOUBLE):
        return bytes(value)
    if kind == BINARY:
        return _varint(len(value)) + value
    if kind in LISTS:
        inner, items = value
        once = {id(item): item for item in items}
        raw = {key: written(inner, item) for key, item in once.items()}
        return (
            bytes([0xF0 | inner]) + _varint(len(items)) + b"".join(raw[id(item)] for item in items)
        )
    if kind != STRUCT:
        return _varint(value << 1 if value >= 0 else (-value << 1) - 1)
    parts = (bytes([each]) + written(4, key) + written(each, inner)
             for key, (each, inner) in sorted(value.items()))  # fmt: skip
    return b"".join(parts) + b"\0"


def with_footer(content: bytes, change: Callable[[Struct], None]) -> bytes:
    """The file with another footer."""
    size = struct.unpack("<I", content[-8:-4])[0]
    footer = read_value(io.BytesIO(content[-8 - size : -8]), STRUCT)
    change(footer)
    raw = written(STRUCT, footer)
    return content[: -8 - size] + raw + struct.pack("<I", len(raw)) + b"PAR1"


def chunk(footer: Struct, column: int) -> Struct:
    """What the footer says of a column in the first group of rows."""
    group = footer[FOOTER_GROUPS][1][1][0]
    return group[GROUP_COLUMNS][1][1][column][CHUNK_ABOUT][1]


def with_page(content: bytes, number: int, change: Callable[[Struct], None]) -> bytes:
    """A file of one column and one group of rows, another header before one of its pages."""
    size = struct.unpack("<I", content[-8:-4])[0]
    file = io.BytesIO(content[: -8 - size])
    file.seek(4)
    start, out, moved = 4, content[:4], 0
    for place in range(number + 1):
        start = file.tell()
        header = read_value(file, STRUCT)
        if place < number:
            file.seek(header[3][1], io.SEEK_CUR)
    after = file.tell()
    change(header)
    raw = written(STRUCT, header)
    out, moved = content[:start] + raw + content[after:], len(raw) - (after - start)

    def move(footer: Struct) -> None:
        about = chunk(footer, 0)
        about[CHUNK_SIZE] = 6, about[CHUNK_SIZE][1] + moved
        if about[DATA_OFFSET][1] > start:
            about[DATA_OFFSET] = 6, about[DATA_OFFSET][1] + moved

    return with_footer(out, move)
