"""Writes the documents of one analysis: each whole or not at all, none because of another.

A format that fails leaves nothing behind and is named with the reason; the others are written.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from modelworth.costmodel.analysis import Analysis
from modelworth.data.drafts import draft_beside, remove
from modelworth.data.errors import InputError, ModelworthError
from modelworth.report.brand import UNBRANDED, Brand
from modelworth.report.sections.blocks import Document
from modelworth.report.sections.content import check_language_and_sections, compose

Files = Mapping[str, bytes]
NAME = "report"
PAPERS = ("a4", "letter")


@dataclass(frozen=True, slots=True)
class Style:
    """How the documents look beside what they say.

    Attributes:
        paper: one of `PAPERS`.
        appendix: whether the slides are followed by the tables behind them.
    """

    brand: Brand = UNBRANDED
    paper: str = "a4"
    appendix: bool = False


PLAIN = Style()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one format: where it is, or why there is none."""

    format: str
    path: Path | None
    error: str | None = None


def write(
    analysis: Analysis,
    out_dir: Path,
    formats: Sequence[str] = ("html",),
    language: str = "en",
    sections: Sequence[str] | None = None,
    date: date | None = None,
    style: Style = PLAIN,
) -> tuple[Outcome, ...]:
    """Write the analysis to `out_dir` as report.html, report.pdf and so on.

    Args:
        analysis: what to report.
        out_dir: a folder; made if absent.
        formats: some of `FORMATS`.
        language: `en` or `zh_CN`.
        sections: which ones, all if None (`summary`: the six pages; the workbook, slides and JSON
            are always whole).
        date: printed on the documents and stamped into the files; the brand's or today if None.
        style: brand, paper, and whether the slides have an appendix.

    Raises:
        InputError: if a format, section or language is unknown, or the folder can't be made.
    """
    check_request(formats, language, sections)
    if style.paper not in PAPERS:
        raise InputError("paper", style.paper, f"one of {', '.join(PAPERS)}")
    day = date or style.brand.day or datetime.now(UTC).date()
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("out", str(out_dir), f"a folder that can be made ({error})") from error
    job = Job(analysis, language, sections, day, style)
    return tuple(_one(name, job, out_dir) for name in dict.fromkeys(formats))


def check_request(formats: Sequence[str], language: str, sections: Sequence[str] | None) -> None:
    """Refuse what can't be written, before any time is spent on the analysis.

    Raises:
        InputError: if a format, section or language is unknown, or no format is named.
    """
    for name in formats or [""]:
        if name not in FORMATS:
            raise InputError("formats", name, f"some of {', '.join(FORMATS)}")
    check_language_and_sections(language, sections)


@dataclass(frozen=True)
class Job:
    """What a format is made from; the document only where a format draws it."""

    analysis: Analysis
    language: str
    sections: Sequence[str] | None
    day: date
    style: Style

    @cached_property
    def document(self) -> Document:
        """The analysis in words, tables and charts."""
        brand = self.style.brand
        return compose(self.analysis, self.language, self.day, self.sections, brand)


def _module(name: str) -> Any:
    """A format's module; its library loads only when it is asked for."""
    return import_module(f"modelworth.report.formats.{name}")


#: format → what makes its files; the one-pager is the answer alone, for a mail and as a slide
FORMATS: dict[str, Callable[[Job], Files]] = {
    "html": lambda job: {f"{NAME}.html": _module("html").render(job.document)},
    "pdf": lambda job: {
        f"{NAME}.pdf": _module("pdf").render(job.document, job.day, job.style.paper)
    },
    "xlsx": lambda job: {
        f"{NAME}.xlsx": _module("xlsx").render(job.analysis, job.language, job.day, job.style.brand)
    },
    "pptx": lambda job: {
        f"{NAME}.pptx": _module("pptx").render(job.document, job.day, appendix=job.style.appendix)
    },
    "md": lambda job: dict(_module("md").render(job.document)),
    "json": lambda job: {f"{NAME}.json": _module("json").render(job.analysis, job.day)},
    "onepager": lambda job: {
        "onepager.pdf": _module("pdf").render(job.document.answer(), job.day, job.style.paper),
        "onepager.pptx": _module("pptx").render(job.document.answer(), job.day),
    },
}


def _one(name: str, job: Job, out_dir: Path) -> Outcome:
    """Make one format and put it in place; any failure is this format's alone."""
    try:
        files = FORMATS[name](job)
        _put(files, out_dir)
    except ModelworthError as error:
        return Outcome(name, None, str(error))
    except ModuleNotFoundError as error:
        missing = f"the package {error.name} is not installed"
        return Outcome(name, None, f"{missing}\n  get it with: pip install 'modelworth[report]'")
    except Exception as error:  # noqa: BLE001 - reported by name; the other formats go on
        return Outcome(name, None, f"{type(error).__name__}: {error}")
    return Outcome(name, out_dir / next(iter(files)))


def _put(files: Files, out_dir: Path) -> None:
    """Write all files beside their places, then move them in, folders as a whole."""
    made = draft_beside(out_dir / NAME)
    try:
        made.mkdir(exist_ok=True)
        for name, content in files.items():
            path = made / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        for path in sorted(made.iterdir(), key=Path.is_file):
            target = out_dir / path.name
            if target.is_dir():
                shutil.rmtree(target)
            os.replace(path, target)  # noqa: PTH105 - replaces on every system
    finally:
        remove(made)
