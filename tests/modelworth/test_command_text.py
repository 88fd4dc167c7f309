"""The command in a record says what was meant, and nothing that must not be kept."""

from __future__ import annotations

import argparse
from importlib import import_module

import pytest

from modelworth.command_text import command_text
from modelworth.verbs import bench


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser()
    bench.add_arguments(made)
    return made


SECRET = "postgresql://ann:s3cret@db.lan/lab"


@pytest.mark.parametrize(
    "typed",
    [
        ["--store", SECRET], [f"--store={SECRET}"], [f"--sto={SECRET}"], ["--stor", SECRET],
        [f"--store={SECRET}?password=s3cret"],
    ],
)  # fmt: skip
def test_a_stores_address_is_never_written(parser, typed):
    text = command_text("bench", parser, parser.parse_args([*typed, "--suite", "quick"]))
    assert text.startswith("modelworth bench")
    assert "s3cret" not in text
    assert "ann" not in text
    assert "--store …" in text


@pytest.mark.parametrize(
    "path", ["/home/ann/models/c.json", "~/models/c.json", "../models/c.json", "C:\\ann\\c.json"]
)
def test_a_file_is_named_without_its_folder(parser, path):
    text = command_text("bench", parser, parser.parse_args(["--model", path, "--work", "decode"]))
    assert text == "modelworth bench --model c.json --work decode"


def test_a_hub_id_and_a_switch_are_kept(parser):
    typed = ["--model", "meta/llama", "--work", "pretrain", "--fully-sharded"]
    text = command_text("bench", parser, parser.parse_args(typed))
    assert text == "modelworth bench --model meta/llama --work pretrain --fully-sharded"


@pytest.mark.parametrize("verb", ["bench", "load", "meter", "study"])
def test_a_verb_run_by_another_knows_its_own_command(verb):
    made = argparse.ArgumentParser()
    import_module(f"modelworth.verbs.{verb}").add_arguments(made)
    assert made.get_default("parser") is made
