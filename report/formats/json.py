"""The whole analysis as JSON, for programs and archives; unknown and undefined are null.

Its JSON Schema (`modelworth report --schema`) carries the same version. A field that is added keeps
the version; one that is taken away or means something else raises it.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from pydantic import TypeAdapter

from modelworth.costmodel.analysis import Analysis
from modelworth.costmodel.analysis_json import plain

VERSION = 2
SCHEMA = f"modelworth/analysis/{VERSION}"


def render(analysis: Analysis, day: date) -> bytes:
    """Everything there is, in SI units and USD, with where it comes from."""
    whole = {"schema": SCHEMA, "date": day.isoformat(), **plain(analysis)}
    text = json.dumps(whole, ensure_ascii=False, indent=1, allow_nan=False)
    return text.encode("utf-8", errors="replace") + b"\n"


def schema() -> dict[str, Any]:
    """The JSON Schema of what `render` writes, from the records themselves."""
    made = TypeAdapter(Analysis).json_schema(mode="serialization")
    made["properties"] = {
        "schema": {"const": SCHEMA},
        "date": {"type": "string", "format": "date"},
        **made["properties"],
    }
    made["required"] = ["schema", "date", *made["required"]]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA}
    return {**head, **_nullable(made)}


def _nullable(node: Any) -> Any:
    """Numbers may be null: a value that isn't finite is written so."""
    if isinstance(node, dict):
        changed = {key: _nullable(value) for key, value in node.items()}
        return {**changed, "type": ["number", "null"]} if node.get("type") == "number" else changed
    return [_nullable(item) for item in node] if isinstance(node, list) else node


def published() -> str:
    """The schema as text."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"
