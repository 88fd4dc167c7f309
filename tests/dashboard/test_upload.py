"""Measurements from a file: taken whole or not at all, with what was wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelworth.dashboard import sources
from modelworth.dashboard.parts.upload import _said, _taken
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


def counts(kept):
    return kept.read, kept.added


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_an_export_is_taken_and_known_records_are_left_alone(target, tmp_path, ending):
    path = tmp_path / f"some.{ending}"
    write([serialise(record(place)) for place in range(5)], path)
    assert counts(_taken(path.read_bytes(), f".{ending}")) == (5, 5)
    assert counts(_taken(path.read_bytes(), f".{ending}")) == (5, 0)
    with open_store(target) as store:
        assert store.count() == 5


def test_another_tools_result_is_taken_with_what_it_does_not_say(target):
    content = json.dumps(VLLM).encode()
    with pytest.raises(InputError, match="--device"):
        _taken(content, ".json")
    assert counts(_taken(content, ".json", Told(device="H100 SXM 80GB", count=2))) == (1, 1)
    with open_store(target) as store:
        (kept,) = store.measurements()
    assert (kept.machine.count, kept.provenance.origin) == (2, "imported")


def test_a_result_uploaded_again_under_another_number_of_devices_replaces_the_earlier(target):
    content = json.dumps(VLLM).encode()
    for count in (1, 2):
        kept = _taken(content, ".json", Told(device="H100 SXM 80GB", count=count))
    assert _said(kept) == [
        "1 measurements read, 1 of them new.",
        "1 earlier measurements of the same runs, imported under other words, were taken back.",
    ]
    with open_store(target) as store:
        assert [one.machine.count for one in store.measurements()] == [2]


def test_another_store_is_taken(target, tmp_path):
    fill(f"sqlite:///{tmp_path}/other.db", [record(place) for place in range(3)])
    content = _whole(tmp_path / "other.db")
    assert counts(_taken(content, ".db")) == (3, 3)


@pytest.mark.parametrize(
    ("content", "ending"),
    [(b"{}\n", ".jsonl"), (b"\xff\xfe", ".jsonl"), (b"not a database", ".db"),
     (b"PAR1 and more", ".csv"), (b"a,b\n1,2\n", ".csv")],
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
