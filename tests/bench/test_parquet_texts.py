"""Parquet files that lie about themselves: a child with little memory reads them, or gives up."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelworth.bench.study import texts
from modelworth.data.errors import InputError

WORDS = [None if number % 9 == 4 else f"{number % 7} é" * 5 for number in range(100)]


def _file(words=WORDS, **how):
    out = io.BytesIO()
    column = words if isinstance(words, pa.Array) else pa.array(words)
    pq.write_table(pa.table({"document": column}), out, store_schema=False, **how)
    return out.getvalue()


def _instead(content, old, new):
    assert old in content
    return content.replace(old, new)


WHOLE = _file()
LIES = {
    "2^31 texts of a dictionary, for 34 GB": _instead(
        WHOLE, b"\x15\x0e\x15\x00", b"\x15\xfe\xff\xff\xff\x0f\x15\x00"
    ),
    "more rows than its pages have": _instead(WHOLE, b"\x16\xc8\x01", b"\x16\xca\x01"),
    "half": WHOLE[: len(WHOLE) // 2] + WHOLE[-8:],
    "a footer without end": b"PAR1" + b"\x19\xfc" + b"\xff" * 100 + b"\x66\0\0\0PAR1",
    "lists in lists": b"PAR1" + b"\x19" + b"\x19" * 5000 + b"\x89\x13\0\0PAR1",
    "a number a row": _file(pa.array([1, 2])),
    "a list a row": _file(pa.array([["a"], ["b"]])),
    "one long text": _file(["x" * (2**26 + 1)], use_dictionary=False, compression="zstd"),
    "nothing": b"",
}  # fmt: skip


@pytest.mark.parametrize("content", LIES.values(), ids=LIES)
def test_a_file_that_lies_is_refused_by_a_child_with_little_memory(tmp_path, content):
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(InputError, match="must be a whole Parquet file") as refused:
        list(texts.read(tmp_path / "a.parquet"))
    assert len(str(refused.value).splitlines()) == 2


@pytest.mark.parametrize("how", [
    {}, {"compression": "none"}, {"compression": "gzip"}, {"use_dictionary": False},
    {"data_page_version": "2.0"}, {"row_group_size": 9}, {"write_page_checksum": True},
])  # fmt: skip
def test_a_file_is_read_as_pyarrow_reads_it(tmp_path, how):
    (tmp_path / "a.parquet").write_bytes(_file(**how))
    assert list(texts.read(tmp_path / "a.parquet")) == [word for word in WORDS if word]
