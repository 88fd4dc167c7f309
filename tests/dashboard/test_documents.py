"""Reports for a download, and their preview."""

from __future__ import annotations

import io
import zipfile

import pytest

from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.dashboard.parts import documents
from modelworth.report.sections.content import SECTIONS


@pytest.fixture(scope="module")
def analysis():
    return evaluate(scenarios.load("base"), trials=200, parts=("risk", "tornado"))


def test_a_document_is_given_back_whole(analysis):
    (found,) = documents.make(analysis, ["html"], "zh_CN", ["summary"])
    assert found.error is None
    assert found.content.startswith(b"<!")
    assert found.mime == "text/html"
    assert found.name.endswith(".html")


def test_a_format_of_several_files_comes_as_one_archive(analysis):
    (found,) = documents.make(analysis, ["md"], "en", list(SECTIONS))
    assert found.error is None
    if found.name.endswith(".zip"):
        names = zipfile.ZipFile(io.BytesIO(found.content)).namelist()
        assert any(name.endswith(".md") for name in names)
        assert not any(name.startswith(("/", "..")) for name in names)


def test_a_preview_cannot_leave_its_frame():
    hostile = documents.Document("html", "a.html", b'"></iframe><script>top.x=1</script>')
    page = documents.preview(hostile)
    assert "<script>" not in page
    assert 'sandbox="allow-scripts"' in page
    assert "allow-same-origin" not in page
    assert page.count("</iframe>") == 1
