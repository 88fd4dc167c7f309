"""What all tests share: no network, no forbidden skip, no store but their own."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.pop("MODELWORTH_STORE", None)
os.environ.pop("MODELWORTH_CATALOG", None)

NEVER_SKIPPED = ("browser", "office", "postgres")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """With MODELWORTH_NO_SKIP set, a skipped browser or database test has failed."""
    report = yield
    must_run = any(item.get_closest_marker(marker) for marker in NEVER_SKIPPED)
    if os.environ.get("MODELWORTH_NO_SKIP") and must_run and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and may not be: {report.longrepr}"
    return report
