"""What the project is built from can be listed, and nothing of it forbids giving it away."""

from __future__ import annotations

import csv
import importlib.util
import json
import re
import subprocess
from datetime import date
from importlib import metadata
from pathlib import Path

import pytest

PATH = Path(__file__).parents[1] / ".ci" / "supply.py"


@pytest.fixture(scope="module")
def supply():
    spec = importlib.util.spec_from_file_location("supply", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_bill_of_materials_has_every_package_with_its_version(supply):
    bill = json.loads(json.dumps(supply.sbom()))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    found = {part["name"]: part for part in bill["components"]}
    assert {"numpy", "pydantic", "sqlalchemy", "streamlit", "torch"} <= found.keys()
    assert "pytest" not in found  # only what users install
    for name, part in found.items():
        assert part["version"] == metadata.version(name)
        assert part["purl"] == f"pkg:pypi/{name}@{part['version']}"


def test_no_package_has_a_licence_that_spreads_to_ours(supply):
    said = {name: supply.licence(package) for name, package in supply.packages().items()}
    assert [name for name, text in said.items() if text == "not said"] == []
    assert [name for name, text in said.items() if re.search(r"(?<!L)GPL", text)] == []


def test_every_pin_has_the_hashes_of_its_files_and_a_date(supply):
    text = supply.HASHES.read_text()
    pinned = dict(re.findall(r"^(\S+)==(\S+) \\(?:\n    --hash=sha256:[0-9a-f]{64}(?: \\)?)+$",
                             text, re.MULTILINE))  # fmt: skip
    assert supply.released().keys() == pinned.keys()
    wanted = (PATH.parents[1] / "constraints.txt").read_text()
    given = dict(re.findall(r"^([^#\s=]+)==(\S+)$", wanted, re.MULTILINE))
    versions = {supply._normal(name): version for name, version in given.items()}
    assert versions.pop("torch")  # whose build is the machine's
    assert pinned.pop("setuptools")  # only torch asks for it
    assert pinned == versions


def test_a_package_of_ours_without_a_release_in_two_years_has_a_reason(supply):
    with supply.OLD.open(newline="") as file:
        kept = {row["name"]: row for row in csv.DictReader(file)}
    dates = supply.released()
    assert supply.aged(max(dates.values())) == {}
    assert all(row["why"] and row["source"] and row["as_of"] for row in kept.values())
    assert kept.keys() <= dates.keys()
    later = date(2100, 1, 1)  # when everything that is pinned is old
    assert supply.aged(later).keys() == supply.packages().keys() & dates.keys() - kept.keys()


@pytest.mark.parametrize(
    ("printed", "status", "said"),
    [
        ("", 0, "nothing was looked up"),
        ('{"dependencies": [{"name": "a", "skip_reason": "?"}]}', 0, "nothing was looked up"),
        ('{"dependencies": [{"name": "a", "version": "1", "vulns": []}]}', 0, "0 vulnerabilities"),
        ('{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", '
         '"fix_versions": ["2"]}]}]}', 1, "a 1: PYSEC-1, mended in 2"),
    ],
)  # fmt: skip
def test_an_audit_says_what_is_known_and_whether_it_could_look(
    supply, monkeypatch, capsys, printed, status, said
):
    answer = subprocess.CompletedProcess([], 0, printed, "")
    monkeypatch.setattr(supply.subprocess, "run", lambda *_, **__: answer)
    assert supply.audit() == status
    assert said in capsys.readouterr().out
