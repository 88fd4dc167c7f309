"""llama-bench and optimum-benchmark: every format, and everything that a file says."""

import csv
import io
import json

import pytest

from modelworth.data.errors import InputError
from modelworth.data.importers.foreign import read_foreign
from modelworth.data.importers.told import Told
from modelworth.data.weight_formats import named_in
from tests.data.importers.results import LLAMA, OPTIMUM, written
from tests.data.importers.test_served import TOLD

COLUMNS = [key for key in LLAMA if key != "samples_ns"]
VALUES = [str(LLAMA[key]) for key in COLUMNS]
ROW = ", ".join(f"'{value}'" for value in VALUES)
SQL = (
    "CREATE TABLE IF NOT EXISTS test (build_commit TEXT);\n\n"
    f"INSERT INTO test ({', '.join(COLUMNS)}) VALUES ({ROW});\n"
)
SETTINGS = """| model                  |     size | params | backend | ngl | n_ubatch | type_k | type_v | sm  | fa |           test |    t/s |
| ---------------------- | -------: | -----: | ------- | --: | -------: | -----: | -----: | --: | -: | -------------: | -----: |
| llama 8B Q4_K - Medium | 4.58 GiB | 8.03 B | ROCm    |  99 |     2048 |   q8_0 |   q4_0 | row |  1 | tg128 @ d16384 | 100.10 |
"""  # noqa: E501
MARKDOWN = """ggml_cuda_init: found 1 CUDA devices:
| model                          |       size |     params | backend    | ngl |            test |                  t/s |
| ------------------------------ | ---------: | ---------: | ---------- | --: | --------------: | -------------------: |
| llama 8B Q4_K - Medium         |   4.58 GiB |     8.03 B | CUDA       |  99 |   pp512 @ d4096 |      5120.00 ± 12.30 |
| llama 8B Q4_K - Medium         |   4.58 GiB |     8.03 B | CUDA       |  99 |           tg128 |        128.00 ± 0.50 |
| llama 8B Q4_K - Medium         |   4.58 GiB |     8.03 B | CUDA       |  99 |     pp512+tg128 |        640.00 ± 1.00 |

build: abc1234 (6000)
"""  # noqa: E501


def table() -> str:
    lines = io.StringIO()
    csv.writer(lines, quoting=csv.QUOTE_ALL).writerows([COLUMNS, VALUES])
    return lines.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([LLAMA]), json.dumps(LLAMA), "\ufeff" + json.dumps([LLAMA]), table(), SQL,
        "ggml_vulkan: Found 1 devices:\n[WARN] slow\n" + json.dumps([LLAMA]),
    ],
)  # fmt: skip
def test_every_format_gives_the_same_figures(tmp_path, content):
    (record,) = read_foreign(written(tmp_path, content, "any.txt"), Told())
    work, result = record.workload, record.result
    assert result.throughput_per_s.value == pytest.approx(128)
    assert result.latency.per_token_s == pytest.approx(1 / 128)
    assert (work.kind, work.precision, work.quantization) == ("decode", "int4", "Q4_K_M")
    assert work.weight_bits == pytest.approx(8 * 4_912_898_304 / 8_030_261_312, abs=1e-3)
    assert (record.machine.device, work.gpu_layers) == ("NVIDIA GeForce RTX 4090", 99)
    assert record.model.parameters_total == 8_030_261_312


def test_utf_16_as_powershell_redirects(tmp_path):
    path = tmp_path / "out.json"
    path.write_bytes(json.dumps([LLAMA]).encode("utf-16"))
    assert read_foreign(path, Told())[0].result.throughput_per_s.value == 128


def test_devices_listed_before_the_table_are_read(tmp_path):
    line = "  Device {}: NVIDIA A100-SXM4-80GB, compute capability 8.0, VMM: yes\n"
    listed = line.format(0) + line.format(1) + MARKDOWN
    record = read_foreign(written(tmp_path, listed, "out.md"), Told(date=TOLD.date))[0]
    assert (record.machine.device, record.machine.count) == ("NVIDIA A100-SXM4-80GB", 2)


