"""Files of every kind that a verb reads, each wrong in its own way: two lines, status 2."""

from __future__ import annotations

import json
import os
import struct

import pytest

from tests.data.hostile_files import DAMAGED, FOREIGN, MORE, foreign
from tests.data.test_hostile import _refused

HEAD = "model,gpu,concurrency,prompt_tokens,new_tokens,gpus,precision\n"
ROW = "llama-3.1-8b,H100 SXM 80GB,8,1024,256,1,bf16\n"
PLAN = "months: 12\nstart: 2026-01\n"
CONFIG = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 4096,
    "intermediate_size": 11008, "num_attention_heads": 32, "num_hidden_layers": 32,
    "vocab_size": 32000,
}  # fmt: skip
LAUGHS = "a: &a0 [x, x]\n" + "".join(f"b{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
FILES = {
    "import": {
        "a.json": ["[" * 100_000, '{"a":' * 5000 + "1" + "}" * 5000, "\0\0{}", "null", "[]",
                   '{"x": NaN}', '{"mean_ttft_ms": 1e400}', '"\\ud800"', b"\xff\xfe{\0}\0", ""],
        "a.jsonl": ["{}\n" * 1000, b"\x1f\x8b" + bytes(100)],
        "a.csv": ['document\n"{""a"": 1}"\n', "document\n" + "x" * 5_000_000, "model,t\na,b\n"],
        "a.parquet": [b"PAR1" + bytes(100) + b"PAR1", b"PAR1" + b"\xff" * 11 + b"\x7fPAR1", b""],
    },
    "evaluate": {
        "a.yaml": [LAUGHS, "&a [*a]", "months: 12\nstart: 9999-99-99\n", "months: .inf\n",
                   "!!python/object/apply:os.system [id]", f"months: 0x{'f' * 400}\n",
                   "? " * 3000 + "a", "- " * 3000 + "a", f"{PLAN}months: 13\n", "", "x" * 2_000_000,
                   b"\xff\xfea\0:\0", 'a: "\\x00"', "<<: *x", "a: !!binary " + "A" * 1000,
                   f"{PLAN}revenue: {{api: {{price_usd_per_million_output_tokens: 1e308}}}}\n"],
    },
    "predict": {
        "a.csv": ["", "\0" * 100, HEAD, HEAD + '"llama', "a;b\n1;2\n", HEAD.encode() + b"\xff,x",
                  ",".join(f"c{n}" for n in range(2000)) + "\n", HEAD + ROW.replace("8b,", "9b,"),
                  HEAD + ROW.replace("bf16", "bf17"), HEAD + ROW.replace(",1,", ",1e18,"),
                  HEAD + ROW.replace("1024", "-1"), HEAD + ROW.replace("H100", "\x1b[2J")],
    },
    "inspect": {
        "config.json": [json.dumps(CONFIG | change) for change in (
            {"num_hidden_layers": 10**9}, {"hidden_size": "4096"}, {"vocab_size": [1] * 100},
            {"model_type": "\u202e"}, {"model_type": {}}, {"hidden_size": -4096})],
        "a.gguf": [b"GGUF", b"GGUF" + struct.pack("<IQQ", 3, 2**62, 2**62), bytes(50),
                   b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**60),
                   b"GGUF" + struct.pack("<IQQ", 99, 0, 0)],
        "a.safetensors": [b"", struct.pack("<Q", 2**62), struct.pack("<Q", 60_000) + b"[" * 60_000],
    },
}  # fmt: skip
WORDS = {
    "import": ["import", "FILE", "--device", "H100", "--store", "STORE"],
    "evaluate": ["evaluate", "FILE", "--trials", "0"],
    "predict": ["predict", "--cases", "FILE", "--out", "OUT"],
    "inspect": ["inspect", "FILE"],
    "config": ["predict", "--model", "FILE", "--gpu", "H100 SXM 80GB", "--work", "decode"],
    "built": ["bench", "--model", "FILE", "--work", "decode", "--list"],
    "suite": ["bench", "--suite", "FILE", "--list", "--store", "STORE"],
    "brand": ["report", "base", "--brand", "FILE", "--out", "OUT", "--trials", "0"],
    "logo": ["report", "base", "--brand", "BRAND", "--out", "OUT", "--trials", "0"],
    "lengths": ["plan", "--model", "llama-3.1-8b", "--rate", "2", "--lengths", "FILE"],
    "traffic": ["load", "http://127.0.0.1:9", "--device", "H100 SXM 80GB", "--dataset", "FILE"],
    "store": ["evaluate", "base", "--trials", "0", "--store", "FILE"],
}
CASES = [
    (verb, name, content)
    for table in (FILES, MORE)
    for verb, files in table.items() for name, contents in files.items() for content in contents
]  # fmt: skip


@pytest.mark.parametrize(
    ("verb", "name", "content"), CASES,
    ids=[f"{verb}-{name}-{number}" for number, (verb, name, _) in enumerate(CASES)],
)  # fmt: skip
def test_a_file_that_is_wrong_is_refused_in_two_lines(tmp_path, capsys, verb, name, content):
    path = tmp_path / name
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    path.write_bytes(raw)
    (tmp_path / "brand.toml").write_text(f"logo = '{name}'")
    _said(capsys, tmp_path, verb, path)


def _said(capsys, folder, verb, path) -> str:
    """What a verb says of a file that it refuses."""
    named = {"FILE": path, "STORE": folder / "store.db", "OUT": folder / "out.csv"}
    named["BRAND"] = folder / "brand.toml"
    return _refused(capsys, *(named.get(word, word) for word in WORDS[verb]))


@pytest.mark.parametrize("statements", FOREIGN.values(), ids=FOREIGN)
def test_a_database_that_is_no_store_of_ours_is_refused_unread(tmp_path, capsys, statements):
    foreign(tmp_path / "lab.db", statements)
    _said(capsys, tmp_path, "store", tmp_path / "lab.db")


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_database_is_refused(tmp_path, capsys, damage):
    foreign(tmp_path / "lab.db", "PRAGMA wal_checkpoint(TRUNCATE)")
    whole = (tmp_path / "lab.db").read_bytes()
    (tmp_path / "bad.db").write_bytes(damage(whole))
    _said(capsys, tmp_path, "store", tmp_path / "bad.db")


@pytest.mark.parametrize("verb", [verb for verb in WORDS if verb != "logo"])
@pytest.mark.parametrize(
    "kind", ["pipe", "folder", "device", "loop", "nothing", "name", "bytes", "memory", "hole"]
)
def test_what_is_no_file_is_refused(tmp_path, capsys, verb, kind):
    path = tmp_path / "a"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "memory":
        path.symlink_to("/proc/self/mem")  # says that it has no bytes, and gives an error
    elif kind == "hole":
        path.touch()
        os.truncate(path, 2**40)
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "nothing":
        path.symlink_to(tmp_path / "gone")
    else:
        path = tmp_path / ("x" * 300 if kind == "name" else "\x1b[2J\udcff")
    if verb == "store" and kind in ("nothing", "bytes", "name"):
        path = tmp_path / "gone" / path.name
    _said(capsys, tmp_path, verb, path)
