"""What every page owes every reader: figures to take away, the keyboard, and their own language."""

from __future__ import annotations

import csv
import re
import shutil

import pytest

from modelworth.report.words import Words
from tests.dashboard.conftest import PAGES, fill, path, record

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(not shutil.which("chromium"), reason="apt-get install chromium"),
]
EVERY_PAGE = pytest.mark.timeout(1200)
"""A test that looks at all pages may take long on a busy machine."""
RECORDS = [record(place) for place in range(40)]
#: addresses below the site's, with a record where a page needs one
PLACES = [f"{path(page)}?{f'record={RECORDS[0].id}' if page == 'record' else ''}" for page in PAGES]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    from benchmarks.browser import server

    folder = tmp_path_factory.mktemp("reach")
    with server(folder, fill(f"sqlite:///{folder}/store.db", RECORDS)) as address:
        yield address


@EVERY_PAGE
def test_every_page_says_its_sources_and_gives_its_figures_and_charts(site, reader, tmp_path):
    from benchmarks.browser import settled

    page, said = None, Words("en").t("provenance.title")
    for place in PLACES:
        page = reader(f"{site}/{place}&lang=en", page)
        page.get_by_text(said, exact=True).click()
        settled(page)
        part = page.locator('[data-testid="stExpander"]', has_text=said)
        with page.expect_download() as waiting:
            part.get_by_role("button", name=re.compile("CSV")).first.click()
        waiting.value.save_as(tmp_path / "figures.csv")
        rows = list(csv.reader((tmp_path / "figures.csv").read_text("utf-8").splitlines()))
        assert rows, place
        assert len(rows[0]) > 1, place
        chart = page.locator(".js-plotly-plot")
        if chart.count():
            for form in ("png", "svg"):
                part.get_by_text(form.upper(), exact=True).click()
                said_there = Words("en").t("show.picture", format=form.upper())
                camera = chart.first.locator(f'[data-title="{said_there}"]')
                camera.wait_for(state="attached")
                settled(page)
                chart.first.hover()
                with page.expect_download() as waiting:
                    camera.click()
                assert waiting.value.suggested_filename.endswith(f".{form}"), place


#: said where something follows by itself, and draws a part of the page anew
LATER = ("verdict.flips.waiting", "verdict.options.waiting", "start.waiting")
MOST_STEPS = 250
NAME = """node => [node.tagName, node.getAttribute('role'), node.getAttribute('aria-label')
  || node.innerText || node.type, node.closest('[data-testid]')?.dataset.testid
].join(' ').slice(0, 100)"""
CONTROLS = """() => [...document.querySelectorAll(
  'a[href], button, input, textarea, [role="slider"], [tabindex="0"]')].filter(one => {
    const box = one.getBoundingClientRect();
    return box.width && box.height && !one.disabled
      && one.checkVisibility({visibilityProperty: true, opacityProperty: true})
      && one.tabIndex >= 0 && !one.closest('[aria-hidden="true"], .modebar');
  })"""
MARK = f"""() => {{
  const all = ({CONTROLS})();
  all.forEach(one => one.dataset.met = '');
  window.first = undefined;
}}"""
STEP = f"""async () => {{
  await new Promise(requestAnimationFrame); // a table draws its focus with the next frame
  const one = document.activeElement, seen = node => {{
    const style = getComputedStyle(node);
    return (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0)
      || style.boxShadow !== 'none';
  }};
  if (!one || one === document.body) return null;
  const again = one === window.first;
  window.first ??= one;
  // in a table the focus goes on from the canvas to a cell, whose ring the canvas draws
  const table = one.closest('canvas');
  (table ?? one).dataset.met = 'yes';
  let node = one, shown = table !== null && one.ariaSelected === 'true';
  for (let up = 0; up < 4 && node; up += 1, node = node.parentElement) shown ||= seen(node);
  return {{again, shown, name: ({NAME})(one)}};
}}"""
#: of a group of buttons the keyboard reaches one, and the others by arrows
LEFT = f"""() => ({CONTROLS})().filter(one => one.dataset.met !== 'yes'
  && !one.closest('[role="radiogroup"], [data-testid="stButtonGroup"]')
    ?.querySelector('[data-met="yes"]')).map({NAME})"""


