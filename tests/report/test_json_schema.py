"""The JSON is what its schema says."""

from __future__ import annotations

import json

import jsonschema
import pytest

from modelworth.report.formats.json import SCHEMA, published, render
from tests.report.conftest import DAY

KEYS = {
    "schema", "date", "scenario", "text", "months", "currency", "usd_per_currency", "indicators",
    "series", "lines", "drivers", "verdict", "findings", "tornado", "break_evens", "measurements",
    "predictions", "provenance", "risk", "options", "volume_curve", "lead", "base_case", "market",
    "named_cases", "weighted_npv_usd", "actuals",
}  # fmt: skip


def test_no_part_is_taken_away_while_the_version_stays(small):
    """What programs read of version 2 is there; each record's own keys are the schema's."""
    schema = json.loads(published())
    assert schema["$id"] == SCHEMA == "modelworth/analysis/2"
    assert schema["properties"].keys() >= KEYS
    made = json.loads(render(small, DAY))
    assert made["indicators"]["npv_usd"].keys() == schema["$defs"]["Figure"]["properties"].keys()


@pytest.mark.slow
def test_what_is_written_holds_to_it(small, shipped):
    schema = json.loads(published())
    jsonschema.Draft202012Validator.check_schema(schema)
    held = jsonschema.Draft202012Validator(schema)
    for analysis in (small, *shipped.values()):
        made = json.loads(render(analysis, DAY))
        held.validate(made)
        assert made["schema"] == SCHEMA
        broken = {key: value for key, value in made.items() if key != "verdict"}
        assert not held.is_valid(broken)
