"""The worked question's pages are those that the command makes from today's figures."""

from __future__ import annotations

import re

import pytest

from docs.worked.page import PAGES, written


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_pages_are_current(path):
    assert path.read_text("utf-8") == written(PAGES[path]), "run: python -m docs.worked"


@pytest.mark.slow
def test_both_languages_say_the_same_shares():
    english, chinese = (re.findall(r"[\d.]+%", written(one)) for one in ("en", "zh_CN"))
    assert sorted(english) == sorted(chinese)
