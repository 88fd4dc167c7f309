"""Every reader of what somebody else wrote, with good inputs to start from.

A reader takes bytes and either takes them in, or raises an error of its own kind.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import yaml

from modelworth import data, report
from modelworth.bench.load import prompts
from modelworth.bench.load.metrics import read_metrics
from modelworth.bench.load.reply import Reply
from modelworth.bench.load.wire import Answer, WireError
from modelworth.bench.study import texts
from modelworth.cli import main
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.dashboard.links import pack, unpack
from modelworth.dashboard.parts import scenario_files, upload
from modelworth.data import yaml_reader
from modelworth.data.checkup import checkup
from modelworth.data.errors import ModelworthError
from modelworth.data.exchange import write
from modelworth.data.record_text import serialise
from modelworth.data.store import ENVIRONMENT, open_store
from modelworth.report.brand import load_brand
from tests.data.hostile_files import LLAMA, VLLM
from tests.data.importers.test_printed import LMDEPLOY, LMDEPLOY_OLD, TGI, TRTLLM
from tests.data.records import made_up
from tests.data.test_gguf_header import written

SHIPPED = Path(data.__file__).parent
BRANDS = Path(report.__file__).parent / "brands"
FEW = 12
STORE, OUT = "store.db", "out.csv"


@dataclass(frozen=True)
class Reader:
    """One reader: its good inputs as plain data or bytes, how bytes are made, and what reads them.

    Attributes:
        refusals: errors of its own kind; anything else is a fault.
        loads: a large library that some inputs ask for; no input's time is spent on it.
    """

    name: str
    seeds: Callable[[], list[object]]
    encode: Callable[[object], bytes]
    read: Callable[[bytes], None]
    refusals: tuple[type[Exception], ...] = (ModelworthError,)
    loads: str | None = None


class NonsenseError(Exception):
    """What was taken in came out as something that can't be."""


def _typed(
    ending: str, *words: str, check: Callable[[str, Path], None] | None = None
) -> Callable[[bytes], None]:
    """A verb run on a file of these bytes; a refusal is two lines for each mistake at most."""

    def read(content: bytes) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / f"input{ending}").write_bytes(content)
            named = {"FILE": str(folder / f"input{ending}"), "STORE": str(folder / STORE)}
            named["OUT"] = str(folder / OUT)
            said, shown = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(said):
                status = main([named.get(word, word) for word in words])
            lines = [line for line in said.getvalue().splitlines() if not line.startswith("note:")]
            mistakes = [line for line in lines if not line.startswith(" ")]
            if status == 2 and len(lines) > 2 * max(1, len(mistakes)):
                raise AssertionError(f"{len(lines)} lines of error")
            if any(not (c.isprintable() or c == "\n") for c in said.getvalue()):
                raise AssertionError("an error that could disturb a terminal")
            if status != 0:
                raise ModelworthError("\n".join(lines))
            if check is not None:
                check(shown.getvalue(), folder)

    return read


def _sound_json(shown: str, _: Path) -> None:
    """Every number is finite; times, rates and sizes aren't negative."""
    _sound("", json.loads(shown, parse_constant=_no_number))


def _no_number(word: str) -> float:
    raise NonsenseError(f"{word} in what was printed")


def _sound(key: str, found: object) -> None:
    if isinstance(found, dict):
        for name, inner in found.items():
            _sound(str(name), inner)
    elif isinstance(found, list):
        for inner in found:
            _sound(key, inner)
    elif isinstance(found, float | int):
        never_negative = key.endswith(("_s", "_per_s", "_bytes", "_flops", "parameters"))
        if not math.isfinite(found) or (never_negative and found < 0):
            raise NonsenseError(f"{key}: {found}")


def _sound_store(_: str, folder: Path) -> None:
    """Whatever was added can be read again."""
    with open_store(str(folder / STORE), create=False) as store:
        found = checkup(store)
    if not found.healthy:
        raise NonsenseError(f"a store with {found.unreadable[:1] or found.damage[:1]}")


