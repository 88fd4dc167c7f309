"""The verb from end to end: small studies, resuming, a page, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from modelworth.cli import main
from modelworth.data.store import open_store


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_study_runs_to_a_page(tmp_path, monkeypatch, capsys):
    """The two-minute part of `make study`: each study with few small runs, then again at once."""
    monkeypatch.setenv("MODELWORTH_STORE", str(tmp_path / "lab.db"))
    sizes = ["--sizes", "16x1"]
    page = tmp_path / "chain.md"
    for study in ("data", "privacy", "explain"):
        assert main(["study", study, "--quick", *(sizes if study != "data" else [])]) == 0
    few = [*sizes, "--tokens", "8e3,3.2e4", "--report", str(page)]
    assert main(["study", "learning", "--quick", *few]) == 0
    text = page.read_text()
    for title in ("## Data", "## Learning", "## Privacy", "## Explanations", "(CPU)"):
        assert title in text
    with open_store(str(tmp_path / "lab.db")) as store:
        records = list(store.measurements(kind="study"))
    assert {it.status for it in records} == {"ok"}
    assert {it.study.name for it in records} == {"data", "learning", "privacy", "explain"}
    assert all(str(tmp_path) not in (it.provenance.command or "") for it in records)
    capsys.readouterr()
    assert main(["study", "explain", "--quick", "--sizes", "16x1"]) == 0
    assert "were there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "must be one of data, learning, privacy, explain, all, or --report"),
        (["learning", "nowhere"], "must be a folder with text, JSON lines or Parquet"),
        (["learning", "--sizes", "70b"], "must be WIDTHxLAYERS such as 64x4"),
        (["learning", "--tokens", "many"], "must be a number of tokens from 1000 on"),
    ],
)
def test_wrong_input_is_said_in_two_lines(arguments, said, tmp_path, capsys):
    store = ["--store", str(tmp_path / "lab.db")]
    assert main(["study", *arguments, *store]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 2


@pytest.mark.parametrize("study", ["privacy", "explain", "data"])
def test_a_missing_package_names_its_extra(study, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["study", study, "--store", str(tmp_path / "lab.db")]) == 1
    assert "pip install 'modelworth[study]'" in capsys.readouterr().err


@pytest.mark.slow
def test_nothing_imports_the_studies_packages_unless_they_run():
    """Neither the command line nor the whole analysis side touches opacus or captum."""
    code = (
        "import sys, json, modelworth.cli, modelworth.verbs.study, modelworth.bench.study.runner\n"
        "import modelworth.costmodel.evaluate, modelworth.report.chain_document\n"
        "import modelworth.bench.study.worker\n"
        "print(json.dumps([name for name in ('opacus', 'captum', 'datasketch', 'peft')"
        " if name in sys.modules]))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(found.stdout) == []
