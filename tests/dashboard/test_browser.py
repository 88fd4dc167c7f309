"""The app in a real Chromium: no exception, no console error, figures equal to `evaluate`."""

from __future__ import annotations

import shutil

import pytest

from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.dashboard import links
from modelworth.report.words import Words
from tests.dashboard.conftest import HOSTILE, PAGES, fill, path, record

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(not shutil.which("chromium"), reason="apt-get install chromium"),
]
EXCEPTION = '[data-testid="stException"]'
WAITING = Words("en").t("verdict.flips.waiting")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A dashboard with hostile and ordinary measurements."""
    from benchmarks.browser import server

    folder = tmp_path_factory.mktemp("site")
    records = [record(place, model=name, device=name) for place, name in enumerate(HOSTILE)]
    records += [record(place) for place in range(100, 140)]
    with server(folder, fill(f"sqlite:///{folder}/store.db", records)) as address:
        yield address


@pytest.mark.parametrize(
    ("language", "dark"), [("en", False), pytest.param("zh_CN", True, marks=pytest.mark.slow)]
)
def test_every_page_is_painted_without_an_error(site, reader, language, dark):
    page = None
    for name in PAGES:
        page = reader(f"{site}/{path(name)}?lang={language}", page, dark=dark)
        page.wait_for_selector("h1")
        assert page.locator(EXCEPTION).count() == 0, name
        assert Words(language).t(f"page.{name}") in page.inner_text("body")


@pytest.mark.slow
def test_a_telephone_shows_pages_without_scrolling_sideways(site, reader):
    page = None
    for name in PAGES:
        page = reader(f"{site}/{path(name)}", page, width=390)
        size = page.evaluate(
            "() => { const m = document.querySelector('[data-testid=stMain]');"
            " return [m.scrollWidth, m.clientWidth]; }"
        )
        assert size[0] <= size[1] + 1, name


def test_the_figures_are_those_of_evaluate(site, reader):
    from modelworth.data.store import open_store

    page = reader(f"{site}/verdict?lang=en")
    store = open_store(_store_of(site))
    found = evaluate(
        scenarios.load("base"), measurements=store.measurements(status="ok"), trials=2000,
        parts=("risk", "tornado"),
    )  # fmt: skip
    store.close()
    shown = page.locator('[data-testid="stMetricValue"]').all_inner_texts()
    assert shown[0] == Words("en").money(found.indicators["npv_usd"].base)
    assert shown[3] == Words("en").money(found.indicators["peak_funding_usd"].base)


STORES: dict[str, str] = {}


@pytest.fixture(autouse=True)
def _remember_store(site, tmp_path_factory):
    folder = next(tmp_path_factory.getbasetemp().glob("site*"))
    STORES[site] = f"sqlite:///{folder}/store.db"


def _store_of(site: str) -> str:
    return STORES[site]


@pytest.mark.slow
def test_a_link_shows_a_second_browser_the_same_verdict(site, reader):
    changed = scenarios.with_overrides(scenarios.load("base"), {"demand.cached_share": 0.77})
    address = f"{site}/verdict?scenario={links.pack(scenarios.to_yaml(changed))}"
    one, other = reader(address), reader(address)
    values = [
        page.locator('[data-testid="stMetricValue"]').all_inner_texts() for page in (one, other)
    ]
    assert values[0] == values[1]
    assert values[0][0]


@pytest.mark.slow
def test_two_readers_do_not_see_each_others_scenario(site, reader):
    from benchmarks.browser import settled

    one, other = reader(f"{site}/?lang=en"), reader(f"{site}/scenario?lang=en")
    one.get_by_role("button", name="Selling tokens", exact=True).first.click()
    one.get_by_role("heading", name="Your answers").wait_for()
    settled(one)
    field = one.get_by_role("spinbutton", name="What do you charge for a million output tokens?")
    field.fill("9.5")
    field.press("Enter")
    settled(one)
    other.reload()
    settled(other)
    assert field.input_value().startswith("9.5")
    assert other.get_by_text("Nothing yet.").count() == 1


def test_a_figure_leads_to_its_formula_and_drivers(site, reader):
    page = reader(f"{site}/verdict")
    page.locator('[class*="st-key-why-verdict-npv_usd"] button').first.click()
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    dialog.get_by_text("npv_usd =").wait_for()
    page.get_by_text(WAITING).wait_for(state="detached")  # what came meanwhile closes no dialog
    dialog.locator('[class*="st-key-step-1-"] button').first.click()
    dialog.get_by_text("Back to Net present value").wait_for()


@pytest.mark.slow
def test_hostile_names_run_nothing(site, reader):
    page = reader(f"{site}/measurements")
    assert (
        page.evaluate("() => document.querySelectorAll('[data-testid=stMain] script').length") == 0
    )


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        (None, None, 101),
        ("evil.example", None, 403),
        (None, "http://evil.example", 403),
    ],
)
def test_only_our_own_pages_may_open_the_websocket(site, host, origin, status):
    from http.client import HTTPConnection

    server = site.removeprefix("http://")
    connection = HTTPConnection(server, timeout=5)
    connection.request(
        "GET", "/_stcore/stream",
        headers={
            "Host": host or server, "Origin": origin or site, "Connection": "Upgrade",
            "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        },
    )  # fmt: skip
    found = connection.getresponse().status
    connection.close()
    assert found == status
