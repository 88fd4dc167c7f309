"""The second schema: the model's name as a column to ask by, and records that take others back.

Records stay as they are: the triggers that refuse UPDATE rest while the new column is filled from
the documents, and stand again at the end of the same transaction.
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

BATCH = 1000


def upgrade() -> None:
    """Add the column, fill it, and make the table of retractions."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.add_column("measurements", sa.Column("model", sa.Text))
    if sqlite:
        op.execute("DROP TRIGGER measurements_no_update")
    else:
        op.execute("ALTER TABLE measurements DISABLE TRIGGER measurements_append_only")
    _fill()
    if sqlite:
        _refuse_sqlite("measurements", "UPDATE")
    else:
        op.execute("ALTER TABLE measurements ENABLE TRIGGER measurements_append_only")
    op.create_index("measurements_asked", "measurements", ["kind", "model", "device"])
    op.create_table(
        "retractions",
        sa.Column("measurement", sa.String(20), primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("retracted_at", sa.String(32), nullable=False),
    )
    if sqlite:
        for action in ("UPDATE", "DELETE"):
            _refuse_sqlite("retractions", action)
    else:
        op.execute(
            "CREATE TRIGGER retractions_append_only "
            "BEFORE UPDATE OR DELETE OR TRUNCATE ON retractions "
            "FOR EACH STATEMENT EXECUTE FUNCTION modelworth_append_only()"
        )


def _fill() -> None:
    """The model's name out of each document; none where the document can't be read."""
    connection = op.get_bind()
    ids = connection.execute(sa.text("SELECT id FROM measurements")).scalars().all()
    read = sa.text("SELECT document FROM measurements WHERE id = :id")
    write = sa.text("UPDATE measurements SET model = :model WHERE id = :id")
    for start in range(0, len(ids), BATCH):
        rows = [
            {"id": id_, "model": _model(connection.execute(read, {"id": id_}).scalar_one())}
            for id_ in ids[start : start + BATCH]
        ]
        connection.execute(write, rows)


def _model(document: str) -> str | None:
    try:
        return str(json.loads(document)["model"]["name"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _refuse_sqlite(table: str, action: str) -> None:
    op.execute(
        f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} are append-only'); END"
    )
