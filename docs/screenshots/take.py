"""Takes the screenshots of all pages anew: `python docs/screenshots/take.py`.

Pages show a shipped scenario and the store given (what this machine measured, if none is named).
Every page is taken in both languages, on light and dark ground, wide and narrow; pictures are cut
to 64 colours. `--only NAME` takes the pictures of some pages.
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

from benchmarks.browser import WAIT_S, chromium, follow, server, settled
from modelworth.data.store import open_store
from modelworth.report.words import Words

HERE = Path(__file__).parent
PAGES = (
    "start", "answers", "verdict", "scenario", "money", "statements", "risk", "options", "compare",
    "trust",
    "measurements", "record", "meter", "predict", "trends", "data", "report",
)  # fmt: skip
#: language, dark, width: every page in each
SERIES = tuple(
    (language, dark, width)
    for width in (1280, 390)
    for dark in (False, True)
    for language in ("en", "zh_CN")
)
COLOURS = 64
TALLEST = {1280: 1800, 390: 2400}
PLAN = "from=host_or_buy"
LATER = ("verdict.flips.waiting", "verdict.options.waiting", "start.waiting")
AWAITED = "texts => !texts.some(text => document.body.innerText.includes(text))"


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", default=f"sqlite:///{Path.cwd()}/modelworth.db")
    parser.add_argument("--scenario", default="data/scenarios/chat_api_startup.yaml")
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--only", nargs="*", default=PAGES, metavar="PAGE")
    parser.add_argument("--missing", action="store_true", help="only those that aren't there")
    options = parser.parse_args()
    scenario = str(Path(options.scenario).resolve())
    with open_store(options.store, create=False) as store:
        newest = list(store.frame(newest=1, status=["ok"])["id"])
    with (
        tempfile.TemporaryDirectory() as folder,
        server(Path(folder), options.store, MODELWORTH_SCENARIO=scenario) as address,
        chromium() as browser,
    ):
        for language, dark, width in SERIES:
            context = browser.new_context(
                viewport={"width": width, "height": 900},
                color_scheme="dark" if dark else "light",
            )
            page = context.new_page()
            follow(page)
            for name in options.only:
                path = options.out / f"{name}-{language}-{'dark' if dark else 'light'}-{width}.png"
                if options.missing and path.exists():
                    continue
                place = {"answers": f"?{PLAN}&", "start": "?"}.get(name, f"{name}?")
                if name == "record" and newest:
                    place = f"record?record={newest[0]}&"
                page.goto(f"{address}/{place}lang={language}")
                path.write_bytes(_picture(page, width, Words(language)))
                print(path)  # noqa: T201 - a command
            context.close()


def _picture(page: Any, width: int, words: Words) -> bytes:
    """The whole page as a small PNG, with what is worked out beside it."""
    settled(page)
    later = [words.t(key) for key in LATER]
    page.wait_for_function(AWAITED, arg=later, timeout=WAIT_S * 1000)
    height = page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": min(height + 20, TALLEST[width])})
    page.wait_for_timeout(500)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    page.set_viewport_size({"width": width, "height": 900})
    return _png(image.quantize(COLOURS))


def _png(image: Image.Image) -> bytes:
    packed = io.BytesIO()
    image.save(packed, "PNG", optimize=True)
    return packed.getvalue()


if __name__ == "__main__":
    main()
