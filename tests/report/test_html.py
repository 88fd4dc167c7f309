"""The HTML file: self-contained, inert against data, and drawn by a real browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from modelworth.report.formats.html import render
from modelworth.report.sections.content import SECTIONS, compose
from tests.report.conftest import DAY
from tests.report.hostility import HOSTILE
from tests.report.sample import hostile

LAUNCH = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
CHROMIUM = Path("/usr/bin/chromium")
MEBIBYTE = 2**20


class Page(HTMLParser):
    """Elements, attributes, scripts and visible text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self.lasttag == "script" and self.tags[-1][0] == "script" and data.strip():
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
        else:
            self.text.append(data)


@pytest.fixture(scope="module")
def page(small) -> str:
    return render(compose(small, "en", DAY)).decode()


def test_it_is_one_small_file_that_needs_no_other(page):
    assert len(page.encode()) < 2_000_000
    for tag, attributes in Page(page).tags:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            address = attributes.get(name) or ""
            assert address.startswith(("#", "data:")) or not address, (tag, name, address)


def test_the_policy_allows_exactly_the_scripts_that_are_there(page):
    parsed = Page(page)
    policy = next(
        attributes["content"] or ""
        for tag, attributes in parsed.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    allowed = set(re.findall(r"sha256-([^']+)'", policy))
    run = [text for attributes, text in parsed.scripts if attributes.get("type") == "module"]
    hashes = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in run}
    assert hashes == allowed
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "unsafe-eval" not in policy


def test_contents_lead_to_every_section(page):
    parsed = Page(page)
    targets = {attributes.get("id") for _, attributes in parsed.tags}
    links = [attributes["href"] for tag, attributes in parsed.tags if tag == "a"]
    pages = ["answer", "money", "depends", "others", "evidence", "risks"]
    assert links == [*(f"#page-{page}" for page in pages), *(f"#{key}" for key in SECTIONS[1:])]
    assert {link[1:] for link in links} <= targets


def test_print_style_and_languages(small, page):
    style = page.split("<style>")[1].split("</style>")[0]
    assert '"Segoe UI"' in style
    assert "@media print" in page
    assert '<html lang="en">' in page
    chinese = render(compose(small, "zh_CN", DAY)).decode()
    assert '<html lang="zh-CN">' in chinese
    assert "如何复现" in chinese


def test_every_chart_has_its_place(small, page):
    parsed = Page(page)
    data = next(text for attributes, text in parsed.scripts if attributes.get("id") == "charts")
    charts = json.loads(data)
    places = {attributes.get("data-chart") for tag, attributes in parsed.tags if tag == "div"}
    assert set(charts) == places - {None}
    assert len(charts) == len(compose(small, "en", DAY).charts())


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_makes_no_element(page, text):
    plain = Page(page)
    spoilt = Page(render(compose(hostile(text), "en", DAY)).decode())
    allowed = {tag for tag, _ in plain.tags}
    assert {tag for tag, _ in spoilt.tags} <= allowed
    assert len(spoilt.scripts) == len(plain.scripts)
    for _, attributes in spoilt.tags:
        assert not [name for name in attributes if name.startswith("on")]


def test_without_charts_there_is_no_library(small):
    page = render(compose(small, "en", DAY, ["indicators"])).decode()
    assert len(page.encode()) < MEBIBYTE


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium: apt-get install chromium")
@pytest.mark.parametrize("kind", ["plain", "hostile"])
def test_a_browser_draws_it_without_a_word_or_a_request(small, tmp_path, kind):
    from playwright.sync_api import sync_playwright

    analysis = small if kind == "plain" else hostile(HOSTILE["script"] + HOSTILE["closing"])
    path = tmp_path / "report.html"
    path.write_bytes(render(compose(analysis, "en", DAY)))
    said: list[str] = []
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=LAUNCH)
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("dialog", lambda dialog: said.append(dialog.message))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(path.as_uri())
        tab.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
        tab.wait_for_function("document.querySelectorAll('[data-drawn=yes]').length >= 9")
        drawn = tab.locator("[data-chart] svg").count()
        tab.set_viewport_size({"width": 390, "height": 800})
        tab.wait_for_function("document.documentElement.scrollWidth <= 390")
        browser.close()
    assert not said
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert drawn >= 7
