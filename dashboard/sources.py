"""Where pages get measurements and facts from: opened once, read again only when they change.

Caches are keyed on content: the store's digest, the scenario's text, the number of trials. What
they hold is frozen and shared between sessions; nothing in them is one reader's own.
"""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import streamlit as st

from data.catalog import Catalog, load_catalog
from data.errors import InputError, ModelworthError
from data.exchange import read
from data.measurement import Measurement
from data.store import DEFAULT_URL, ENVIRONMENT, Store, open_store

STORES = (".db", ".sqlite")
DIGEST_SECONDS = 2.0
"""How long the store is taken to be as it was; another process may add to it at any time."""


def store_url() -> str:
    """The store that the dashboard was started with."""
    return os.environ.get(ENVIRONMENT) or DEFAULT_URL


@st.cache_resource(show_spinner=False)
def _opened(url: str) -> Store:
    return open_store(url, create=False)


def store() -> Store | None:
    """The store, or None where there is none yet.

    Raises:
        ModelworthError: if there is something else in its place.
    """
    try:
        return _opened(store_url())
    except InputError as error:
        if error.found == "no store here yet":
            return None
        raise


@st.cache_data(ttl=DIGEST_SECONDS, show_spinner=False)
def _digest(url: str) -> str:
    return _opened(url).digest()


def digest() -> str:
    """A hash that changes when a measurement is added; empty without a store."""
    return "" if store() is None else _digest(store_url())


@st.cache_resource(max_entries=4, show_spinner=False)
def _frame(url: str, content: str) -> pd.DataFrame:  # noqa: ARG001 - content is the key
    return _opened(url).frame()


def frame() -> pd.DataFrame:
    """All measurements, a row each; shared, so pages must not change it."""
    content = digest()
    return _frame(store_url(), content) if content else pd.DataFrame()


@st.cache_resource(show_spinner=False)
def catalog() -> Catalog:
    """The shipped facts, with the user's own accelerators."""
    return load_catalog()


def record(record_id: str) -> Measurement:
    """One measurement, whole.

    Raises:
        ModelworthError: if it isn't there.
    """
    opened = store()
    if opened is None:
        raise ModelworthError(f"no store, so no measurement {record_id}")
    return opened.get(record_id)


def add_file(path: Path) -> tuple[int, int]:
    """Take the measurements of an export or another store: how many it has, how many are new.

    Raises:
        InputError: if a line isn't a measurement; then none is taken.
    """
    records = _records_of_store(path) if path.suffix in STORES else read(path)
    with open_store(store_url()) as target:
        added = target.add_all(records)
    forget()
    return len(records), added


def _records_of_store(path: Path) -> list[Measurement]:
    with open_store(str(path), create=False) as other:
        return other.measurements()


def forget() -> None:
    """Look at the store again at the next question."""
    _digest.clear()