def _sound_table(_: str, folder: Path) -> None:
    """No figure of a row that was predicted is infinite or no number, or negative."""
    with (folder / OUT).open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            for key, cell in row.items() if not row["note"] else ():
                with contextlib.suppress(TypeError, ValueError):
                    _sound(key, float(cell or ""))


def _texts(pattern: str, folder: Path = SHIPPED) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob(pattern))[:FEW]]


def _scenarios() -> list[object]:
    return [yaml_reader.read(text.decode(), "seed") for text in _texts("scenarios/*.yaml")]


def _records() -> list[object]:
    lines = [line for text in _texts("measurements/*.jsonl") for line in text.splitlines()]
    return [json.loads(line) for line in lines[:: max(1, len(lines) // FEW)]]


def _without_id(record: object) -> bytes:
    record = dict(record) if isinstance(record, dict) else record
    if isinstance(record, dict):
        record.pop("id", None)
    return json.dumps(record).encode("utf-8", "surrogatepass")


def _configs() -> list[object]:
    names = ("deepseek-v3", "gemma-2-9b", "gpt-oss-20b", "ladder-4m", "llama-3.1-8b", "mpt-7b",
             "mixtral-8x7b", "qwen3-30b-a3b", "falcon-7b", "mistral-7b")  # fmt: skip
    return [json.loads(text) for name in names for text in _texts(f"models/{name}.json")]


def _suite() -> list[object]:
    return [{
        "name": "mine", "limits": {"timed_s": 1.0, "warmup_s": 1.0},
        "cases": [{"model": ["ladder-1m"], "work": ["decode", "pretrain"], "batch": [1, 2]}],
    }]  # fmt: skip


def _cases() -> list[object]:
    return [
        b"model,gpu,concurrency,prompt_tokens,new_tokens,gpus,precision\n"
        b"llama-3.1-8b,H100 SXM 80GB,16,1024,256,1,bf16\nllama-2-7b,A100 SXM 80GB,4,512,64,2,fp16\n"
    ]


def _results() -> list[object]:
    return [VLLM, [LLAMA]]


def _metrics() -> list[object]:
    return [
        b'# TYPE vllm:prompt_tokens_total counter\nvllm:prompt_tokens_total{model_name="m"} 1e6\n'
        b'vllm:generation_tokens_total{model_name="m"} 2.5e5\n'
        b'vllm:num_requests_running{model_name="m"} 8\n'
    ]


def _stream() -> list[object]:
    event = b'data: {"choices":[{"delta":{"content":"a"}}],"usage":null}\n\n'
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    chunk = b"%x\r\n%s\r\n" % (len(event), event)
    return [head + chunk * 3 + b"0\r\n\r\n"]


def _read_stream(content: bytes) -> None:
    answer, reply = Answer(), Reply()
    for start in range(0, len(content), 37):
        for payload in answer.feed(content[start : start + 37]):
            reply.take(payload, 0.1)
    answer.close()


def _read_link(content: bytes) -> None:
    unpack(content.decode("utf-8", "surrogateescape"))


def _yaml(found: object) -> bytes:
    return yaml.safe_dump(found, allow_unicode=True).encode("utf-8", "surrogatepass")


def _as_is(found: object) -> bytes:
    return found if isinstance(found, bytes) else json.dumps(found).encode("utf-8", "surrogatepass")


def _read_metrics(content: bytes) -> None:
    read_metrics(content.decode("utf-8", "replace"), 0.0)


def _exports(*endings: str) -> Callable[[], list[object]]:
    """Files of a few records, as `export` writes them; a store's own file for `.db`."""

    def seeds() -> list[object]:
        texts = [serialise(made_up(number)) for number in range(3)]
        found: list[object] = []
        with tempfile.TemporaryDirectory() as folder:
            for ending in endings:
                path = Path(folder) / f"seed{ending}"
                if ending == ".db":
                    _store_file(path)
                else:
                    write(texts, path)
                found.append(path.read_bytes())
        return found

    return seeds


def _store_file(path: Path) -> None:
    with open_store(str(path)) as store:
        store.add_all(made_up(number) for number in range(3))
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _read_upload(content: bytes) -> None:
    """As the page takes a dropped file, into a store of its own; its ending by its start."""
    starts = {b"SQLite": ".db", b"{": ".jsonl"}
    other = ".csv" if b"," in content[:20] else ".yaml"
    ending = next((end for start, end in starts.items() if content.startswith(start)), other)
    if ending == ".yaml":
        scenarios.loads(scenario_files._text("upload.yaml", content), "upload.yaml")
        return
    with tempfile.TemporaryDirectory() as folder:
        with patch.dict(os.environ, {ENVIRONMENT: str(Path(folder) / STORE)}):
            upload._taken(content, ending)
        _sound_store("", Path(folder))


def _read_parquet(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.parquet"
        path.write_bytes(content)
        for _ in texts.read(path):
            pass


def _plans() -> list[object]:
    return list(_texts("scenarios/cases/*.yaml")[:3])


def _brands() -> list[object]:
    """The samples without their logos, which lie beside them."""
    return [text.replace(b"logo = ", b"# ") for text in _texts("*.toml", BRANDS)]


def _read_brand(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "brand.toml"
        path.write_bytes(content)
        load_brand(str(path))


def _gguf() -> list[object]:
    """A small model's header, as the package gguf writes it, and a little of what follows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seed.gguf"
        written(path)
        content = path.read_bytes()
    return [content[: content.rindex(b"ffn_norm.weight") + 100]]


def _traffic() -> list[object]:
    return [b'{"prompt": "a question of some words", "new_tokens": 8}\n' * 3]


def _read_traffic(content: bytes) -> None:
    shape = prompts.Shape(
        api="chat", model="m", prompt=prompts.parse_length("20", "p"),
        new=prompts.parse_length("8", "n"), shared=0.0,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "traffic.jsonl"
        path.write_bytes(content)
        prompts.dataset(path, shape)


INTO_STORE = ("import", "FILE", "--store", "STORE")
READERS = (
    Reader("scenarios", _scenarios, _yaml, _typed(
        ".yaml", "evaluate", "FILE", "--trials", "0", "--json", check=_sound_json)),
    Reader("records", _records, _without_id, _typed(".jsonl", *INTO_STORE, check=_sound_store)),
    Reader("configs", _configs, _as_is, _typed(
        ".json", "predict", "--model", "FILE", "--gpu", "H100 SXM 80GB", "--gpus", "16", "--json",
        check=_sound_json)),
    Reader("suites", _suite, _yaml,
           _typed(".yaml", "bench", "--suite", "FILE", "--list", "--store", "STORE"),
           loads="transformers"),
    Reader("tables", _cases, _as_is, _typed(
        ".csv", "predict", "--cases", "FILE", "--out", "OUT", check=_sound_table)),
    Reader("imports", _results, _as_is, _typed(
        ".json", *INTO_STORE, "--device", "H100 SXM 80GB", check=_sound_store)),
    Reader("reports", lambda: [it.encode() for it in (TRTLLM, LMDEPLOY, LMDEPLOY_OLD, TGI)], _as_is,
           _typed(".txt", *INTO_STORE, "--device", "H100 SXM 80GB", "--model", "llama-3.1-8b",
                  "--date", "2026-01-31", check=_sound_store)),
    Reader("parquet", _exports(".parquet"), _as_is, _read_parquet),
    Reader("databases", _exports(".db"), _as_is, _typed(".db", "doctor", "--store", "FILE")),
    Reader("uploads", lambda: [*_exports(".jsonl", ".csv", ".db")(), *_plans()],
           _as_is, _read_upload),
    Reader("gguf", _gguf, _as_is, _typed(".gguf", "inspect", "FILE", "--json", check=_sound_json)),
    Reader("brands", _brands, _as_is, _read_brand),
    Reader("traffic", _traffic, _as_is, _read_traffic),
    Reader("links", lambda: [pack("months: 12\nstart: 2026-12\n").encode()], _as_is, _read_link),
    Reader("metrics", _metrics, _as_is, _read_metrics),
    Reader("streams", _stream, _as_is, _read_stream, (WireError, ValueError)),
)  # fmt: skip
