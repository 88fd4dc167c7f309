"""Cases and tables: what is predicted, what is refused, and how sure it says it is."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from modelworth.costmodel.architecture.read import read_model
from modelworth.costmodel.architecture.structure import Architecture
from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.layouts import laid_out
from modelworth.costmodel.prediction.predictor import Prediction, Predictor
from modelworth.costmodel.prediction.published_rows import measured_rows, nearest
from modelworth.costmodel.prediction.software import software_name, version_of
from modelworth.costmodel.prediction.table import Reader, predict_table, table_of
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError
from tests.costmodel.published_rows import SERVING, TABLES, TRAINING, VISION

CATALOG = load_catalog()


def predict(cases: list[Case]) -> list[Prediction]:
    return Predictor(CATALOG).predict_all(cases)


def read(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text))


def shipped(name: str) -> Architecture:
    return read_model(CATALOG.model(name).config, name)


def ask(**changes) -> Case:
    asked = {
        "work": "decode",
        "architecture": shipped("llama-2-7b"),
        "accelerator": CATALOG.accelerator("A100 SXM 80GB"),
        "batch": 8,
        "tokens": 1000,
    }
    return Case(**(asked | changes))


@pytest.mark.parametrize("name", TABLES)
def test_a_table_comes_back_with_predictions_near_what_was_measured(name):
    text, measured, tolerance = TABLES[name]
    frame = read(text)
    assert table_of(frame.columns) == name
    found = predict_table(frame)
    assert list(found.columns[: len(frame.columns)]) == list(frame.columns)
    assert found["predicted"].to_numpy() == pytest.approx(frame[measured].to_numpy(), rel=tolerance)
    assert (found["low"] < found["predicted"]).all()
    assert (found["predicted"] < found["high"]).all()
    assert set(found["basis"]) == {"interpolated"}


@pytest.mark.parametrize("name", TABLES)
def test_measured_columns_are_not_looked_at(name):
    text, measured, _ = TABLES[name]
    frame = read(text)
    bare = frame.drop(columns=[c for c in (measured, "ttft_ms", "tpot_ms") if c in frame])
    spoiled = frame.assign(**{measured: 1e9})
    expected = predict_table(frame)["predicted"]
    assert predict_table(bare)["predicted"].equals(expected)
    assert predict_table(spoiled)["predicted"].equals(expected)


def test_a_table_survives_being_written_and_read():
    found = predict_table(read(SERVING))
    again = read(found.to_csv(index=False))
    assert np.allclose(again["predicted"], found["predicted"])
    assert {"predicted_ttft_ms", "predicted_tpot_ms", "note"} <= set(again.columns)


@pytest.mark.parametrize(
    ("column", "nonsense", "says"),
    [
        ("gpu", "H900", "accelerator"),
        ("gpu", None, "gpu"),
        ("concurrency", -3, "from 1"),
        ("concurrency", float("inf"), "from 1"),
        ("prompt_tokens", "many", "from 1"),
        ("precision", "fp3", "precision"),
        ("tensor_parallel", 3, "multiple"),
        ("gpus", 1, ""),
    ],
)
def test_a_row_of_nonsense_says_why_and_the_others_go_on(column, nonsense, says):
    frame = read(SERVING).astype({column: object})
    frame.loc[1, column] = nonsense
    if column == "gpus":
        frame.loc[1, ["tensor_parallel", "precision", "gpu"]] = [1, "bf16", "H100"]
        says = "141 GB for weights alone"
    if column == "tensor_parallel":
        frame.loc[1, "gpus"] = 4
    found = predict_table(frame)
    assert np.isnan(found.loc[1, "predicted"])
    assert says in found.loc[1, "note"]
    assert found.loc[[0, 2], "predicted"].notna().all()


def test_columns_of_no_table_are_refused():
    with pytest.raises(InputError, match="columns"):
        predict_table(pd.DataFrame({"a": [1]}))


def test_an_empty_table_comes_back_empty():
    assert predict_table(read(SERVING).head(0)).empty


def test_decoding_on_an_a100_is_near_what_gpt_fast_published():
    """pytorch-labs/gpt-fast@32971d3: Llama-2-7B, bf16, one A100 80GB, batch 1: 104.9 tokens/s."""
    found = predict([ask(batch=1, tokens=100)])[0]
    assert found.low < 104.9 < found.high
    assert found.value == pytest.approx(104.9, rel=0.25)


def test_less_known_means_wider():
    serve = {"work": "serve", "new_tokens": 200, "batch": 16}
    known = predict([ask(**serve, accelerator=CATALOG.accelerator("H100"), software="vllm")])[0]
    device = predict([ask(**serve, accelerator=CATALOG.accelerator("H100 NVL"), software="vllm")])[
        0
    ]
    far = CATALOG.accelerator("TPU v4")
    neither = predict([ask(**serve, accelerator=far, software="nobody's engine")])[0]
    widths = [one.high / one.value for one in (known, device, neither)]
    assert widths == sorted(widths)
    assert [one.basis for one in (known, device, neither)] == [
        "interpolated",
        "extrapolated",
        "assumed",
    ]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"accelerator": CATALOG.accelerator("RTX 4090"), "software": "llama.cpp",
          "architecture": shipped("gpt-oss-20b"), "precision": "int4"},
         "of such models with software llama.cpp"),
        ({"gpus": 8, "tensor": 8, "attention_data": 8}, "of such models divided so"),
    ],
)  # fmt: skip
def test_what_no_row_is_like_is_extrapolated_and_wider(changes, says):
    serve = {"work": "serve", "new_tokens": 200, "batch": 16, "software": "vllm"}
    known, unlike = predict([ask(**serve), ask(**(serve | changes))])
    assert known.basis == "interpolated"
    assert unlike.basis == "extrapolated"
    assert says in unlike.note
    assert unlike.high / unlike.value > known.high / known.value


@pytest.mark.parametrize(
    ("model", "device", "tensor", "precision", "prompt", "measured_s"),
    [
        ("llama-3.1-70b", "H100", 2, "fp8", 500, 0.0478),
        ("llama-3.1-8b", "A100 SXM 80GB", 1, "bf16", 500, 0.0483),
    ],
)
def test_a_quiet_servers_first_token_is_what_nvidia_publishes(
    model, device, tensor, precision, prompt, measured_s
):
    """NVIDIA NIM's benchmarking pages, one request in flight."""
    asked = ask(
        work="serve", architecture=shipped(model), accelerator=CATALOG.accelerator(device),
        gpus=tensor, tensor=tensor, precision=precision, tokens=prompt, new_tokens=200, batch=1,
        software="tensorrt-llm",
    )  # fmt: skip
    assert predict([asked])[0].ttft_s == pytest.approx(measured_s, rel=0.35)


