"""What is asked of a store's tables, as SQL; retracted measurements are never met."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa

from modelworth.data.schema import measurements, retractions

Asked = str | Collection[str] | None
"""A word that a column must hold, or several of which one must; nothing: any."""
SORTS = ("status", "family", "kind", "device", "model")
COLUMNS = measurements.c


def agreeing(**equal: Asked) -> list[sa.ColumnElement[bool]]:
    """That a measurement holds what is given, and wasn't taken back."""
    found: list[sa.ColumnElement[bool]] = [COLUMNS.id.not_in(sa.select(retractions.c.measurement))]
    for name, value in equal.items():
        if value:
            words = (value,) if isinstance(value, str) else tuple(value)
            found.append(COLUMNS[name].in_(words))
    return found


def among_newest(most: int, sorts: Iterable[dict[str, Asked]]) -> sa.ColumnElement[bool]:
    """That a measurement is among the newest of any sort."""
    order = (COLUMNS.recorded_at.desc(), COLUMNS.id.desc())
    newest = (
        sa.select(COLUMNS.id).where(*agreeing(**sort)).order_by(*order).limit(most)
        for sort in sorts
    )
    return sa.or_(*(COLUMNS.id.in_(ids) for ids in newest))


def documents(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Texts of the measurements that meet the conditions, oldest first."""
    return sa.select(COLUMNS.document).where(*conditions).order_by(COLUMNS.recorded_at, COLUMNS.id)


def tally() -> sa.Select[Any]:
    """How many measurements there are of each sort, and when the newest was recorded."""
    sorts = [COLUMNS[name] for name in SORTS]
    return sa.select(*sorts, sa.func.count(), sa.func.max(COLUMNS.recorded_at)).group_by(*sorts)