@EVERY_PAGE
def test_the_keyboard_reaches_everything_and_shows_where_it_is(site, reader):
    from benchmarks.browser import settled

    page, missed, unseen = None, {}, {}
    for place in PLACES:
        page = reader(f"{site}/{place}&lang=en", page)
        for later in LATER:
            page.get_by_text(Words("en").t(later)).first.wait_for(state="detached")
        settled(page)
        page.evaluate(MARK)
        for _ in range(MOST_STEPS):
            page.keyboard.press("Tab")
            found = page.evaluate(STEP)
            if found and found["again"]:
                break
            if found and not found["shown"]:
                unseen.setdefault(place, []).append(found["name"])
        if left := page.evaluate(LEFT):
            missed[place] = left
    assert missed == {}, missed
    assert unseen == {}, unseen


SAID = """() => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), said = [];
  const skipped = '[role="img"], [translate="no"], [data-testid="stJson"], '
    + '[data-testid="stIconMaterial"], code, script, style';
  while (walk.nextNode()) {
    const text = walk.currentNode.data.trim(), around = walk.currentNode.parentElement;
    const box = around.getBoundingClientRect();
    if (text && !around.closest(skipped) && around.checkVisibility({visibilityProperty: true})
        && box.width > 1 && box.bottom > 0 && parseFloat(getComputedStyle(around).fontSize))
      said.push(text);
  }
  return said;
}"""
ENGLISH = re.compile(r"(?<![\w./-])[A-Za-z][A-Za-z'-]{2,}(?![\w./])")
#: proper names, formats and columns; words in capitals are units and abbreviations
NAMES = {
    "AIPerf", "English", "GPT", "GiB", "GuideLLM", "InferenceX", "MiB", "Parquet", "SGLang",
    "SQLite", "SemiAnalysis", "bench", "genai", "genai-prices", "llama", "llama-bench", "meter",
    "modelworth", "month", "numpy", "openai", "PCIe", "python", "revenue", "scipy", "usd", "vLLM",
}  # fmt: skip


@EVERY_PAGE
def test_chinese_pages_say_nothing_in_english(site, reader):
    from benchmarks.browser import settled

    page, english = None, {}
    for place in (*PLACES, *(f"?from={key}" for key in ("host_or_buy", "tokens", "fleet"))):
        page = reader(f"{site}/{place}&lang=zh_CN", page)
        for part in page.locator('[data-testid="stExpander"] summary').all():
            part.click()
        settled(page)
        for text in page.evaluate(SAID):
            odd = [word for word in ENGLISH.findall(text) if not word.isupper()]
            if not NAMES.issuperset(odd):
                english.setdefault(place, set()).add(text)
    assert english == {}, "\n".join(sorted(set().union(*english.values())))


@pytest.mark.parametrize(
    "asked", ["scenario=AAAA", "scenario=eJwLSi0uyczPAwAJ", "saved=0000", "from=nowhere"]
)
def test_a_broken_link_is_said_and_leads_to_the_questions(site, reader, asked):
    page = reader(f"{site}/verdict?{asked}&lang=en")
    page.get_by_role("alert").filter(has_text=re.compile("link|isn't here")).first.wait_for()
    page.get_by_role("heading", name=Words("en").t("start.title")).wait_for()


@pytest.mark.parametrize(
    "content", [b"\x00\xff\xfe" * 999, b"a: &a [*a, *a]", b"months: 1e999", b"<script>1</script>"]
)
def test_a_hostile_plan_is_refused_with_a_word(site, reader, content):
    page = reader(f"{site}/scenario?lang=en")
    page.get_by_role("button", name="Upload").first.click()
    page.locator('input[type="file"]').first.set_input_files(
        {"name": "plan.yaml", "mimeType": "text/yaml", "buffer": content}
    )
    page.locator('[data-testid="stAlert"]').first.wait_for()
    assert page.locator('[data-testid="stException"]').count() == 0
    page.get_by_text("Changed against where you started").wait_for()
