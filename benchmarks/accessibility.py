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

from benchmarks.browser import chromium, server, settled

PAGES = (
    "", "?from=fleet", "?from=tokens", "verdict", "scenario", "money", "statements", "risk",
    "options", "compare", "trust", "measurements", "record", "meter", "predict", "trends", "data",
    "report",
)  # fmt: skip
GRAVE = ("serious", "critical")
RUN = "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"


def main() -> int:
    """Look at every page on light ground in English and on dark ground in Chinese."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--axe", type=Path, required=True, help="axe.min.js")
    options = parser.parse_args()
    script, grave = options.axe.read_text("utf-8"), 0
    with (
        tempfile.TemporaryDirectory() as folder,
        server(Path(folder), f"sqlite:///{folder}/none.db") as address,
        chromium() as browser,
    ):
        for scheme, language in (("light", "en"), ("dark", "zh_CN")):
            context = browser.new_context(
                viewport={"width": 1280, "height": 900}, color_scheme=scheme
            )
            page = context.new_page()
            for name in PAGES:
                page.goto(f"{address}/{name}{'&' if '?' in name else '?'}lang={language}")
                settled(page)
                page.wait_for_timeout(500)
                page.evaluate(script)
                grave += _listed(f"{name or 'start'} ({scheme})", page.evaluate(RUN))
            context.close()
    print(f"{grave} serious or critical faults")
    return 1 if grave else 0


def _listed(page: str, violations: list[dict[str, Any]]) -> int:
    """Print a page's grave faults; how many there are."""
    found = [one for one in violations if one["impact"] in GRAVE]
    for one in found:
        places = "; ".join(str(node["target"][0])[:90] for node in one["nodes"][:3])
        print(f"{page}: {one['id']} ({one['impact']}, {len(one['nodes'])}): {places}")
    return len(found)


if __name__ == "__main__":
    sys.exit(main())
