"""The chart of predicted against measured throughput, drawn without a browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelworth.costmodel.prediction.validation import Point


def draw(points: Sequence[Point], path: Path) -> None:
    """One panel for each table, both axes logarithmic, with the line of equality."""
    import altair as alt
    import pandas as pd

    frame = pd.DataFrame([asdict(point) for point in points])
    axes = {
        "x": alt.X("measured:Q").scale(type="log", nice=False).title("measured, a second and GPU"),
        "y": alt.Y("predicted:Q").scale(type="log", nice=False).title("predicted"),
    }
    dots = (
        alt.Chart()
        .mark_circle(size=14, opacity=0.55)
        .encode(color=alt.Color("group:N").title("device"), **axes)
    )
    line = (
        alt.Chart()
        .mark_line(color="#555", strokeDash=[4, 3])
        .encode(x="measured:Q", y=alt.Y("measured:Q"))
    )
    chart = (
        alt.layer(line, dots, data=frame)
        .properties(width=260, height=230)
        .facet(facet=alt.Facet("table:N").title(None), columns=2)
        .resolve_scale(x="independent", y="independent")
    )
    chart.save(str(path))
