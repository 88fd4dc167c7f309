"""The first schema: measurements and saved scenarios, both append-only.

Triggers refuse UPDATE and DELETE, so that the rule also holds for whoever opens the database
with another program. Documents are text and not the database's own JSON: numbers come back digit
for digit, on which a record's id depends.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TABLES = ("measurements", "scenarios")
INDEXED = ("recorded_at", "suite", "case", "device", "family", "kind", "status")


def upgrade() -> None:
    """Make the tables, their indexes and the triggers."""
    op.create_table(
        "measurements",
        sa.Column("id", sa.String(20), primary_key=True),
        sa.Column("recorded_at", sa.String(32), nullable=False),
        sa.Column("suite", sa.Text),
        sa.Column("case", sa.Text),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("family", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    for column in INDEXED:
        op.create_index(f"measurements_{column}", "measurements", [column])
    op.create_table(
        "scenarios",
        sa.Column("hash", sa.String(20), primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("saved_at", sa.String(32), nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        _guard_sqlite()
    else:
        _guard_postgresql()


def _guard_sqlite() -> None:
    for table in TABLES:
        for action in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} are append-only'); END"
            )


def _guard_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION modelworth_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% are append-only', TG_TABLE_NAME; END $$"
    )
    for table in TABLES:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION modelworth_append_only()"
        )
