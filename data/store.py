"""The append-only store of measurements and saved scenarios, behind one SQLAlchemy URL.

SQLite in WAL mode by default, PostgreSQL the same way. Several processes may write at once; what
`add` has returned from survives the death of the process. There is no way to change or delete a
record, here or (by triggers) in the database itself. `frame` doesn't validate what it reads: each
record was validated when it was written, and its id is the hash of its content.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import warnings
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import sqlalchemy as sa
from pydantic import ValidationError

from modelworth.data.engine import MAKE_ONE, connect_engine, explained, resolve_url
from modelworth.data.errors import InputError, ModelworthError
from modelworth.data.flat import COLUMNS, flatten
from modelworth.data.measurement import Measurement
from modelworth.data.plain_text import check_text
from modelworth.data.record_text import parse, serialise
from modelworth.data.schema import (
    HEAD,
    bring_up_to_date,
    measurements,
    retractions,
    revision_of,
    scenarios,
)

if TYPE_CHECKING:
    import pandas as pd

ENVIRONMENT = "MODELWORTH_STORE"
DEFAULT_URL = "sqlite:///modelworth.db"
BATCH = 1000
"""Records read or written at once."""
NEWEST = 400
"""Records of a sort that a question looks at."""
SORTS = ("status", "family", "kind", "device", "model")
Asked = str | Collection[str] | None


class Tally(NamedTuple):
    """How many measurements are of one sort, and when the newest was recorded."""

    status: str
    family: str
    kind: str
    device: str
    model: str | None
    records: int
    newest: str


def open_store(url: str | None = None, *, create: bool = True) -> Store:
    """The store at `url`: a SQLAlchemy URL, or the path of a SQLite file.

    Args:
        url: None for the environment variable MODELWORTH_STORE, else modelworth.db in this folder.
        create: make the store if it isn't there. False also opens a file that can only be read.

    Raises:
        InputError: if it can't be opened, isn't a store, or is of a newer version; it is left as
            it was found.
    """
    if url is None:
        url = os.environ.get(ENVIRONMENT) or DEFAULT_URL
    address, where = resolve_url(url)
    engine = connect_engine(address, where, create=create)
    try:
        with explained(where, InputError):
            _prepare(engine, where, create=create)
    except BaseException:
        engine.dispose()
        raise
    return Store(engine, where)


def _prepare(engine: sa.Engine, where: str, *, create: bool) -> None:
    """Check that it is a store, make or upgrade it where allowed, and set SQLite's journal."""
    with engine.connect() as connection:
        revision = revision_of(connection, where)
    if revision is None and not create:
        raise InputError(where, "no store here yet", MAKE_ONE)
    if revision != HEAD:
        with _writing(engine) as connection:
            bring_up_to_date(connection, where)
    if engine.dialect.name == "sqlite" and not engine.get_execution_options().get("read_only"):
        _use_wal(engine)


class SetAsideWarning(UserWarning):
    """A record that can't be read was left out."""