def test_the_printed_table_needs_a_device_and_a_date(tmp_path):
    path = written(tmp_path, MARKDOWN, "out.md")
    with pytest.raises(InputError, match="no device, no date"):
        read_foreign(path, Told())
    read, decoded, both = read_foreign(path, TOLD)
    assert (read.workload.prompt_tokens, read.workload.context_tokens) == (512, 4096)
    assert read.result.throughput_per_s.value == pytest.approx(5120)
    assert decoded.workload.weight_bits == pytest.approx(4.9, abs=0.01)
    assert both.workload.kind == "generate"
    assert both.result.latency.mean_s == pytest.approx(640 / 640)


def test_what_tells_unlike_tests_apart_is_kept(tmp_path):
    (record,) = read_foreign(written(tmp_path, SETTINGS, "out.md"), TOLD)
    work, machine = record.workload, record.machine
    assert (work.chunk_tokens, work.cache_format, work.attention) == (2048, "q8_0/q4_0", "flash")
    assert (work.prompt_tokens, work.new_tokens, work.gpu_layers) == (16384, 128, 99)
    assert (machine.kind, machine.libraries) == ("rocm", {"ggml": "ROCM"})
    (plain,) = read_foreign(
        written(tmp_path, [LLAMA | {"type_k": "f16", "flash_attn": False}]), TOLD
    )
    assert (plain.workload.cache_format, plain.workload.attention) == ("fp16", None)


@pytest.mark.parametrize(
    ("changes", "device", "kind", "count"),
    [
        ({"gpu_info": "GPU A, GPU A, GPU A"}, "GPU A", "cuda", 3),
        ({"gpu_info": "GPU A, GPU B"}, "GPU A + GPU B", "cuda", 2),
        ({"gpu_info": "GPU A, GPU A", "split_mode": "none"}, "GPU A", "cuda", 1),
        ({"gpu_info": "GPU A, GPU A", "devices": "CUDA1"}, "GPU A", "cuda", 1),
        ({"n_gpu_layers": 0}, "A Processor", "cpu", 1),
        ({"gpu_info": "", "backends": "CPU", "n_gpu_layers": 99}, "A Processor", "cpu", 1),
        ({"gpu_info": "", "backends": None}, "A Processor", "cpu", 1),
        (
            {"gpu_info": "", "backends": "Metal,BLAS", "cpu_info": "Apple M2"},
            "Apple M2",
            "other",
            1,
        ),
    ],
)
def test_on_what_it_ran(tmp_path, changes, device, kind, count):
    (record,) = read_foreign(written(tmp_path, [{**LLAMA, **changes}]), Told())
    machine = record.machine
    assert (machine.device, machine.kind, machine.count) == (device, kind, count)
    assert record.workload.layout.devices == count
    assert record.result.throughput_per_s_per_device == pytest.approx(128 / count)


@pytest.mark.parametrize(
    ("test", "kind", "prompt", "new", "context", "per_s"),
    [
        ({"n_prompt": 512, "n_gen": 0}, "prefill", 512, None, None, 512),
        ({"n_prompt": 512, "n_gen": 0, "n_depth": 8192}, "prefill", 512, None, 8192, 512),
        ({"n_gen": 64, "n_depth": 4096}, "decode", 4096, 64, None, 64),
        ({"n_prompt": 512, "n_gen": 128}, "generate", 512, 128, None, 128),
    ],
)
def test_kinds_of_tests(tmp_path, test, kind, prompt, new, context, per_s):
    (record,) = read_foreign(written(tmp_path, [{**LLAMA, **test}]), Told())
    work = record.workload
    assert (work.kind, work.prompt_tokens, work.new_tokens) == (kind, prompt, new)
    assert (work.context_tokens, record.result.throughput_per_s.value) == (context, per_s)


