"""The store, on SQLite and on a real PostgreSQL: append-only, shared, and careful with files."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from modelworth.data.catalog import load_catalog
from modelworth.data.checkup import checkup, repair
from modelworth.data.errors import InputError, ModelworthError, SetAsideWarning
from modelworth.data.exchange import read, write
from modelworth.data.measurement import Machine, Measurement
from modelworth.data.record_text import parse, serialise
from modelworth.data.schema import HEAD
from modelworth.data.store import open_store
from tests.data.records import failed, made_up

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def address(request, tmp_path):
    """Address of an empty store."""
    if request.param == "sqlite":
        yield str(tmp_path / "store.db")
        return
    yield request.getfixturevalue("fresh_database")


def test_what_was_added_comes_back_digit_for_digit(address):
    records = [made_up(2), made_up(1), failed(3)]
    with open_store(address) as store:
        assert store.add_all(records) == 3
        assert store.add_all(records) == 0
        assert store.count() == 3
        assert store.get(records[0].id) == records[0]
    with open_store(address, create=False) as store:
        assert store.measurements() == sorted(records, key=lambda record: record.recorded_at)
        assert store.measurements(status="oom") == [failed(3)]
        assert store.measurements(device="another") == []


def test_all_or_none(address):
    with open_store(address) as store:
        with pytest.raises(ZeroDivisionError):
            store.add_all(made_up(1 // (1500 - number)) for number in range(2000))
        assert store.count() == 0


def test_records_can_not_be_altered_with_another_program(address):
    with open_store(address) as store:
        store.add(made_up())
        engine = store._engine
        for statement in ("UPDATE measurements SET status = 'oom'", "DELETE FROM measurements"):
            with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as direct:
                direct.execute(sa.text(statement))
        assert store.count() == 1


def test_the_digest_changes_with_a_new_record_only(address):
    with open_store(address) as store:
        empty = store.digest()
        store.add(made_up())
        one = store.digest()
        store.add(made_up())
        assert store.digest() == one != empty


def test_scenarios_are_found_by_their_hash(address):
    with open_store(address) as store:
        key = store.save_scenario("name: été\n")
        assert store.save_scenario("name: été\n") == key
        assert store.scenario(key) == "name: été\n"
        with pytest.raises(InputError, match="hash of a saved scenario"):
            store.scenario("nothing")


def test_the_frame_has_units_and_missing_values(address):
    with open_store(address) as store:
        assert len(store.frame()) == 0
        store.add_all([made_up(1), failed(2)])
        frame = store.frame()
    assert frame["throughput_per_s"].iloc[0] == made_up(1).result.throughput_per_s.value
    assert frame["throughput_per_s"].isna().tolist() == [False, True]
    assert str(frame["recorded_at"].dtype) == "datetime64[us, UTC]"
    assert frame["status"].tolist() == ["ok", "oom"]


WRITER = """
import sys
from modelworth.data.store import open_store
from tests.data.records import made_up
start = int(sys.argv[2])
for number in range(start, start + 25):
    with open_store(sys.argv[1]) as store:
        store.add(made_up(number))