def test_apple_chips_run_llamacpp_as_published():
    """geerlingguy/ai-benchmarks issue 48: Llama 3.2 3B Q4_K_M on M1 Ultra, a prompt of 512."""
    asked = ask(
        work="prefill", architecture=shipped("llama-3.2-3b"), tokens=512, batch=1,
        accelerator=CATALOG.accelerator("M1 Ultra"), precision="int4", software="llama.cpp",
    )  # fmt: skip
    found = predict([asked])[0]
    assert found.low < 2142.6 < found.high


def test_groups_beyond_those_measured_are_wide_enough_for_what_deepseek_published():
    """SGLang on 96 H100 (lmsys.org, 2025-05-05): about 12,000 tokens a second and node of eight."""
    asked = {"precision": "fp8", "software": "sglang", "tokens": 2000, "new_tokens": 1000}
    few, many = (
        Case.of(
            "deepseek-v3", "H200", CATALOG, gpus=gpus, tensor=gpus, attention_data=gpus,
            batch=256 * gpus, **asked,
        )
        for gpus in (8, 96)
    )  # fmt: skip
    near, far = predict([few, replace(many, accelerator=CATALOG.accelerator("H100 SXM 80GB"))])
    assert near.width.factor < far.width.factor
    assert (near.basis, far.basis) == ("interpolated", "extrapolated")
    assert "more than 8 devices" in far.note
    assert far.low < 12_000 / 8 * 0.9 < far.high


def test_llamacpp_divides_layers_between_devices():
    """Two RTX 4090 with Llama 3 70B in 4 bits: 19.06 tokens a second (GPU-Benchmarks, May 2024)."""
    asked = Case.of(
        "llama-3-70b", "RTX 4090", CATALOG, gpus=2, precision="int4", batch=1, tokens=128,
        new_tokens=1024, software="llama.cpp",
    )  # fmt: skip
    found = laid_out(asked, Predictor(CATALOG))
    assert (found.tensor, found.pipeline) == (1, 2)
    assert 2 * Predictor(CATALOG).predict(found).value == pytest.approx(19.06, rel=0.2)


