"""A store's password, however it was typed and wherever the command fails, is shown by no verb."""

from __future__ import annotations

import sys

import pytest

from modelworth.cli import VERBS, main
from modelworth.data.engine import resolve_url
from modelworth.data.store import ENVIRONMENT

WORD = "s3cret"
ADDRESSES = (
    f"postgresql://ann:{WORD}@127.0.0.1:9/lab", f"postgresql+psycopg://ann:{WORD}@127.0.0.1:9/lab",
    f"postgresql://127.0.0.1:9/lab?user=ann&password={WORD}",
    f"postgresql://127.0.0.1:9/lab?password={WORD}&connect_timeout=1",
    f"postgresql://ann@127.0.0.1:9/lab?sslmode=no&sslpassword={WORD}",
    f"postgresql://ann:a@{WORD}@127.0.0.1:9/lab", f"postgresql://ann:a/{WORD}@127.0.0.1:9/lab",
    f"postgresql://127.0.0.1:9/lab?password=a@{WORD}", f"mysql://ann:{WORD}@h/lab",
    f"POSTGRESQL://ann:{WORD}@h/lab", f"sqlite:///lab.db?password={WORD}",
    f"postgresql://ann:{WORD}@[::1/lab", f"postgresql:/ann:{WORD}@h/lab", f"://ann:{WORD}@h",
    f"host=127.0.0.1 port=9 user=ann password={WORD}", f"postgresql://ann:{WORD}@h:port/lab",
)  # fmt: skip
LEAST = {
    "demo": [], "bench": ["--model", "ladder-1m", "--work", "decode"], "study": ["data", "--quick"],
    "compare-runs": ["a", "b"], "load": ["http://127.0.0.1:9", "--device", "H100 SXM 80GB"],
    "meter": ["http://127.0.0.1:9"], "predict": ["--model", "llama-3.1-8b", "--gpu", "H100"],
    "plan": ["--model", "llama-3.1-8b", "--rate", "2"], "evaluate": ["base", "--trials", "0"],
    "compare": ["base", "--trials", "0"], "report": ["base", "--trials", "0"], "dashboard": [],
    "import": ["in.jsonl"], "export": ["out.jsonl"], "doctor": [], "inspect": ["llama-3.1-8b"],
    "list": ["models"],
}  # fmt: skip
"""The least that a verb is asked; without the libraries of a server or a study."""


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_name_of_a_store_has_no_password(address):
    try:
        _, shown = resolve_url(address)
    except Exception as error:  # noqa: BLE001 - whatever is said
        shown = str(error)
    assert WORD not in shown


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_shows_a_password(tmp_path, monkeypatch, capsys, verb):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.execve", lambda *_: sys.exit(1))  # what the dashboard becomes
    address = ADDRESSES[4]
    typed = [["--store", address], [f"--store={address}"], [f"--stor={address}"],
             ["--stroe", address], [f"--stroe={address}"], [address]]  # fmt: skip
    for words in typed:
        _fail([verb, *LEAST[verb], *words])
    _fail([address])
    _fail(["--store", address, verb])
    monkeypatch.setenv(ENVIRONMENT, address)
    if verb not in ("demo", "dashboard", "inspect", "load", "meter", "plan"):
        main([verb, *LEAST[verb]])
    said = "".join(capsys.readouterr())
    assert said
    assert WORD not in said
    assert not any(WORD.encode() in path.read_bytes()
                   for path in tmp_path.rglob("*") if path.is_file())  # fmt: skip


def _fail(words: list[str]) -> None:
    try:
        status = main(words)
    except SystemExit as error:
        status = int(error.code or 0)
    assert status != 0, words
