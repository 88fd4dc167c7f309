"""The quick suite started from the page of measurements: watched, stopped, finished."""

from __future__ import annotations

import pytest

from modelworth.dashboard.parts import quick_suite as suite


class Stub:
    """Stands for the process of the suite."""

    made: list[Stub] = []  # noqa: RUF012 - the test's own notebook

    def __init__(self, arguments):
        self.arguments, self.running, self.status, self.said = list(arguments), True, None, ""
        self.last = {"label": "ladder-1m decode", "index": 3, "total": 12, "left_s": 30.0}
        Stub.made.append(self)

    def stop(self):
        self.running, self.status, self.said = False, 130, "stopped; what was finished is kept"


@pytest.fixture
def page(start, full_store, monkeypatch):
    Stub.made = []
    monkeypatch.setattr(suite, "Process", Stub)
    test = start(full_store)
    test.switch_page("views/measurements.py").run()
    return test


def button(test, label):
    return next((one for one in test.button if one.label == label), None)


def test_it_starts_in_a_process_of_its_own_and_shows_how_far_it_is(page, full_store):
    button(page, "Run the quick suite").click().run()
    assert not page.exception
    assert Stub.made[0].arguments == [
        "bench", "--suite", "quick", "--progress", "jsonl", "--store", full_store,
    ]  # fmt: skip
    assert button(page, "Run the quick suite") is None
    assert button(page, "Stop") is not None


def test_stopping_says_that_finished_cases_are_kept(page):
    button(page, "Run the quick suite").click().run()
    button(page, "Stop").click().run()
    assert not page.exception
    assert any("what was finished is kept" in warning.value for warning in page.warning)
    assert button(page, "Run the quick suite") is not None


def test_when_it_is_done_the_page_says_so(page):
    button(page, "Run the quick suite").click().run()
    Stub.made[0].running, Stub.made[0].status = False, 0
    page.run()
    assert any("has finished" in note.value for note in page.info)
    assert len(Stub.made) == 1
