"""The whole analysis as JSON, for programs and archives; unknown and undefined are null."""

from __future__ import annotations

import json
from datetime import date

from modelworth.costmodel.analysis import Analysis
from modelworth.costmodel.analysis_json import plain

SCHEMA = "modelworth/analysis/1"


def render(analysis: Analysis, day: date) -> bytes:
    """Everything there is, in SI units and USD, with where it comes from."""
    whole = {"schema": SCHEMA, "date": day.isoformat(), **plain(analysis)}
    text = json.dumps(whole, ensure_ascii=False, indent=1, allow_nan=False)
    return text.encode("utf-8", errors="replace") + b"\n"
