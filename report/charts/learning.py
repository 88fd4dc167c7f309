"""Learning curves: held-out loss against tokens, a line for each size of model."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from modelworth.costmodel.architecture.loss_records import Curve
from modelworth.report.charts.base import MARKERS, Look, axis, figure


def learning(look: Look, curves: Sequence[Curve]) -> go.Figure:
    """Runs as points, the law solid among them and dashed as far as it is asked.

    The largest size has its interval, too.
    """
    words, chart = look.words, figure(look, height=420)
    for index, curve in enumerate(curves):
        colour, name = look.colour(index), words.value(curve.parameters, "parameters")
        for part, dash in ((curve.inside, "solid"), (curve.beyond, "dash")):
            chart.add_scatter(
                x=[row[0] for row in part], y=[row[1] for row in part], mode="lines",
                line={"color": colour, "dash": dash}, hoverinfo="skip", showlegend=False,
            )  # fmt: skip
        chart.add_scatter(
            x=[row[0] for row in curve.seen], y=[row[1] for row in curve.seen], mode="markers",
            name=name, marker={"size": 9, "symbol": MARKERS[index % len(MARKERS)], "color": colour},
            customdata=[
                [words.value(row[0], "tokens"), words.value(row[1], "nats_per_token")]
                for row in curve.seen
            ],
            hovertemplate="%{customdata[0]}: %{customdata[1]}<extra></extra>",
        )  # fmt: skip
    if curves:
        wide = (*curves[-1].inside, *curves[-1].beyond)
        chart.add_scatter(
            x=[*(row[0] for row in wide), *(row[0] for row in reversed(wide))],
            y=[*(row[3] for row in wide), *(row[2] for row in reversed(wide))],
            fill="toself", fillcolor=look.faint(look.colour(len(curves) - 1)), mode="none",
            hoverinfo="skip", showlegend=False,
        )  # fmt: skip
    shown = [row for curve in curves for row in (*curve.seen, *curve.beyond)]
    chart.update_layout(
        xaxis=axis(look, "tokens", [row[0] for row in shown], log=True),
        yaxis=axis(look, "nats_per_token", [row[1] for row in shown]),
    )
    return chart.done()
