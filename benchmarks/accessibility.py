"""What axe-core finds on every page: `python -m benchmarks.accessibility --axe axe.min.js`.

axe-core comes from npm (`npm pack axe-core`). Only faults of serious or critical impact are listed;
status 1 if there is one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.browser import chromium, follow, server, settled
from benchmarks.store_scale import records
from modelworth.data.store import open_store

PAGES = (
    "", "?from=fleet", "?from=tokens", "verdict", "scenario", "money", "statements", "risk",
    "options", "compare", "trust", "measurements", "record", "meter", "predict", "trends", "data",
    "report",
)  # fmt: skip
SERIES = (
    ("light", "en", 1280), ("dark", "zh_CN", 1280), ("light", "zh_CN", 390), ("dark", "en", 390),
)  # fmt: skip
SOME = 60
GRAVE = ("serious", "critical")
RUN = "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"


def main() -> int:
    """Look at every page on both grounds, wide and narrow, with some measurements in the store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--axe", type=Path, required=True, help="axe.min.js")
    options = parser.parse_args()
    script, grave = options.axe.read_text("utf-8"), 0
    with (
        tempfile.TemporaryDirectory() as folder,
        server(Path(folder), _filled(f"sqlite:///{folder}/store.db")) as address,
        chromium() as browser,
    ):
        for scheme, language, width in SERIES:
            context = browser.new_context(
                viewport={"width": width, "height": 900}, color_scheme=scheme
            )
            page = context.new_page()
            follow(page)
            for name in PAGES:
                page.goto(f"{address}/{name}{'&' if '?' in name else '?'}lang={language}")
                settled(page)
                page.evaluate(script)
                grave += _listed(f"{name or 'start'} ({scheme}, {width})", page.evaluate(RUN))
            context.close()
    print(f"{grave} serious or critical faults")
    return 1 if grave else 0


def _filled(url: str) -> str:
    with open_store(url) as store:
        store.add_all(records(SOME))
    return url


def _listed(page: str, violations: list[dict[str, Any]]) -> int:
    """Print a page's grave faults; how many there are."""
    found = [one for one in violations if one["impact"] in GRAVE]
    for one in found:
        places = "; ".join(str(node["target"][0])[:90] for node in one["nodes"][:3])
        print(f"{page}: {one['id']} ({one['impact']}, {len(one['nodes'])}): {places}")
    return len(found)


if __name__ == "__main__":
    sys.exit(main())
