"""More files that are wrong, by the verb that reads them: a table of names and contents."""

from __future__ import annotations

import json
import sqlite3
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from modelworth.data.record_text import serialise
from modelworth.data.store import open_store
from tests.data.records import made_up

PLAN = "months: 12\nstart: 2026-01\n"
VLLM = {
    "date": "20260131-235959", "backend": "vllm", "model_id": "org/model", "num_prompts": 100,
    "max_concurrency": 16, "request_rate": "inf", "duration": 60.0, "completed": 100,
    "total_input_tokens": 100_000, "total_output_tokens": 20_000, "request_throughput": 1.667,
    "output_throughput": 333.3, "mean_ttft_ms": 80.0, "median_ttft_ms": 75.0,
    "p99_ttft_ms": 200.0, "mean_tpot_ms": 20.0, "median_tpot_ms": 20.0, "p99_tpot_ms": 30.0,
}  # fmt: skip
LLAMA = {
    "build_commit": "abc", "cpu_info": "A Processor", "gpu_info": "", "backends": "CPU",
    "model_filename": "m.gguf", "model_type": "llama 8B Q4_K - Medium", "model_size": 4.9e9,
    "model_n_params": 8_030_261_312, "n_batch": 2048, "n_gpu_layers": 0, "n_prompt": 0,
    "n_gen": 128, "test_time": "2026-01-31T23:59:59Z", "avg_ns": 2e9, "avg_ts": 64.0,
    "samples_ns": [1_900_000_000, 2_000_000_000, 2_100_000_000],
}  # fmt: skip
CONFIG = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 4096,
    "intermediate_size": 11008, "num_attention_heads": 32, "num_hidden_layers": 32,
    "vocab_size": 32000,
}  # fmt: skip


def _changed(base: dict[str, object], **changes: object) -> str:
    return json.dumps(base | changes)


def _records() -> list[str | bytes]:
    """A record with one thing changed, its id left out; and lines that are none."""
    whole = json.loads(serialise(made_up()))
    del whole["id"]
    text = json.dumps(whole)
    changes: list[dict[str, object]] = [
        {"recorded_at": "0001-01-01T00:00:00-14:00"}, {"recorded_at": 1e20}, {"suite": "s\0"},
        {"recorded_at": "2026-01-01T00:00:00"}, {"schema_version": 2},
        {"schema_version": "1"}, {"schema_version": True},
        {"workload": {**whole["workload"], "batch": True}},
        {"result": {**whole["result"], "samples_s": [True]}},
        {"status": "fine"}, {"result": None}, {"extra": 1},
        {"suite": "x" * 300}, {"case": "\ufeff\u200e"}, {"id": "0" * 20}, {"id": "0" * 10_000},
        {"model": {**whole["model"], "parameters_total": 2**53 + 1}}, {"model": []},
        {"model": {**whole["model"], "config": {"a": 2**60}}},
        {"model": {**whole["model"], "config": {"a": "\x1b[2J"}}},
        {"model": {**whole["model"], "config": _nested(200)}},
        {"machine": {**whole["machine"], "count": 10**9}},
        {"machine": {**whole["machine"], "libraries": {"x" * 300: "1"}}},
        {"workload": {**whole["workload"], "batch": 0}},
        {"workload": {**whole["workload"], "weight_bits": 1e9}},
        {"workload": {**whole["workload"], "layout": {"data": 10**8}}},
        {"provenance": {**whole["provenance"], "origin": "measured\n"}},
        {"provenance": {**whole["provenance"], "origin": "published", "citation": None}},
        {"result": {**whole["result"], "mbu": 1.5}}, {"result": {**whole["result"], "mfu": 1e7}},
        {"result": {**whole["result"], "samples_s": [-1.0]}},
        {"result": {**whole["result"], "samples_s": [1e31] * 1000}},
    ]  # fmt: skip
    return [
        *(json.dumps(whole | change) for change in changes),
        text.replace('"count": 1', '"count": 1e400'), text[:-1], text + "{}", f"[{text}]",
        text.replace("{", '{"schema_version": ' + "1" * 5000 + ", ", 1),
        text.encode("utf-16"), b"\0" * 4096, "{\n" * 3000, '"' + "x" * 5_000_000,
    ]  # fmt: skip


