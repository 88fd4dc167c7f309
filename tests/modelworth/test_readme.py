"""The commands that the READMEs show can be typed, and the quick ones do what they say."""

from __future__ import annotations

import argparse
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from modelworth.cli import VERBS, main

ROOT = Path(__file__).parents[2]
SHOWN = {
    name: re.findall(r"`modelworth ([^`]+)`", (ROOT / name).read_text("utf-8"))
    for name in ("README.md", "README.zh-CN.md")
}
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
QUICK = [command for command in SHOWN["README.md"] if command.startswith(("predict", "evaluate"))]


@pytest.mark.parametrize("name", SHOWN)
def test_every_command_is_one_that_the_verb_takes(name):
    assert SHOWN[name]
    for command in SHOWN[name]:
        verb, *arguments = shlex.split(command)
        module = import_module(f"modelworth.verbs.{verb.replace('-', '_')}")
        parser = argparse.ArgumentParser(prog=verb, exit_on_error=False)
        module.add_arguments(parser)
        parser.parse_args(arguments)


def test_the_verbs_are_all_shown_somewhere():
    shown = " ".join(path.read_text("utf-8") for path in DOCUMENTS)
    for verb in VERBS:
        assert re.search(rf"modelworth {verb}\b", shown) or f"make {verb}" in shown, verb


@pytest.mark.parametrize("command", QUICK)
def test_the_quick_ones_work(command, tmp_path, monkeypatch, capsys):
    (tmp_path / "my_plan.yaml").write_text("months: 12\nstart: 2026-12\n")
    monkeypatch.chdir(tmp_path)
    arguments = shlex.split(command)
    few = ["--trials", "64"] if arguments[0] == "evaluate" and "--check" not in command else []
    assert main([*arguments, *few]) in ((0, 1) if "--lint" in command else (0,))
    assert capsys.readouterr().out.strip()
