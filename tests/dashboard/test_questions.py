"""Six questions of real readers, each finished on the pages alone: typed as a person would.

The answers that the pages show are those of `evaluate` for a plan with the same changes.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.dashboard.guides import load_guides
from modelworth.report.words import Words

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(not shutil.which("chromium"), reason="apt-get install chromium"),
]


DOCS = Path(__file__).parents[2] / "docs" / "dashboard.md"


class Reader:
    """Somebody at the page: clicks and types, and counts the steps."""

    def __init__(self, page, address: str) -> None:
        from benchmarks.browser import follow, settled

        self.page, self.steps, self.tile, self._settled = page, 0, "", settled
        follow(page)
        page.goto(f"{address}/?lang=en")
        settled(page)

    def settle(self) -> None:
        self._settled(self.page)

    def pick(self, tile: str) -> None:
        """Choose a question by its name."""
        self.steps, self.tile = self.steps + 1, tile
        self.page.get_by_role("button", name=tile, exact=True).first.click()
        self.page.get_by_role("heading", name="Your answers").wait_for()
        self.settle()

    def type(self, question: str, text: str) -> None:
        """Type a number into the field of a question."""
        self.steps += 1
        field = self.page.get_by_role("spinbutton", name=re.compile(re.escape(question)))
        field.fill(text)
        field.press("Enter")
        self.settle()

    def choose(self, question: str, text: str) -> None:
        """Choose from the list of a question by typing what is looked for."""
        from playwright.sync_api import expect

        from benchmarks.browser import WAIT_S

        field = self.page.get_by_role("combobox", name=re.compile(re.escape(question)))
        if field.input_value() == text:  # the answer that stands there already
            return
        self.steps += 1
        field.click()
        field.fill(text)
        first = self.page.get_by_role("option").first
        expect(first).to_have_text(text, timeout=1000 * WAIT_S)
        field.press("Enter")
        self.settle()
        assert field.input_value() == text

    def finished(self) -> None:
        """The question has its answer, in as many steps as docs/dashboard.md says."""
        rows = re.findall(r"^\| (.+) \| (\d+) \|$", DOCS.read_text("utf-8"), re.MULTILINE)
        assert (self.tile, str(self.steps)) in rows

    def answer(self) -> str:
        """The box that leads the answer."""
        return self.page.locator(".st-key-answer [data-testid=stAlert]").first.inner_text()

    def table(self) -> str:
        """All that the answer's side says."""
        return self.page.locator(".st-key-answer").inner_text()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    from benchmarks.browser import server

    folder = tmp_path_factory.mktemp("questions")
    with server(folder, f"sqlite:///{folder}/none.db") as found:
        yield found


@pytest.fixture(scope="module")
def browser():
    from benchmarks.browser import chromium

    with chromium() as found:
        yield found


@pytest.fixture
def reader(browser, address):
    from benchmarks.browser import WAIT_S

    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    context.set_default_timeout(1000 * WAIT_S)
    problems = []
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield Reader(page, address)
    assert page.locator('[data-testid="stException"]').count() == 0
    context.close()
    assert problems == []


def plan(guide: str, changes: dict):
    return scenarios.with_overrides(load_guides()[guide].scenario, changes)


def test_fine_tune_and_host_or_buy_for_two_hundred_agents(reader):
    reader.pick("Fine-tune and host, or buy")
    reader.type("How many people could use it?", "200")
    reader.choose("Which model?", "llama-3.1-8b")
    reader.choose("What would you buy instead?", "openai: gpt-5-mini")
    found = evaluate(plan("host_or_buy", {}), trials=2000, parts=("risk", "tornado", "options"))
    assert len([one for one in found.options if one.feasible]) >= 2
    assert "Best:" in reader.answer()
    assert "over 36 months" in reader.answer()
    assert "How often each is the best" in reader.table()
    reader.finished()


def test_break_even_volume_of_an_interface_at_half_a_dollar(reader):
    reader.pick("Selling tokens")
    reader.choose("On which hardware?", "H100 SXM 80GB")
    reader.type("What do you charge for a million output tokens?", "0.5")
    reader.type("And for a million prompt tokens?", "0.5")
    said = reader.answer()
    assert "pays from" in said or "No volume from" in said
    changed = {
        "revenue.api.price_usd_per_million_input_tokens": {
            "low": 0.333333333333, "mode": 0.5, "high": 1.0,
        }
    }  # fmt: skip
    found = evaluate(plan("tokens", changed), trials=64, parts=("risk", "break_even"))
    volume = next(one for one in found.break_evens if one.driver == "demand.requests_per_month")
    if volume.values:
        assert Words("en").value(volume.values[0], volume.unit) in said
    reader.finished()


