"""The store's tables and how they are made, inside one transaction.

All but the version's table are append-only: triggers refuse UPDATE and DELETE, so that the rule
also holds for whoever opens the database with another program. Documents are text and not the
database's own JSON: numbers come back digit for digit, on which a record's id depends. Two
processes that make the same store at once wait for each other: the caller's transaction holds the
database's write lock (SQLite) or takes an advisory lock here (PostgreSQL).
"""

from __future__ import annotations

import re
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

GUARDED: Final = ("measurements", "scenarios", "retractions")
_NEWEST: Final = (
    "status", "recorded_at", "id", "family", "kind", "device", "model", "suite",
)  # fmt: skip
"""All that a reader filters by, in the order of time: counts and the newest records of any choice
are found in this index alone."""
_REFUSE: Final = (
    "CREATE FUNCTION modelworth_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION '%% are append-only', TG_TABLE_NAME; END $$"
)

_metadata = sa.MetaData()
version = sa.Table(
    VERSION_TABLE, _metadata, sa.Column("version_num", sa.String(32), primary_key=True)
)
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
for _name in ("recorded_at", "suite", "case", "device", "family", "kind", "status"):
    sa.Index(f"measurements_{_name}", measurements.c[_name])
sa.Index("measurements_asked", *(measurements.c[name] for name in ("kind", "model", "device")))
sa.Index("measurements_newest", *(measurements.c[name] for name in _NEWEST))
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
            plain = plain and (kind == "table" or text.count("(") <= 1)  # no index of a call
        if not plain:
            found = f"a database with a {kind} that isn't a store's ({name})"
            raise InputError(where, found, "a store made by modelworth")


def make_tables(connection: sa.Connection, where: str) -> None:
    """Make the tables within the transaction of `connection`, if there are none.

    Raises:
        InputError: if another version of modelworth made the store.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK)))
    revision = revision_of(connection, where)
    if revision == HEAD:
        return
    if revision is not None:
        advice = "export it (`modelworth export all.jsonl`) with the modelworth that made it, "
        advice += "and import that; or update this one (pip install -U modelworth)"
        raise InputError(where, f"a store of revision {revision}, not {HEAD}", advice=advice)
    _metadata.create_all(connection)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_REFUSE)
    for table in GUARDED:
        _guard(connection, table)
    connection.execute(version.insert().values(version_num=HEAD))


def _guard(connection: sa.Connection, table: str) -> None:
    """Let the database itself refuse to change or delete a row of a table."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION modelworth_append_only()"
        )
        return
    for action in ("UPDATE", "DELETE"):
        connection.exec_driver_sql(
            f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} are append-only'); END"
        )
