"""`modelworth report`: paths on success, one clear line and the right status otherwise."""

from __future__ import annotations

import json

import pytest

from modelworth.cli import main

PLAIN = ["--trials", "0", "--date", "2026-11-24"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_it_writes_and_says_where(tmp_path, capsys):
    status = main(["report", "base", "--out", "out", "--formats", "html,json", *PLAIN])
    said = capsys.readouterr()
    assert status == 0
    assert said.out.split() == ["out/report.html", "out/report.json"]
    assert (tmp_path / "out" / "report.html").stat().st_size > 5e5


def test_it_shows_what_evaluate_shows(tmp_path, capsys):
    change = ["--set", "demand.requests_per_month=4e6", "--trials", "64", "--seed", "3"]
    assert main(["evaluate", "base", "--json", *change]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert main(["report", "base", "--formats", "json", *change]) == 0
    written = json.loads((tmp_path / "out" / "report.json").read_text())
    assert written["indicators"] == shown["indicators"]
    assert written["verdict"] == shown["verdict"]
    command = written["provenance"]["command"]
    assert command.startswith("modelworth report base --trials 64 --seed 3")
    assert "--set demand.requests_per_month=4e6" in command


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["base", "--formats", "docx"], "html, pdf, xlsx, pptx, md, json, onepager"),
        (["base", "--language", "fr"], "zh_CN"),
        (["base", "--sections", "summry"], "summary"),
        (["base", "--date", "yesterday"], "2026-12-01"),
        (["no_such_scenario"], "no_such_scenario"),
        (["base", "--set", "demand.nonsense=3"], "nonsense"),
    ],
)
def test_wrong_input_is_one_clear_line(arguments, told, capsys):
    assert main(["report", *arguments]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert "Traceback" not in said


def test_a_format_that_fails_is_named_and_the_others_are_written(tmp_path, capsys, monkeypatch):
    from modelworth.report import files

    def failing(job):
        raise RuntimeError("broken")

    monkeypatch.setitem(files.FORMATS, "pdf", failing)
    assert main(["report", "base", "--formats", "json,pdf", *PLAIN]) == 1
    said = capsys.readouterr()
    assert said.out.split() == ["out/report.json"]
    assert "pdf: RuntimeError: broken" in said.err


def test_without_charts_there_is_no_folder_for_them(tmp_path):
    assert main(["report", "base", "--formats", "md", "--sections", "indicators", *PLAIN]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"report.md"}
