"""A kept description stands for its model by name and by file, also where there is no torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from modelworth.cli import main
from modelworth.costmodel.architecture.read import read_model
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError
from modelworth.data.kept_models import kept_names
from tests.costmodel.small_models import short_config

WITHOUT = """
import sys

class Missing:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing)
from modelworth.cli import main
sys.exit(main(sys.argv[1:]))
"""
ASK = ("--gpu", "H100 SXM 80GB", "--work", "serve", "--batch", "8", "--json")


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A folder in which a small model is kept by name and as a file."""
    monkeypatch.setenv("MODELWORTH_MODELS", str(tmp_path / "models"))
    config = tmp_path / "config.json"
    config.write_text(json.dumps(short_config("mixtral")), "utf-8")
    for name in ("My-Model", str(tmp_path / "as_file.json")):
        assert main(["inspect", str(config), "--read", "--save", name]) == 0
    return tmp_path


def test_the_catalogue_has_it_by_name_and_by_file(kept):
    read = read_model(short_config("mixtral"))
    for name in ("my-model", "My-Model", str(kept / "as_file.json")):
        entry = load_catalog().model(name)
        assert entry.parameters_total == read.parameters
        assert entry.parameters_active == read.active_parameters
        assert read_model(entry.config).parameters_by_part == read.parameters_by_part
    assert kept_names() == ("my-model",)


def test_predict_and_evaluate_take_it_without_torch(kept):
    scenario = Path(__file__).parents[2] / "data" / "scenarios" / "chat_api_startup.yaml"
    asked = scenario.read_text("utf-8").replace("model: llama-3.1-70b", "model: my-model")
    assert "my-model" in asked
    (kept / "scenario.yaml").write_text(asked, "utf-8")
    for words in (
        ("predict", "--model", "my-model", *ASK),
        ("predict", "--model", str(kept / "as_file.json"), *ASK),
        ("evaluate", str(kept / "scenario.yaml"), "--trials", "0", "--json"),
    ):
        command = [sys.executable, "-c", WITHOUT, *words]
        found = subprocess.run(command, capture_output=True, text=True, check=False, cwd=kept)
        assert found.returncode == 0, found.stderr
        json.loads(found.stdout)


def test_a_shipped_name_is_not_taken_and_a_config_is_no_description(kept, capsys):
    assert main(["inspect", str(kept / "config.json"), "--read", "--save", "llama-3.1-8b"]) == 2
    assert main(["inspect", str(kept / "config.json"), "--read", "--save", "../escape"]) == 2
    capsys.readouterr()
    with pytest.raises(InputError, match="inspect MODEL --save"):
        load_catalog().model(str(kept / "config.json"))
    with pytest.raises(InputError, match="a known one"):
        load_catalog().model("no-such-model")


def test_a_damaged_description_is_named_by_its_field(kept):
    path = kept / "as_file.json"
    found = json.loads(path.read_text("utf-8"))
    found["kept"]["parameters_total"] = -1
    path.write_text(json.dumps(found), "utf-8")
    with pytest.raises(InputError, match="parameters_total"):
        load_catalog().model(str(path))
