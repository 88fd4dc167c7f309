"""Reports as tools print them, or write them as tables: excerpts of public runs."""

import argparse
import json

import pytest

from modelworth.data.errors import InputError
from modelworth.data.importers.foreign import TOOLS, read_foreign
from modelworth.data.importers.judging import judged
from modelworth.data.importers.told import Told
from modelworth.verbs import import_
from tests.data.importers.results import VLLM, written
from tests.data.importers.test_served import TOLD
from tests.test_house import ROOT

LINE = "=" * 59 + "\n"
TRTLLM = f"""
{LINE}= PYTORCH BACKEND
{LINE}Model:                  meta-llama/Llama-3.1-8B-Instruct
Model Path:             None
TensorRT-LLM Version:   0.21.0rc0
Dtype:                  bfloat16
KV Cache Dtype:         None
Quantization:           None

{LINE}= REQUEST DETAILS
{LINE}Number of requests:             100
Number of concurrent requests:  94.6050
Average Input Length (tokens):  128.0000
Average Output Length (tokens): 128.0000
{LINE}= WORLD + RUNTIME INFORMATION
{LINE}TP Size:                1
PP Size:                1
EP Size:                None
Max Runtime Batch Size: 3840
Issue Rate (req/sec):   1.0526E+15

{LINE}= PERFORMANCE OVERVIEW
{LINE}Request Throughput (req/sec):                     86.5373
Total Output Throughput (tokens/sec):             11076.7700
Total Token Throughput (tokens/sec):              22153.5399
Total Latency (ms):                               1155.5715
Average request latency (ms):                     1093.2284
Per User Output Throughput [w/ ctx] (tps/user):   117.1544
Average time-to-first-token [TTFT] (ms):   162.6706
Average time-per-output-token [TPOT] (ms): 7.3272

-- Per-Request Time-per-Output-Token [TPOT] Breakdown (ms)

[TPOT] MINIMUM: 6.6450
[TPOT] MAXIMUM: 8.1306
[TPOT] AVERAGE: 7.3272
[TPOT] P50    : 7.6079
[TPOT] P99    : 8.1306

[TTFT] AVERAGE: 162.6706
[TTFT] P50    : 159.7857
[TTFT] P95    : 226.9148

-- Request Latency Breakdown (ms) -----------------------

[Latency] P50    : 1091.7905
[Latency] P99    : 1137.6817
[Latency] AVERAGE: 1093.2284

{LINE}= DATASET DETAILS
{LINE}Number of Sequences:  100

P50:   128.0000           128.0000           256.0000
"""
"""From NVIDIA's blog on trtllm-bench (2025-07), whose device isn't said."""
OLDER = f"""
{LINE}= ENGINE DETAILS
{LINE}Model:                  meta-llama/Llama-2-7b-hf
TensorRT-LLM Version:   0.12.0
Quantization:           FP8

{LINE}= WORLD + RUNTIME INFORMATION
{LINE}TP Size:                1
PP Size:                1
Issue Rate (req/sec):   3.680275266452667e+18
{LINE}= STATISTICS
{LINE}Number of requests:             3000
Average Input Length (tokens):  128.0
Average Output Length (tokens): 128.0
Token Throughput (tokens/sec):  23405.927228471104
Request Throughput (req/sec):   182.8588064724305
Total Latency (seconds):        16.406100739
"""
"""TensorRT-LLM 0.12, docs/source/performance/perf-benchmarking.md."""
LMDEPLOY_OLD = """batch,num_promts,RPS,RPM,FTL(ave)(s),FTL(min)(s),FTL(max)(s),50%(s),75%(s),\
95%(s),99%(s),throughput(out tok/s),throughput(total tok/s)
128,10000,5.049,302.963,0.152,0.057,4.544,0.044,0.055,0.089,0.112,2582.949,5167.244
"""
"""Llama-2-7B on LMDeploy 0.4.1, DeepLink's scenarios."""
LMDEPLOY = """backend,bs,dataset_name,sharegpt_output_len,random_input_len,random_output_len,\
random_range_ratio,num_prompts,completed,total_input_tokens,total_output_tokens,duration,\
request_throughput,input_throughput,output_throughput,mean_e2e_latency_ms,mean_ttft_ms,\
mean_tpot_ms,mean_itl_ms
pytorch,2,sharegpt,32,,,0.0,8,8,84,256,0.6396371420123614,12.507,131.324,400.227,528.399,473.842,\
1.760,3.209
"""
"""Qwen2.5-0.5B, a try of profile_pipeline_api.py."""
TGI = """
| Parameter          | Value                    |
|--------------------|--------------------------|
| Model              | bigscience/bloomz-7b1-mt |
| Sequence Length    | 1024                     |
| Decode Length      | 8                        |
| N Runs             | 10                       |
| Do Sample          | false                    |


| Step           | Batch Size | Average    | Lowest     | Highest    | p50        | p90        | p99        |
|----------------|------------|------------|------------|------------|------------|------------|------------|
| Prefill        | 1          | 141.97 ms  | 141.41 ms  | 143.99 ms  | 141.65 ms  | 143.99 ms  | 143.99 ms  |
|                | 32         | 3951.55 ms | 3912.70 ms | 4007.31 ms | 3951.40 ms | 4007.31 ms | 4007.31 ms |
| Decode (token) | 1          | 29.11 ms   | 29.04 ms   | 29.27 ms   | 29.11 ms   | 29.27 ms   | 29.27 ms   |
|                | 32         | 244.77 ms  | 244.21 ms  | 245.78 ms  | 244.72 ms  | 245.78 ms  | 245.78 ms  |
| Decode (total) | 1          | 203.79 ms  | 203.29 ms  | 204.93 ms  | 203.80 ms  | 204.93 ms  | 204.93 ms  |
|                | 32         | 1713.37 ms | 1709.50 ms | 1720.45 ms | 1713.01 ms | 1720.45 ms | 1720.45 ms |

| Step    | Batch Size | Average            | Lowest             | Highest            |
|---------|------------|--------------------|--------------------|--------------------|
| Prefill | 1          | 7.04 tokens/secs   | 6.94 tokens/secs   | 7.07 tokens/secs   |
| Decode  | 1          | 34.35 tokens/secs  | 34.16 tokens/secs  | 34.43 tokens/secs  |
|         | 32         | 130.74 tokens/secs | 130.20 tokens/secs | 131.03 tokens/secs |
"""  # noqa: E501
"""BLOOMZ 7B1 on TGI, a public repository of such runs."""


