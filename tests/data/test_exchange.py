"""Files out of the store and back without loss; other tools' files; refusals with file and line."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from modelworth.data import exchange
from modelworth.data.errors import InputError
from modelworth.data.exchange import read, write
from modelworth.data.importers.foreign import Told, read_foreign
from modelworth.data.store import serialise
from tests.data.records import failed, made_up

RECORDS = [made_up(0), made_up(1, suite="=cmd|' /C calc'!A0"), failed(2)]
VLLM = {
    "date": "20260131-235959",
    "backend": "vllm",
    "model_id": "meta-llama/Llama-3.1-8B",
    "num_prompts": 100,
    "max_concurrency": 16,
    "duration": 50.0,
    "completed": 100,
    "total_input_tokens": 100_000,
    "total_output_tokens": 20_000,
    "mean_ttft_ms": 120.0,
    "median_ttft_ms": 100.0,
    "mean_tpot_ms": 11.0,
    "median_tpot_ms": 10.0,
}
LLAMA = {
    "build_commit": "abc1234",
    "cpu_info": "A Processor",
    "gpu_info": "",
    "model_filename": "m.gguf",
    "model_type": "llama 8B Q4_0",
    "model_n_params": 8_030_261_248,
    "n_prompt": 0,
    "n_gen": 128,
    "avg_ns": 2_000_000_000,
    "samples_ns": [1_900_000_000, 2_000_000_000, 2_100_000_000],
    "test_time": "2026-01-31T12:00:00Z",
}


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_there_and_back(tmp_path, ending):
    path = tmp_path / f"out.{ending}"
    assert write(map(serialise, RECORDS), path) == len(RECORDS)
    assert read(path) == RECORDS
    assert list(tmp_path.iterdir()) == [path]


def test_tables_open_in_pandas(tmp_path):
    for path in (tmp_path / "out.csv", tmp_path / "out.parquet"):
        write(map(serialise, RECORDS), path)
        frame = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
        assert frame["model"].tolist() == ["tiny-0", "tiny-1", "tiny-2"]
        assert frame["throughput_per_s"].notna().tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}\n", "1: recorded_at"),
        (serialise(made_up()) + "\nnot json\n", ":2: record"),
        (serialise(made_up()).replace('"batch": 1', '"batch": -1'), "workload.batch: -1"),
        ('{"schema_version": 99}', ":1: schema_version: 99"),
    ],
)
def test_a_bad_line_is_named(tmp_path, content, said):
    path = tmp_path / "in.jsonl"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        read(path)
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["in.xls", "missing.jsonl", "missing.parquet"])
def test_other_files_are_refused(tmp_path, name):
    with pytest.raises(InputError):
        read(tmp_path / name)


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_tables_of_others_are_refused(tmp_path, name):
    frame = pd.DataFrame({"a": [1]})
    frame.to_csv(tmp_path / "a.csv")
    frame.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="export"):
        read(tmp_path / name)


def test_nothing_is_left_when_the_folder_is_absent(tmp_path):
    with pytest.raises(InputError, match="folder"):
        write([], tmp_path / "no" / "out.csv")


def _file(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_text(json.dumps(content))
    return path


def test_vllm_throughput_is_output_tokens_over_duration(tmp_path):
    (record,) = read_foreign(_file(tmp_path, VLLM), Told("H100 SXM 80GB", 2))
    assert record.result.throughput_per_s.value == 400
    assert record.result.throughput_per_s_per_device == 200
    assert record.result.latency.p50_s == pytest.approx(0.1 + 0.010 * 199)
    assert (record.workload.prompt_tokens, record.workload.new_tokens) == (1000, 200)
    assert record.provenance.origin == "imported"
    assert record.provenance.citation == "file other.json"


def test_failed_requests_make_no_figure(tmp_path):
    (record,) = read_foreign(_file(tmp_path, {**VLLM, "completed": 97}), Told("T4"))
    assert (record.status, record.reason) == ("error", "3 of 100 requests failed")


def test_vllm_needs_the_device(tmp_path):
    with pytest.raises(InputError, match="--device"):
        read_foreign(_file(tmp_path, VLLM), Told())


def test_llama_bench_keeps_its_samples(tmp_path):
    (record,) = read_foreign(_file(tmp_path, [LLAMA]), Told(precision="int4"))
    assert record.machine.device == "A Processor"
    assert record.machine.kind == "cpu"
    assert record.result.samples_s == (1.9, 2.0, 2.1)
    assert record.result.throughput_per_s.value == 64
    assert record.result.latency.per_token_s == pytest.approx(2 / 128)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"a": 1}, "another form"),
        ([], "another form"),
        ([{**LLAMA, "samples_ns": []}], "run 1"),
        ([{key: value for key, value in LLAMA.items() if key != "test_time"}], "test_time"),
    ],
)
def test_incomplete_files_are_refused(tmp_path, content, said):
    with pytest.raises(InputError, match=said):
        read_foreign(_file(tmp_path, content), Told("T4"))


SHIPPED = sorted((Path(exchange.__file__).parent / "measurements").glob("*.jsonl"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_measurements_are_whole_and_say_on_what(path):
    records = read(path)
    assert len({record.id for record in records}) == len(records) > 0
    for record in records:
        assert record.provenance.origin == "measured"
        assert record.machine.device
        assert record.machine.libraries["torch"]
        assert path.name.startswith(f"{record.recorded_at:%Y-%m-%d}")
