"""How a server was loaded: part of the record, and absent from records that have none."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from modelworth.data.flat import COLUMNS, row_of
from modelworth.data.measurement import Measurement, Result
from modelworth.data.record_text import parse, serialise
from modelworth.data.serving import Load, Serving, Spread
from tests.data.records import failed, made_up

LOAD = Load(
    mode="closed", concurrency_limit=64, endpoint="lab vllm", duration_s=30, requests_ok=2997,
    requests_failed=3, failures={"rate_limited": 2, "timeout": 1}, in_flight_mean=63.9,
    in_flight_max=64, in_flight=(63.8, 64.0), client_lag_s=Spread(p50_s=1e-5, p99_s=2e-3),
)  # fmt: skip


def _served() -> Measurement:
    content = made_up().model_dump(exclude={"id"})
    serving = Serving(ttft=Spread(p50_s=0.1, p95_s=0.2), output_tokens_per_s=5374.0)
    content["result"] = Result.model_validate(content["result"] | {"serving": serving})
    return Measurement.model_validate(content | {"load": LOAD})


def test_a_record_without_load_has_the_content_it_always_had():
    content = json.loads(serialise(made_up()))
    assert "load" not in content
    assert "serving" not in content["result"]


def test_a_served_run_comes_back_whole():
    record = _served()
    assert parse(serialise(record)) == record
    row = dict(zip(COLUMNS, row_of(serialise(record)), strict=True))
    assert row["endpoint"] == "lab vllm"
    assert row["concurrency_limit"] == 64
    assert row["ttft_p95_s"] == 0.2
    assert row["output_tokens_per_s"] == 5374.0


def test_a_failed_run_says_how_it_was_loaded():
    content = failed().model_dump(exclude={"id"}) | {"load": LOAD}
    assert parse(serialise(Measurement.model_validate(content))).load == LOAD


@pytest.mark.parametrize(
    ("part", "content"),
    [
        (Spread, {"p50_s": 2.0, "p95_s": 1.0}),
        (Spread, {"p50_s": 1e9}),
        (Spread, {"p50_s": -1.0}),
        (Load, {"requests_failed": 1, "failures": {"timeout": 2}}),
        (Load, {"failures": {"bad luck": 2}}),
        (Load, {"in_flight_mean": 65.0, "in_flight_max": 64.0}),
        (Load, {"rate_per_s": 0}),
        (Load, {"cached_share": 1.1}),
        (Load, {"endpoint": "x" * 201}),
        (Load, {"in_flight": [1.0] * 201}),
        (Serving, {"output_tokens_per_s": float("inf")}),
    ],
)
def test_what_can_not_be_is_refused(part, content):
    with pytest.raises(ValidationError):
        part.model_validate(content)