def test_a_printed_report_of_trtllm_bench_is_read_as_its_json(tmp_path):
    """Sent within 1.0526E+15 / 1e18 × 100 = 0.105 s of 1.156 s: places were waited for."""
    told = Told(device="H100 SXM 80GB", date=TOLD.date)
    (record,) = read_foreign(written(tmp_path, f"[TRT-LLM] [I]{TRTLLM}"), told)
    serving, latency = record.result.serving, record.result.latency
    assert record.model.name == "meta-llama/Llama-3.1-8B-Instruct"
    assert record.provenance.tool_version == "0.21.0rc0"
    assert record.result.throughput_per_s.value == pytest.approx(100 * 128 / 1.1555715)
    assert (latency.mean_s, latency.p99_s) == pytest.approx((1.0932284, 1.1376817))
    assert (serving.ttft.p95_s, serving.tpot.p50_s) == pytest.approx((0.2269148, 0.0076079))
    assert record.load.in_flight_mean == pytest.approx(94.605, abs=0.001)


def test_each_report_of_a_log_is_read_on_the_device_that_it_names(tmp_path):
    device = f"{LINE}= MACHINE DETAILS \n{LINE}NVIDIA H100 80GB HBM3, memory 79.10 GB, 2.62 GHz\n\n"
    second = TRTLLM.replace(f"{LINE}= REQUEST", f"{device}{LINE}= REQUEST").replace(
        "TP Size:                1", "TP Size:                2"
    )
    one, two = read_foreign(
        written(tmp_path, TRTLLM + second), Told(device="L40S 48GB", date=TOLD.date)
    )
    assert (one.machine.count, two.machine.count) == (1, 2)
    (alone,) = read_foreign(written(tmp_path, second), Told(date=TOLD.date))
    assert alone.machine.device == "H100 SXM 80GB"


