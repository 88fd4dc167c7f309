"""What the project is built from can be listed, and nothing of it forbids giving it away."""

from __future__ import annotations

import importlib.util
import json
import re
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