def _nested(depth: int) -> dict[str, object]:
    found: dict[str, object] = {}
    for _ in range(depth):
        found = {"a": found}
    return found


SUITE = "cases:\n  - {model: ladder-1m, work: decode"
SUITES = [
    "cases: [[]]", "cases: {}", "cases: [1]", "cases:", f"{SUITE}, batch: 1e30}}",
    f"{SUITE}, batch: [1, 2, 3.5]}}", f"{SUITE}, batch: [true]}}",
    f"{SUITE}}}\nlimits: {{timed_s: true}}", f"{SUITE}, batch: [[1]]}}",
    f"{SUITE}, batch: []}}", f"{SUITE}, trust_remote_code: false}}",
    f"{SUITE}, precision: [bf16, '\\x1b[2J']}}", f"{SUITE}, prompt_tokens: -1}}",
    f"{SUITE}, prompt_tokens: 99999999999999999999}}", f"{SUITE}, attention: {{}}}}",
    f"{SUITE}, batch: {list(range(1, 300))}, prompt_tokens: {list(range(1, 300))}}}",
    f"{SUITE}}}\nlimits: {{timed_s: -1}}", f"{SUITE}}}\nlimits: {{timed_s: 1e300}}",
    f"{SUITE}}}\nlimits: [1]", f"{SUITE}}}\nlimits: {{unknown: 1}}", f"{SUITE}}}\nname: []",
    f"{SUITE}}}\nname: {'x' * 300}", f"{SUITE}}}\ncases: []", f"{SUITE}}}\nother: 1",
    "cases: [{model: ../../../etc/passwd, work: decode}]", "cases: [{work: decode}]",
    "cases: [{model: /dev/zero, work: decode}]", "cases: [{model: ladder-1m, work: [a]}]",
    "cases: [{model: '\\\\host\\share', work: decode}]", "cases: [{model: ladder-1m, work: 1}]",
    "cases: [{model: 'http://169.254.169.254/x', work: decode}]", "!!set {a}", "a: *b", "%TAG ! !",
    "{" * 200, "cases: [{? [a] : b}]", "cases: [{model: ladder-1m, work: decode}] ]",
]  # fmt: skip
PLANS = [
    f"{PLAN}demand: []", f"{PLAN}demand: {{requests_per_month: 1e400}}", f"{PLAN}text: 5",
    f"{PLAN}demand: {{requests_per_month: -5}}", f"{PLAN}demand: {{requests_per_month: [1]}}",
    f"{PLAN}demand: {{requests_per_month: {{low: 5, high: 1}}}}", f"{PLAN}unknown: 1",
    f"{PLAN}demand: {{requests_per_month: 1/0}}", "months: 12\nstart: 0000-01",
    f"{PLAN}demand: {{requests_per_month: 5.0e-324}}", "months: １２\nstart: 2026-01",
    "months: 12\nstart: ٢٠٢٦-٠١", "months: 12\nstart: 2100-01",
    f"{PLAN}demand: {{requests_per_month: '(((((((((1'}}", "months: 1e9\nstart: 2026-01",
    f"{PLAN}demand: {{requests_per_month: '9**9**9**9'}}", "months: 12\nstart: 0000-00",
    f"{PLAN}demand: {{requests_per_month: '__import__(\"os\")'}}", "months: 12\nstart: 2026-13",
    f"{PLAN}demand: {{requests_per_month: {{distribution: cauchy}}}}", "months: -1\nstart: 2026-01",
    f"{PLAN}text: {{en: {{name: '{'x' * 30_000}'}}}}", f"{PLAN}text: {{'\\u202e': {{name: a}}}}",
    f"{PLAN}text: {{en: {{name: \"a\\u200fb\"}}}}", f"{PLAN}text: {{en: {{name: \"a\\0b\"}}}}",
    f"{PLAN}options: [{{}}]", f"{PLAN}options: {{a: {{b: {{c: 1}}}}}}", f"{PLAN}actuals: [1]",
    f"{PLAN}actuals: {{revenue: {[1] * 5000}}}", f"{PLAN}actuals: {{revenue: [x]}}",
    f"{PLAN}demand:\n  a: 1\n  a: 2", f"{PLAN}correlations: {[['a', 'b', 2]]}",
    f"{PLAN}" + "".join(f"k{n}: {n}\n" for n in range(25_000)), f"{PLAN}a: {'[' * 5000}",
    (PLAN + "a: b").encode("utf-16-be"), PLAN.encode() + b"\xc0\x80", b"\xef\xbb\xbf\xef\xbb\xbf{",
    "\x85months: 12", "months: 12\r\x00start: 2026-01", "- 1", "just text", "months: 1_2e\n",
    "---\na: 1\n---\nb: 2", "a: |\n" + "  x\n" * 80_000, "key: " + "9" * 100_000,
]  # fmt: skip
RESULTS = [
    *(_changed(VLLM, **change) for change in (
        {"duration": 1e-300}, {"date": "0001-01-01"},
        {"date": 9e18}, {"date": []},
        {"model_id": {}}, {"completed": 1e19}, {"completed": -5},
        {"max_concurrency": 1e18}, {"total_output_tokens": "9" * 400},
        {"request_throughput": 1e18, "output_throughput": 1e18},
        {"p99_ttft_ms": 1.0}, {"total_input_tokens": 10**17}, {"model_id": "\ud800"},
    )),
    *(json.dumps([LLAMA | change]) for change in (
        {"n_gen": -1}, {"n_gen": 10**12},
        {"test_time": "0001-01-01T00:00:00+14:00"}, {"test_time": "9999-12-31T23:59:59-14:00"},
        {"model_n_params": 2**63},
    )),
    json.dumps(VLLM)[:-10], json.dumps(VLLM).encode("utf-16-le"), "{}" * 100_000, "[{}]" * 5,
    json.dumps({"results": [VLLM] * 3}), '{"a": ' * 990 + "1" + "}" * 990, "1" * 5000, "NaN",
    '{"model_id": "' + "x" * 3_000_000 + '"}', "{}\0{}", '{"a": 1' + ', "a": 1' * 200_000 + "}",
]  # fmt: skip
WIDE = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"a"
GGUFS = [
    b"GGUF" + struct.pack("<IQQ", 3, 0, 0), b"GGUF" + struct.pack("<IQQ", 3, 5, 0), b"FUGG" * 20,
    b"GGUF" + struct.pack(">IQQ", 3, 0, 0), WIDE + struct.pack("<I", 77),
    WIDE + struct.pack("<IIQ", 9, 9, 1), WIDE + struct.pack("<IIQ", 9, 0, 2**40),
    WIDE + struct.pack("<IIQ", 9, 8, 10**6), WIDE + struct.pack("<IQ", 8, 2**23),
    b"GGUF" + struct.pack("<IQQ", 2, 1, 0) + struct.pack("<Q1sI", 1, b"t", 9),
    b"GGUF" + struct.pack("<IQQ", 2, 1, 0) + struct.pack("<Q1sIQIQ", 1, b"t", 1, 2**60, 255, 0),
    b"GGUF" + struct.pack("<IQQ", 2, 1, 0) + struct.pack("<Q1sIQIQ", 1, b"t", 1, 2**60, 0, 0),
    b"GGUF" + struct.pack("<IQQ", 3, 0, 20)
    + (struct.pack("<Q1sIIQ", 1, b"a", 9, 0, 2_000_000) + bytes(2_000_000)) * 20,
    b"GGUF" + struct.pack("<IQQ", 3, 0, 5)
    + (struct.pack("<Q1sIIQ", 1, b"a", 9, 8, 1_000_000) + bytes(8_000_000)) * 5,
]  # fmt: skip
CONFIGS = [
    *(_changed(CONFIG, **change) for change in (
        {"vocab_size": 1e18}, {"vocab_size": 2**52}, {"hidden_size": -1}, {"hidden_size": 4096.5},
        {"hidden_size": 0}, {"num_hidden_layers": 10**7}, {"num_attention_heads": 0},
        {"num_attention_heads": 31}, {"head_dim": "big"},
        {"model_type": ""}, {"model_type": None}, {"model_type": "x" * 300},
        {"sliding_window": -5, "model_type": "mistral"}, {"quantization_config": "int4"},
        {"num_local_experts": 10**9, "model_type": "mixtral"},
        {"text_config": _nested(100)}, {"architectures": "\ud800"}, {"num_hidden_layers": True},
        {"architectures": 5}, {"architectures": [5]}, {"architectures": "LlamaForCausalLM"},
        {"model_type": "bert", "hidden_size": True}, {"model_type": "bert", "vocab_size": True},
    )),
    "[]", "null", "5", '"text"', "{}", '{"model_type": "llama"', "[" * 900 + "]" * 900,
    json.dumps(CONFIG).encode("utf-16")[:-1], b"\xff\xff\xff", json.dumps(CONFIG) + "x",
    json.dumps(CONFIG).replace("4096", "4" * 4500), json.dumps(CONFIG).replace("4096", "-Infinity"),
]  # fmt: skip


