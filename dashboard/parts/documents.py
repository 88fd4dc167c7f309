"""Reports made for a download: written to a folder of their own, read back, not kept on disk."""

from __future__ import annotations

import html
import io
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modelworth.costmodel.analysis import Analysis
from modelworth.report.files import write

MIMES = {
    "html": "text/html",
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "json": "application/json",
    "zip": "application/zip",
}
FRAME = (
    "<!doctype html><style>html,body{margin:0;height:100%;background:#fff}"
    "iframe{border:0;width:100%;height:100%}</style>"
)


@dataclass(frozen=True, slots=True)
class Document:
    """One format, ready to be taken away; or why it couldn't be made."""

    format: str
    name: str = ""
    content: bytes = b""
    error: str | None = None

    @property
    def mime(self) -> str:
        """Its media type."""
        return MIMES.get(self.name.rsplit(".", 1)[-1], "application/octet-stream")


def make(
    analysis: Analysis, formats: Sequence[str], language: str, sections: Sequence[str]
) -> list[Document]:
    """Each format as one file; one that consists of several comes as a ZIP.

    Raises:
        InputError: if a format, section or language is unknown.
    """
    return [_one(analysis, name, language, sections) for name in formats]


def _one(analysis: Analysis, name: str, language: str, sections: Sequence[str]) -> Document:
    with tempfile.TemporaryDirectory() as folder:
        (outcome,) = write(analysis, Path(folder), [name], language, sections or None)
        if outcome.path is None:
            return Document(name, error=outcome.error or "")
        files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        if len(files) == 1:
            return Document(name, f"{analysis.scenario}{files[0].suffix}", files[0].read_bytes())
        return Document(name, f"{analysis.scenario}-{name}.zip", _zipped(files, Path(folder)))


def _zipped(files: Sequence[Path], folder: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.relative_to(folder))
    return packed.getvalue()


def preview(document: Document) -> str:
    """A page that shows an HTML document in a sandboxed frame of no origin, apart from the app."""
    inner = html.escape(document.content.decode(), quote=True)
    return f'{FRAME}<iframe sandbox="allow-scripts" srcdoc="{inner}"></iframe>'
