"""Parquet files that lie: each is refused, or read, with no more than 300 MB and in no time."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelworth.bench.study import texts as study
from modelworth.data.errors import InputError
from modelworth.data.parquet_reader import texts
from tests.data.parquet_bytes import (
    FOOTER_GROUPS,
    STRUCT,
    Struct,
    chunk,
    with_footer,
    with_page,
)

WORDS = [f"text {number % 7}" for number in range(100)]
COUNT, LONG, MANY = 2**31 - 1, 2**62, 900_000
CHUNK_VALUES = 5
DICTIONARY, DATA, SIZE, PACKED = 7, 5, 2, 3


def _file(words: object = WORDS, **how: object) -> bytes:
    out = io.BytesIO()
    column = words if isinstance(words, pa.Array) else pa.array(words, pa.string())
    pq.write_table(pa.table({"document": column}), out, store_schema=False, **how)
    return out.getvalue()


def _set(value: object, *path: int) -> Callable[[Struct], None]:
    """Gives a header's field another value of the same type."""

    def change(found: Struct) -> None:
        for field in path[:-1]:
            found = found[field][1]
        found[path[-1]] = found[path[-1]][0], value

    return change


def _set_chunk(**to: int) -> Callable[[Struct], None]:
    def change(footer: Struct) -> None:
        about = chunk(footer, 0)
        for name, value in to.items():
            field = int(name[1:])
            about[field] = about[field][0], value

    return change


def _rows(value: int, *, whole: bool) -> Callable[[Struct], None]:
    """So many rows in the group, and in the file and the column where the lie is `whole`."""

    def change(footer: Struct) -> None:
        footer[FOOTER_GROUPS][1][1][0][3] = 6, value
        if whole:
            footer[3] = 6, value
            chunk(footer, 0)[CHUNK_VALUES] = 6, value

    return change


def _groups(groups: int, columns: int) -> Callable[[Struct], None]:
    """So many groups of so many columns, of which nothing is said."""
    group = {1: (9, (STRUCT, [{2: (6, 0)}] * columns)), 2: (6, 1), 3: (6, 1)}
    return lambda footer: footer.update({FOOTER_GROUPS: (9, (STRUCT, [group] * groups))})


def _nested(footer: Struct) -> None:
    leaf = footer[2][1][1][-1]
    parts = [{4: (8, b"s"), 5: (5, 1)}] * 100_000
    footer[2] = 9, (STRUCT, [*parts, leaf])


def _deep(footer: Struct) -> None:
    inner: Struct = {}
    for _ in range(100):
        inner = {1: (STRUCT, inner)}
    footer[9] = STRUCT, inner


def _leaf(field: int, kind: int, value: object) -> Callable[[Struct], None]:
    return lambda footer: footer[2][1][1][-1].update({field: (kind, value)})


def _two(footer: Struct) -> None:
    """The column a second time, under the same name."""
    footer[2][1][1].append(footer[2][1][1][-1])
    footer[2][1][1][0][5] = 5, 2
    group = footer[FOOTER_GROUPS][1][1][0]
    group[1][1][1].append(group[1][1][1][0])