"""


def test_several_writers_lose_nothing(address):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, address, str(start)], env=environment, cwd=ROOT
        )
        for start in (0, 25, 50)
    ]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    with open_store(address) as store:
        assert {record.id for record in store.measurements()} == {made_up(n).id for n in range(75)}


@pytest.mark.parametrize("revision", ["0002", "9999"])
def test_a_store_of_another_version_is_refused_with_what_to_do(address, revision):
    with open_store(address) as store:
        store.add(made_up())
        with store._engine.begin() as direct:
            direct.execute(sa.text(f"UPDATE modelworth_version SET version_num = '{revision}'"))
    for create in (True, False):
        with pytest.raises(
            InputError, match=rf"revision {revision}, not 0003\n  export it.*update"
        ):
            open_store(address, create=create)


def test_a_newer_record_is_refused():
    text = serialise(made_up()).replace('"schema_version": 1', '"schema_version": 99')
    with pytest.raises(InputError, match="update modelworth"):
        parse(text)


def test_sqlite_journals_ahead(tmp_path):
    path = tmp_path / "store.db"
    with open_store(str(path)):
        assert sqlite3.connect(path).execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize(
    "content", [b"this is no database", b"SQLite format 3\0" + b"\xff" * 5000], ids=["text", "torn"]
)
def test_a_damaged_file_is_never_overwritten(tmp_path, content):
    path = tmp_path / "store.db"
    path.write_bytes(content)
    with pytest.raises(InputError):
        open_store(str(path))
    assert path.read_bytes() == content


def test_another_programs_database_is_left_alone(tmp_path):
    path = tmp_path / "photos.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE photos (id)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(InputError, match="another program"):
        open_store(str(path))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nowhere/at/all/store.db", "mkdir"),
        ("mysql://me@host/db", "sqlite:///FILE.db"),
        ("sqlite:///:memory:", "a file"),
        (".", "a folder"),
        ("nonsense://", "sqlite:///FILE.db"),
    ],
)
def test_what_can_not_be_opened_is_refused_in_a_line(address, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=said):
        open_store(address)
    assert list(tmp_path.iterdir()) == []


def test_an_absent_store_is_not_made_by_reading(tmp_path):
    with pytest.raises(InputError, match="modelworth demo"):
        open_store(str(tmp_path / "store.db"), create=False)
    assert list(tmp_path.iterdir()) == []


def test_the_password_is_not_shown():
    with pytest.raises(ModelworthError) as caught:
        open_store("postgresql://me:secret@127.0.0.1:1/db")
    assert "secret" not in str(caught.value)


def test_the_environment_names_the_store(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELWORTH_STORE", str(tmp_path / "named.db"))
    with open_store():
        assert (tmp_path / "named.db").exists()


def test_parse_and_serialise_are_inverse():
    record = made_up(3)
    assert parse(serialise(record)) == record
    assert isinstance(parse(serialise(record)), Measurement)


POISON = '{"schema_version": 1, "recorded_at": "2026-01-01T00:00:00Z", "no": "record"}'


def _poisoned(address: str) -> None:
    """A good record, and one that somebody wrote around the library."""
    with open_store(address) as store:
        store.add(made_up())
        with store._engine.begin() as connection:
            connection.execute(
                sa.text(
                    "INSERT INTO measurements (id, recorded_at, device, family, kind, status, "
                    "document) VALUES ('bad', '2026', 'd', 'decoder', 'decode', 'ok', :text)"
                ),
                {"text": POISON},
            )


def test_an_unreadable_record_is_set_aside_and_named(address):
    _poisoned(address)
    with open_store(address) as store:
        with pytest.warns(SetAsideWarning, match="model: missing Field required"):
            assert store.measurements() == [made_up()]
        found = checkup(store)
        assert not found.healthy
        assert [one.id for one in found.unreadable] == ["bad"]
        assert (found.records, found.damage) == (2, ())


def test_repair_saves_what_is_whole_and_leaves_the_store_alone(address, tmp_path):
    _poisoned(address)
    target = tmp_path / "mended.db"
    with open_store(address) as store:
        store.retract(made_up().id, "a fan had failed")
        key = store.save_scenario("months: 12")
        assert repair(store, target) == 1
        assert store.count() == 2
        with pytest.raises(InputError, match="exists"):
            repair(store, target)
    with open_store(str(target), create=False) as mended:
        assert checkup(mended).healthy
        assert mended.retracted() == {made_up().id: "a fan had failed"}
        assert mended.scenario(key) == "months: 12"


def test_a_retracted_record_stays_and_counts_no_more(address):
    with open_store(address) as store:
        store.add_all([made_up(1), made_up(2)])
        before = store.digest()
        with pytest.raises(InputError, match="say why"):
            store.retract(made_up(1).id, " ")
        with pytest.raises(InputError, match="no measurement"):
            store.retract("0" * 20, "gone")
        store.retract(made_up(1).id, "a fan had failed")
        assert store.measurements() == [made_up(2)]
        assert len(list(store.documents())) == 1
        assert store.get(made_up(1).id) == made_up(1)
        assert store.digest() != before


def test_records_are_asked_for_by_model_and_the_newest_first(address):
    records = [made_up(number) for number in range(5)]
    with open_store(address) as store:
        store.add_all(records)
        assert store.measurements(newest=2) == records[-2:]
        assert store.measurements(model=("tiny-1", "tiny-3")) == [records[1], records[3]]
        assert store.measurements(kind=("decode", "prefill"), model="tiny-4") == [records[4]]


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"


@pytest.mark.parametrize(
    "statement",
    [
        f"CREATE VIEW modelworth_version AS {ENDLESS}",
        "CREATE VIRTUAL TABLE v USING fts5(a)",
        "CREATE TABLE t (a, b GENERATED ALWAYS AS (a * 2))",
        "CREATE TABLE measurements (a); CREATE TRIGGER x AFTER INSERT ON measurements "
        "BEGIN SELECT 1; END",
        "".join(f"CREATE TABLE t{number} (a);" for number in range(100))
        + f"CREATE VIEW modelworth_version AS {ENDLESS}",
    ],
)
def test_a_database_that_runs_code_of_its_own_is_refused_unread(tmp_path, statement):
    path = tmp_path / "foreign.db"
    connection = sqlite3.connect(path)
    connection.executescript(statement)
    connection.close()
    with pytest.raises(InputError, match=r"isn't a store's|over 100"):
        open_store(str(path), create=False)


def test_a_question_is_answered_from_the_newest_of_its_model_and_of_all(address, monkeypatch):
    monkeypatch.setattr("modelworth.data.store.NEWEST", 2)
    records = [made_up(number, model=made_up(number % 2).model) for number in range(8)]
    with open_store(address) as store:
        store.add_all([*records, failed(9)])
        assert store.evidence("tiny-0") == [records[4], records[6], records[7]]
        assert store.evidence() == records[6:]


def test_a_question_about_a_device_meets_its_records_however_old(address, monkeypatch):
    monkeypatch.setattr("modelworth.data.store.NEWEST", 2)
    h100 = Machine(device="NVIDIA H100 80GB HBM3", kind="cuda")
    old = [made_up(number, machine=h100) for number in range(3)]
    others = [made_up(number) for number in range(3, 9)]
    is_device = load_catalog().same_device("H100 SXM 80GB")
    with open_store(address) as store:
        store.add_all([*old, *others])
        assert store.evidence(is_device=is_device) == [*old[1:], *others[-2:]]
        assert store.words("device") == sorted({one.machine.device for one in (*old, *others)})


def test_a_record_is_found_by_the_start_of_its_id(address):
    records = [made_up(number) for number in range(40)]
    with open_store(address) as store:
        store.add_all(records)
        assert store.beginning(records[0].id[:12]) == records[:1]
        assert len(store.beginning(records[0].id[:0])) == 2
        assert store.beginning("%") == []


def test_the_tally_counts_every_sort_without_reading_records(address):
    records = [made_up(number) for number in range(5)]
    with open_store(address) as store:
        assert store.tally() == []
        assert store.state() == (0, 0)
        store.add_all([*records, failed(7)])
        counted = store.tally()
        assert store.state() == (6, 0)
    assert sum(one.records for one in counted) == 6
    assert {one.status for one in counted} == {"ok", failed(7).status}
    by_model = {one.model: one.records for one in counted if one.status == "ok"}
    assert by_model == {record.model.name: 1 for record in records}


def test_a_frame_holds_the_newest_of_what_is_asked_for(address):
    with open_store(address) as store:
        store.add_all([made_up(number) for number in range(5)])
        assert list(store.frame(newest=2)["model"]) == ["tiny-3", "tiny-4"]
        assert list(store.frame(model=["tiny-1"])["model"]) == ["tiny-1"]


def test_the_newest_are_found_in_the_index_alone(tmp_path):
    with open_store(str(tmp_path / "store.db")) as store:
        store.add(made_up(1))
    query = (
        "EXPLAIN QUERY PLAN SELECT id FROM measurements WHERE status = 'ok' AND family = 'decoder' "
        "ORDER BY recorded_at DESC, id DESC LIMIT 5"
    )
    with sqlite3.connect(tmp_path / "store.db") as connection:
        steps = [row[3] for row in connection.execute(query)]
    connection.close()
    assert len(steps) == 1
    assert "COVERING INDEX measurements_newest" in steps[0]


def test_a_database_that_only_says_it_is_a_store_is_refused(tmp_path):
    path = tmp_path / "foreign.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE modelworth_version (version_num); CREATE TABLE measurements (id TEXT);"
        f"INSERT INTO modelworth_version VALUES ('{HEAD}')"
    )
    connection.close()
    with pytest.raises(InputError, match="without"):
        open_store(str(path), create=False)


WRONG = {"recorded_at": "2026-01-01", "id": 1, "model": {"name": []}, "machine": {"count": 10**400}}
ROTTEN = ["7", "[]", "{}", "1e999", '{"recorded_at": 5}', json.dumps(WRONG)]


@pytest.mark.parametrize("document", [*ROTTEN, b"\xff\xfe", "CAST(x'fffe' AS TEXT)"])
def test_whatever_stands_in_a_row_the_others_are_served(tmp_path, document):
    path = str(tmp_path / "store.db")
    with open_store(path) as store:
        store.add(made_up())
    connection = sqlite3.connect(path)
    value = document if str(document).startswith("CAST") else "?"
    connection.execute(
        "INSERT INTO measurements (id, recorded_at, device, family, kind, status, document) "
        f"VALUES ('bad', 5, x'ff', 'decoder', 'decode', 'ok', {value})",
        [] if value == document else [document],
    )
    connection.commit()
    connection.close()
    with open_store(path, create=False) as store:
        for ending in ("jsonl", "csv"):
            out = tmp_path / f"out.{ending}"
            with pytest.warns(SetAsideWarning, match="1 unreadable"):
                assert write(store.documents(), out) == 1
            assert list(read(out)) == [made_up()]
        assert store.frame()["id"].tolist() == [made_up().id]
        with pytest.warns(SetAsideWarning):
            assert store.evidence(is_device=load_catalog().same_device("H100")) == [made_up()]
        assert [one.id for one in checkup(store).unreadable] == ["bad"]