def test_a_seven_billion_model_trained_in_china_on_256_gpus_in_yuan(reader):
    reader.pick("Training a model")
    reader.type("How many parameters does a token use?", "7000000000")
    reader.type("On how many GPUs?", "256")
    reader.choose("In which country does it run?", "China")
    reader.choose("Currency", "CNY")
    assert "¥" in reader.answer() or "CN¥" in reader.answer()
    assert "final run takes" in reader.answer()
    reader.finished()


def test_sixty_four_h100_bought_or_rented_for_three_years(reader):
    reader.pick("Buying or renting a fleet")
    reader.type("How many GPUs?", "64")
    reader.choose("On which hardware?", "H100 SXM 80GB")
    reader.type("Over how many months?", "36")
    assert "Best:" in reader.answer()
    found = evaluate(plan("fleet", {}), trials=2000, parts=("risk", "tornado", "options"))
    shown = reader.page.locator(".st-key-answer").inner_text()
    best = max((one for one in found.options if one.feasible),
               key=lambda one: one.figures[0].base)  # fmt: skip
    assert Words("en").t(f"option.{best.key}") in shown
    reader.finished()


def test_small_with_routing_or_large(reader):
    reader.pick("A small model with a router, or a large one")
    reader.type("How many requests a month at the start?", "20000000")
    reader.choose("Which large model would you buy?", "openai: gpt-5")
    reader.type("How many requests still need the large one?", "15")
    assert "Best:" in reader.answer()
    assert "router" in reader.answer()
    reader.finished()


def test_an_image_service(reader):
    reader.pick("An image service")
    reader.type("How many accepted images a month at the start?", "2000000")
    reader.type("What does an image cost the customer?", "0.05")
    reader.type("How many of the generated images are accepted?", "60")
    assert "Net present value is positive in" in reader.answer()
    reader.finished()


def test_an_option_of_ones_own_is_added_and_compared(reader):
    reader.pick("Fine-tune and host, or buy")
    page = reader.page
    page.get_by_test_id("stSidebar").get_by_role("link", name="Options").click()
    page.get_by_role("heading", name="Your options").wait_for()
    reader.settle()
    page.get_by_role("button", name="Copy and add").click()
    name = page.get_by_role("dialog").get_by_role("textbox", name="Name")
    name.fill("From another house")
    name.press("Enter")
    reader.settle()
    page.get_by_role("button", name="Take this option").click()
    page.get_by_role("dialog").wait_for(state="detached")
    reader.settle()
    picker = page.get_by_role("combobox", name="Option")
    picker.click()
    page.keyboard.type("From another")
    page.get_by_role("option", name="From another house").wait_for()


def test_a_refreshed_page_and_the_way_back_lose_nothing(reader):
    reader.pick("Buying or renting a fleet")
    reader.type("How many GPUs?", "96")
    reader.page.reload()
    reader.settle()
    field = reader.page.get_by_role("spinbutton", name=re.compile("How many GPUs"))
    assert field.input_value() == "96"
    reader.type("How many GPUs?", "48")
    reader.page.go_back()
    reader.settle()
    assert field.input_value() == "96"
    other = reader.page.context.new_page()
    other.goto(reader.page.url)
    reader._settled(other)
    again = other.get_by_role("spinbutton", name=re.compile("How many GPUs"))
    assert again.input_value() == "96"


def test_everything_is_reached_by_keyboard(reader):
    """The first tile is opened and its first answer changed without a pointer."""
    tile = reader.page.get_by_role("button", name="Buying or renting a fleet", exact=True)
    for _ in range(60):
        reader.page.keyboard.press("Tab")
        if tile.evaluate("node => node === document.activeElement"):
            break
    reader.page.keyboard.press("Enter")
    reader.page.get_by_role("heading", name="Your answers").wait_for()
    reader.settle()
    field = reader.page.get_by_role("spinbutton", name=re.compile("How many GPUs"))
    for _ in range(60):
        reader.page.keyboard.press("Tab")
        if field.evaluate("node => node === document.activeElement"):
            break
    reader.page.keyboard.press("Control+A")
    reader.page.keyboard.type("32")
    reader.page.keyboard.press("Enter")
    reader.settle()
    assert field.input_value() == "32"