def test_what_does_not_fit_is_refused_with_what_would():
    big = read_model(CATALOG.model("llama-3.1-70b").config, "llama-3.1-70b")
    note = predict([ask(architecture=big)])[0].note
    assert "141 GB for weights alone; 1 × 80 GB" in note
    assert "fits on 2" in note


def test_every_device_of_the_catalogue_gets_an_answer_or_a_reason():
    for accelerator in CATALOG.accelerators:
        found = predict([ask(accelerator=accelerator)])[0]
        assert (found.value is not None and found.value > 0) or "more" in found.note


def test_a_device_without_any_rate_for_the_precision_is_refused():
    bare = CATALOG.accelerator("V100 SXM2 16GB").model_copy(
        update={"fp16_tflops": None, "fp32_tflops": None, "tf32_tflops": None}
    )
    assert "dense rate" in predict([ask(accelerator=bare, batch=1, tokens=10)])[0].note


@pytest.mark.parametrize(
    ("written", "name", "version"),
    [
        ("trtllm 1.0.0rc3", "trtllm", (1, 0, 0)),
        ("TensorRT-LLM", "trtllm", None),
        ("vLLM 0.18.0", "vllm", (0, 18, 0)),
        ("NeMo 24.05", "megatron", (24, 5)),
        ("llm-foundry", "llmfoundry", None),
        ("", None, None),
    ],
)
def test_software_is_known_however_it_is_spelt(written, name, version):
    assert software_name(written) == name
    assert version_of(written) == version


@pytest.mark.parametrize(
    ("written", "same_as"),
    [("fsdp2", "FULL_SHARD"), ("ZeRO-3", "FULL_SHARD"), ("zero_2", "SHARD_GRAD_OP"), ("DDP", "")],
)
def test_sharding_is_known_in_other_words(written, same_as):
    frame = read(TRAINING)
    one, other = (
        predict_table(frame.assign(sharding=word))["predicted"] for word in (written, same_as)
    )
    assert one.equals(other)


def test_sharding_in_unknown_words_is_refused():
    found = predict_table(read(TRAINING).assign(sharding="magic"))
    assert found["predicted"].isna().all()
    assert found["note"].str.contains("sharding").all()


def test_training_an_image_model_counts_images_and_takes_longer():
    frame = read(VISION)
    trained = predict_table(frame.assign(phase="train"))["predicted"]
    forward = predict_table(frame)["predicted"]
    assert ((forward / trained) > 2).all()
    assert ((forward / trained) < 6).all()


def test_a_vision_transformer_of_another_name_is_read_from_its_counts():
    frame = read(VISION)
    renamed = predict_table(frame.assign(size="someone's"))["predicted"]
    assert renamed.to_numpy() == pytest.approx(
        predict_table(frame)["predicted"].to_numpy(), rel=0.1
    )


def test_replicas_share_the_clients():
    """Two replicas of one device with twice the clients do as much a device as one."""
    frame = read(SERVING).head(1)
    double = frame.assign(gpus=2, concurrency=frame["concurrency"] * 2)
    assert predict_table(double)["predicted"].iloc[0] == pytest.approx(
        predict_table(frame)["predicted"].iloc[0]
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"work": "decode", "batch": 500, "tokens": 4096}, "the cache has no more room"),
        ({"work": "serve", "tokens": 900_000, "new_tokens": 10}, "made for"),
        ({"work": "train", "batch": 1, "gpus": 1}, "weights, gradients and optimizer"),
    ],
)
def test_work_without_room_is_refused_and_says_what_would_fit(changes, says):
    name = "llama-2-13b" if changes["work"] == "train" else "llama-2-7b"
    model = read_model(CATALOG.model(name).config, name)
    found = predict([ask(architecture=model, **changes)])[0]
    assert found.value is None
    assert says in found.note


def test_sharding_makes_the_same_training_fit():
    found = predict([ask(work="train", batch=1, gpus=8, sharding="full")])[0]
    assert found.value is not None


def test_a_model_with_latent_attention_is_known_by_its_sizes():
    row = {"model": "deepseek-r1", "layers": 61, "hidden": 7168, "heads": 128, "kv_heads": 128,
           "head_dim": 128, "ffn": 2048, "vocab": 129280, "experts": 256, "experts_per_token": 8,
           "gpu": "H200", "gpus": 8, "tensor_parallel": 8, "precision": "fp8", "concurrency": 16,
           "prompt_tokens": 1024, "new_tokens": 1024}  # fmt: skip
    found = predict_table(pd.DataFrame([row, row | {"model": "deepseek-v3"}]))
    assert found["predicted"].notna().all()
    assert found["predicted"].iloc[0] == found["predicted"].iloc[1]


