"""A measurement as one line of JSON, and back."""

from __future__ import annotations

import json

from pydantic import ValidationError

from modelworth.data.errors import InputError
from modelworth.data.measurement import Measurement

SCHEMA_VERSION: int = Measurement.model_fields["schema_version"].default


def parse(text: str | bytes) -> Measurement:
    """A measurement from its JSON text.

    Raises:
        InputError: if it isn't one, or a newer modelworth wrote it; `where` is the field.
    """
    try:
        return Measurement.model_validate_json(text, strict=True)
    except ValidationError as error:
        version = _schema_version(text)
        if version is not None and version > SCHEMA_VERSION:
            allowed = f"{SCHEMA_VERSION} or less: update modelworth (pip install -U modelworth)"
            raise InputError("schema_version", version, allowed) from None
        fault = error.errors()[0]
        place = ".".join(str(part) for part in fault["loc"])
        found = "missing" if fault["type"] == "missing" else fault["input"] if place else text
        raise InputError(place or "record", found, advice=fault["msg"]) from error


def serialise(measurement: Measurement) -> str:
    """The measurement as one line of JSON, from which `parse` makes it again.

    Raises:
        InputError: if its config holds what JSON can't.
    """
    try:
        return json.dumps(measurement.model_dump(mode="json"), allow_nan=False)
    except ValueError as error:
        where = f"measurement {measurement.id}: model.config"
        raise InputError(where, str(error), "JSON values (no NaN, no infinity)") from error


def without_command(text: str) -> str:
    """The same record without the command that made it, under the id that its content then has.

    What can't be read could hold the command anywhere, and becomes an empty text.
    """
    try:
        record = parse(text)
    except InputError:
        return ""
    provenance = record.provenance.model_copy(update={"command": None})
    blank = record.model_copy(update={"provenance": provenance})
    return serialise(blank.model_copy(update={"id": blank.content_id()}))


def _schema_version(text: str | bytes) -> int | None:
    try:
        version = json.loads(text).get("schema_version")
    except (ValueError, AttributeError, RecursionError):
        return None
    return version if isinstance(version, int) else None