def _half(content: bytes) -> bytes:
    return content[: len(content) // 2] + content[-8:]


PLAIN = _file(use_dictionary=False, compression="none")
WHOLE = _file()
NULLS = _file([None] * 100)
SECOND = _file(data_page_version="2.0")
LIES = {
    "texts of a dictionary": with_page(WHOLE, 0, _set(COUNT, DICTIONARY, 1)),
    "texts of a dictionary below none": with_page(WHOLE, 0, _set(-1, DICTIONARY, 1)),
    "a dictionary unpacked": with_page(WHOLE, 0, _set(COUNT, SIZE)),
    "a dictionary coded": with_page(WHOLE, 0, _set(7, DICTIONARY, 2)),
    "a second dictionary": with_page(WHOLE, 1, lambda page: page.update(
        {1: (5, 2), DICTIONARY: (STRUCT, {1: (5, 1), 2: (5, 0)})})),
    "a page unpacked": with_page(PLAIN, 0, _set(COUNT, SIZE)),
    "a page unpacked below none": with_page(PLAIN, 0, _set(-COUNT, SIZE)),
    "a page packed": with_page(PLAIN, 0, _set(COUNT, PACKED)),
    "a page packed below none": with_page(PLAIN, 0, _set(-100, PACKED)),
    "a page of many values": with_page(PLAIN, 0, _set(COUNT, DATA, 1)),
    "a page of few values": with_page(PLAIN, 0, _set(3, DATA, 1)),
    "a page of a kind unknown": with_page(PLAIN, 0, _set(9, 1)),
    "a page of another kind": with_page(PLAIN, 0, _set(3, 1)),
    "a page of an index": with_page(PLAIN, 0, _set(1, 1)),
    "a page coded": with_page(PLAIN, 0, _set(7, DATA, 2)),
    "a page of the second kind unpacked": with_page(SECOND, 1, _set(COUNT, SIZE)),
    "a page of the second kind of many": with_page(SECOND, 1, _set(COUNT, 8, 1)),
    "levels longer than their page": with_page(SECOND, 1, _set(COUNT, 8, 5)),
    "texts that repeat the last": _file(
        ["x" * 2_000_000] * 200, use_dictionary=False,
        column_encoding={"document": "DELTA_BYTE_ARRAY"}),
    "a page of one long text": _file(["x" * 2**26], use_dictionary=False, compression="zstd"),
    "rows of a group": with_footer(PLAIN, _rows(LONG, whole=False)),
    "rows below none": with_footer(PLAIN, _rows(-5, whole=True)),
    "rows everywhere": with_footer(PLAIN, _rows(LONG, whole=True)),
    "few rows": with_footer(PLAIN, _rows(3, whole=True)),
    "rows of a file": with_footer(PLAIN, _set(LONG, 3)),
    "values of a column": with_footer(PLAIN, _set_chunk(_5=LONG)),
    "a column's size": with_footer(PLAIN, _set_chunk(_7=LONG)),
    "a column below none": with_footer(PLAIN, _set_chunk(_7=-1)),
    "a column's place": with_footer(PLAIN, _set_chunk(_9=2**40)),
    "a column's place below none": with_footer(PLAIN, _set_chunk(_9=-(2**40))),
    "a dictionary's place": with_footer(WHOLE, _set_chunk(_11=1)),
    "a codec": with_footer(WHOLE, _set_chunk(_4=2)),
    "a codec unknown": with_footer(WHOLE, _set_chunk(_4=99)),
    "no codec": with_footer(WHOLE, _set_chunk(_4=0)),
    "columns": with_footer(PLAIN, _groups(1, MANY)),
    "groups": with_footer(PLAIN, _groups(MANY, 1)),
    "groups of columns": with_footer(PLAIN, _groups(1000, 900)),
    "groups of none": with_footer(PLAIN, _groups(3, 0)),
    "nested parts": with_footer(PLAIN, _nested),
    "nested structs": with_footer(PLAIN, _deep),
    "repeated": with_footer(PLAIN, _leaf(3, 5, 2)),
    "of a fixed length": with_footer(PLAIN, lambda footer: (
        _leaf(1, 5, 7)(footer), _leaf(2, 5, COUNT)(footer))),
    "a number": with_footer(PLAIN, _leaf(1, 5, 2)),
    "twice": with_footer(PLAIN, _two),
    "a list": _file(pa.array([[word] for word in WORDS])),
    "half": _half(WHOLE),
    "a footer without end": b"PAR1" + b"\x19\xfc" + b"\xff" * 100 + b"\x66\0\0\0PAR1",
    "lists in lists": b"PAR1" + b"\x19" + b"\x19" * 5000 + b"\x89\x13\0\0PAR1",
    "a list without end": b"PAR1" + b"\x19\xf1\xff\xff\xff\xff\x7f" + b"\1\0\0\0PAR1",
}  # fmt: skip
CHILD = """
import json, pathlib, resource, sys, time
import pyarrow, pyarrow.parquet
from modelworth.data.errors import InputError
from modelworth.data.parquet_reader import texts
pyarrow.set_cpu_count(1)
pyarrow.set_io_thread_count(1)
pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 300_000_000,) * 2)
said = {}
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    try:
        said[path.name] = sum(1 for _ in texts(path, ["document"], "a table"))
    except InputError as error:
        said[path.name] = str(error)
    except BaseException as error:
        said[path.name] = repr(error)
print(json.dumps(said))
"""


def _read_in_a_child(folder: Path) -> dict[str, object]:
    """What becomes of each file in a process that may take 300 MB more."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder)], capture_output=True, text=True, check=True,
        env=os.environ | {"MALLOC_ARENA_MAX": "1"},
    )  # fmt: skip
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_a_file_that_lies_is_refused_before_memory_is_taken(tmp_path):
    for name, content in LIES.items():
        (tmp_path / name).write_bytes(content)
    said = _read_in_a_child(tmp_path)
    assert {name: what for name, what in said.items()
            if not isinstance(what, str) or not what.startswith(str(tmp_path))} == {}  # fmt: skip
    assert all(len(str(what).splitlines()) == 2 for what in said.values())


def test_what_unpacks_to_much_more_is_read_in_little_memory(tmp_path):
    long, many = "x" * 8_000_000, 40
    once = pa.DictionaryArray.from_arrays(pa.array([0] * 2_000, pa.int32()), ["y" * 1_000_000])
    plain = _file([long] * many, use_dictionary=False, compression="zstd", write_batch_size=1)
    (tmp_path / "plain").write_bytes(plain)
    (tmp_path / "dictionary").write_bytes(_file(once))
    assert (tmp_path / "plain").stat().st_size < many * len(long) / 1000
    assert _read_in_a_child(tmp_path) == {"plain": many, "dictionary": 2_000}


@pytest.mark.parametrize("how", [
    {}, {"compression": "none"}, {"compression": "gzip"}, {"use_dictionary": False},
    {"data_page_version": "2.0"}, {"data_page_size": 8}, {"row_group_size": 9},
    {"dictionary_pagesize_limit": 20, "data_page_size": 30}, {"write_page_checksum": True},
])  # fmt: skip
def test_a_file_is_read_as_pyarrow_reads_it(tmp_path, how):
    words = [None if number % 9 == 4 else f"{number % 31} é" * 5 for number in range(1000)]
    path = tmp_path / "a.parquet"
    path.write_bytes(_file(words, **how))
    assert list(texts(path, ["text", "document"], "a table")) == words
    assert list(study.read(path)) == [word for word in words if word is not None]
    assert pq.read_table(path)["document"].to_pylist() == words


def test_what_is_changed_as_little_as_nothing_is_read(tmp_path):
    for content in (with_footer(WHOLE, lambda _: None), with_page(WHOLE, 1, lambda _: None)):
        (tmp_path / "a.parquet").write_bytes(content)
        assert list(texts(tmp_path / "a.parquet", ["document"], "a table")) == WORDS


def test_more_rows_than_any_table_are_refused(tmp_path):
    (tmp_path / "a.parquet").write_bytes(with_footer(NULLS, _rows(10_000_001, whole=True)))
    with pytest.raises(InputError, match="10,000,001 rows"):
        list(texts(tmp_path / "a.parquet", ["document"], "a table"))
