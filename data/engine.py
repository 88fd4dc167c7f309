"""From the address a user gave to a SQLAlchemy engine, and from a database's faults to one line.

Files are looked at before SQLite opens them, so that what isn't a store is left untouched.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import sqlalchemy as sa

from modelworth.data.errors import InputError, ModelworthError, without_secrets
from modelworth.data.foreign_file import start_of, unreadable

MAKE_ONE = (
    "a store that exists: `modelworth demo` or `modelworth bench` makes one, --store names another"
)
ADDRESSES: Final = "sqlite:///FILE.db, the path of a file, or postgresql://USER@HOST/DATABASE"
STORE_ENDINGS: Final = (".db", ".sqlite", ".sqlite3")
SQLITE_MAGIC: Final = b"SQLite format 3\0"
BUSY_TIMEOUT_MS: Final = 30_000
_SECRET: Final = re.compile(r"\bpassword\s*=|^\w+:/?[^/\\].*@", re.IGNORECASE)
"""In what isn't a URL: options as libpq takes them, or a URL without its slashes."""


def resolve_url(text: str) -> tuple[sa.URL, str]:
    """The address and how to call it in messages (no password).

    Raises:
        InputError: if it is neither a path nor a URL of SQLite or PostgreSQL.
    """
    if "://" not in text and text.strip():
        if _SECRET.search(text):
            raise InputError("store", "an address that is no URL", ADDRESSES)
        return sa.URL.create("sqlite", database=text), text
    shown = without_secrets(text)
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        raise InputError("store", shown or "nothing", ADDRESSES) from None
    dialect = url.get_backend_name()
    if url.drivername in ("sqlite", "sqlite+pysqlite"):
        if not url.database or url.database == ":memory:" or url.query:
            raise InputError("store", shown, "a file: sqlite:///FILE.db, without options")
        return url, url.database
    if dialect != "postgresql":
        raise InputError("store", shown, ADDRESSES)
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    return url, shown


def connect_engine(url: sa.URL, where: str, *, create: bool) -> sa.Engine:
    """An engine that is ready to connect; nothing is made or changed yet.

    Raises:
        InputError: if the file or its folder isn't right.
        ModelworthError: if the database's driver isn't installed.
    """
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(Path(str(url.database)), where, create=create)
    try:
        return sa.create_engine(url, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise ModelworthError(
            f"{where}: the database driver {error.name} is not installed\n"
            "  get it with: pip install 'modelworth[postgres]'"
        ) from None
    except sa.exc.NoSuchModuleError:
        raise InputError("store", where, ADDRESSES) from None


def _sqlite_engine(path: Path, where: str, *, create: bool) -> sa.Engine:
    _require_file(path, where, create=create)
    read_only = path.exists() and not os.access(path, os.W_OK)
    if read_only and create:
        raise InputError(where, "a file that can't be written", "a file you may write")
    mode = "rwc" if create else "rw"
    if read_only:
        # Without write access the log's index can't be made; at rest the file is whole without it.
        log = path.with_name(f"{path.name}-wal")
        mode = "ro" if log.exists() and log.stat().st_size else "ro&immutable=1"
    address = f"file:{quote(str(path.absolute()))}?mode={mode}"
    engine = sa.create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(
            address, uri=True, isolation_level=None, check_same_thread=False
        ),
        poolclass=sa.pool.QueuePool,
        execution_options={"read_only": read_only},
    )
    sa.event.listen(engine, "connect", _on_connect)
    sa.event.listen(engine, "begin", _on_begin)
    return engine


def _require_file(path: Path, where: str, *, create: bool) -> None:
    """Refuse what SQLite could only fail on, or make a mess of."""
    allowed = "a file that can be read"
    try:
        there = path.exists()
    except (OSError, ValueError) as error:
        raise unreadable(path, error, allowed) from None
    if not there:
        _require_place(path, where, create=create)
        return
    start = start_of(path, allowed, len(SQLITE_MAGIC))
    if start not in (b"", SQLITE_MAGIC):
        allowed = "a SQLite database made by modelworth (this file was left as it is)"
        raise InputError(where, "a file that is not a database", allowed)


def _require_place(path: Path, where: str, *, create: bool) -> None:
    if not create:
        raise InputError(where, "no such file", MAKE_ONE)
    if not path.absolute().parent.is_dir():
        raise InputError(where, "a folder that doesn't exist", f"in a folder: mkdir {path.parent}")
    if not os.access(path.absolute().parent, os.W_OK):
        raise InputError(where, "in a folder that can't be written", "in a folder you may write")


def _on_connect(connection: sqlite3.Connection, _record: Any) -> None:
    connection.text_factory = _text
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _text(raw: bytes) -> str:
    """Text of a row; what isn't UTF-8 spoils its own record alone."""
    return raw.decode("utf-8", "replace")


def _on_begin(connection: sa.Connection) -> None:
    writing = connection.get_execution_options().get("writing")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


@contextmanager
def explained(where: str, wrong: type[InputError] | None = None) -> Iterator[None]:
    """Turn a database's fault into one line; `wrong` is raised for what can't be opened at all."""
    try:
        yield
    except (sa.exc.SQLAlchemyError, sqlite3.Error) as error:
        cause = str(getattr(error, "orig", None) or error)
        line = " ".join(cause.split())
        raise _explanation(where, line, wrong) from error
    except UnicodeDecodeError as error:  # SQLite's own message quotes bytes of the file
        raise _explanation(where, f"malformed: it quotes {error.reason}", wrong) from error
    except UnicodeEncodeError as error:
        raise InputError(where, str(error), "text in Unicode without lone surrogates") from error


def _explanation(where: str, line: str, wrong: type[InputError] | None) -> ModelworthError:
    if "malformed" in line or "not a database" in line or "disk image" in line:
        allowed = "whole; it was not changed. Restore it from a copy, or name another with --store"
        return InputError(where, f"a damaged database ({line})", allowed)
    if "disk I/O" in line or "is full" in line:
        advice = "free some space, or name another store; what was told to be stored is there"
        return ModelworthError(f"{where}: can't be written or read on ({line})\n  {advice}")
    if "readonly" in line:
        return ModelworthError(f"{where}: can only be read\n  use a store that you may write")
    if "locked" in line:
        waited = f"another process wrote for over {BUSY_TIMEOUT_MS // 1000} s"
        return ModelworthError(f"{where}: busy: {waited}\n  try again when it has finished")
    if wrong:
        return wrong(where, f"can't be opened ({line})", ADDRESSES)
    return ModelworthError(f"{where}: the database refused: {line}")


def use_wal(engine: sa.Engine) -> None:
    """Write-ahead log: readers and one writer at a time don't wait for each other.

    The mode stays with the file. Changing it needs the file alone, and SQLite doesn't always wait
    for that: when others are busy making the same store, one of them sets it.
    """
    with contextlib.closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        if cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",):
            return
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
