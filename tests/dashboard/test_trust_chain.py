"""The Trust page with studies in the store: quality by size, trends, and the years of a start."""

from __future__ import annotations

import pytest

from modelworth.report.words import LANGUAGES, Words
from tests.costmodel.test_chain_measured import explained, graded, privacy
from tests.dashboard.conftest import fill
from tests.dashboard.test_pages import said, visit


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_learned_and_a_later_start_are_shown(start, tmp_path, language):
    store = fill(f"sqlite:///{tmp_path}/studies.db", [*graded(), *privacy(), *explained()])
    test = visit(start(store, language), "trust")
    words, text = Words(language), said(test)
    for key in ("trust.learning", "trust.trends", "trust.starts.text", "trust.quality.text"):
        assert words.t(key) in text.replace("\\", "")
    tables = {tuple(frame.value.columns): frame.value for frame in test.dataframe}
    quality = tables["task", "parameters", "right", "time_per_accepted", "usd_per_million_accepted"]
    assert len(quality) == 2
    assert words.t("trust.chain.unused") in text.replace("\\", "")
    assert "modelworth study all" not in [one.value for one in test.code]
    years = next(table for columns, table in tables.items() if "year" in columns)
    assert years["year"].tolist() == ["2027", "2028", "2029", "2030"]


def test_a_store_without_studies_shows_no_learning(start, empty_store):
    test = visit(start(empty_store), "trust")
    assert Words("en").t("trust.learning") not in said(test)
    assert "modelworth study all" in [one.value for one in test.code]
