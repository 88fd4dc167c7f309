"""Takes the screenshots of all pages anew: `python docs/screenshots/take.py`.

Pages show a shipped scenario and the store given (what this machine measured, if none is named).
A picture of more than 190 kB is cut to 256 colours.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))  # also when run as a file

from benchmarks.browser import chromium, server, settled

HERE = Path(__file__).parent
PAGES = (
    "start", "verdict", "scenario", "money", "statements", "risk", "options", "compare", "trust",
    "measurements", "record", "predict", "data", "report",
)  # fmt: skip
#: pages, language, dark, width
SERIES = (
    (PAGES, "en", False, 1280),
    (("verdict", "money", "risk"), "zh_CN", True, 1280),
    (("verdict", "options"), "zh_CN", False, 390),
    (("measurements",), "en", True, 390),
)
MOST_BYTES = 190_000
TALLEST = {1280: 2200, 390: 2600}


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", default=f"sqlite:///{Path.cwd()}/modelworth.db")
    parser.add_argument("--scenario", default="data/scenarios/chat_api_startup.yaml")
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args()
    scenario = str(Path(options.scenario).resolve())
    with (
        tempfile.TemporaryDirectory() as folder,
        server(Path(folder), options.store, MODELWORTH_SCENARIO=scenario) as address,
        chromium() as browser,
    ):
        for pages, language, dark, width in SERIES:
            context = browser.new_context(
                viewport={"width": width, "height": 900},
                color_scheme="dark" if dark else "light",
            )
            page = context.new_page()
            for name in pages:
                place = "" if name == "start" else name
                page.goto(f"{address}/{place}?lang={language}")
                path = options.out / f"{name}-{language}-{'dark' if dark else 'light'}-{width}.png"
                path.write_bytes(_picture(page, width))
                print(path)  # noqa: T201 - a command
            context.close()


def _picture(page: Any, width: int) -> bytes:
    """The whole page as a small PNG."""
    settled(page)
    page.wait_for_timeout(800)
    height = page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": min(height + 20, TALLEST[width])})
    page.wait_for_timeout(800)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    page.set_viewport_size({"width": width, "height": 900})
    full = _png(image)
    return full if len(full) <= MOST_BYTES else _png(image.quantize(256, kmeans=1))


def _png(image: Image.Image) -> bytes:
    packed = io.BytesIO()
    image.save(packed, "PNG", optimize=True)
    return packed.getvalue()


if __name__ == "__main__":
    main()
