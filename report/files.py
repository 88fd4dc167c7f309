"""Writes the documents of one analysis: each whole or not at all, none because of another.

A format that fails leaves nothing behind and is named with the reason; the others are written.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from modelworth.costmodel.analysis import Analysis
from modelworth.data.errors import InputError, ModelworthError
from modelworth.report.sections.blocks import Document
from modelworth.report.sections.content import check_language_and_sections, compose

Files = Mapping[str, bytes]
NAME = "report"


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
) -> tuple[Outcome, ...]:
    """Write the analysis to `out_dir` as report.html, report.pdf and so on.

    Args:
        analysis: what to report.
        out_dir: a folder; made if absent.
        formats: some of `FORMATS`.
        language: `en` or `zh_CN`.
        sections: which ones, all if None (the workbook, slides and JSON are always whole).
        date: printed on the documents and stamped into the files; today if None.

    Raises:
        InputError: if a format, section or language is unknown, or the folder can't be made.
    """
    check_request(formats, language, sections)
    day = date or datetime.now(UTC).date()
    document = compose(analysis, language, day, sections)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("out", str(out_dir), f"a folder that can be made ({error})") from error
    job = Job(analysis, document, day)
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


@dataclass(frozen=True, slots=True)
class Job:
    """What a format is made from."""

    analysis: Analysis
    document: Document
    day: date


def _html(job: Job) -> Files:
    return {f"{NAME}.html": _module("html").render(job.document)}


def _pdf(job: Job) -> Files:
    return {f"{NAME}.pdf": _module("pdf").render(job.document, job.day)}


def _xlsx(job: Job) -> Files:
    book = _module("xlsx").render(job.analysis, job.document.language, job.day)
    return {f"{NAME}.xlsx": book}


def _pptx(job: Job) -> Files:
    slides = _module("pptx").render(job.analysis, job.document.language, job.day)
    return {f"{NAME}.pptx": slides}


def _md(job: Job) -> Files:
    return dict(_module("md").render(job.document))


def _json(job: Job) -> Files:
    return {f"{NAME}.json": _module("json").render(job.analysis, job.day)}


FORMATS: dict[str, Callable[[Job], Files]] = {
    "html": _html,
    "pdf": _pdf,
    "xlsx": _xlsx,
    "pptx": _pptx,
    "md": _md,
    "json": _json,
}


def _module(name: str) -> Any:
    """A format's module; its library loads only when it is asked for."""
    return import_module(f"modelworth.report.formats.{name}")


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
    with tempfile.TemporaryDirectory(prefix=".report-", dir=out_dir) as folder:
        made = Path(folder)
        for name, content in files.items():
            path = made / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        for path in sorted(made.iterdir(), key=Path.is_file):
            target = out_dir / path.name
            if target.is_dir():
                shutil.rmtree(target)
            os.replace(path, target)  # noqa: PTH105 - replaces on every system
