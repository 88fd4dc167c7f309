"""The faults that a campaign of hostile inputs once found, each at the verb where it was met.

The others have their tests beside what was mended: secrets in test_command_text, code from suites
and products of sweeps in test_suites, foreign databases and poisonous records in test_store.
"""

from __future__ import annotations

import base64
import csv
import json
import resource
import sqlite3
import struct
import zlib
from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelworth.bench.study import texts
from modelworth.cli import main
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.dashboard import links
from modelworth.data.errors import InputError
from modelworth.data.record_text import serialise
from modelworth.data.store import open_store
from tests.data.records import made_up

DIGITS = "five thousand digits"


def _refused(capsys, *words: str) -> str:
    """What a verb says of an input that it refuses: at most two lines that print."""
    assert main([str(word) for word in words]) == 2
    said = capsys.readouterr().err
    assert len(said.strip().splitlines()) <= 2
    assert all(character.isprintable() or character == "\n" for character in said)
    return said


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (("workload", "batch"), 1e30), (("workload", "batch"), DIGITS),
        (("recorded_at",), "0001-01-01T00:00:00+14:00"), (("recorded_at",), "9999-01-01T00:00:00Z"),
        (("model", "parameters"), 2**63), (("model", "name"), "x" * 300),
        (("model", "config", "eps"), float("nan")), (("model", "name"), "a\x1b[2Jb"),
        (("model", "name"), "a\u202eb"), (("model", "name"), "\ud800"),
        (("result", "throughput_per_s", "value"), float("inf")),
    ],
)  # fmt: skip
def test_a_record_out_of_bounds_never_enters_a_store(tmp_path, capsys, field, value):
    record = json.loads(serialise(made_up()))
    del record["id"]
    *path, last = field
    holder = record
    for key in path:
        holder = holder[key]
    holder[last] = value
    text = json.dumps(record).replace(f'"{DIGITS}"', "9" * 5000)  # which json refuses to write
    (tmp_path / "in.jsonl").write_text(text, errors="surrogatepass")
    store = tmp_path / "store.db"
    _refused(capsys, "import", tmp_path / "in.jsonl", "--store", store)
    assert not store.exists() or open_store(str(store)).count() == 0


def _bomb(path, name) -> int:
    """A Parquet file of 20 GB in under 2 MB; what this process holds before it is read, in KiB."""
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), ["x" * 1_000_000])
    pq.write_table(pa.table({name: column}), path)
    assert path.stat().st_size < 2_000_000
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_a_parquet_file_that_unpacks_to_much_more_is_refused_in_little_memory(tmp_path, capsys):
    before = _bomb(tmp_path / "bomb.parquet", "document")
    said = _refused(capsys, "import", tmp_path / "bomb.parquet", "--store", tmp_path / "store.db")
    assert "a Parquet file\n  must be a file that `export` wrote, .jsonl or .csv" in said
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_texts_of_a_study_that_unpack_to_much_more_are_read_in_little_memory(tmp_path):
    before = _bomb(tmp_path / "bomb.parquet", "text")
    found = list(map(len, islice(texts.read(tmp_path / "bomb.parquet"), 1000)))
    assert found == [1_000_000] * 1000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_long_lists_of_a_gguf_file_are_passed_over(tmp_path, capsys):
    """On the code before each of the twenty lists was kept: 311 MiB."""
    lists = (struct.pack("<Q1sIIQ", 1, b"a", 9, 0, 2_000_000) + bytes(2_000_000)) * 15
    (tmp_path / "a.gguf").write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 15) + lists)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _refused(capsys, "inspect", tmp_path / "a.gguf")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_a_database_whose_message_is_no_text_is_refused(tmp_path, capsys):
    path = tmp_path / "store.db"
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE measurements (a); PRAGMA writable_schema = ON")
    broken = b"CREATE TABEL \xff\xfe\x80"
    connection.execute("UPDATE sqlite_master SET name = CAST(? AS TEXT), sql = CAST(? AS TEXT)",
                       (b"\xff\xfe", broken))  # fmt: skip
    connection.commit()
    connection.close()
    _refused(capsys, "export", tmp_path / "out.jsonl", "--store", path)


@pytest.mark.parametrize("text", ['text: {en: {name: "\\ud800"}}', "\ud800", '"\\U0000D800": 1'])
def test_a_surrogate_in_a_link_is_refused(text):
    raw = zlib.compress(text.encode("utf-8", "surrogatepass"))
    word = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    with pytest.raises(InputError) as refused:
        scenarios.loads(links.unpack(word), "link.yaml")
    assert str(refused.value).isprintable() or "\n" in str(refused.value)


@pytest.mark.parametrize(
    "concurrency", ["1e308", "inf", "nan", "9" * 400, "8.5", "True", "８", "1_0"]
)
def test_a_cell_that_is_no_count_says_why_in_its_row(tmp_path, capsys, concurrency):
    path, out = tmp_path / "cases.csv", tmp_path / "out.csv"
    head = "model,gpu,concurrency,prompt_tokens,new_tokens,gpus,precision\n"
    path.write_text(f"{head}llama-3.1-8b,H100 SXM 80GB,{concurrency},1024,256,1,bf16\n")
    assert "none of its 1 rows" in _refused(capsys, "predict", "--cases", path, "--out", out)
    with out.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert "concurrency" in row["note"]
    assert row["predicted"] == ""
