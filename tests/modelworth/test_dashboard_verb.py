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


def test_the_verb_becomes_the_server_so_that_nothing_outlives_it(monkeypatch, capsys):
    class Became(Exception):  # noqa: N818 - no error
        pass

    def become(program, words, environment):
        raise Became(program, words, environment)

    monkeypatch.setattr("os.execve", become)
    with pytest.raises(Became) as became:
        main(["dashboard", "--port", "8765", "--language", "en"])
    _, words, environment = became.value.args
    assert words[-2:] == ["--server.port", "8765"]
    assert environment["MODELWORTH_LANGUAGE"] == "en"
    assert "8765" in capsys.readouterr().out


@pytest.mark.parametrize("flag", ["--scenario", "--store"])
def test_a_file_that_no_page_could_show_is_refused_before_a_server_starts(tmp_path, capsys, flag):
    path = tmp_path / "plan.yaml"
    path.write_text("months: [")
    assert main(["dashboard", flag, str(path)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 2
