"""Statements as tables for a page: a row a line, a column a period, in the reader's money."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from modelworth.costmodel.analysis import Analysis
from modelworth.costmodel.business.statements import Kind, periods, statement
from modelworth.dashboard.parts import entry
from modelworth.report.words import Words

ROW_PX = 35


def table(found: Analysis, words: Words, kind: Kind, *, yearly: bool) -> pd.DataFrame:
    """A statement's lines with their values in whole units of the plan's money."""
    rows = statement(kind, found.series, yearly=yearly)
    heads = [_head(month, words, yearly=yearly) for month in periods(found.months, yearly=yearly)]
    return pd.DataFrame(
        {
            "line": ("" if row.sort == "item" else "▸ ") + _name(row.key, words),
            **{
                head: round(entry.shown(value, "usd", words))
                for head, value in zip(heads, row.values, strict=True)
            },
            "key": row.key,
        }
        for row in rows
    )


def _name(key: str, words: Words) -> str:
    """What a line is called; three stocks are no lines of the model."""
    text = words.t(f"statements.line.{key}")
    return words.name(key) if text == f"statements.line.{key}" else text


def _head(month: int, words: Words, *, yearly: bool) -> str:
    if month == 0:
        return words.t("statements.before")
    if yearly:
        return words.t("statements.year", year=-(-month // 12))
    return words.t("column.month", month=month)


def shown(frame: pd.DataFrame, words: Words, place: str) -> None:
    """The table with its first column held in place."""
    column: Any = st.column_config
    heads = [name for name in frame.columns if name not in ("line", "key")]
    config = {
        "line": column.TextColumn(words.t("column.line"), pinned=True, width="medium"),
        "key": None,
        **{head: column.NumberColumn(head, format="localized") for head in heads},
    }
    st.dataframe(
        frame, hide_index=True, column_config=config, key=f"statement-{place}", placeholder="",
        height=ROW_PX * (len(frame) + 1) + 3,
    )  # fmt: skip
