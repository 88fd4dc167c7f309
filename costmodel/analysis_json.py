"""An analysis as plain data, for programs: the same names as in `analysis`, nan as null."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from modelworth.costmodel.analysis import Analysis


def plain(analysis: Analysis) -> dict[str, Any]:
    """The whole analysis as dictionaries, lists, text, finite numbers and None."""
    found = _clean(asdict(analysis))
    assert isinstance(found, dict)
    return found


def _clean(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value
