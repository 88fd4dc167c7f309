"""A run imported again under other words: one record counts, and the person is told."""

import pytest

from modelworth.data.importers.again import AGAIN, changes, keep
from modelworth.data.importers.foreign import read_foreign
from modelworth.data.importers.told import Told
from modelworth.data.store import open_store
from tests.data.importers import results
from tests.data.importers.test_served import TOLD
from tests.data.records import made_up


@pytest.fixture
def store(tmp_path):
    with open_store(f"sqlite:///{tmp_path}/kept.db") as opened:
        yield opened


@pytest.fixture
def read(tmp_path):
    path = results.written(tmp_path, results.VLLM)
    return lambda **said: read_foreign(path, Told(device=TOLD.device, date=TOLD.date, **said))


def counts(store):
    return [record.machine.count for record in store.measurements()]


def test_the_last_word_counts_however_often_it_changes(store, read):
    """1, 2, 1, 1, 2 devices: never both, and nothing is deleted."""
    for said, (added, replaced) in zip(
        (1, 2, 1, 1, 2), ((1, 0), (1, 1), (1, 1), (0, 0), (1, 1)), strict=True
    ):
        kept = keep(store, read(count=said))
        assert (kept.added, len(kept.replaced)) == (added, replaced)
        assert counts(store) == [said]
    assert store.count() == 4
    assert all(reason.startswith(AGAIN) for reason in store.retracted().values())


def test_it_is_told_which_gave_way_to_which_and_what_is_said_otherwise(store, read):
    (wrong,), (right,) = read(count=1), read(count=4, model="llama-3.1-8b")
    keep(store, [wrong])
    (line,) = keep(store, [right]).lines
    said = (wrong.id, right.id, "count 1 → 4", "model org/some-model → llama-3.1-8b")
    assert [one for one in said if one not in line] == []
    assert changes(right, right) == ""


def test_what_a_person_took_back_stays_so(store, read):
    (record,) = read(count=1)
    keep(store, [record])
    store.retract(record.id, "a fan had failed")
    kept = keep(store, [record])
    assert (kept.added, kept.replaced, kept.left_out, counts(store)) == (0, (), 1, [])


def test_an_export_neither_takes_back_nor_brings_back(store, read):
    """An old export of the wrong record, merged after the right one was imported."""
    wrong, right = read(count=1), read(count=2)
    keep(store, wrong)
    keep(store, right)
    kept = keep(store, [], [*wrong, made_up()])
    assert (kept.added, kept.left_out, kept.replaced) == (1, 1, ())
    fresh = [record.machine.count for record in store.measurements() if record.load]
    assert fresh == [2]
    other = keep(store, [], read(count=8))
    assert (other.added, other.left_out) == (0, 1)


def test_two_runs_of_one_file_stand_side_by_side(store, tmp_path):
    runs = [results.VLLM, results.VLLM | {"max_concurrency": 33}]
    records = read_foreign(results.written(tmp_path, runs), TOLD)
    assert keep(store, records).added == 2
    assert len(counts(store)) == 2
