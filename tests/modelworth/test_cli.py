"""The command line: thin, quick to answer, and clear when the input is wrong."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from modelworth.cli import VERBS, main

HEAVY = ("torch", "transformers", "numpy", "pandas", "scipy", "pydantic", "streamlit", "plotly")


def test_help_imports_nothing_heavy():
    code = "import sys; from modelworth.cli import main\n"
    code += "try: main(['--help'])\nexcept SystemExit: pass\n"
    code += "import json; print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    outcome = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not set(HEAVY) & set(json.loads(outcome.stderr))
    assert all(verb in outcome.stdout for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_an_example(verb: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stopped:
        main([verb, "--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    assert f"modelworth {verb}" in shown.split("example", 1)[1], "an example to copy"


def test_an_unknown_verb_is_wrong_input(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stopped:
        main(["nonsense"])
    assert stopped.value.code == 2
    assert "doctor" in capsys.readouterr().err


def test_an_interrupt_is_no_traceback(monkeypatch, capsys):
    import modelworth.verbs.doctor as doctor

    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "run", interrupted)
    assert main(["doctor"]) == 130
    assert "stopped" in capsys.readouterr().err


def test_a_missing_package_names_the_extra(monkeypatch, capsys):
    import modelworth.verbs.doctor as doctor

    def needs_torch(options):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(doctor, "run", needs_torch)
    assert main(["doctor"]) == 1
    assert "pip install 'modelworth[bench]'" in capsys.readouterr().err


def test_doctor_looks_at_everything(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status = main(["doctor", "--json"])
    findings = json.loads(capsys.readouterr().out)
    assert status == int(any(finding["ok"] is False for finding in findings))
    assert {"Python", "CPU", "memory", "part bench"} <= {f["what"] for f in findings}
    assert list(tmp_path.iterdir()) == [], "looking creates no store"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["predict", "--count", "4"], "--count: no such option\n  must be one that --help lists"),
        (["evaluate", "base", "--trails=4"], "such as --trials"),
        (["evaluate", "base", "postgresql://u:secret@h/db"], "one too many"),
    ],
)
def test_a_part_of_an_options_name_is_no_option(words, said, capsys):
    """`--count` would otherwise be taken as the beginning of `--country`."""
    assert main(words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "secret" not in error
    assert len(error.splitlines()) == 2
