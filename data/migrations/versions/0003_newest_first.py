"""The third schema: an index from which a page learns what there is without reading a record.

It holds all columns that a reader filters by, in the order of time, so that counts, and the newest
records of any choice, are found in the index alone.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

COLUMNS = ["status", "recorded_at", "id", "family", "kind", "device", "model", "suite"]


def upgrade() -> None:
    """Make the index."""
    op.create_index("measurements_newest", "measurements", COLUMNS)
