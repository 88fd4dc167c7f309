"""A dashboard server and a Chromium that looks at it, for the benchmark, screenshots and tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, sleep
from typing import Any
from urllib.request import urlopen
from weakref import WeakKeyDictionary

ROOT = Path(__file__).parent.parent
READY = '[data-testid="stApp"][data-test-script-state="notRunning"]'
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
WAIT_S = 120.0
"""A machine may be slow; a test that goes well never waits so long."""


@contextmanager
def server(folder: Path, store: str, **environment: str) -> Iterator[str]:
    """A dashboard of its own on a free port, in `folder`; its address."""
    port = _free_port()
    command = [sys.executable, "-m", "modelworth", "dashboard", "--port", str(port)]
    settings = os.environ | {"MODELWORTH_STORE": store, "PYTHONPATH": str(ROOT), **environment}
    log = (folder / "server.log").open("w")
    process = subprocess.Popen(command, cwd=folder, env=settings, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/_stcore/health", process)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=WAIT_S)
        log.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    until = perf_counter() + WAIT_S
    while perf_counter() < until and process.poll() is None:
        try:
            with urlopen(address, timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            sleep(0.05)
    raise RuntimeError(f"no dashboard at {address} after {WAIT_S:.0f} s")


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless Chromium of the system."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise RuntimeError("no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


BEAT = "() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 100)))"
"""By then the browser has sent what was just pressed."""
FINISHED_EARLY = 2
"""How a run ends that gives way to the next."""


class Runs:
    """Whether a run of the script that a page asked for is still to come or to end."""

    def __init__(self) -> None:
        self.waiting = self.begun = False

    def sent(self, message: bytes) -> None:
        """The page's word to the server."""
        from streamlit.proto.BackMsg_pb2 import BackMsg

        if BackMsg.FromString(message).WhichOneof("type") == "rerun_script":
            self.waiting, self.begun = True, False

    def received(self, message: bytes) -> None:
        """The server's word to the page."""
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

        told = ForwardMsg.FromString(message)
        kind = told.WhichOneof("type")
        self.begun |= kind == "new_session"
        if kind == "script_finished" and self.begun and told.script_finished != FINISHED_EARLY:
            self.waiting = False


FOLLOWED: WeakKeyDictionary[Any, Runs] = WeakKeyDictionary()


def follow(page: Any) -> None:
    """From now on `settled` knows which runs this page asked for, however slow the server is."""
    runs = FOLLOWED[page] = Runs()

    def opened(socket: Any) -> None:
        socket.on("framesent", runs.sent)
        socket.on("framereceived", runs.received)

    page.on("websocket", opened)


def settled(page: Any, timeout_s: float = WAIT_S) -> None:
    """Wait until the script has run and nothing on the page is still to come."""
    if runs := FOLLOWED.get(page):
        page.evaluate(BEAT)
        until = perf_counter() + timeout_s
        while runs.waiting and perf_counter() < until:
            page.wait_for_timeout(20)
    page.wait_for_selector(READY, timeout=timeout_s * 1000)
    page.wait_for_function(
        '() => !document.querySelector(\'[data-stale="true"], [data-testid="stSkeleton"]\')',
        timeout=timeout_s * 1000,
    )
