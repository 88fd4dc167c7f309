"""`modelworth dashboard`: what is wrong is said before a server starts."""

from __future__ import annotations

import pytest

from modelworth.cli import main


@pytest.mark.parametrize(
    "arguments", [["--port", "0"], ["--port", "70000"], ["--scenario", "nowhere.yaml"]]
)
def test_wrong_arguments_are_refused(arguments, capsys):
    assert main(["dashboard", *arguments]) == 2
    said = capsys.readouterr().err
    assert arguments[0] in said
    assert len(said.strip().splitlines()) <= 2
