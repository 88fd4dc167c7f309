"""`export` and `import` as a person runs them."""

from __future__ import annotations

import pytest

from modelworth.cli import main
from modelworth.data.store import open_store
from tests.data.records import failed, made_up


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_out_of_one_store_into_another(folder, capsys):
    with open_store() as store:
        store.add_all([made_up(), failed(1)])
    assert main(["export", "runs.jsonl"]) == 0
    assert main(["import", "runs.jsonl", "--store", "second.db"]) == 0
    assert main(["import", "runs.jsonl", "--store", "second.db"]) == 0
    assert "2 known already" in capsys.readouterr().out
    with open_store("second.db") as second:
        assert second.measurements() == [made_up(), failed(1)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["export", "runs.xls"], ".jsonl, .csv, .parquet"),
        (["export", "runs.csv"], "modelworth demo"),
        (["import", "missing.jsonl"], "readable"),
        (["import", "missing.json", "--count", "0"], "1 or more"),
        (["import", "missing.json", "--device", "H1000"], "accelerator: H1000"),
        (["import", "missing.json", "--precision", "fp7"], "float32"),
    ],
)
def test_nonsense_gets_a_line_and_status_2(folder, capsys, arguments, said):
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert len(shown.err.splitlines()) <= 3
    assert not shown.out


def test_nothing_is_added_when_one_file_is_wrong(folder, capsys):
    with open_store("full.db") as store:
        store.add(made_up())
    assert main(["export", "runs.jsonl", "--store", "full.db"]) == 0
    (folder / "bad.jsonl").write_text("nonsense\n")
    assert main(["import", "runs.jsonl", "bad.jsonl"]) == 2
    assert "bad.jsonl:1" in capsys.readouterr().err
    assert not (folder / "modelworth.db").exists()
