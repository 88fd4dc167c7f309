"""The JSON schema of scenario files, for editors that check and complete what is typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from modelworth.costmodel.scenario.drivers import Driver, load_drivers
from modelworth.costmodel.scenario.expected import ALLOWED
from modelworth.costmodel.scenario.fields import HARDWARE, LANGUAGES, MONTHS, SPELLED
from modelworth.costmodel.scenario.options import default_options

Schema = dict[str, Any]
SUM: Final[Schema] = {"type": "string", "pattern": "^=", "description": "= 440 * 9.5 * 24"}
NUMBER: Final[Schema] = {"anyOf": [{"type": "number"}, SUM]}
DISTRIBUTION: Final[Schema] = {
    "type": "object",
    "description": "{low, mode, high} (PERT), or one of uniform, triangular, pert, normal,"
    " lognormal, discrete, empirical; may carry source, as_of and note",
}


def schema() -> Schema:
    """The schema: everything that a scenario may hold, with units, ranges and defaults."""
    root = _object("A business question for `modelworth evaluate`.")
    root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    root["title"] = "modelworth scenario"
    root["required"] = ["months", "start"]
    for key, driver in load_drivers().items():
        _place(root, key.split("."), _driver(driver))
    fields: Schema = root["properties"]
    fields["text"] = _texts()
    fields["months"] = {"type": "integer", "minimum": MONTHS[0], "maximum": MONTHS[1]}
    fields["start"] = {"type": "string", "pattern": r"^\d{4}-(0[1-9]|1[0-2])$"}
    fields["currency"] = {"type": "string", "pattern": "^[A-Z]{3}$", "default": "USD"}
    fields["usd_per_currency"] = {"type": "number", "exclusiveMinimum": 0}
    fields["options"] = {
        "type": "object",
        "properties": {
            **{key: {"type": ["object", "boolean"]} for key in default_options()},
            "quality_bar": {"type": "number", "minimum": 0, "maximum": 1},
        },
    }
    fields["options"]["additionalProperties"] = _named("label")
    fields["cases"] = {
        "type": "object",
        "description": "ways in which the world may turn out; the weights are at most 1 together",
        "additionalProperties": _named("label", "weight"),
    }
    by_month = {"type": "array", "items": {"type": ["number", "null"]}, "minItems": 1}
    fields["actuals"] = {
        "type": "object",
        "description": "line: what it came to, the first entry for the first month of operation",
        "additionalProperties": by_month,
    }
    fields["expected"] = {"type": "object", "additionalProperties": _expected()}
    capacity = fields["capacity"]["properties"]
    capacity.update({key: {"type": "string"} for key in HARDWARE})
    capacity["precision"] = {"enum": list(SPELLED)}
    fields["demand"]["properties"]["hourly_load"] = {
        "type": "array",
        "items": {"type": "number", "minimum": 0},
        "minItems": 24,
        "maxItems": 24,
        "description": "load of each hour of a day, instead of peak_over_average",
    }
    fields["simulation"]["properties"]["correlations"] = {
        "type": "array",
        "items": {"type": "array", "minItems": 3, "maxItems": 3},
        "description": "[driver, driver, rank correlation]",
    }
    return root


def _named(*required: str) -> Schema:
    """A label (and weight) with drivers by dotted or nested keys."""
    return {
        "type": "object",
        "properties": {
            "label": {"type": "string"},
            "weight": {"type": "number", "minimum": 0, "maximum": 1},
        },
        "required": list(required),
    }


def _object(description: str = "") -> Schema:
    found: Schema = {"type": "object", "properties": {}, "additionalProperties": False}
    return found | ({"description": description} if description else {})


def _place(root: Schema, parts: list[str], leaf: Schema) -> None:
    for part in parts[:-1]:
        root = root["properties"].setdefault(part, _object())
    root["properties"][parts[-1]] = leaf


def _driver(driver: Driver) -> Schema:
    """One driver: a value, a distribution where it may be uncertain, or either with a source."""
    plain = _plain(driver)
    forms = [plain, _with_source(plain)]
    if driver.kind in ("number", "integer") and driver.section != "cash":
        forms.append(DISTRIBUTION)
    text = f"{driver.meaning} ({driver.unit}). Quality {driver.quality}: {driver.source}."
    return {"description": text, "default": _default(driver), "anyOf": forms}


def _default(driver: Driver) -> object:
    if driver.kind == "choice":
        return driver.word(driver.default)
    return bool(driver.default) if driver.kind == "switch" else driver.default


def _plain(driver: Driver) -> Schema:
    if driver.kind == "choice":
        return {"enum": list(driver.choices)}
    if driver.kind == "switch":
        return {"type": "boolean"}
    number: Schema = {"type": "integer" if driver.kind == "integer" else "number"}
    if driver.minimum is not None:
        number["minimum"] = driver.minimum
    if driver.maximum is not None:
        number["maximum"] = driver.maximum
    either: Schema = {"anyOf": [number, SUM]}
    if driver.kind != "monthly":
        return either
    some = {"type": "object", "additionalProperties": either, "description": "{1: 1.7, 6: 2.35}"}
    return {"anyOf": [*either["anyOf"], {"type": "array", "items": either}, some]}


def _with_source(plain: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {
            "value": {"anyOf": [plain, DISTRIBUTION]},
            "source": {"type": "string"},
            "as_of": {"type": ["string", "integer"]},
            "note": {"type": "string"},
        },
        "required": ["value"],
        "additionalProperties": False,
    }


def _texts() -> Schema:
    prose = {"type": "object", "additionalProperties": {"type": "string"}}
    return {
        "type": "object",
        "properties": dict.fromkeys(LANGUAGES, prose),
        "additionalProperties": False,
    }


def _expected() -> Schema:
    fields: Mapping[str, Schema] = {
        "value": {"anyOf": [NUMBER, {"type": "array", "items": NUMBER}]},
        "tolerance": {"type": "number", "minimum": 0, "maximum": 1},
        "month": {"anyOf": [{"type": "integer"}, {"enum": ["total", "last"]}]},
        "solve": {"type": "string"},
        "source": {"type": "string"},
        "note": {"type": "string"},
    }
    entry: Schema = {
        "type": "object",
        "properties": {key: fields.get(key, {"type": "object"}) for key in sorted(ALLOWED)},
        "additionalProperties": False,
    }
    return {"anyOf": [NUMBER, entry, {"type": "array", "items": {"anyOf": [NUMBER, entry]}}]}
