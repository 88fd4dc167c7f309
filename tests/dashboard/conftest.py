"""Stores, the app under test, and measurements to put into them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from modelworth.data.kept_models import BY_NAME_ALONE
from modelworth.data.measurement import (
    Ceilings,
    Energy,
    Interval,
    Latency,
    Machine,
    Measurement,
    Memory,
    Model,
    Provenance,
    Result,
    Workload,
)
from modelworth.data.store import ENVIRONMENT, open_store

APP = Path(__file__).parents[2] / "dashboard" / "app.py"
PAGES = (
    "start", "verdict", "scenario", "money", "statements", "risk", "options", "compare", "trust",
    "measurements", "record", "meter", "predict", "trends", "data", "report",
)  # fmt: skip
PROBE = "_stcore/"
"""Streamlit looks for its own address below a page's and finds it one level up: two 404s a page."""
HOSTILE = (
    "<script>alert(1)</script>", "=cmd|' /C calc'!A0", "<img src=x onerror=alert(1)>", "$a$ **b** [c](http://d)",
    "x" * 120,
)  # fmt: skip


def record(place: int, **changed: object) -> Measurement:
    """A measurement with plausible numbers; `changed` sets model, device, kind, status."""
    dice = np.random.default_rng(place)
    parameters = int(10 ** dice.uniform(6, 10))
    rate = dice.uniform(0.5, 1.0) * 1e14 / parameters
    kind = str(changed.get("kind", dice.choice(["pretrain", "prefill", "decode"])))
    batch = int(dice.choice([1, 2, 4, 8, 16, 32]))
    failed = changed.get("status", "ok") != "ok"
    result = Result(
        unit="tokens",
        work_per_step=batch,
        throughput_per_s=Interval(value=rate, low=rate * 0.97, high=rate * 1.02),
        throughput_per_s_per_device=rate,
        latency=Latency(
            mean_s=batch / rate, p50_s=batch / rate, p95_s=1.2 * batch / rate,
            per_token_s=batch / rate if kind == "decode" else None,
        ),
        mfu=dice.uniform(0.1, 0.6),
        mbu=dice.uniform(0.1, 0.8),
        memory=Memory(allocated_peak_bytes=parameters * 3),
        energy=Energy(energy_j_per_unit=parameters / 1e10, valid=True, method="counter"),
        samples_s=tuple(batch / rate * dice.uniform(0.98, 1.05) for _ in range(12)),
    )  # fmt: skip
    return Measurement(
        recorded_at=datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=place),
        model=Model(
            name=str(changed.get("model", f"m{place % 400}")), family="decoder",
            parameters_total=parameters, parameters_matmul=parameters,
        ),
        workload=Workload(kind=kind, batch=batch, prompt_tokens=512, precision="bfloat16"),
        machine=Machine(
            device=str(changed.get("device", "H100 SXM 80GB")), kind="cuda",
            ceilings=Ceilings(matmul_flops_per_s=7e14, read_bytes_per_s=2.9e12),
        ),
        status="oom" if failed else "ok",
        reason="out of memory" if failed else None,
        result=None if failed else result,
        provenance=Provenance(origin="measured", tool="test"),
    )  # fmt: skip


def fill(url: str, records: list[Measurement]) -> str:
    with open_store(url) as store:
        store.add_all(records)
    return url


@pytest.fixture
def empty_store(tmp_path: Path) -> str:
    """The address of a store that isn't there yet."""
    return f"sqlite:///{tmp_path}/none.db"


@pytest.fixture
def full_store(tmp_path: Path) -> str:
    records = [record(place) for place in range(60)]
    return fill(f"sqlite:///{tmp_path}/full.db", [*records, record(61, status="oom")])


@pytest.fixture
def hostile_store(tmp_path: Path) -> str:
    records = [
        record(place, model=name, device=name, kind="decode") for place, name in enumerate(HOSTILE)
    ]
    return fill(f"sqlite:///{tmp_path}/hostile.db", records)


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., object]]:
    """Start the app in AppTest: start(store, language=…, **address)."""
    import streamlit as st
    from streamlit.testing.v1 import AppTest

    def started(store: str, language: str = "en", **address: str) -> AppTest:
        monkeypatch.setenv(ENVIRONMENT, store)
        test = AppTest.from_file(str(APP), default_timeout=60)
        test.query_params["lang"] = language
        for key, value in address.items():
            test.query_params[key] = value
        return test.run()

    yield started
    st.cache_data.clear()
    st.cache_resource.clear()
    os.environ.pop(ENVIRONMENT, None)
    os.environ.pop(BY_NAME_ALONE, None)


@pytest.fixture(scope="module")
def browser():
    from benchmarks.browser import chromium

    with chromium() as found:
        yield found


@pytest.fixture
def reader(browser):
    """Opens addresses for a reader; fails on page errors, console errors and foreign requests.

    reader(address) is a new reader; reader(address, page) the same one going on.
    """
    problems, contexts = [], []

    def opened(address, page=None, *, width=1280, dark=False):
        from benchmarks.browser import WAIT_S, follow, settled

        if page is None:
            context = browser.new_context(
                viewport={"width": width, "height": 900}, locale="en-US",
                color_scheme="dark" if dark else "light",
            )  # fmt: skip
            contexts.append(context)
            context.set_default_timeout(1000 * WAIT_S)
            page = context.new_page()
            follow(page)
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("console", lambda message: problems.append(_told(message)))
            page.on("request", lambda request: problems.append(_foreign(request.url)))
        page.goto(address)
        settled(page)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [problem for problem in problems if problem] == []


def _told(message) -> str:
    """A console error that isn't Streamlit's probing for its own address."""
    if message.type != "error" or PROBE in message.location.get("url", ""):
        return ""
    return f"{message.text} {message.location}"


def _foreign(url: str) -> str:
    return "" if url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")) else url


def path(page: str) -> str:
    """Where a page stands below the address."""
    return "" if page == "start" else page
