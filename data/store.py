"""The append-only store of measurements and saved scenarios, behind one SQLAlchemy URL.

SQLite in WAL mode by default, PostgreSQL the same way. Several processes may write at once; what
`add` has returned from survives the death of the process. There is no way to change or delete a
record, here or (by triggers) in the database itself. `frame` doesn't validate what it reads: each
record was validated when it was written, and its id is the hash of its content.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import sqlalchemy as sa

from modelworth.data import store_queries as queries
from modelworth.data.engine import MAKE_ONE, connect_engine, explained, resolve_url, use_wal
from modelworth.data.errors import InputError, SetAsideWarning
from modelworth.data.flat import framed
from modelworth.data.measurement import Measurement
from modelworth.data.plain_text import check_text
from modelworth.data.record_text import parse, serialise
from modelworth.data.schema import (
    HEAD,
    make_tables,
    measurements,
    retractions,
    revision_of,
    scenarios,
)
from modelworth.data.store_queries import Asked

if TYPE_CHECKING:
    import pandas as pd

ENVIRONMENT = "MODELWORTH_STORE"
DEFAULT_URL = "sqlite:///modelworth.db"
NOTHING: Mapping[str, str] = {}
BATCH = 1000
"""Records read or written at once."""
NEWEST = 400
"""Records of a sort that a question looks at."""


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
        InputError: if it can't be opened, isn't a store, or another version made it; it is left as
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
    """Check that it is a store, make it where allowed, and set SQLite's journal."""
    with engine.connect() as connection:
        revision = revision_of(connection, where)
    if revision is None and not create:
        raise InputError(where, "no store here yet", MAKE_ONE)
    if revision != HEAD:
        with _writing(engine) as connection:
            make_tables(connection, where)
    if engine.dialect.name == "sqlite" and not engine.get_execution_options().get("read_only"):
        use_wal(engine)


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

    def add_all(
        self, records: Iterable[Measurement], taken_back: Mapping[str, str] = NOTHING
    ) -> int:
        """Keep all of `records` or, if anything fails, none; returns how many were new.

        `taken_back`: measurements that give way to them, each with the reason.
        """
        rest = iter(records)
        rows = [_row(record) for record in islice(rest, BATCH)]
        if not rows:
            return 0
        with explained(self._where), _writing(self._engine) as connection:
            before = _count(connection)
            while rows:
                connection.execute(self._insert(measurements), rows)
                rows = [_row(record) for record in islice(rest, BATCH)]
            for key, reason in taken_back.items():
                self._take_back(connection, key, reason)
            return _count(connection) - before

    def retract(self, id: str, reason: str) -> None:  # noqa: A002 - the record's own word
        """Take a measurement back: it stays in the store, and no question meets it again.

        Raises:
            InputError: if there is no such measurement, or no reason.
        """
        if not check_text(reason, "reason", 2000).strip():
            raise InputError("reason", "missing", advice="say why the measurement is taken back")
        self.get(id)
        with explained(self._where), _writing(self._engine) as connection:
            self._take_back(connection, id, reason)

    def _take_back(self, connection: sa.Connection, key: str, reason: str) -> None:
        row = {"measurement": key, "reason": reason, "retracted_at": _utc(datetime.now(UTC))}
        connection.execute(self._insert(retractions), row)

    def retracted(self) -> dict[str, str]:
        """The measurements that were taken back, each with the reason."""
        found = self._rows(sa.select(retractions.c.measurement, retractions.c.reason))
        return {str(key): str(reason) for key, reason in found}

    def measurements(self, *, newest: int | None = None, **equal: Asked) -> list[Measurement]:
        """The measurements that agree with what is given, oldest first.

        A record that can't be read is left out, with a warning that names it.

        Args:
            newest: at most so many, the newest of them.
            equal: `suite`, `case`, `device`, `family`, `kind`, `model`, `status`: a word, or
                several of which one must hold.
        """
        return self._read(self.documents(newest=newest, **equal))

    def evidence(
        self, model: str | None = None, is_device: Callable[[str], bool] | None = None
    ) -> list[Measurement]:
        """What a question may rest on, oldest first: runs that worked.

        The newest of the model and of the devices that it names, of all (a machine's other runs
        say how fast it is), and of studies: bounded, so that a store of many years answers as
        quickly as a new one.
        """
        sorts: list[dict[str, Asked]] = [{}, {"kind": "study"}]
        if model:
            sorts.append({"model": model})
        known = self.words("device") if is_device else []
        named = list(filter(is_device, known))
        if named and named != known:
            sorts.append({"device": named})
        ok = [sort | {"status": "ok"} for sort in sorts]
        return self._read(self._texts(queries.documents(queries.among_newest(NEWEST, ok))))

    def documents(self, *, newest: int | None = None, **equal: Asked) -> Iterator[str]:
        """Each record as JSON text, oldest first; arguments as in `measurements`."""
        chosen = queries.agreeing(**equal)
        if newest is not None:
            chosen = [queries.among_newest(newest, [equal])]
        return self._texts(queries.documents(*chosen))

    def _texts(self, query: sa.Select[Any]) -> Iterator[str]:
        with explained(self._where), self._engine.connect() as connection:
            found = connection.execution_options(yield_per=BATCH).execute(query).scalars()
            yield from map(str, found)

    def citing(self, mark: str, **equal: Asked) -> list[Measurement]:
        """The measurements whose text holds a mark, oldest first; `equal` as in `measurements`."""
        holds = measurements.c.document.contains(mark, autoescape=True)
        return self._read(self._texts(queries.documents(holds, *queries.agreeing(**equal))))

    def words(self, column: str) -> list[str]:
        """The words that stand in a column, such as `device` or `suite`, in order."""
        query = sa.select(measurements.c[column]).distinct()
        return sorted(str(word) for (word,) in self._rows(query) if word)

    def beginning(self, start: str) -> list[Measurement]:
        """The measurements whose id begins so: two at most, which already say that it isn't one."""
        within = measurements.c.id.startswith(start, autoescape=True)
        return self._read(self._texts(queries.documents(within, *queries.agreeing()).limit(2)))

    def rows(self) -> Iterator[tuple[str, str]]:
        """Id and text of every record, the retracted and the unreadable included."""
        query = sa.select(measurements.c.id, measurements.c.document).order_by(measurements.c.id)
        with explained(self._where), self._engine.connect() as connection:
            for key, text in connection.execution_options(yield_per=BATCH).execute(query):
                yield str(key), str(text)

    def scenario_texts(self) -> list[str]:
        """Every saved scenario, oldest first."""
        query = sa.select(scenarios.c.text).order_by(scenarios.c.saved_at)
        return [str(text) for (text,) in self._rows(query)]

    def damage(self) -> tuple[str, ...]:
        """What SQLite finds wrong with its own file; nothing elsewhere."""
        if self._engine.dialect.name != "sqlite":
            return ()
        found = self._rows(sa.text("PRAGMA integrity_check(50)"))
        return tuple(str(line) for (line,) in found if line != "ok")

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
        return None if text is None else int(self._rows(sa.text(text))[0][0])

    def count(self) -> int:
        """How many measurements there are."""
        with explained(self._where), self._engine.connect() as connection:
            return _count(connection)

    def get(self, id: str) -> Measurement:  # noqa: A002 - the record's own word
        """The measurement with this id.

        Raises:
            InputError: if there is none.
        """
        rows = self._rows(sa.select(measurements.c.document).where(measurements.c.id == id))
        if not rows:
            raise InputError("measurement", f"no measurement {id}", "the id of one in the store")
        return parse(str(rows[0][0]))

    def tally(self) -> list[Tally]:
        """How many measurements there are of each sort, without reading any."""
        return [Tally(*row) for row in self._rows(queries.tally())]

    def state(self) -> tuple[int, int]:
        """How many measurements and retractions there are: another pair, another content."""
        counts = (
            sa.select(sa.func.count()).select_from(table).scalar_subquery()
            for table in (measurements, retractions)
        )
        ((found, taken_back),) = self._rows(sa.select(*counts))
        return found, taken_back

    def frame(self, *, newest: int | None = None, **equal: Asked) -> pd.DataFrame:
        """Measurements, oldest first, one row each, with the columns of `data.flat`.

        Which, as in `measurements`; without arguments all of them.
        """
        return framed(self.documents(newest=newest, **equal))

    def digest(self) -> str:
        """A hash that changes when a measurement is added or taken back, and only then."""
        ids = sorted(key for (key,) in self._rows(sa.select(measurements.c.id)))
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
        rows = self._rows(sa.select(scenarios.c.text).where(scenarios.c.hash == key))
        if not rows:
            raise InputError("scenario", f"no scenario {key}", "the hash of a saved scenario")
        return str(rows[0][0])

    def saved_scenarios(self, most: int = 200) -> tuple[tuple[str, datetime, str], ...]:
        """Hash, time and text of the scenarios saved last, the newest first."""
        wanted = sa.select(scenarios.c.hash, scenarios.c.saved_at, scenarios.c.text)
        rows = self._rows(wanted.order_by(scenarios.c.saved_at.desc()).limit(most))
        return tuple(
            (str(key), datetime.fromisoformat(saved), str(text)) for key, saved, text in rows
        )

    def _rows(self, query: sa.Executable) -> Sequence[Any]:
        """All that a question finds, for those that find little."""
        with explained(self._where), self._engine.connect() as connection:
            return connection.execute(query).all()

    def _insert(self, table: sa.Table) -> sa.Executable:
        """INSERT that leaves a row with the same key alone."""
        if self._engine.dialect.name == "sqlite":
            from sqlalchemy.dialects import sqlite

            return sqlite.insert(table).on_conflict_do_nothing()
        from sqlalchemy.dialects import postgresql  # slow to import, and seldom needed

        return postgresql.insert(table).on_conflict_do_nothing()

    def _read(self, texts: Iterable[str]) -> list[Measurement]:
        """The records of texts; one that can't be read is left out, with a warning."""
        found = []
        for text in texts:
            try:
                found.append(parse(text))
            except InputError as error:
                advice = "left out (`modelworth doctor --store` finds such records)"
                told = f"{self._where}: {' '.join(str(error).split())}; {advice}"
                warnings.warn(told, SetAsideWarning, stacklevel=3)
        return found


@contextmanager
def _writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that holds SQLite's write lock from its start."""
    with engine.execution_options(writing=True).begin() as connection:
        yield connection


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


def _utc(moment: datetime) -> str:
    """Text that sorts as the moments do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:20]
