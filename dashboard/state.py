"""The one place that holds what a reader has set: language, notices, and the scenario at hand.

Everything lives in one typed object in Streamlit's session state, so that two readers never see
each other's. A scenario is checked and frozen; a change makes another and keeps the last for undo.
What takes time is cached in `sources`, keyed on content.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from modelworth.costmodel.analysis import Analysis, DriverUse
from modelworth.costmodel.risk import maps
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.costmodel.scenario.scenario import Scenario
from modelworth.dashboard import guides, levers, links, sources
from modelworth.data.errors import InputError, ModelworthError
from modelworth.report.charts import Look
from modelworth.report.words import LANGUAGES, Words, best_language

LANGUAGE = "MODELWORTH_LANGUAGE"
SCENARIO = "MODELWORTH_SCENARIO"
BASE = "base"
TRIALS = 2000
ALWAYS = ("risk", "tornado")
STALE_DAYS = 365
CASH = "cash_balance_usd"
MOST_UNDONE = 50
Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a reader must be told once."""

    severity: Severity
    text: str


@dataclass(slots=True)
class Session:
    """What one reader has set.

    Attributes:
        scenario: as it stands now.
        base: what it is compared with: the template, file or link it came from.
        past: what it was before each change and where it came from, for undo.
        address: the link that was last looked at, so that it is taken over once.
        levers: the revision they were chosen at, and the drivers that a reader may pull: while one
            is being pulled the others must stay where they are, whatever matters most by then.
        revision: grows with every change that widgets didn't make, so that they start afresh.
        origin: the guide or shipped question that it came from; empty for a file.
    """

    language: str
    scenario: Scenario
    base: Scenario
    past: list[tuple[Scenario, str]] = field(default_factory=list)
    origin: str = ""
    trials: int = TRIALS
    address: tuple[str, ...] = ()
    revision: int = 0
    levers: tuple[int, tuple[str, ...]] = (-1, ())
    notices: list[Notice] = field(default_factory=list)


def session() -> Session:
    """This reader's session."""
    if "session" not in st.session_state:
        first = _first()
        st.session_state["session"] = Session(_first_language(), first, first)
    return st.session_state["session"]


def _first_language() -> str:
    """From the address, the command line or the browser, in this order."""
    asked = st.query_params.get("lang")
    if asked in LANGUAGES:
        return asked
    return os.environ.get(LANGUAGE) or best_language(st.context.locale)


def begin() -> str:
    """Take over what the address says, once for each address; what is refused is said.

    The address always holds the plan at hand, so a refreshed page, a copied address and the way
    back find it again. What a session begins with is as far as undo leads back. Returns what became
    of the address: a `link` was opened, something was `refused`, or nothing.
    """
    mine = session()
    asked = _address()
    if asked == mine.address:
        return ""
    mine.address, begins = asked, not mine.past
    became = _take_address(asked)
    if begins:
        mine.past.clear()
    return became


def _take_address(asked: tuple[str, ...]) -> str:
    mine = session()
    language, packed, saved, origin = asked
    if language in LANGUAGES:
        mine.language = language
    elif language:
        note("warning", words().t("link.language", found=language))
    if packed or saved:
        return _open_link(packed, saved, origin)
    return _open_shipped(origin) if origin else ""


def _address() -> tuple[str, ...]:
    return tuple(st.query_params.get(key, "") for key in ("lang", "scenario", "saved", "from"))


def remember() -> None:
    """Write the plan at hand into the address, so that nothing is lost with the page."""
    mine = session()
    wanted = {"lang": mine.language, "from": mine.origin}
    if mine.scenario.document != _shipped(mine.origin).document:
        wanted["scenario"] = links.pack_scenario(mine.scenario)
    wanted |= {key: st.query_params.get(key, "") for key in ("record", "ask")}
    filled = {key: value for key, value in wanted.items() if value}
    if dict(st.query_params) != filled:
        st.query_params.from_dict(filled)
    mine.address = _address()


