"""What holds where several people open one dashboard: who may write, and whose plans one sees.

Read-only is set by `modelworth dashboard --read-only`; sign-in by an `[auth]` part in Streamlit's
secrets. In both cases a reader is listed only the plans that were saved in the same session: a plan
of somebody else opens by its address, which can't be guessed.
"""

from __future__ import annotations

import os
from datetime import datetime

import streamlit as st

from modelworth.data.errors import ModelworthError
from modelworth.data.kept_models import BY_NAME_ALONE

READ_ONLY = "MODELWORTH_READ_ONLY"
Saved = tuple[tuple[str, datetime, str], ...]


def read_only() -> bool:
    """Whether nobody may add measurements, save plans or measure from the pages."""
    return bool(os.environ.get(READ_ONLY))


def open_no_files() -> None:
    """From here on a plan's model is found by its name alone: whoever sends a link names it."""
    os.environ[BY_NAME_ALONE] = "1"


def sign_in() -> bool:
    """Whether an identity provider is configured."""
    return st.secrets.load_if_toml_exists() and "auth" in st.secrets


def require_writable() -> None:
    """Refuse to write where nobody may.

    Raises:
        ModelworthError: in a read-only dashboard.
    """
    if read_only():
        raise ModelworthError("this dashboard is read-only\n  ask who runs it to add it")


def remember_saved(key: str) -> None:
    """This session saved the plan with this hash."""
    st.session_state.setdefault("saved-here", set()).add(key)


def own(saved: Saved) -> Saved:
    """Of the saved plans, those that this reader is listed."""
    if not (read_only() or sign_in()):
        return saved
    here = st.session_state.get("saved-here", set())
    return tuple(one for one in saved if one[0] in here)
