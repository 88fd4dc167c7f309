"""What the documents show is true: made pages are current, examples run, names exist."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path

import pytest

from docs.reference.pages import PAGES

ROOT = Path(__file__).parent.parent
ROOMS = ("data", "bench", "costmodel", "report", "dashboard", "modelworth")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_made_page_is_current(path):
    assert path.read_text("utf-8") == PAGES[path](), "run: python -m docs.reference"


def test_every_name_that_the_architecture_page_follows_exists():
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    names = re.findall(r"`((?:data|bench|costmodel|report|dashboard)\.[\w.]+)`", text)
    assert len(names) > 20
    for name in names:
        assert _found(name) is not None, name


def _found(name: str) -> object:
    """A module, or what a module holds."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            thing: object = import_module(f"modelworth.{'.'.join(parts[:cut])}")
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            thing = getattr(thing, part)
        return thing
    return None


def test_glossary_is_in_alphabetical_order():
    text = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    words = [line.split("|")[1].strip().casefold() for line in text.splitlines()[4:]]
    assert words == sorted(words)


def test_files_that_contributing_names_are_there():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    for name in re.findall(r"`((?:{}|docs|tests)/[^`*<]+)`".format("|".join(ROOMS)), text):
        assert (ROOT / name).exists(), name


@pytest.mark.slow
def test_the_notebook_runs(tmp_path, monkeypatch):
    notebook = json.loads((ROOT / "examples" / "tutorial.ipynb").read_text("utf-8"))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert (tmp_path / "tutorial-report" / "report.html").exists()


def test_the_readmes_library_example_runs(tmp_path, monkeypatch):
    text = (ROOT / "README.md").read_text("utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(block, names)
    assert names["analysis"].verdict.outcome in ("viable", "not_viable", "depends")