def _open_link(packed: str, saved: str, origin: str) -> str:
    try:
        text = links.unpack(packed) if packed else sources.saved_scenario(saved)
    except ModelworthError:
        said = words().t("link.cut") if packed else words().t("link.saved", hash=saved[:80])
        note("error", said)
        return "refused"
    try:
        opened = scenarios.loads(text, f"{origin or 'link'}.yaml")
    except InputError as error:
        note("error", f"{words().t('link.refused')} {error}")
        return "refused"
    if opened.document == session().scenario.document:
        return ""
    start_from(opened, origin if origin in known_origins() else "")
    session().base = _shipped(session().origin) if session().origin else opened
    return "link"


def known_origins() -> tuple[str, ...]:
    """What a plan may start from: the guides and the shipped questions."""
    return (*guides.load_guides(), *scenarios.shipped())


def _open_shipped(origin: str) -> str:
    if origin not in known_origins():
        note("error", words().t("link.origin", found=origin[:80]))
        return "refused"
    if origin != session().origin:
        start_from(_shipped(origin), origin)
    return ""


def _shipped(origin: str) -> Scenario:
    """What a guide or a shipped question is before anybody changes it."""
    found = guides.load_guides().get(origin)
    if found is not None:
        return found.scenario
    return _first(origin)


def _first(origin: str = "") -> Scenario:
    """The shipped question of this name, else what the pages open with; read once."""
    name = origin or os.environ.get(SCENARIO) or BASE
    path = Path(name)
    return sources.loaded(name, path.stat().st_mtime_ns if path.is_file() else 0)


def open_shipped(origin: str) -> None:
    """Start from a guide or a shipped question; undo leads back."""
    start_from(_shipped(origin), origin)


def leave_guide() -> None:
    """Back to the choice of questions; the plan as it is stays in the way back."""
    start_from(_first())


def guide() -> guides.Guide | None:
    """The guide whose questions are being answered."""
    return guides.load_guides().get(session().origin)


def start_from(scenario: Scenario, origin: str = "") -> None:
    """Take a whole scenario: a template, an upload or a link; undo leads back."""
    mine = session()
    _remember(mine)
    mine.scenario = mine.base = scenario
    mine.origin = origin
    mine.revision += 1


def set_driver(key: str, value: Any) -> None:
    """Change one driver; what isn't allowed is said and nothing changes."""
    change({key: value})


def forget_driver(key: str) -> None:
    """Let a driver stand at the catalogue's default again."""
    document = draft()
    *path, last = key.split(".")
    below: Any = document
    for part in path:
        below = below.get(part, {})
    below.pop(last, None)
    exchange(document)


def change(changes: dict[str, Any]) -> None:
    """Change drivers together; what isn't allowed is said and nothing changes."""
    mine = session()
    try:
        changed = scenarios.with_overrides(mine.scenario, changes)
    except InputError as error:
        note("error", str(error))
        mine.revision += 1
        return
    if changed.sha256 != mine.scenario.sha256:
        _remember(mine)
        mine.scenario = changed
        remember()


def draft() -> dict[str, Any]:
    """The plan's document, to be changed and given to `exchange`."""
    return deepcopy(dict(session().scenario.document))


def exchange(document: dict[str, Any]) -> None:
    """Take a plan that was changed elsewhere than in its drivers; undo leads back."""
    mine = session()
    try:
        changed = scenarios.from_document(document, f"{mine.scenario.name}.yaml")
    except InputError as error:
        note("error", str(error))
        return
    _remember(mine)
    mine.scenario = changed
    mine.revision += 1
    remember()


def _remember(mine: Session) -> None:
    mine.past.append((mine.scenario, mine.origin))
    del mine.past[:-MOST_UNDONE]


def undo() -> None:
    """Take back the last change, or say that there is none."""
    mine = session()
    if not mine.past:
        note("note", words().t("undo.none"))
        return
    mine.scenario, mine.origin = mine.past.pop()
    mine.revision += 1


