"""Where pages get measurements and facts from: opened once, read again only when they change.

Caches are keyed on content: the store's digest, the scenario's text, the number of trials. What
they hold is frozen and shared between sessions; nothing in them is one reader's own.
"""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import pandas as pd
import streamlit as st

from modelworth.costmodel.analysis import Analysis
from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.prediction import served
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.costmodel.scenario.scenario import Scenario
from modelworth.dashboard import team
from modelworth.data.catalog import Catalog, load_catalog
from modelworth.data.engine import STORE_ENDINGS
from modelworth.data.errors import InputError, ModelworthError
from modelworth.data.importers import again
from modelworth.data.importers.foreign import read_any
from modelworth.data.importers.judge import Judgement
from modelworth.data.importers.told import Told
from modelworth.data.measurement import Measurement
from modelworth.data.store import DEFAULT_URL, ENVIRONMENT, MAKE_ONE, NEWEST, Store, open_store
from modelworth.data.store_queries import SORTS

COUNTED = [*SORTS, "count", "newest"]
MOST_BYTES = 24_000_000
"""Of analyses kept, as they would be written down; in memory they take about three times that."""
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
        if error.allowed == MAKE_ONE:
            return None
        raise


@st.cache_data(ttl=DIGEST_SECONDS, show_spinner=False)
def _state(url: str) -> tuple[int, int]:
    return _opened(url).state()


@st.cache_data(max_entries=4, show_spinner=False)
def _digest(url: str, state: tuple[int, int]) -> str:  # noqa: ARG001 - the state is the key
    return _opened(url).digest()


def digest() -> str:
    """A hash that changes when a measurement is added; empty without a store."""
    return "" if store() is None else _digest(store_url(), _state(store_url()))


@st.cache_resource(max_entries=4, show_spinner=False)
def _tally(url: str, content: str) -> pd.DataFrame:  # noqa: ARG001 - content is the key
    return pd.DataFrame(_opened(url).tally(), columns=COUNTED)


def tally() -> pd.DataFrame:
    """How many measurements there are of each sort; shared, so pages must not change it."""
    content = digest()
    return _tally(store_url(), content) if content else pd.DataFrame(columns=COUNTED)


Chosen = tuple[tuple[str, tuple[str, ...]], ...]


@st.cache_resource(max_entries=12, show_spinner=False)
def _asked(url: str, content: str, question: str, newest: int, chosen: Chosen) -> Any:  # noqa: ARG001
    return getattr(_opened(url), question)(newest=newest, **dict(chosen))


def frame(newest: int, **chosen: Sequence[str]) -> pd.DataFrame:
    """The newest measurements of those chosen, a row each; shared, so pages must not change it.

    Args:
        newest: at most so many.
        chosen: columns of the store, and the words of which one must hold; none: any.
    """
    content = digest()
    wanted = tuple((name, tuple(words)) for name, words in chosen.items() if words)
    return _asked(store_url(), content, "frame", newest, wanted) if content else pd.DataFrame()


@st.cache_resource(show_spinner=False)
def catalog() -> Catalog:
    """The shipped facts, with the user's own accelerators."""
    return load_catalog()


@lru_cache(maxsize=32)
def loaded(path: str, changed_ns: int) -> Scenario:  # noqa: ARG001 - a changed file is another
    """A scenario's file, read once.

    Raises:
        InputError: if there is none, or it isn't right.
    """
    return scenarios.load(path)


def prose(about: Scenario | Analysis, language: str, key: str) -> str:
    """A plan's own words in the reader's language, else in any it has; empty without."""
    return (about.text.get(language) or next(iter(about.text.values()), {})).get(key, "")


def record(record_id: str) -> Measurement:
    """One measurement, whole.

    Raises:
        ModelworthError: if it isn't there.
    """
    return _needed(f"measurement {record_id}").get(record_id)


def _needed(what: str) -> Store:
    opened = store()
    if opened is None:
        raise ModelworthError(f"no store here, so no {what}")
    return opened


def add_file(path: Path, told: Told) -> again.Kept:
    """Take the measurements of an export, another tool or another store; what became of them.

    Raises:
        InputError: if something isn't a measurement, or more must be told; then none is taken.
    """
    team.require_writable()
    ours = path.suffix in STORE_ENDINGS
    foreign, own = ([], _records_of_store(path)) if ours else read_any(path, told)
    said = [served.as_stored(record, load_catalog(), told) for record in foreign]
    with open_store(store_url()) as target:
        kept = again.keep(target, said, own)
    forget()
    return kept


