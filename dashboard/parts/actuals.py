"""Plan against actuals: what months came to, typed, pasted or uploaded, beside the plan."""

from __future__ import annotations

import io

import pandas as pd
import streamlit as st

from modelworth.costmodel.analysis import Analysis
from modelworth.dashboard import state
from modelworth.dashboard.parts import columns as tables
from modelworth.dashboard.parts import entry, show
from modelworth.data.errors import InputError
from modelworth.report import charts

LINES = [
    "revenue_usd", "cost_of_revenue_usd", "net_cash_usd", "cash_balance_usd", "requests", "gpus",
]  # fmt: skip
MONTH = "month"
MOST_BYTES = 200_000


def panel(found: Analysis) -> None:
    """What came in, to be edited; and each line beside its plan."""
    words = state.words()
    st.subheader(words.t("actuals.title"), anchor=False)
    st.caption(words.t("actuals.text", currency=words.currency))
    if found.actuals:
        _shown(found)
    with st.expander(words.t("actuals.edit"), expanded=not found.actuals):
        _edited(found)


def _shown(found: Analysis) -> None:
    words = state.words()
    lines = list(dict.fromkeys(one.line for one in found.actuals))
    line = st.segmented_control(
        words.t("column.line"), lines, default=lines[0], required=True, key="actuals-line",
        format_func=words.name,
    )  # fmt: skip
    known = [one for one in found.actuals if one.line == line]
    seen = [(one.month, one.actual) for one in known]
    chart = charts.band(state.look(), found.series[line], seen=seen)
    show.chart(chart, f"actuals-{line}", words.t("actuals.reading", count=len(known)))
    rows = [
        {
            MONTH: one.month,
            "plan": words.value(one.plan, one.unit),
            "range": words.range(one.low, one.high, one.unit),
            "actual": words.value(one.actual, one.unit),
            "within": _within(one.low, one.actual, one.high),
        }
        for one in known
    ]
    tables.shown(pd.DataFrame(rows), f"actuals-{line}")


def _within(low: float | None, actual: float, high: float | None) -> str:
    if low is None or high is None:
        return ""
    return state.words().t("actuals.inside" if low <= actual <= high else "actuals.outside")


def _edited(found: Analysis) -> None:
    """A month a row and a line a column; a spreadsheet's cells can be pasted, or a CSV uploaded."""
    words, plan = state.words(), state.session().scenario
    lines = list(dict.fromkeys([*LINES, *plan.actuals]))
    held = {line: list(plan.actuals.get(line, ())) for line in lines}
    months = range(1, found.months + 1)
    frame = pd.DataFrame({MONTH: months, **{
        line: [_of(values, month, found.lines[line].unit) for month in months]
        for line, values in held.items() if line in found.lines
    }})  # fmt: skip
    edited = st.data_editor(
        frame, hide_index=True, disabled=[MONTH], height=280, placeholder="",
        key=f"actuals-{state.session().revision}",
        column_config={
            MONTH: st.column_config.NumberColumn(words.t("column.month_number"), pinned=True),
            **{line: st.column_config.NumberColumn(words.name(line)) for line in frame.columns[1:]},
        },
    )  # fmt: skip
    file = st.file_uploader(words.t("actuals.file"), type=["csv"], key="actuals-file")
    if st.button(words.t("actuals.take"), key="actuals-take", type="primary"):
        with show.errors_said():
            _take(found, edited if file is None else read(file.getvalue(), found))


def _of(values: list[float | None], month: int, unit: str) -> float | None:
    value = values[month - 1] if month <= len(values) else None
    return None if value is None else entry.shown(value, unit, state.words())


def read(content: bytes, found: Analysis) -> pd.DataFrame:
    """A table of actuals from a CSV with a column `month` and one for each line.

    Raises:
        InputError: if it isn't one.
    """
    if len(content) > MOST_BYTES:
        raise InputError("actuals", f"{len(content)} bytes", f"at most {MOST_BYTES}")
    try:
        frame = pd.read_csv(io.BytesIO(content), encoding="utf-8-sig")
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError("actuals", str(error)[:120], "a CSV in UTF-8") from error
    unknown = [name for name in frame.columns if name != MONTH and name not in found.series]
    if MONTH not in frame or unknown:
        allowed = f"columns month and lines such as {', '.join(LINES)}"
        raise InputError("actuals", ", ".join(map(str, unknown or frame.columns))[:120], allowed)
    for name in frame.columns:
        numbers = pd.to_numeric(frame[name].astype(str), errors="coerce")
        wrong = frame[name][numbers.isna() & frame[name].notna()]
        if len(wrong):
            raise InputError(f"actuals: {name}", str(wrong.iloc[0])[:60], "numbers")
        frame[name] = numbers
    right = frame[MONTH].between(1, found.months) & (frame[MONTH] % 1 == 0)
    if not right.all() or frame[MONTH].duplicated().any():
        raise InputError(
            "actuals: month", "a month twice or beyond the plan", f"1 to {found.months}"
        )
    return frame


def _take(found: Analysis, frame: pd.DataFrame) -> None:
    """The plan with these actuals; undo leads back."""
    words, document = state.words(), state.draft()
    by_month = frame.set_index(MONTH)
    taken: dict[str, list[float | None]] = {}
    for line in by_month.columns:
        known = by_month[line].dropna()
        if known.empty:
            continue
        unit = found.series[line].unit
        values = {int(month): entry.kept(float(known[month]), unit, words) for month in known.index}
        taken[line] = [values.get(month) for month in range(1, max(values) + 1)]
    document.pop("actuals", None)
    if taken:
        document["actuals"] = taken
    state.exchange(document)
    st.rerun()
