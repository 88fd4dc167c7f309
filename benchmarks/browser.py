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

ROOT = Path(__file__).parent.parent
READY = '[data-testid="stApp"][data-test-script-state="notRunning"]'
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
WAIT_S = 60.0


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
        process.wait(timeout=20)
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


def settled(page: Any, timeout_s: float = WAIT_S) -> None:
    """Wait until the script has run and nothing on the page is still to come."""
    page.wait_for_selector(READY, timeout=timeout_s * 1000)
    page.wait_for_function(
        '() => !document.querySelector(\'[data-stale="true"], [data-testid="stSkeleton"]\')',
        timeout=timeout_s * 1000,
    )
