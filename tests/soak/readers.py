"""Every reader of what somebody else wrote, with good inputs to start from.

A reader takes bytes and either takes them in, or raises an error of its own kind.
"""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from modelworth import data
from modelworth.bench.load.metrics import read_metrics
from modelworth.bench.load.reply import Reply
from modelworth.bench.load.wire import Answer, WireError
from modelworth.cli import main
from modelworth.dashboard.links import pack, unpack
from modelworth.data import yaml_reader
from modelworth.data.errors import ModelworthError

SHIPPED = Path(data.__file__).parent
FIXTURES = Path(__file__).parents[1] / "data"
FEW = 12


@dataclass(frozen=True)
class Reader:
    """One reader: its good inputs as plain data or bytes, how bytes are made, and what reads them.

    Attributes:
        refusals: errors of its own kind; anything else is a fault.
    """

    name: str
    seeds: Callable[[], list[object]]
    encode: Callable[[object], bytes]
    read: Callable[[bytes], None]
    refusals: tuple[type[Exception], ...] = (ModelworthError,)


def _typed(ending: str, *words: str) -> Callable[[bytes], None]:
    """A verb run on a file of these bytes; a refusal is at most two lines and status 1 or 2."""

    def read(content: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"input{ending}"
            path.write_bytes(content)
            store, out = str(Path(folder) / "store.db"), str(Path(folder) / "out.csv")
            named = {"FILE": str(path), "STORE": store, "OUT": out}
            said = io.StringIO()
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
                status = main([named.get(word, word) for word in words])
            lines = [line for line in said.getvalue().splitlines() if not line.startswith("note:")]
            if status == 2 and len(lines) > 2:
                raise AssertionError(f"{len(lines)} lines of error")
            if any(not (c.isprintable() or c == "\n") for c in said.getvalue()):
                raise AssertionError("an error that could disturb a terminal")
            if status != 0:
                raise ModelworthError("\n".join(lines))

    return read


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
    return [json.loads(text) for text in _texts("models/*.json")]


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
    vllm = {
        "date": "20260131-235959", "backend": "vllm", "model_id": "org/model", "num_prompts": 100,
        "max_concurrency": 16, "request_rate": "inf", "duration": 60.0, "completed": 100,
        "total_input_tokens": 100_000, "total_output_tokens": 20_000, "request_throughput": 1.667,
        "output_throughput": 333.3, "mean_ttft_ms": 80.0, "median_ttft_ms": 75.0,
        "p99_ttft_ms": 200.0, "mean_tpot_ms": 20.0, "median_tpot_ms": 20.0, "p99_tpot_ms": 30.0,
    }  # fmt: skip
    llama = {
        "build_commit": "abc", "cpu_info": "A Processor", "gpu_info": "", "backends": "CPU",
        "model_filename": "m.gguf", "model_type": "llama 8B Q4_K - Medium", "model_size": 4.9e9,
        "model_n_params": 8_030_261_312, "n_batch": 2048, "n_gpu_layers": 0, "n_prompt": 0,
        "n_gen": 128, "test_time": "2026-01-31T23:59:59Z", "avg_ns": 2e9, "avg_ts": 64.0,
        "samples_ns": [1_900_000_000, 2_000_000_000, 2_100_000_000],
    }  # fmt: skip
    return [vllm, [llama]]


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


READERS = (
    Reader(
        "scenarios", _scenarios, _yaml, _typed(".yaml", "evaluate", "FILE", "--trials", "0")
    ),
    Reader("records", _records, _without_id,
           _typed(".jsonl", "import", "FILE", "--store", "STORE")),
    Reader("configs", _configs, _as_is,
           _typed(".json", "predict", "--model", "FILE", "--gpu", "H100 SXM 80GB", "--json")),
    Reader("suites", _suite, _yaml,
           _typed(".yaml", "bench", "--suite", "FILE", "--list", "--store", "STORE")),
    Reader("tables", _cases, _as_is, _typed(".csv", "predict", "--cases", "FILE", "--out", "OUT")),
    Reader("imports", _results, _as_is, _typed(
        ".json", "import", "FILE", "--store", "STORE", "--device", "H100 SXM 80GB")),
    Reader("links", lambda: [pack("months: 12\nstart: 2026-12\n").encode()], _as_is, _read_link),
    Reader("metrics", _metrics, _as_is, lambda content: _read_metrics(content)),
    Reader("streams", _stream, _as_is, _read_stream, (WireError, ValueError)),
)  # fmt: skip


def _read_metrics(content: bytes) -> None:
    read_metrics(content.decode("utf-8", "replace"), 0.0)