@pytest.mark.parametrize(
    ("text", "name", "bits"),
    [
        ("qwen2 7B Q4_K - Medium", "Q4_K_M", 4.8944), ("llama 7B Q5_K - Small", "Q5_K_S", 5.5704),
        ("llama 13B Q8_0", "Q8_0", 8.5), ("gpt-oss 20B MXFP4 MoE", "MXFP4", 4.25),
        ("zai-org/GLM-5-FP8", "FP8", 8), ("nvidia/Llama-3.1-8B-NVFP4", "NVFP4", 4.5),
        ("model-w4a16", "W4A16", 4.125), ("llama 8B BF16", "bf16", 16),
    ],
)  # fmt: skip
def test_formats_are_read_from_names(text, name, bits):
    found = named_in(text)
    assert (found.name, found.bits) == (name.lower(), bits)
    assert named_in("meta-llama/Llama-3.1-8B-Instruct") is None


def test_optimum_keeps_shapes_devices_and_both_parts(tmp_path):
    """4 × 64 tokens in 0.02 s; 4 × 100 tokens in 1 s; on two cards."""
    prefill, decode = read_foreign(written(tmp_path, OPTIMUM), TOLD)
    assert (prefill.workload.batch, prefill.workload.prompt_tokens) == (4, 64)
    assert prefill.result.throughput_per_s.value == pytest.approx(12_800)
    assert (decode.workload.new_tokens, decode.result.latency.per_token_s) == (100, 0.01)
    assert (decode.machine.count, decode.workload.precision) == (2, "float16")
    assert read_foreign(written(tmp_path, OPTIMUM["report"] | {"config": {}}), Told(
        device="H100 SXM 80GB", model="m", date=TOLD.date, batch=4
    ))[1].workload.new_tokens == 100  # fmt: skip
    with pytest.raises(InputError, match="--batch"):
        read_foreign(written(tmp_path, {"report": OPTIMUM["report"]}), TOLD)


def test_a_test_without_times_is_refused(tmp_path):
    with pytest.raises(InputError, match="times"):
        read_foreign(
            written(tmp_path, [{**LLAMA, "samples_ns": [], "avg_ns": 0, "avg_ts": 0}]), Told()
        )


VULKAN = "ggml_vulkan: {} = AMD Radeon RX 7900 XTX (RADV NAVI31) (radv) | uma: 0 | fp16: 1\n"
COLUMNS_OF = "| model | size | params | backend | ngl | n_cpu_moe | dev | test | t/s |\n"
ROW_OF = "| llama 7B Q4_0 | 3.56 GiB | 6.74 B | Vulkan | 99 | {} | {} | tg128 | {} ± 0.05 |\n"


def test_a_log_of_several_runs_names_the_devices_of_each(tmp_path):
    """As people keep them: one card, the other, both; then the experts, then all on the CPU."""
    runs = [
        VULKAN.format(0) + COLUMNS_OF + ROW_OF.format(0, "auto", 150.97),
        VULKAN.format(0) + COLUMNS_OF + ROW_OF.format(0, "auto", 172.86),
        VULKAN.format(0) + VULKAN.format(1) + COLUMNS_OF + ROW_OF.format(0, "auto", 129.80),
        COLUMNS_OF + ROW_OF.format(26, "Vulkan0", 9.87) + ROW_OF.format(0, "none", 6.20),
    ]
    path = written(tmp_path, "\nbuild: a81a56957 (7361)\n\n".join(runs), "all.txt")
    *records, last = read_foreign(path, Told(date=TOLD.date, device="RTX 4090"))
    assert [record.machine.count for record in records] == [1, 1, 2, 1]
    assert [record.workload.host_expert_layers for record in records] == [None, None, None, 26]
    assert (last.machine.device, last.machine.kind) == ("CPU", "cpu")
