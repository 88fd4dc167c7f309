"""The record: frozen, named by its content, and strict about what can't be."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

import pytest
from pydantic import ValidationError

from modelworth.data.measurement import Interval, Measurement, Provenance
from tests.data.records import failed, made_up


def test_the_id_is_the_hash_of_the_content():
    content = json.loads(made_up().model_dump_json(exclude={"id"}))
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    assert made_up().id == hashlib.sha256(text.encode()).hexdigest()[:20]
    assert made_up(1).id != made_up(2).id


def test_an_altered_record_is_noticed():
    content = made_up().model_dump(mode="json")
    content["result"]["work_per_step"] = 25
    with pytest.raises(ValidationError, match="altered record"):
        Measurement.model_validate(content)


def test_a_record_can_not_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        made_up().status = "error"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"recorded_at": datetime(2026, 1, 1)}, "timezone"),  # noqa: DTZ001 - the fault meant
        ({"status": "oom", "reason": "no memory"}, "exactly when status is 'ok'"),
        ({"status": "oom", "result": None}, "needs a reason"),
        ({"surprise": 1}, "Extra inputs"),
    ],
)
def test_what_can_not_be_is_refused(changes, said):
    with pytest.raises(ValidationError, match=said):
        made_up(**changes)


def test_a_published_record_must_be_cited():
    with pytest.raises(ValidationError, match="citation"):
        Provenance(origin="published", tool="a paper")


def test_an_interval_holds_its_value():
    with pytest.raises(ValidationError, match="must hold"):
        Interval(value=1, low=2)
    with pytest.raises(ValidationError):
        Interval(value=float("inf"))


def test_a_failure_carries_its_reason_and_no_figure():
    assert failed().result is None
    assert "memory" in failed().reason