def _records_of_store(path: Path) -> list[Measurement]:
    with open_store(str(path), create=False) as other:
        return other.measurements()


def forget() -> None:
    """Look at the store again at the next question."""
    _state.clear()


def measurements(model: str | None = None, device: str | None = None) -> tuple[Measurement, ...]:
    """What a question about a model and a device may rest on, as the command line takes it."""
    return _measurements(store_url(), digest(), model, device)


def newest(most: int, **chosen: str) -> tuple[Measurement, ...]:
    """The newest measurements that agree with what is given, whole, oldest first; shared."""
    content = digest()
    wanted = tuple((name, (word,)) for name, word in chosen.items())
    return tuple(_asked(store_url(), content, "measurements", most, wanted)) if content else ()


def judgements() -> dict[str, Judgement]:
    """What the newest load tests of servers can stand for, by the record's id; shared."""
    return _judgements(store_url(), digest())


@st.cache_resource(max_entries=4, show_spinner=False)
def _judgements(url: str, content: str) -> dict[str, Judgement]:  # noqa: ARG001 - content is the key
    return served.judgements(newest(NEWEST, kind="serve"), catalog())


def saved_scenario(key: str) -> str:
    """The text that was saved in the store under this hash.

    Raises:
        ModelworthError: if it isn't there.
    """
    return _needed(f"scenario {key}").scenario(key)


def save_scenario(text: str) -> str:
    """Keep a scenario in the store; the hash that finds it."""
    team.require_writable()
    with open_store(store_url()) as target:
        key = target.save_scenario(text)
    team.remember_saved(key)
    return key


def saved_scenarios() -> tuple[tuple[str, datetime, str], ...]:
    """Hash, time and text of the saved plans that this reader is listed, the newest first."""
    opened = store()
    return () if opened is None else team.own(opened.saved_scenarios())


Key = tuple[str, str, int, tuple[str, ...]]


@st.cache_resource(show_spinner=False)
def _kept() -> OrderedDict[Key, tuple[Analysis, int]]:
    """Analyses, each with its size, by what they were made from, the least used first; shared."""
    return OrderedDict()


def analysis(scenario: Scenario, trials: int, parts: tuple[str, ...]) -> Analysis:
    """The scenario evaluated, from what was kept if it is the same question.

    Raises:
        ModelworthError: if it can't be evaluated.
    """
    if found := kept(scenario, trials, parts):
        return found
    found = evaluated(scenario, trials, parts)
    keep(scenario, trials, parts, found)
    return found


def kept(scenario: Scenario, trials: int, parts: tuple[str, ...]) -> Analysis | None:
    """The analysis, if it was made already; it is now the last used."""
    held, key = _kept(), (scenario.sha256, digest(), trials, parts)
    found = held.pop(key, None)
    if found is None:
        return None
    held[key] = found
    return found[0]


def keep(scenario: Scenario, trials: int, parts: tuple[str, ...], found: Analysis) -> None:
    """Keep an analysis that was made elsewhere, such as in the background."""
    held = _kept()
    held[scenario.sha256, digest(), trials, parts] = found, len(pickle.dumps(found))
    while len(held) > 1 and sum(size for _, size in list(held.values())) > MOST_BYTES:
        held.popitem(last=False)


def evaluated(scenario: Scenario, trials: int, parts: tuple[str, ...], **watching: Any) -> Analysis:
    """The scenario evaluated now; `watching` is how `evaluate` reports and is stopped."""
    content = digest()
    return evaluate(
        scenario,
        measurements=measurements(scenario.hardware.model, scenario.hardware.accelerator),
        catalog=catalog(),
        trials=trials,
        parts=parts,
        store_digest=content or None,
        **watching,
    )


_held: WeakValueDictionary[str, Measurement] = WeakValueDictionary()
"""Records that several questions rest on are held once."""


@st.cache_resource(max_entries=4, show_spinner=False)
def _measurements(
    url: str, content: str, model: str | None, device: str | None
) -> tuple[Measurement, ...]:
    if not content:
        return ()
    found = _opened(url).evidence(model, catalog().same_device(device))
    return tuple(_held.setdefault(one.id, one) for one in found)
