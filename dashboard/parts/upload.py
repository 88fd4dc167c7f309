"""Measurements from a file: an export (JSONL, CSV, Parquet) or another store, checked whole."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import streamlit as st

from modelworth.dashboard import sources, state
from modelworth.dashboard.parts import show
from modelworth.data.errors import InputError

ENDINGS = ["jsonl", "csv", "parquet", "db", "sqlite"]


def panel() -> None:
    """A place to drop a file, and what came of it."""
    words = state.words()
    with st.expander(words.t("upload.title"), icon=":material/upload:"):
        st.write(words.t("upload.text"))
        file = st.file_uploader(words.t("upload.file"), type=ENDINGS, key="upload")
        if file is None:
            return
        content = file.getvalue()
        mark = hashlib.sha256(content).hexdigest()
        if st.session_state.get("uploaded") == mark:
            return
        st.session_state["uploaded"] = mark
        with show.errors_said():
            found, added = _taken(content, Path(file.name).suffix.lower())
            state.note("note", words.t("upload.done", found=found, added=added))
            st.rerun()


def _taken(content: bytes, ending: str) -> tuple[int, int]:
    """Add the file's measurements to the store; errors name the upload, not our copy of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"upload{ending}"
        path.write_bytes(content)
        try:
            return sources.add_file(path)
        except InputError as error:
            where, found = (
                str(text).replace(f"{folder}/", "") for text in (error.where, error.found)
            )
            raise InputError(where, found, error.allowed) from error
