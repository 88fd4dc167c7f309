"""The store's tables and how they are made or brought up to date, inside one transaction.

The revisions live in `data/migrations`; alembic is imported only when a store isn't at the newest
one. Two processes that make the same store at once wait for each other: the caller's transaction
holds the database's write lock (SQLite) or takes an advisory lock here (PostgreSQL).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from modelworth.data.errors import InputError

HEAD: Final = "0003"
VERSION_TABLE: Final = "modelworth_version"
_OWN_TRIGGER: Final = re.compile(
    r"CREATE TRIGGER (\w+)_no_(update|delete) BEFORE (UPDATE|DELETE) ON \1 "
    r"BEGIN SELECT RAISE\(ABORT, '\1 are append-only'\); END"
)
_RUNS_CODE: Final = re.compile(r"\b(VIRTUAL|GENERATED|CHECK|WHERE|AS)\b", re.IGNORECASE)
MOST_PARTS: Final = 100
"""Tables, indexes and triggers of a file; a store has some twenty."""
ADVISORY_LOCK: Final = 0x6D6F64656C  # any number no other program uses: "model"

_metadata = sa.MetaData()
measurements = sa.Table(
    "measurements",
    _metadata,
    sa.Column("id", sa.String(20), primary_key=True),
    sa.Column("recorded_at", sa.String(32), nullable=False),
    sa.Column("suite", sa.Text),
    sa.Column("case", sa.Text),
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("family", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("model", sa.Text),
)
retractions = sa.Table(
    "retractions",
    _metadata,
    sa.Column("measurement", sa.String(20), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("retracted_at", sa.String(32), nullable=False),
)
scenarios = sa.Table(
    "scenarios",
    _metadata,
    sa.Column("hash", sa.String(20), primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("saved_at", sa.String(32), nullable=False),
)


def revision_of(connection: sa.Connection, where: str) -> str | None:
    """The store's revision; None where there is no store yet.

    Raises:
        InputError: if the database's tables are some other program's.
    """
    if connection.dialect.name == "sqlite":
        _require_plain(connection, where)
    tables = set(sa.inspect(connection).get_table_names())
    if VERSION_TABLE in tables:
        revision = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar()
        if connection.dialect.name == "sqlite" and revision == HEAD:
            _require_columns(connection, where)
        return None if revision is None else str(revision)
    foreign = tables if connection.dialect.name == "sqlite" else tables & set(_metadata.tables)
    if foreign:
        found = f"a database of another program (tables {', '.join(sorted(foreign)[:5])})"
        raise InputError(where, found, "a store made by modelworth, or a file that isn't there yet")
    return None


def _require_columns(connection: sa.Connection, where: str) -> None:
    """Refuse a file that says it is a store and lacks what a store has."""
    for table in _metadata.tables.values():
        held = {row[1] for row in connection.exec_driver_sql(f"PRAGMA table_info({table.name})")}
        if lacking := set(table.columns.keys()) - held:
            found = f"a table {table.name} without {min(lacking)}"
            raise InputError(where, found, "a store made by modelworth")


def _require_plain(connection: sa.Connection, where: str) -> None:
    """Refuse a file whose schema runs code of its own, before a row of it is read.

    A view, a virtual table, a generated column or somebody's trigger can make a plain question
    endless. A store has tables, indexes, and the triggers that keep it append-only.
    """
    query = f"SELECT type, name, coalesce(sql, '') FROM sqlite_master LIMIT {MOST_PARTS + 1}"
    parts = connection.exec_driver_sql(query).all()
    if len(parts) > MOST_PARTS:
        found = f"a database of over {MOST_PARTS} tables and indexes"
        raise InputError(where, found, "a store made by modelworth")
    for kind, name, sql in parts:
        text = " ".join(str(sql).split())
        if kind == "trigger":
            plain = _OWN_TRIGGER.fullmatch(text) is not None
        else:
            plain = kind in ("table", "index") and not _RUNS_CODE.search(text)
        if not plain:
            found = f"a database with a {kind} that isn't a store's ({name})"
            raise InputError(where, found, "a store made by modelworth")


def bring_up_to_date(connection: sa.Connection, where: str) -> None:
    """Make or upgrade the tables within the transaction of `connection`.

    Raises:
        InputError: if the store was written by a newer version of modelworth.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK)))
    revision = revision_of(connection, where)
    if revision == HEAD:
        return
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        allowed = f"of revision {HEAD} or older: update modelworth (pip install -U modelworth)"
        raise InputError(where, f"a store of unknown revision {revision}, so a newer one", allowed)
    config.attributes.update(connection=connection, version_table=VERSION_TABLE)
    command.upgrade(config, "head")
