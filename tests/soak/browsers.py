"""Twenty pages in Chromium at once on one dashboard over PostgreSQL, each with a plan of its own.

A reader opens the verdict of its plan and then another page. A fault is an exception on the page,
an error in the browser, another reader's plan, or a server of over 1 GiB.
"""

from __future__ import annotations

import shutil
import time
from typing import Any

from benchmarks.browser import chromium, settled
from tests.soak import sessions, writers
from tests.soak.sessions import MEMORY_BYTES, NAME, READERS, plan

ANSWER_S = 600.0
"""Twenty pages are drawn at once, on two cores that others may use, too."""
NEXT = ("money", "risk", "measurements", "predict", "compare")
PROBE = "_stcore/"
"""Streamlit looks for its own address below a page's: a 404 that is none of ours."""


def there() -> bool:
    """Whether this machine has a Chromium."""
    return shutil.which("chromium") is not None


def run(budget_s: float) -> dict[str, object]:
    """Rounds of twenty pages until the time is used up."""
    faults, pages = list[str](), 0
    start = time.perf_counter()
    with (
        writers.address("postgresql") as url,
        sessions.dashboard(store=url) as (port, server),
        chromium() as browser,
    ):
        while pages == 0 or time.perf_counter() - start < budget_s:
            faults += _round(browser, port)
            pages += 2 * READERS
        memory = server.memory_info().rss
        if memory > MEMORY_BYTES:
            faults.append(f"the server holds {memory / 2**30:.1f} GiB")
    return {"inputs": pages, "losses": len(faults), "faults": faults[:20]}


def _round(browser: Any, port: int) -> list[str]:
    """What was wrong with twenty readers' pages, opened before any of them was waited for."""
    faults = list[str]()
    contexts = [browser.new_context(locale="en-US") for _ in range(READERS)]
    try:
        tabs = [context.new_page() for context in contexts]
        for number, tab in enumerate(tabs):
            _listen(tab, number, faults)
            _open(tab, port, "verdict", number)
        for number, tab in enumerate(tabs):
            faults += _seen(tab, number)
        for number, tab in enumerate(tabs):
            _open(tab, port, NEXT[number % len(NEXT)], number)
        for number, tab in enumerate(tabs):
            faults += _seen(tab, number, named=False)
    finally:
        for context in contexts:
            context.close()
    return faults


def _listen(tab: Any, number: int, faults: list[str]) -> None:
    def heard(message: Any) -> None:
        if message.type == "error" and PROBE not in message.location.get("url", ""):
            faults.append(f"browser {number}: {message.text}"[:200])

    tab.on("pageerror", lambda error: faults.append(f"browser {number}: {error}"[:200]))
    tab.on("console", heard)


def _open(tab: Any, port: int, page: str, number: int) -> None:
    address = f"http://127.0.0.1:{port}/{page}?lang=en&scenario={plan(number)}"
    tab.goto(address, wait_until="commit", timeout=ANSWER_S * 1000)


def _seen(tab: Any, number: int, *, named: bool = True) -> list[str]:
    """Faults of a page when it has been drawn."""
    from playwright.sync_api import Error

    try:
        settled(tab, ANSWER_S)
        text = tab.inner_text("body")
    except Error as error:
        return [f"browser {number}: {error}".splitlines()[0][:200]]
    faults = []
    if tab.query_selector('[data-testid="stException"]'):
        faults.append(f"browser {number}: an exception on {tab.url.split('?')[0]}")
    plans = {int(found) for found in NAME.findall(text)}
    if plans - {number} or (named and not plans):
        faults.append(f"browser {number} saw the plans {plans}")
    return faults