RWKV = {"model_type": "rwkv", "vocab_size": 50277, "context_length": 1024, "hidden_size": 4096,
        "num_hidden_layers": 32}  # fmt: skip
SWITCHES: list[str | bytes] = [
    _changed(RWKV, tie_word_embeddings=found) for found in ("\n\n", [1, 2])
]  # times sizes they took gigabytes


def _inside(levels: int) -> str:
    """A model that reads images by a model that reads images by one, and so on."""
    found: dict[str, object] = CONFIG
    for _ in range(levels):
        found = {"model_type": "llava", "text_config": found}
    return json.dumps(found)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(
        ">I", zlib.crc32(kind + content)
    )  # fmt: skip


def _png(width: int, height: int, content: bytes) -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    end = _chunk(b"IDAT", content) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + end


LOGOS = [
    b"", b"GIF89a" + bytes(100), b"\x89PNG\r\n\x1a\n", _png(50_000, 9, zlib.compress(bytes(99))),
    _png(2**31 - 1, 1, b""), _png(100, 100, b"junk"), _png(100, 100, zlib.compress(bytes(5))),
    _png(0, 0, b""), _png(10, 10, zlib.compress(bytes(410)))[:60], bytes(2_000_000),
]  # fmt: skip
BRANDS = [
    "organisation = 1", "currency = 'EUR'\nusd_per_currency = true",
    "organisation = '" + "x" * 100 + "'", 'organisation = "\\u001b[2J"',
    'organisation = "\\u202e"', "primary = 'red'", "primary = '#12345'", "series = []",
    "series = ['#000000']", f"series = {['#000000'] * 100}", "currency = 'EUR'", "unknown = 1",
    "currency = 'XXXX'\nusd_per_currency = 1.0", "currency = 'EUR'\nusd_per_currency = nan",
    "currency = 'EUR'\nusd_per_currency = 1e300", "date = 0000-00-00", "date = '2026-01-01'",
    "logo = '/dev/zero'", "logo = '../../../etc/passwd'", "logo = ''", "logo = 'a\\u0000b'",
    "[" * 3000, "a." * 3000 + "b = 1", b"\xff\xfea", b"organisation = '\0'", "x = " + "9" * 9000,
    'logo = "\\u0000"', "organisation = '''" + "x" * 200_000 + "'''",
]  # fmt: skip
LENGTHS = [
    "prompt_tokens,new_tokens,count\n1,2,True\n", "prompt_tokens,new_tokens,count\n８,2,1\n",
    "prompt_tokens,new_tokens\n1,2\n", "prompt_tokens,new_tokens,count\n", "\0\0", "",
    "prompt_tokens,new_tokens,count\n1,2,inf\n", "prompt_tokens,new_tokens,count\n1,2,-3\n",
    "prompt_tokens,new_tokens,count\n1,2,0\n", "prompt_tokens,new_tokens,count\n1,x,3\n",
    "prompt_tokens,new_tokens,count\n0.5,2,3\n", "prompt_tokens,new_tokens,count\n1,2,nan\n",
    "prompt_tokens,new_tokens,count\n1e300,2,3\n", b"\x1f\x8b\x08" + bytes(50), b"PK\x03\x04" * 9,
    f"prompt_tokens,new_tokens,count\n{'9' * 400},2,3\n", '"' * 99_999, "," * 5000,
    "\n" + "x," * 100_000,
]  # fmt: skip
TRAFFIC = [
    "", "[]", "{}", '{"prompt": 5}', '{"prompt": "a", "max_tokens": 0}', '{"prompt": "a"', "\0",
    '{"prompt": "a", "max_tokens": 1e30}', '{"prompt": "a", "max_tokens": true}', b"\xff\xff",
    '{"messages": "a"}', "[" * 5000, '{"prompt": "a", "max_tokens": ' + "9" * 5000 + "}",
]  # fmt: skip
MORE: dict[str, dict[str, list[str | bytes]]] = {
    "import": {"b.jsonl": _records(), "b.json": RESULTS,
               "b.parquet": [b"PAR1" * 3, b"PAR1" + bytes(100), b"PARE" * 3, b"PAR1\n{}"],
               "b.csv": ["document\n" + "x" * 200_000, "document," + "a," * 3000 + "\n1\n",
                         'document\n"' + "{" * 100_000, "document\r\n\0", "document;a\n{};1\n"]},
    "evaluate": {"b.yaml": list(PLANS)},
    "suite": {"b.yaml": list(SUITES)},
    "inspect": {"b.gguf": list(GGUFS)},
    "config": {"b.json": [*CONFIGS, *SWITCHES, _inside(30), '{"model_type": "a", "a": 1, "a": 2}']},
    "built": {"b.json": [_inside(2), _inside(60)]},
    "brand": {"b.toml": list(BRANDS)},
    "logo": {"b.png": list(LOGOS)},
    "lengths": {"b.csv": list(LENGTHS)},
    "traffic": {"b.jsonl": list(TRAFFIC)},
}  # fmt: skip

