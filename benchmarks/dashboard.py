"""How long a reader waits: from start to the first page, and from a slider to all charts redrawn.

`python -m benchmarks.dashboard`: a dashboard of its own on a free port, an empty store, the base
scenario, a headless Chromium on the same machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from contextlib import suppress
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import psutil

from benchmarks.browser import chromium, server, settled

MOVES = 40
QUIET_MS = 350
REST_S = 5.0
LEFT_S = 100.0
"""After which the server has given back what its readers held (it keeps them for 60 s)."""
TARGETS = {
    "start_to_page_cold_s": 5.0, "first_page_warm_s": 2.0, "slider_p50_ms": 250.0,
    "slider_p95_ms": 400.0, "readers_mb": 1000.0, "measurements_first_s": 3.0, "server_mb": 500.0,
}  # fmt: skip
WATCH = """() => {
  window.drawn = performance.now();
  new MutationObserver(changes => {
    if (changes.some(change => change.target.closest?.('.js-plotly-plot')))
      window.drawn = performance.now();
  }).observe(document.body, {subtree: true, childList: true, attributes: true});
}"""
PRESSED = "() => { window.pressed = performance.now(); window.drawn = 0; }"
REDRAWN = f"""() => window.drawn > window.pressed
  && performance.now() - window.drawn > {QUIET_MS}
  && document.querySelector('[data-test-script-state="notRunning"]')"""


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moves", type=int, default=MOVES)
    parser.add_argument(
        "--readers", type=int, help="instead: the server's memory while so many look, and after"
    )
    parser.add_argument(
        "--store", help="instead: how long Measurements of this large store take, and its memory"
    )
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    if options.readers:
        figures = memory(options.readers)
    else:
        figures = opening(options.store) if options.store else measure(options.moves)
    print(f"{'figure':<22}{'measured':>10}{'at most':>10}")
    for key, value in figures.items():
        bound = TARGETS.get(key)
        print(f"{key:<22}{value:>10.2f}{'' if bound is None else f'{bound:.0f}':>10}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))


def measure(moves: int) -> dict[str, float]:
    """All figures, by name."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        began = perf_counter()
        with server(Path(folder), f"sqlite:///{folder}/empty.db") as address:
            cold = _open(browser, address)
            first = perf_counter() - began
            cold.close()
            warm_s = []
            for _ in range(3):
                began = perf_counter()
                page = _open(browser, address)
                warm_s.append(perf_counter() - began)
                page.close()
            waits, busy_s, drawing_s = _slide(browser, address, moves)
    waits.sort()
    return {
        "start_to_page_cold_s": first,
        "first_page_warm_s": statistics.median(warm_s),
        "slider_p50_ms": statistics.median(waits),
        "slider_p95_ms": waits[min(len(waits) - 1, int(0.95 * len(waits)))],
        "slider_server_ms": 1000 * busy_s / len(waits),
        "slider_browser_ms": 1000 * drawing_s / len(waits),
        "slider_moves": float(len(waits)),
    }


def memory(readers: int) -> dict[str, float]:
    """Megabytes of the server before, while each reader has moved a slider, and after all left."""
    with (
        tempfile.TemporaryDirectory() as folder,
        chromium() as browser,
        server(Path(folder), f"sqlite:///{folder}/empty.db") as address,
    ):
        _open(browser, address).context.close()
        sleep(REST_S)
        before, most = _held_mb(), 0.0
        looking = []
        for place in range(readers):
            page = _open(browser, f"{address}/verdict")
            slider = page.get_by_role("slider").nth(place % 3)
            slider.focus()
            for _ in range(1 + place % 4):
                page.keyboard.press("ArrowRight")
                page.wait_for_timeout(QUIET_MS)
            looking.append(page)
            most = max(most, _held_mb())
        for page in looking:
            page.context.close()
        sleep(LEFT_S)
        return {"before_mb": before, "readers_mb": most, "after_mb": _held_mb()}


def opening(store: str) -> dict[str, float]:
    """Seconds from the address of Measurements to its first table, the first time and again."""
    with (
        tempfile.TemporaryDirectory() as folder,
        chromium() as browser,
        server(Path(folder), store) as address,
    ):
        _open(browser, address).context.close()
        sleep(REST_S)
        waits, began_s = [], _busy_s()
        for _ in range(2):
            began = perf_counter()
            page = _open(browser, f"{address}/measurements")
            page.wait_for_selector('[data-testid="stDataFrame"] canvas')
            waits.append(perf_counter() - began)
            page.context.close()
        return {
            "measurements_first_s": waits[0], "measurements_again_s": waits[1],
            "processor_s": _busy_s() - began_s, "server_mb": _held_mb(),
        }  # fmt: skip


def _open(browser: Any, address: str) -> Any:
    """A new reader on a page, when all of it is there."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(address)
    settled(page)
    page.wait_for_selector("h1")
    return page


def _slide(browser: Any, address: str, moves: int) -> tuple[list[float], float, float]:
    """Milliseconds from each press of an arrow key on a slider to the last chart's last change.

    And the seconds that processors were busy with all of them, for the server and for the browser.
    """
    page = _open(browser, f"{address}/verdict")
    page.wait_for_selector(".js-plotly-plot .main-svg")
    page.evaluate(WATCH)
    sliders = page.get_by_role("slider")
    keys = [""] * sliders.count()
    waits, began_s, drawn_s = [], _busy_s(), _busy_s("chromium")
    for move in range(moves):
        place = move % len(keys)
        slider = sliders.nth(place)
        slider.focus()
        keys[place] = _arrow(slider, keys[place])
        page.evaluate(PRESSED)
        page.keyboard.press(keys[place])
        page.wait_for_function(REDRAWN)
        waits.append(page.evaluate("() => window.drawn - window.pressed"))
    return waits, _busy_s() - began_s, _busy_s("chromium") - drawn_s


def _started(word: str) -> list[psutil.Process]:
    """The processes that this one started and that run, whose command has this word in it."""
    found = []
    for one in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it may end meanwhile
            if word in " ".join(one.cmdline()):
                found.append(one)
    return found


def _busy_s(word: str = "modelworth.dashboard.serve") -> float:
    """Processor time of those processes."""
    return sum(sum(one.cpu_times()[:2]) for one in _started(word))


def _held_mb() -> float:
    """Memory that the servers hold."""
    return sum(one.memory_info().rss for one in _started("modelworth.dashboard.serve")) / 2**20


def _arrow(slider: Any, before: str) -> str:
    """A key that moves this slider on, and back only from an end: so every plan is a new one."""
    now = float(slider.input_value())
    low, high = (float(slider.get_attribute(end)) for end in ("min", "max"))
    if now in (low, high):
        return "ArrowRight" if now == low else "ArrowLeft"
    return before or ("ArrowRight" if high - now > now - low else "ArrowLeft")


if __name__ == "__main__":
    main()
