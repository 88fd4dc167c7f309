"""The Predict page answers as the library does: the stored precision, the best layout."""

from __future__ import annotations

import pytest

import modelworth as mw
from modelworth.costmodel.prediction.case import Case
from modelworth.dashboard.parts import devices
from modelworth.dashboard.parts.predictor_answers import Question, ask, packed, refused, unpacked
from modelworth.data.catalog import load_catalog
from modelworth.report.words import LANGUAGES, Words

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


def test_a_question_is_the_same_after_the_address_and_what_is_not_offered_is_left():
    asked = Question("gpt2", "L4", "decode", 8, "fp16", 3, tensor=2, software="vllm")
    offered = {"model": ["gpt2"], "accelerator": ["L4"], "work": ["decode"], "gpus": [8],
               "precision": ["fp16"], "batch": range(9), "tokens": range(2000),
               "new_tokens": range(2000), "tensor": [2], "software": ["vllm"]}  # fmt: skip
    assert unpacked(packed(asked), offered) == asked
    for odd in ("", "{", "[1]", '{"model":"x","batch":1e3,"tokens":[1],"gpus":true,"odd":1}'):
        assert unpacked(odd, offered) == Question()


def test_the_address_keeps_the_question_and_a_refusal_speaks_of_the_pages_fields(
    start, empty_store
):
    asked = packed(Question("llama-3.1-8b", "L40S", "train", tokens=2048))
    test = start(empty_store, ask=asked).switch_page("views/predict.py").run()
    assert not test.exception
    assert {"llama-3.1-8b", "L40S"} <= {box.value for box in test.selectbox}
    (refusal,) = test.warning
    assert "Lay it out so, give more devices" in refusal.value.replace("\\", "")
    assert "--" not in refusal.value.replace("\\", "")
    test.selectbox[0].set_value("gpt2").run()
    assert '"model":"gpt2"' in test.query_params["ask"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refusal_has_no_flag_and_a_stop_between_fact_and_advice(language):
    refusal = ask(Question(work="train"), CATALOG).prediction.refusal
    assert refusal is not None
    text = refused(Words(language), refusal)
    assert "--" not in text
    assert language != "en" or ". Lay it out so" in text


def test_the_gpus_needed_stand_for_a_cost_in_whole_gpus():
    plan = devices.cheapest.__wrapped__(Question(), 5.0, 1.0, 0.05, ("fp8",))
    for one in plan.choices:
        ends = [one.gpus * usd / one.usd_per_million_tokens for usd in (one.low, one.high)]
        assert ends == pytest.approx([round(end) for end in ends])
        shown = devices.gpus_range(one).split("–")
        assert [int(shown[0]), int(shown[-1])] == [round(end) for end in ends]