FOREIGN = {
    "view": "ALTER TABLE measurements RENAME TO m; CREATE VIEW measurements AS SELECT * FROM m",
    "endless view": "CREATE VIEW v AS WITH RECURSIVE a(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM a)"
    " SELECT n FROM a",
    "trigger": "CREATE TRIGGER t AFTER INSERT ON scenarios BEGIN SELECT 1; END",
    "own trigger's name": "DROP TRIGGER measurements_no_update; CREATE TRIGGER "
    "measurements_no_update BEFORE UPDATE ON measurements BEGIN SELECT load_extension('x'); END",
    "full text": "CREATE VIRTUAL TABLE f USING fts5(a)",
    "generated": "CREATE TABLE g (a, b GENERATED ALWAYS AS (a + 1))",
    "check": "CREATE TABLE c (a CHECK (a > 1))",
    "partial index": "CREATE INDEX p ON scenarios (text) WHERE text > 'a'",
    "index of an expression": "CREATE INDEX e ON scenarios (lower(text))",
    "many tables": ";".join(f"CREATE TABLE t{n} (a)" for n in range(200)),
    "no column": "DROP TRIGGER scenarios_no_update; DROP TRIGGER scenarios_no_delete; "
    "DROP TABLE scenarios; CREATE TABLE scenarios (hash)",
    "no table": "DROP TRIGGER scenarios_no_update; DROP TRIGGER scenarios_no_delete; "
    "DROP TABLE scenarios",
    "later": "UPDATE modelworth_version SET version_num = '9999'",
    "no version": "DELETE FROM modelworth_version",
    "version of bytes": "UPDATE modelworth_version SET version_num = x'ff00ff'",
    "other": "DROP TABLE modelworth_version",
    "name that disturbs": "CREATE TABLE \"\x1b[2J\" (a); DROP TABLE modelworth_version",
}  # fmt: skip
"""What was done to a store's file after it was made, that no question may run."""


def foreign(path: Path, statements: str) -> None:
    """A store of one record, changed behind the library's back."""
    with open_store(str(path)) as store:
        store.add(made_up())
    connection = sqlite3.connect(path)
    connection.executescript(statements)
    connection.commit()
    connection.close()


def _page(number: int, content: bytes) -> Callable[[bytes], bytes]:
    start = number * 4096
    return lambda whole: whole[:start] + content + whole[start + len(content) :]


DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda whole: whole[: len(whole) // 2],
    "head alone": lambda whole: whole[:100],
    "mark alone": lambda whole: whole[:16],
    "zeros": lambda whole: whole[:4096] + bytes(len(whole) - 4096),
    "pages of noise": lambda whole: whole[:4096] + b"\xff" * (len(whole) - 4096),
    "no page size": lambda whole: whole[:16] + b"\0\0" + whole[18:],
    "odd page size": lambda whole: whole[:16] + b"\x03\x07" + whole[18:],
    "later format": lambda whole: whole[:18] + b"\x09\x09" + whole[20:],
    "schema of noise": _page(0, b"SQLite format 3\0" + b"\xaa" * 300),
}  # fmt: skip
