"""`export` and `import` as a person runs them."""

from __future__ import annotations

import json

import pytest

from modelworth.cli import main
from modelworth.data import catalog
from modelworth.data.exchange import read
from modelworth.data.measurement import Measurement
from modelworth.data.store import open_store
from tests.data.importers.results import VLLM
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
        (["import", "missing.jsonl"], "a file that can be read"),
        (["import", "missing.json", "--count", "0"], "1 or more"),
        (["import", "missing.json", "--device", "H1000"], "accelerator: H1000"),
        (["import", "missing.json", "--precision", "fp7"], "did you mean fp8"),
        (["import", "missing.json", "--kv-precision", "fp7"], "--kv-precision: fp7"),
        (["import", "missing.json", "--drafted", "1001"], "1 to 1000 in a step"),
        (["import", "missing.json", "--drafted", "0"], "1 to 1000 in a step"),
        (["import", "missing.json", "--acceptance", "70"], "a share from 0 to 1"),
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
    assert "bad.jsonl" in capsys.readouterr().err
    assert not (folder / "modelworth.db").exists()


def test_a_load_test_is_judged_in_words(folder, capsys):
    (folder / "held.json").write_text(json.dumps(VLLM))
    (folder / "paced.json").write_text(json.dumps({**VLLM, "max_concurrency": 256}))
    device = ["--device", "H100 SXM 80GB", "--store", "judged.db"]
    assert main(["import", "held.json", *device, "--judge"]) == 0
    said = capsys.readouterr().out
    assert "concurrency-held" in said
    assert "4 requests/s × 7.91 s = 31.6 in flight, of 32 allowed (99%)" in said
    assert main(["import", "paced.json", *device]) == 0
    assert "1 of 1 can't stand for a capacity (load-limited)" in capsys.readouterr().out
    assert main(["import", "held.json", "--store", "judged.db"]) == 2
    assert "given: --device" in capsys.readouterr().err


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_records_are_exported_without_the_commands_that_made_them(tmp_path, ending):
    told = made_up(1).model_dump()
    told["provenance"]["command"] = "modelworth bench --store=postgresql://ann:s3cret@db/lab"
    del told["id"]
    old = Measurement.model_validate(told)
    with open_store(str(tmp_path / "lab.db")) as store:
        store.add_all([old, made_up(2)])
    out = tmp_path / f"out.{ending}"
    words = ["export", str(out), "--store", str(tmp_path / "lab.db"), "--blank-commands"]
    assert main(words) == 0
    assert b"s3cret" not in out.read_bytes()
    found = {record.model.name: record for record in read(out)}
    assert found["tiny-1"].id != old.id
    assert found["tiny-1"].provenance.command is None
    assert found["tiny-1"].result == old.result


def test_names_that_nobody_knows_cost_no_search_for_near_ones(tmp_path, monkeypatch):
    """Five thousand tests of llama-bench took 17 s, all but two of them for names not shown."""

    def searched(*_: object, **__: object) -> list[str]:
        raise AssertionError("a search")

    monkeypatch.setattr(catalog, "get_close_matches", searched)
    runs = [VLLM | {"model_id": f"nobody/knows-{number}"} for number in range(3)]
    (tmp_path / "in.json").write_text(json.dumps(runs))
    told = ["--device", "H100 SXM 80GB", "--count", "2"]
    assert (
        main(["import", str(tmp_path / "in.json"), *told, "--store", str(tmp_path / "s.db")]) == 0
    )
