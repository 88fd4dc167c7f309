"""The JSON is what its published schema says."""

from __future__ import annotations

import json

import jsonschema
import pytest

from modelworth.report.formats.json import PUBLISHED, SCHEMA, published, render
from tests.report.conftest import DAY

AGAIN = "write it again: python -c 'from modelworth.report.formats.json import *;" \
        " PUBLISHED.write_text(published())'"  # fmt: skip


def test_the_published_schema_is_that_of_the_records():
    assert PUBLISHED.read_text(encoding="utf-8") == published(), AGAIN


@pytest.mark.slow
def test_what_is_written_holds_to_it(small, shipped):
    schema = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    held = jsonschema.Draft202012Validator(schema)
    for analysis in (small, *shipped.values()):
        made = json.loads(render(analysis, DAY))
        held.validate(made)
        assert made["schema"] == SCHEMA
        broken = {key: value for key, value in made.items() if key != "verdict"}
        assert not held.is_valid(broken)
