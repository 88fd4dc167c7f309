"""Measurements from a file: an export, another store, or another tool's results, checked whole."""

from __future__ import annotations

import tempfile
from pathlib import Path

import streamlit as st

from modelworth.dashboard import sources, state, team
from modelworth.dashboard.parts import show
from modelworth.data.engine import STORE_ENDINGS
from modelworth.data.errors import InputError
from modelworth.data.importers.again import Kept
from modelworth.data.importers.read import moment
from modelworth.data.importers.told import Told

NOTHING = Told()
ENDINGS = ["jsonl", "json", "csv", "txt", "yaml", *(end[1:] for end in STORE_ENDINGS)]


def panel() -> None:
    """A place to drop a file, and what came of it; nothing where nobody may write."""
    if team.read_only():
        return
    words = state.words()
    part = show.folded(words.t("upload.title"), "uploading", ":material/upload:")
    if part is None:
        return
    with part:
        st.write(words.t("upload.text"))
        file = st.file_uploader(words.t("upload.file"), type=ENDINGS, key="upload")
        with show.errors_said():
            told = _told()
            if file is not None and st.button(words.t("upload.take"), key="upload-take"):
                kept = _taken(file.getvalue(), Path(file.name).suffix.lower(), told)
                state.note("note", " ".join(_said(kept)))
                st.rerun()


def _told() -> Told:
    """What another tool's file doesn't say, as the command line asks for it.

    Raises:
        InputError: if the date isn't one.
    """
    words = state.words()
    st.caption(words.t("upload.told"))
    devices = [device.name for device in sources.catalog().accelerators]
    one, two, three, four = st.columns([3, 1, 3, 2])
    device = one.selectbox(words.t("column.device"), devices, index=None, key="told-device")
    count = two.number_input(words.t("column.count"), 1, 10**6, None, key="told-count")
    model = three.text_input(words.t("column.model"), key="told-model", max_chars=200).strip()
    day = four.text_input(words.t("upload.date"), key="told-date", max_chars=40).strip()
    date = moment(day) if day else None
    if day and date is None:
        raise InputError(words.t("upload.date"), day, "2026-01-31")
    return Told(device=device, count=count, model=model or None, date=date)


def _said(kept: Kept) -> list[str]:
    """What became of a file's measurements; what the store has under other words is named."""
    words, replaced = state.words(), len(kept.replaced)
    said = [words.t("upload.done", found=kept.read, added=kept.added)]
    said += [words.t("upload.replaced", count=replaced)] if replaced else []
    return said + ([words.t("upload.left_out", count=kept.left_out)] if kept.left_out else [])


def _taken(content: bytes, ending: str, told: Told = NOTHING) -> Kept:
    """Add the file's measurements to the store; errors name the upload, not our copy of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"upload{ending}"
        path.write_bytes(content)
        try:
            return sources.add_file(path, told)
        except InputError as error:
            where, found = (
                str(text).replace(f"{folder}/", "") for text in (error.where, error.found)
            )
            raise InputError(where, found, error.allowed) from error
