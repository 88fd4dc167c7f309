"""The Predict page answers as the library does: the stored precision, the best layout."""

from __future__ import annotations

import pytest

import modelworth as mw
from modelworth.costmodel.prediction.case import Case
from modelworth.dashboard.parts.predictor_answers import Question, ask
from modelworth.data.catalog import load_catalog

CATALOG = load_catalog()


@pytest.mark.parametrize(
    ("model", "device", "asked"),
    [
        ("gpt-oss-120b", "H100 SXM 80GB", {"batch": 16}),
        ("llama-3.1-70b", "H100 SXM 80GB", {"gpus": 8, "batch": 64}),
        ("llama-3.1-70b", "A100 SXM 80GB", {"gpus": 8, "tensor": 4, "precision": "fp16"}),
        ("llama-2-7b", "A100 SXM 80GB", {"work": "train", "gpus": 8, "tokens": 4096}),
        ("bert-large", "L4", {"work": "forward", "tokens": 384}),
    ],
)
def test_the_page_answers_as_the_library_does(model, device, asked):
    asked = {"batch": 1, "tokens": 1024, "new_tokens": 256} | asked
    page = ask(Question(model, device, **asked), CATALOG)
    library = mw.predict(model, device, **asked)
    assert page.prediction == library


def test_a_checkpoint_is_served_as_it_is_stored_and_trained_in_bf16():
    served = Case.of("gpt-oss-120b", "H100 SXM 80GB", CATALOG)
    assert served.precision == "fp4"
    trained = Case.of("gpt-oss-120b", "H100 SXM 80GB", CATALOG, work="train")
    assert trained.precision == "bf16"
    said = Case.of("gpt-oss-120b", "H100 SXM 80GB", CATALOG, precision="fp8")
    assert said.precision == "fp8"


def test_a_cache_said_to_be_wide_stays_wide():
    """An engine that caches as its checkpoint computes would take 8 bits otherwise."""
    asked = {"precision": "fp8", "software": "tensorrt-llm", "batch": 4096, "tokens": 2048}
    asked |= {"new_tokens": 2048, "regime": "queued"}
    rooms = [
        mw.predict("llama-3.1-8b", "H100 SXM 80GB", **asked, kv_precision=kept).room
        for kept in ("bf16", "fp8")
    ]
    assert rooms[1] == pytest.approx(2 * rooms[0])
