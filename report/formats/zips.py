"""Office files without a trace of when they were made: the same content gives the same bytes."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import date

EARLIEST = (1980, 1, 1, 0, 0, 0)
_MOMENT = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*(<)")


def fixed(content: bytes, day: date) -> bytes:
    """The file with the zip's times at their earliest and its properties' at noon of `day`."""
    noon = f"{day.isoformat()}T12:00:00Z".encode()
    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            part = old.read(name)
            if name.endswith((".xlsx", ".pptx")):
                part = fixed(part, day)
            elif name == "docProps/core.xml":
                part = _MOMENT.sub(rb"\g<1>" + noon + rb"\2", part)
            entry = zipfile.ZipInfo(name, EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(entry, part)
    return made.getvalue()