def test_a_link_that_is_not_known_is_assumed_and_said():
    bare = CATALOG.accelerator("A100 SXM 80GB")
    no_link = bare.model_copy(update={"link_gb_per_s": None})
    known, assumed = (
        predict([ask(accelerator=one, gpus=2, tensor=2)])[0] for one in (bare, no_link)
    )
    assert "link" in assumed.note
    assert assumed.value < known.value


def test_a_device_of_no_known_generation_is_assumed():
    chip = CATALOG.accelerator("A100").model_copy(update={"name": "X", "architecture": "X"})
    found = predict([ask(accelerator=chip, batch=1)])[0]
    assert found.basis == "assumed"
    assert found.value > 0


def test_whole_training_runs_are_predicted_from_their_table():
    """BLOOM: 3.5 months on 384 A100 (Le Scao et al. 2022); the hours aren't looked at."""
    row = {"Model": "BLOOM-176B", "Organization": "BigScience", "Parameters": 176e9,
           "Training compute (FLOP)": 3.66e23, "Training dataset size (datapoints)": 366e9,
           "Training time (hours)": 1e9, "Training hardware": "NVIDIA A100 SXM4 80 GB",
           "Hardware quantity": 384}  # fmt: skip
    found = predict_table(pd.DataFrame([row, row | {"Training hardware": "Abacus"}]))
    assert found["predicted"][0] == pytest.approx(2820, rel=0.5)
    assert found["low"][0] < 2820 < found["high"][0]
    assert np.isnan(found["predicted"][1])
    assert "Abacus" in found["note"][1]


ENCODERS = """model,gpu,precision,batch,sequence,software,sequences_per_s
bert-large,A100 SXM 80GB,fp16,8,128,tensorflow,735
bert-base,A100 SXM 80GB,tf32,8,128,fastertransformer,2005.01
"""


def test_encoders_have_a_table_too():
    """NVIDIA/DeepLearningExamples@729963dd and NVIDIA/FasterTransformer@df4a753."""
    frame = read(ENCODERS)
    assert table_of(frame.columns) == "encoder"
    found = predict_table(frame)
    assert found["predicted"].to_numpy() == pytest.approx(frame["sequences_per_s"], rel=0.45)


def test_training_takes_the_columns_of_mixtures():
    """Megatron-Bridge 26.04 on GB200: 26,032 tokens/s, experts over 8 devices."""
    row = {"model": "qwen3-30b-a3b", "framework": "megatron-bridge 26.04", "gpu": "GB200",
           "gpus": 8, "precision": "fp8", "micro_batch": 4, "global_batch": 512, "seq_len": 4096,
           "expert_parallel": 8, "virtual_pipeline": "n/a", "context_parallel": None,
           "sharding": "distributed_optimizer", "activation_checkpointing": "False"}  # fmt: skip
    found = predict_table(pd.DataFrame([row]).replace("n/a", np.nan))
    assert found["low"][0] < 26_032 < found["high"][0]


@pytest.mark.parametrize(
    ("group", "regime"),
    [("trtllm 1.0 offline dense", "queued"), ("gaudi static", "static"), ("served", "closed")],
)
def test_the_regime_is_read_from_what_a_row_says(group, regime):
    reader = Reader(CATALOG)
    row = read(SERVING).assign(group=group).to_dict("records")[0]
    assert reader.case("serving", row).regime == regime
    old = row | {"group": None, "engine": "fastertransformer"}
    assert reader.case("serving", old).regime == "static"


def test_the_nearest_rows_share_what_was_asked():
    case = ask(work="serve", new_tokens=200, software="vllm", precision="fp8",
               accelerator=CATALOG.accelerator("H200"),
               architecture=read_model(
                   CATALOG.model("llama-3.1-70b").config, "llama-3.1-70b"
               ))  # fmt: skip
    first = nearest(case)[0]
    assert (first.model, first.device) == ("llama-3.1-70b", "H200 SXM 141GB")
    assert software_name(first.software) == "vllm"
    assert all(row.source and row.as_of for row in measured_rows())
    assert {row.kind for row in measured_rows()} == {"train", "forward", "serve"}


def test_a_row_of_the_same_software_and_device_is_nearer_than_the_model_elsewhere():
    case = ask(software="llama.cpp", precision="int4", batch=1,
               accelerator=CATALOG.accelerator("RTX 4090"))  # fmt: skip
    first = nearest(case)[0]
    assert (software_name(first.software), first.device) == ("llamacpp", "RTX 4090")
