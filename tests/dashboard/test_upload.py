"""Measurements from a file: taken whole or not at all, with what was wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelworth.dashboard import sources
from modelworth.dashboard.parts.upload import _taken
from modelworth.data.errors import InputError
from modelworth.data.exchange import write
from modelworth.data.importers.told import Told
from modelworth.data.record_text import serialise
from modelworth.data.store import ENVIRONMENT, open_store
from tests.dashboard.conftest import fill, record
from tests.data.importers.results import VLLM


@pytest.fixture
def target(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/target.db"
    monkeypatch.setenv(ENVIRONMENT, url)
    return url


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_an_export_is_taken_and_known_records_are_left_alone(target, tmp_path, ending):
    path = tmp_path / f"some.{ending}"
    write([serialise(record(place)) for place in range(5)], path)
    assert _taken(path.read_bytes(), f".{ending}") == (5, 5)
    assert _taken(path.read_bytes(), f".{ending}") == (5, 0)
    with open_store(target) as store:
        assert store.count() == 5


def test_another_tools_result_is_taken_with_what_it_does_not_say(target):
    content = json.dumps(VLLM).encode()
    with pytest.raises(InputError, match="--device"):
        _taken(content, ".json")
    assert _taken(content, ".json", Told(device="H100 SXM 80GB", count=2)) == (1, 1)
    with open_store(target) as store:
        (kept,) = store.measurements()
    assert (kept.machine.count, kept.provenance.origin) == (2, "imported")


def test_another_store_is_taken(target, tmp_path):
    fill(f"sqlite:///{tmp_path}/other.db", [record(place) for place in range(3)])
    content = _whole(tmp_path / "other.db")
    assert _taken(content, ".db") == (3, 3)


@pytest.mark.parametrize(
    ("content", "ending"),
    [(b"{}\n", ".jsonl"), (b"\xff\xfe", ".jsonl"), (b"not a database", ".db"),
     (b"not parquet", ".parquet"), (b"a,b\n1,2\n", ".csv")],
)  # fmt: skip
def test_a_wrong_file_changes_nothing(start, target, content, ending):
    from modelworth.data.errors import ModelworthError

    with pytest.raises(ModelworthError) as refused:
        _taken(content, ending)
    assert "/tmp" not in str(refused.value)
    assert sources.store() is None


def _whole(path: Path) -> bytes:
    """The file of a store with everything that its journal still holds."""
    import sqlite3

    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path.read_bytes()