class Store:
    """Measurements and saved scenarios; a context manager that closes its connections."""

    def __init__(self, engine: sa.Engine, where: str) -> None:
        self._engine, self._where = engine, where

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back all connections; the store can't be used in a `with` again."""
        self._engine.dispose()

    @property
    def where(self) -> str:
        """The store's address, without a password."""
        return self._where

    def add(self, measurement: Measurement) -> None:
        """Keep a measurement; one that is there already is left alone."""
        self.add_all([measurement])

    def add_all(self, records: Iterable[Measurement]) -> int:
        """Keep all of `records` or, if anything fails, none; returns how many were new."""
        rest = iter(records)
        rows = [_row(record) for record in islice(rest, BATCH)]
        if not rows:
            return 0
        with explained(self._where), _writing(self._engine) as connection:
            before = _count(connection)
            while rows:
                connection.execute(self._insert(measurements), rows)
                rows = [_row(record) for record in islice(rest, BATCH)]
            return _count(connection) - before

    def retract(self, id: str, reason: str) -> None:  # noqa: A002 - the record's own word
        """Take a measurement back: it stays in the store, and no question meets it again.

        Raises:
            InputError: if there is no such measurement, or no reason.
        """
        if not check_text(reason, "reason", 2000).strip():
            raise InputError("reason", "missing", advice="say why the measurement is taken back")
        self.get(id)
        row = {"measurement": id, "reason": reason, "retracted_at": _utc(datetime.now(UTC))}
        with explained(self._where), _writing(self._engine) as connection:
            connection.execute(self._insert(retractions), row)

    def retracted(self) -> dict[str, str]:
        """The measurements that were taken back, each with the reason."""
        columns = retractions.c
        with explained(self._where), self._engine.connect() as connection:
            found = connection.execute(sa.select(columns.measurement, columns.reason)).all()
        return {str(key): str(reason) for key, reason in found}

    def measurements(self, *, newest: int | None = None, **equal: Asked) -> list[Measurement]:
        """The measurements that agree with what is given, oldest first.

        A record that can't be read is left out, with a warning that names it.

        Args:
            newest: at most so many, the newest of them.
            equal: `suite`, `case`, `device`, `family`, `kind`, `model`, `status`: a word, or
                several of which one must hold.
        """
        parsed = (self._readable(text) for text in self.documents(newest=newest, **equal))
        return [record for record in parsed if record is not None]

    def evidence(self, model: str | None = None) -> list[Measurement]:
        """What a question about a model may rest on, oldest first: runs that worked.

        The newest of that model, of all models (a machine's other runs say how fast it is), and of
        studies: bounded, so that a store of many years answers as quickly as a new one.
        """
        own = self.measurements(status="ok", model=model, newest=NEWEST) if model else []
        others = self.measurements(status="ok", newest=NEWEST)
        studies = self.measurements(status="ok", kind="study", newest=NEWEST)
        found = {record.id: record for record in (*own, *others, *studies)}
        return sorted(found.values(), key=lambda record: (record.recorded_at, record.id))

    def documents(self, *, newest: int | None = None, **equal: Asked) -> Iterator[str]:
        """Each record as JSON text, oldest first; arguments as in `measurements`."""
        columns = measurements.c
        taken_back = sa.select(retractions.c.measurement)
        query = sa.select(columns.document).where(columns.id.not_in(taken_back))
        for name, value in equal.items():
            if value:
                query = query.where(_agrees(columns[name], value))
        query = query.order_by(columns.recorded_at, columns.id)
        if newest is not None:
            latest = query.with_only_columns(columns.id).order_by(None)
            latest = latest.order_by(columns.recorded_at.desc(), columns.id.desc()).limit(newest)
            query = query.where(columns.id.in_(latest))
        with explained(self._where), self._engine.connect() as connection:
            yield from connection.execution_options(yield_per=BATCH).execute(query).scalars()

    def rows(self) -> Iterator[tuple[str, str]]:
        """Id and text of every record, the retracted and the unreadable included."""
        query = sa.select(measurements.c.id, measurements.c.document).order_by(measurements.c.id)
        with explained(self._where), self._engine.connect() as connection:
            for key, text in connection.execution_options(yield_per=BATCH).execute(query):
                yield str(key), str(text)

    def scenario_texts(self) -> list[str]:
        """Every saved scenario, oldest first."""
        query = sa.select(scenarios.c.text).order_by(scenarios.c.saved_at)
        with explained(self._where), self._engine.connect() as connection:
            return [str(text) for text in connection.execute(query).scalars()]

    def damage(self) -> tuple[str, ...]:
        """What SQLite finds wrong with its own file; nothing elsewhere."""
        if self._engine.dialect.name != "sqlite":
            return ()
        with explained(self._where), self._engine.connect() as connection:
            found = connection.exec_driver_sql("PRAGMA integrity_check(50)").scalars().all()
        return tuple(str(line) for line in found if line != "ok")

    def revision(self) -> str:
        """The schema's revision."""
        with explained(self._where), self._engine.connect() as connection:
            return revision_of(connection, self._where) or ""

    def size_bytes(self) -> int | None:
        """Bytes that the database takes."""
        text = {
            "sqlite": "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
            "postgresql": "SELECT pg_database_size(current_database())",
        }.get(self._engine.dialect.name)
        if text is None:
            return None
        with explained(self._where), self._engine.connect() as connection:
            return int(connection.exec_driver_sql(text).scalar_one())

    def count(self) -> int:
        """How many measurements there are."""
        with explained(self._where), self._engine.connect() as connection:
            return _count(connection)

    def get(self, id: str) -> Measurement:  # noqa: A002 - the record's own word
        """The measurement with this id.

        Raises:
            InputError: if there is none.
        """
        query = sa.select(measurements.c.document).where(measurements.c.id == id)
        text = self._one(query)
        if text is None:
            raise InputError(self._where, f"no measurement {id}", "the id of one in the store")
        return self._parsed(text)

    def tally(self) -> list[Tally]:
        """How many measurements there are of each sort, without reading any."""
        columns = measurements.c
        sorts = [columns[name] for name in SORTS]
        found = [sa.func.count(), sa.func.max(columns.recorded_at)]
        query = sa.select(*sorts, *found).group_by(*sorts)
        with explained(self._where), self._engine.connect() as connection:
            return [Tally(*row) for row in connection.execute(query)]

    def state(self) -> tuple[int, int]:
        """How many measurements and retractions there are: another pair, another content."""
        tables = (measurements, retractions)
        with explained(self._where), self._engine.connect() as connection:
            queries = [sa.select(sa.func.count()).select_from(table) for table in tables]
            found = [connection.execute(query).scalar_one() for query in queries]
        return found[0], found[1]

    def frame(self, *, newest: int | None = None, **equal: Asked) -> pd.DataFrame:
        """Measurements, oldest first, one row each, with the columns of `data.flat`.

        Which, as in `measurements`; without arguments all of them.

        Numbers and counts are float64 (NaN: unknown), except `count` and `batch`, always known;
        `recorded_at` is in UTC; the rest are text or truth values, missing where unknown.
        """
        import pandas as pd

        texts = self.documents(newest=newest, **equal)
        rows = [flatten(json.loads(text)) for text in texts if _is_object(text)]
        frame = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
        return frame.astype({name: _dtype(name) for name in COLUMNS})

    def digest(self) -> str:
        """A hash that changes when a measurement is added or taken back, and only then."""
        query = sa.select(measurements.c.id).order_by(measurements.c.id)
        with explained(self._where), self._engine.connect() as connection:
            ids = sorted(connection.execute(query).scalars())
        return _hash("\n".join([*ids, *sorted(self.retracted())]))

    def save_scenario(self, text: str) -> str:
        """Keep a scenario's text; returns the hash by which `scenario` finds it."""
        key = _hash(text)
        row = {"hash": key, "text": text, "saved_at": _utc(datetime.now(UTC))}
        with explained(self._where), _writing(self._engine) as connection:
            connection.execute(self._insert(scenarios), row)
        return key

    def scenario(self, key: str) -> str:
        """The text that `save_scenario` kept under this hash.

        Raises:
            InputError: if there is none.
        """
        text = self._one(sa.select(scenarios.c.text).where(scenarios.c.hash == key))
        if text is None:
            raise InputError(self._where, f"no scenario {key}", "the hash of a saved scenario")
        return text

    def saved_scenarios(self, most: int = 200) -> tuple[tuple[str, datetime, str], ...]:
        """Hash, time and text of the scenarios saved last, the newest first."""
        wanted = sa.select(scenarios.c.hash, scenarios.c.saved_at, scenarios.c.text)
        query = wanted.order_by(scenarios.c.saved_at.desc()).limit(most)
        with explained(self._where), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return tuple(
            (str(key), datetime.fromisoformat(saved), str(text)) for key, saved, text in rows
        )

    def _one(self, query: sa.Select[tuple[Any]]) -> str | None:
        with explained(self._where), self._engine.connect() as connection:
            text = connection.execute(query).scalar()
        return None if text is None else str(text)

    def _insert(self, table: sa.Table) -> sa.Executable:
        """INSERT that leaves a row with the same key alone."""
        if self._engine.dialect.name == "sqlite":
            from sqlalchemy.dialects import sqlite

            return sqlite.insert(table).on_conflict_do_nothing()
        from sqlalchemy.dialects import postgresql  # slow to import, and seldom needed

        return postgresql.insert(table).on_conflict_do_nothing()

    def _readable(self, text: str) -> Measurement | None:
        try:
            return self._parsed(text)
        except ModelworthError as error:
            told = f"{error}; left out (`modelworth doctor --store` finds such records)"
            warnings.warn(told, SetAsideWarning, stacklevel=4)
            return None

    def _parsed(self, text: str) -> Measurement:
        try:
            return parse(text)
        except ValidationError as error:
            fault = error.errors()[0]
            place = ".".join(str(part) for part in fault["loc"]) or "record"
            raise ModelworthError(f"{self._where}: {place}: {fault['msg']}") from error


def _agrees(column: sa.Column[Any], value: Asked) -> sa.ColumnElement[bool]:
    return column == value if isinstance(value, str) else column.in_(tuple(value or ()))


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


@contextmanager
def _writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that holds SQLite's write lock from its start."""
    with engine.execution_options(writing=True).begin() as connection:
        yield connection


def _use_wal(engine: sa.Engine) -> None:
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


def _row(record: Measurement) -> dict[str, Any]:
    return {
        "id": record.id,
        "recorded_at": _utc(record.recorded_at),
        "suite": record.suite,
        "case": record.case,
        "device": record.machine.device,
        "family": record.model.family,
        "kind": record.workload.kind,
        "status": record.status,
        "document": serialise(record),
        "model": record.model.name,
    }


def _count(connection: sa.Connection) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(measurements)).scalar_one()


def _dtype(column: str) -> str:
    if column in ("count", "batch"):
        return "int64"
    sort = COLUMNS[column][1]
    if sort == "time":
        return "datetime64[us, UTC]"
    return {"number": "float64", "count": "float64", "truth": "boolean"}.get(sort, "str")


def _utc(moment: datetime) -> str:
    """Text that sorts as the moments do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:20]
