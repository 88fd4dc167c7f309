"""Training cases that can't be held are refused with what would do; those that ran aren't."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from modelworth.cli import main
from modelworth.costmodel.architecture.structure import Architecture
from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.case_table import Reader
from modelworth.costmodel.prediction.training_refusal import training_refusal
from modelworth.data.catalog import load_catalog

CATALOG = load_catalog()
MEASURED = Path(__file__).parents[3] / "shared" / "facts" / "training_throughput.csv"


def case(model: str, gpu: str = "H100", **ask) -> Case:
    architecture = Architecture.from_config(CATALOG.model(model).config, model)
    return Case("train", architecture, CATALOG.accelerator(gpu), **ask)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        ({"batch": 1}, "fits on 2 with FSDP"),
        ({"gpus": 8, "batch": 1}, "weights, gradients and optimizer alone"),  # replicas, not shards
        ({"gpus": 8, "sharding": "full", "batch": 4, "tokens": 8192}, "full checkpointing"),
    ],
)
def test_what_cannot_be_held(ask, words):
    reason = training_refusal(case("llama-3.1-8b", **ask))
    assert words in str(reason)
    assert "training 8.03B in bf16 with adamw needs" in str(reason)


@pytest.mark.parametrize(
    "ask",
    [
        {"gpus": 8, "sharding": "full", "batch": 4, "tokens": 8192, "recomputed": 1.0},
        {"gpus": 8, "sharding": "full", "batch": 1, "tokens": 8192},
        {"gpus": 8, "sharding": "full", "batch": 2, "tokens": 8192, "recomputed": 0.5},
    ],
)
def test_what_can_be_held(ask):
    assert training_refusal(case("llama-3.1-8b", **ask)) is None


@pytest.mark.skipif(not MEASURED.exists(), reason="the shared facts aren't here")
def test_no_measured_step_is_refused():
    reader = Reader(CATALOG)
    rows = pd.read_csv(MEASURED).to_dict("records")
    refused = [row for row in rows if training_refusal(reader.case("training", row)) is not None]
    assert refused == []


def test_the_command_refuses(capsys):
    ask = ["predict", "--model", "llama-3.1-8b", "--gpu", "H100", "--work", "train"]
    assert main(ask) == 2
    assert "fits on 2 with FSDP" in capsys.readouterr().err
    assert main([*ask, "--gpus", "8", "--sharding", "full", "--sequence", "4096"]) == 0
