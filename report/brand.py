"""An organisation's look on its documents: name, logo, colours, currency, date, author.

A brand is a small TOML file; everything in it may be left out. The logo lies beside it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Annotated

from babel.numbers import list_currencies
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modelworth.data.errors import InputError
from modelworth.data.foreign_file import read_bytes, read_text
from modelworth.data.json_reader import check_plain
from modelworth.report.palette import INK, LIGHT

MOST_BYTES, LOGO_BYTES, LOGO_PIXELS = 100_000, 1_000_000, 2000
SAMPLES = Path(__file__).parent / "brands"
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
Text = Annotated[str, Field(max_length=60)]


@dataclass(frozen=True, slots=True)
class Brand:
    """How documents look.

    Attributes:
        logo: a PNG image.
        primary: colour of titles and rules; `series` those of charts.
        currency: ISO 4217 code in which money is shown, with `usd_per_currency`; None: the plan's.
        day: date on the documents; None: the day of writing.
    """

    organisation: str = ""
    logo: bytes | None = None
    primary: str = INK
    series: tuple[str, ...] = LIGHT
    currency: str | None = None
    usd_per_currency: float | None = None
    day: date | None = None
    author: str = ""


UNBRANDED = Brand()


class _File(BaseModel):
    """The file's keys."""

    model_config = ConfigDict(extra="forbid", strict=True)

    organisation: Text = ""
    logo: str | None = None
    primary: Colour = INK
    series: list[Colour] = Field(default_factory=lambda: list(LIGHT), min_length=2, max_length=12)
    currency: str | None = None
    usd_per_currency: float | None = Field(None, gt=0, lt=1e6)
    day: date | None = Field(None, alias="date")
    author: Text = ""


def load_brand(name: str) -> Brand:
    """A brand's file, or one of the samples by its name.

    Raises:
        InputError: if it can't be read, a key is unknown, or a value isn't allowed.
    """
    sample = SAMPLES / f"{name}.toml"
    path = sample if name.isidentifier() and sample.is_file() else Path(name)
    known = ", ".join(sorted(file.stem for file in SAMPLES.glob("*.toml")))
    text = read_text(path, f"a TOML file, or one of {known}", MOST_BYTES)
    try:
        given = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # not only what tomllib calls wrong: bytes, numbers of 5,000 digits, 1,000 brackets
        raise InputError(str(path), "no TOML", f"keys and values ({error})") from error
    check_plain(given, path.name)
    try:
        file = _File.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        found = repr(first["input"])[:60]
        raise InputError(f"{path.name}: {key}", found, advice=first["msg"]) from error
    return _brand(file, path)


def _brand(file: _File, path: Path) -> Brand:
    if (file.currency is None) != (file.usd_per_currency is None):
        raise InputError(path.name, "one of two", "currency and usd_per_currency together")
    if file.currency is not None and file.currency not in list_currencies():
        raise InputError(f"{path.name}: currency", file.currency, "an ISO 4217 code, such as EUR")
    logo = None if file.logo is None else _logo(path.parent / file.logo)
    return Brand(**{**dict(file), "series": tuple(file.series), "logo": logo})


def _logo(path: Path) -> bytes:
    """A PNG of a size that fits into a document, of which each program can make a picture."""
    from PIL import Image

    content = read_bytes(path, "a PNG beside the brand's file", LOGO_BYTES)
    try:
        Image.open(BytesIO(content), formats=["PNG"]).verify()
        with Image.open(BytesIO(content), formats=["PNG"]) as picture:
            if max(picture.size) > LOGO_PIXELS:
                found = f"{picture.width} x {picture.height} pixels"
                raise InputError("logo", found, f"at most {LOGO_PIXELS} a side")
            picture.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError("logo", path.name, f"a whole PNG ({error})") from error
    return content
