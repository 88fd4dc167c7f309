"""The report as one HTML file: no request leaves it, and no text from data can become markup.

The page carries plotly's full bundle (the cartesian one draws some charts wrongly, without a
word). Its content security policy allows the page's own two scripts by their hash and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from modelworth.report.charts.plotly_pen import figure
from modelworth.report.sections.blocks import Document
from modelworth.report.words import Words

TEMPLATES = Path(__file__).parent / "templates"


def render(document: Document) -> bytes:
    """The whole page."""
    charts = {chart.key: figure(chart) for chart in document.charts()}
    library = plotly_bundle() if charts else ""
    script = _read("report.js")
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            document=document,
            lang=document.language.replace("_", "-"),
            policy=_policy(library, script),
            css=_read("report.css"),
            charts=_json(charts),
            library=library,
            script=script,
            joint="" if document.language == "zh_CN" else " ",
            t=Words(document.language).t,
            kind=lambda block: type(block).__name__,
        )
    )
    return page.encode()


@cache
def plotly_bundle() -> str:
    """The script that draws the charts."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs()).replace("</script", "<\\/script")


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
    )


def _read(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _json(value: object) -> str:
    """JSON that can't close the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _policy(*scripts: str) -> str:
    """What the page may do: run these scripts, style itself, show images it made."""
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts if script)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
