"""The whole analysis as JSON, for programs and archives; unknown and undefined are null."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from costmodel.analysis import Analysis

SCHEMA = "modelworth/analysis/1"


def render(analysis: Analysis, day: date) -> bytes:
    """Everything there is, in SI units and USD, with where it comes from."""
    whole = {"schema": SCHEMA, "date": day.isoformat(), **asdict(analysis)}
    text = json.dumps(_finite(whole), ensure_ascii=False, indent=1, allow_nan=False)
    return text.encode("utf-8", errors="replace") + b"\n"


def _finite(value: Any) -> Any:
    """The value with null for what isn't a number."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value
