"""Each format is written whole or not at all, and none fails because of another."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from modelworth.data.errors import InputError, ModelworthError
from modelworth.report import files
from modelworth.report.files import FORMATS, write
from modelworth.report.formats.zips import fixed
from tests.report.conftest import DAY
from tests.report.hostility import HOSTILE
from tests.report.sample import hostile

QUICK = ["html", "xlsx", "pptx", "json"]


def _names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_all_formats_twice_give_the_same_bytes(small, tmp_path):
    for folder in ("one", "two"):
        outcomes = write(small, tmp_path / folder, list(FORMATS), "en", date=DAY)
        assert [(outcome.format, outcome.error) for outcome in outcomes] == [
            (name, None) for name in FORMATS
        ]
        assert all(outcome.path and outcome.path.is_file() for outcome in outcomes)
    one, two = tmp_path / "one", tmp_path / "two"
    assert _names(one) == _names(two)
    plain = {f"report.{name}" for name in FORMATS if name != "onepager"}
    assert plain | {"onepager.pdf", "onepager.pptx"} <= _names(one)
    for name in _names(one):
        assert (one / name).read_bytes() == (two / name).read_bytes(), name


def test_the_json_is_the_analysis(base, tmp_path):
    write(base, tmp_path, ["json"], date=DAY)
    read = json.loads((tmp_path / "report.json").read_text())
    assert {k: f["base"] for k, f in read["indicators"].items()} == {
        key: figure.base for key, figure in base.indicators.items()
    }
    assert read["provenance"]["scenario_sha256"] == base.provenance.scenario_sha256
    assert read["date"] == "2026-11-24"


def test_undefined_is_null_in_json(small, tmp_path):
    series = replace(small.series["used"], base=(math.nan, math.inf))
    write(replace(small, series={"used": series}), tmp_path, ["json"], date=DAY)
    read = json.loads((tmp_path / "report.json").read_text())
    assert read["series"]["used"]["base"] == [None, None]


@pytest.mark.parametrize("error", [ModelworthError("no font"), ValueError("odd"), MemoryError()])
def test_a_format_that_fails_leaves_the_others_and_nothing_half(
    small, tmp_path, monkeypatch, error
):
    def failing(job):
        raise error

    (tmp_path / "report.xlsx").write_text("the one from before")
    monkeypatch.setitem(files.FORMATS, "xlsx", failing)
    outcomes = {outcome.format: outcome for outcome in write(small, tmp_path, QUICK, date=DAY)}
    assert outcomes["xlsx"].path is None
    assert outcomes["xlsx"].error
    assert all(outcomes[name].error is None for name in QUICK if name != "xlsx")
    assert (tmp_path / "report.xlsx").read_text() == "the one from before"
    assert _names(tmp_path) == {f"report.{name}" for name in QUICK}


def test_a_missing_package_is_named_with_its_remedy(small, tmp_path, monkeypatch):
    def missing(job):
        raise ModuleNotFoundError("No module named 'typst'", name="typst")

    monkeypatch.setitem(files.FORMATS, "json", missing)
    (outcome,) = write(small, tmp_path, ["json"])
    assert "typst" in outcome.error
    assert "pip install 'modelworth[report]'" in outcome.error


def test_a_disk_that_fails_leaves_what_was_there(small, tmp_path, monkeypatch):
    (tmp_path / "report.json").write_text("before")

    def full(self, content):
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    (outcome,) = write(small, tmp_path, ["json"])
    assert "no space left" in outcome.error
    assert (tmp_path / "report.json").read_text() == "before"
    assert _names(tmp_path) == {"report.json"}


def test_charts_of_an_earlier_report_are_replaced(small, tmp_path):
    old = tmp_path / "report_charts" / "gone.svg"
    old.parent.mkdir()
    old.write_text("old")
    write(small, tmp_path, ["md"], sections=["summary"], date=DAY)
    names = _names(tmp_path)
    assert {"report.md", "report_charts/cash.svg"} <= names
    assert "report_charts/gone.svg" not in names


@pytest.mark.parametrize("key", ["path", "right_to_left", "controls", "long", "empty"])
def test_hostile_names_stay_in_the_folder(tmp_path, key):
    inner = tmp_path / "inner"
    outcomes = write(hostile(HOSTILE[key]), inner, QUICK, date=DAY)
    assert not [outcome for outcome in outcomes if outcome.error]
    assert {path.name for path in tmp_path.iterdir()} == {"inner"}
    assert _names(inner) == {f"report.{name}" for name in QUICK}


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"formats": ["docx"]}, "formats"),
        ({"formats": []}, "formats"),
        ({"language": "fr"}, "language"),
        ({"sections": ["nonsense"]}, "sections"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is(small, tmp_path, wrong, where):
    with pytest.raises(InputError, match=where):
        write(small, tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_wrong_input(small, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="folder"):
        write(small, tmp_path / "file" / "out")


def test_an_office_file_forgets_when_it_was_made():
    import io
    import zipfile

    def made(hour: int) -> bytes:
        inner = io.BytesIO()
        with zipfile.ZipFile(inner, "w") as archive:
            entry = zipfile.ZipInfo("docProps/core.xml", (2026, 1, 1, hour, 0, 0))
            stamp = f"<dcterms:created xsi:type='x'>2026-01-01T{hour:02}:00:00Z</dcterms:created>"
            archive.writestr(entry, stamp)
        outer = io.BytesIO()
        with zipfile.ZipFile(outer, "w") as archive:
            name = zipfile.ZipInfo("ppt/embeddings/sheet.xlsx", (2026, 1, 1, hour, 0, 0))
            archive.writestr(name, inner.getvalue())
        return outer.getvalue()

    assert made(1) != made(2)
    assert fixed(made(1), DAY) == fixed(made(2), DAY)