def reset() -> None:
    """Back to what the scenario started from; undo leads back here."""
    mine = session()
    _remember(mine)
    mine.scenario = mine.base
    mine.revision += 1


def title() -> str:
    """What the scenario at hand is called."""
    return prose("name") or session().scenario.name


def turned(place: str) -> bool:
    """Whether the scenario was exchanged as a whole since `place` last asked.

    What stands around a fragment doesn't know; then the whole page must be drawn again.
    """
    seen, now = f"seen-{place}", session().revision
    before = st.session_state.get(seen, now)
    st.session_state[seen] = now
    return before != now


def scenario_hash() -> str:
    """What tells this scenario from others."""
    return session().scenario.sha256


def link() -> str:
    """The address at which this scenario opens, whole."""
    mine = session()
    packed = links.pack_scenario(mine.scenario)
    return f"{_root()}/verdict?lang={mine.language}&scenario={packed}"


def saved_link(key: str) -> str:
    """The address at which a saved plan opens, for everybody who uses this store."""
    return f"{_root()}/verdict?lang={session().language}&saved={key}"


def record_link(record_id: str) -> str:
    """The address of one measurement."""
    return f"{_root()}/record?lang={session().language}&record={record_id}"


def _root() -> str:
    """Where the app's pages stand."""
    start = (st.context.url or "").split("?")[0].rstrip("/")
    return start if start.count("/") < 3 else start.rsplit("/", 1)[0]


def speak(language: str) -> None:
    """Change the language, also in the address."""
    session().language = language
    st.query_params["lang"] = language


def words() -> Words:
    """This reader's words, with the money of the scenario at hand."""
    mine = session()
    return Words(mine.language, mine.scenario.currency, mine.scenario.usd_per_currency)


def look() -> Look:
    """This reader's words and ground, for charts."""
    return Look(words(), dark=st.context.theme.type == "dark")


def analysis(*parts: str) -> Analysis:
    """What is found out about the scenario at hand.

    Args:
        parts: what is wanted beside the answer itself and what drives it.

    Raises:
        ModelworthError: if it can't be evaluated.
    """
    mine = session()
    return sources.analysis(mine.scenario, mine.trials, (*ALWAYS, *parts))


def values(found: Analysis) -> dict[str, Any]:
    """Every driver's value in the base case, as the model takes them."""
    return maps.values_of(found, session().scenario)


def prose(key: str) -> str:
    """The scenario's own words in the reader's language, else in any it has."""
    return sources.prose(session().scenario, session().language, key)


def levers_for(found: Analysis, keys: Sequence[str], place: str) -> None:
    """Sliders for drivers, side by side: those given when the scenario was opened."""
    mine = session()
    if mine.levers[0] != mine.revision:
        mine.levers = (mine.revision, tuple(keys))
    keys = mine.levers[1]
    for column, key in zip(st.columns(max(1, len(keys))), keys, strict=False):
        with column:
            lever(found.drivers[key], place)


def lever(use: DriverUse, place: str) -> None:
    """A slider for a driver: from its plausible range, in the reader's words."""
    mine, shown = session(), words()
    key = f"lever-{place}-{use.key}-{mine.revision}"
    held = st.session_state.get(key, use.value)
    stops = sorted({*levers.stops(use), held})
    st.select_slider(
        shown.name(use.key), stops, value=held, key=key,
        format_func=lambda value: shown.value(value, use.unit),
        on_change=_pull(use, key),
    )  # fmt: skip


def _pull(use: DriverUse, key: str) -> Callable[[], None]:
    def pulled() -> None:
        setting = session().scenario.settings.get(use.key)
        spec = setting.spec if setting else None
        set_driver(use.key, levers.moved(spec, use.value, st.session_state[key]))

    return pulled


def note(severity: Severity, text: str) -> None:
    """Tell the reader at the top of the page, once."""
    session().notices.append(Notice(severity, text))


def take_notices() -> list[Notice]:
    """What is to be told now."""
    told = session().notices
    session().notices = []
    return told
