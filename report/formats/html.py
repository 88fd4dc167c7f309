"""The report as one HTML file: no request leaves it, and no text from data can become markup.

The six pages come first, what stands behind them is folded below. Charts are the
Vega-Lite specifications of the PDF, drawn by the library that the page carries. It interprets
expressions, so the page's content security policy allows its script by hash and no evaluation.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path

import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from modelworth.report.charts.vega_pen import VEGA_LITE, specification
from modelworth.report.sections.blocks import Document, mapped
from modelworth.report.words import Words

TEMPLATES = Path(__file__).parent / "templates"
FONTS = ("Segoe UI", "Roboto", "Helvetica Neue", "Arial", "Noto Sans", "PingFang SC",
         "Microsoft YaHei", "Noto Sans CJK SC", "sans-serif")  # fmt: skip


def render(document: Document) -> bytes:
    """The whole page."""
    charts = {
        chart.key: specification(chart, FONTS, document.brand.series, "container")
        for chart in document.charts()
    }
    document = mapped(document, lambda text: text.replace("\u2212", "\u2212\u2060"))  # no break
    script = bundle() if charts else ""
    logo = document.brand.logo
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            document=document,
            logo=f"data:image/png;base64,{base64.b64encode(logo).decode()}" if logo else "",
            lang=document.language.replace("_", "-"),
            policy=_policy(script),
            css=_read("report.css").replace("#0072b2", document.brand.primary),
            charts=_json(charts),
            script=script,
            t=Words(document.language).t,
            kind=lambda block: type(block).__name__,
        )
    )
    return page.encode()


@cache
def bundle() -> str:
    """Vega, Vega-Lite and the page's own script in one."""
    made = vl_convert.javascript_bundle(snippet=_read("report.js"), vl_version=VEGA_LITE)
    return str(made).replace("</script", "<\\/script").replace("<!--", "<\\!--")


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


def _policy(script: str) -> str:
    """What the page may do: run its script, style itself, show images it carries."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    run = f"'sha256-{digest}'" if script else "'none'"
    return (
        f"default-src 'none'; script-src {run}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
