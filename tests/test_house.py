"""The rules of the house that no single room can check."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("bench", "costmodel", "dashboard", "data", "report")
SOURCES = [path for room in (*ROOMS, "modelworth") for path in sorted((ROOT / room).rglob("*.py"))]


def test_rooms_import_only_what_they_may():
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout


def test_every_package_is_listed_for_installation():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    present = {
        ".".join(("modelworth", *path.parent.relative_to(ROOT).parts))
        for room in ROOMS
        for path in (ROOT / room).rglob("__init__.py")
    }
    present |= {"modelworth", "modelworth.verbs"}
    assert present == set(listed)


def test_a_file_fits_in_the_head():
    long = [str(path) for path in SOURCES if len(path.read_text().splitlines()) > 450]
    assert not long, "two rooms in one: split them"


def test_both_readmes_name_the_test_command():
    for name in ("README.md", "README.zh-CN.md"):
        text = (ROOT / name).read_text()
        assert "make test" in text


def test_links_between_documents_lead_somewhere():
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)", document.read_text()):
            if "://" not in target:
                assert (document.parent / target).exists(), f"{document.name} → {target}"


def test_no_package_is_pinned_outside_its_range():
    """The exact pins admit the ranges that pyproject.toml promises."""
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    )
    pins = {name.lower().replace("_", "-"): version for name, version in pins.items()}
    wanted = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    for requirement in map(Requirement, wanted):
        name = requirement.name.lower().replace("_", "-")
        assert pins[name] in requirement.specifier, requirement


@pytest.mark.parametrize("versions", [{"torch": "2.11.0", "transformers": "5.17.0"}])
def test_the_ranges_admit_a_gpu_image_with_older_packages(versions: dict[str, str]):
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in map(Requirement, project["optional-dependencies"]["bench"]):
        if requirement.name in versions:
            assert versions[requirement.name] in requirement.specifier