def test_a_printed_report_without_the_time_of_a_request_is_refused(tmp_path):
    with pytest.raises(InputError, match="no time of a request"):
        read_foreign(written(tmp_path, OLDER), TOLD)


def test_older_tables_of_lmdeploy_come_from_threads_that_never_pause(tmp_path):
    """2582.949 / 5.049 = 511.6 tokens; 128 / 5.049 = 25.35 s, of which each later token 49.4 ms."""
    (record,) = read_foreign(written(tmp_path, LMDEPLOY_OLD), TOLD)
    work, latency = record.workload, record.result.latency
    assert (work.prompt_tokens, work.new_tokens, work.concurrency) == (512, 512, 128)
    assert record.result.throughput_per_s.value == pytest.approx(2582.949)
    assert (latency.mean_s, latency.first_token_s) == pytest.approx((25.351, 0.152), rel=1e-3)
    assert latency.per_token_s == pytest.approx(0.04935, rel=1e-3)
    assert (work.engine, judged(record).kind) == ("lmdeploy", "concurrency_held")


def test_newer_tables_of_lmdeploy_count_and_time_like_vllms(tmp_path):
    """12.5 a second × 0.528 s are 6.6 for 2 places: all 8 were sent at once."""
    (record,) = read_foreign(written(tmp_path, LMDEPLOY), TOLD)
    assert record.result.throughput_per_s.value == pytest.approx(256 / 0.6396371420123614)
    assert record.result.latency.mean_s == pytest.approx(0.528399)
    assert (record.load.arrivals, record.load.requests_ok) == ("burst", 8)
    assert (record.workload.engine, judged(record).kind) == ("lmdeploy", "too_short")
    (held,) = read_foreign(written(tmp_path, LMDEPLOY.replace("pytorch,2", "pytorch,7")), TOLD)
    assert (held.load.mode, held.workload.concurrency) == ("closed", 7)
    asked = LMDEPLOY.replace("backend,bs", "backend,request_rate").replace("pytorch,2", "vllm,inf")
    (burst,) = read_foreign(written(tmp_path, asked), TOLD)
    assert (burst.load.arrivals, burst.workload.engine) == ("burst", "vllm")


def test_steps_of_tgis_benchmark_are_prompts_and_tokens_of_a_batch(tmp_path):
    """Its own table says 34.35 and 130.74 tokens a second written."""
    records = read_foreign(written(tmp_path, TGI), Told(device="A100 SXM 80GB", date=TOLD.date))
    kinds = [(one.workload.kind, one.workload.batch) for one in records]
    assert kinds == [("prefill", 1), ("prefill", 32), ("decode", 1), ("decode", 32)]
    rates = [one.result.throughput_per_s.value for one in records]
    assert rates[2:] == pytest.approx([34.35, 130.74], rel=1e-3)
    assert rates[:2] == pytest.approx([1024 / 0.14197, 32 * 1024 / 3.95155])
    assert records[3].result.latency.per_token_s == pytest.approx(0.24477, rel=1e-3)
    assert {one.model.name for one in records} == {"bigscience/bloomz-7b1-mt"}


def test_each_tool_is_named_where_people_look():
    parser = argparse.ArgumentParser()
    import_.add_arguments(parser)
    help_, page = parser.epilog.replace("\n", " "), (ROOT / "docs/importing.md").read_text()
    for tool in TOOLS:
        for name in tool.TOOL.split(", "):
            assert name in help_, name
            assert name in page, name


def test_lines_that_begin_like_a_list_are_a_programs_own(tmp_path):
    """Each had been tried as JSON, which counts all lines before it: minutes for a long log."""
    log = "[07/04/2026-12:00:00] [TRT-LLM] [I] one of many\n" * 100_000
    (record,) = read_foreign(written(tmp_path, f"{log}{json.dumps(VLLM)}\n[INFO] done\n"), TOLD)
    assert record.provenance.tool == "vllm bench serve"
    with pytest.raises(InputError, match="must be an export"):
        read_foreign(written(tmp_path, "[{\n" * 300_000), TOLD)
