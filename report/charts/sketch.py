"""A figure put together as plain data and handed to plotly at the end, unchecked.

plotly checks every attribute of every trace against its schema, which takes longer than computing
what is drawn; a slider waits for it. What is drawn here comes from our own functions, whose tests
look at what they draw.
"""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

Plain = dict[str, Any]


class Sketch:
    """Traces and layout, collected; `done` is the figure."""

    def __init__(self, layout: Plain) -> None:
        self.traces: list[Plain] = []
        self.layout = layout

    def add_scatter(self, **trace: Any) -> None:
        """Lines, markers or both."""
        self._add("scatter", trace)

    def add_bar(self, **trace: Any) -> None:
        """Bars."""
        self._add("bar", trace)

    def add_heatmap(self, **trace: Any) -> None:
        """A grid of colours."""
        self._add("heatmap", trace)

    def add_contour(self, **trace: Any) -> None:
        """Lines of equal height."""
        self._add("contour", trace)

    def _add(self, kind: str, trace: Plain) -> None:
        self.traces.append({"type": kind, **{k: v for k, v in trace.items() if v is not None}})

    def add_vline(self, x: float, line: Plain, text: str = "") -> None:
        """A line from bottom to top at `x`, with a word above it."""
        ends = {"x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "y domain"}
        self.layout.setdefault("shapes", []).append({"type": "line", "line": line, **ends})
        if text:
            self.add_annotation(
                x=x, y=1, yref="paper", text=text, showarrow=False, xanchor="right",
                yanchor="bottom",
            )  # fmt: skip

    def add_hline(self, y: float, line: Plain) -> None:
        """A line from left to right at `y`."""
        ends = {"x0": 0, "x1": 1, "xref": "x domain", "y0": y, "y1": y}
        self.layout.setdefault("shapes", []).append({"type": "line", "line": line, **ends})

    def add_annotation(self, **note: Any) -> None:
        """A text at a place."""
        self.layout.setdefault("annotations", []).append(note)

    def update_layout(self, **layout: Any) -> None:
        """Set parts of the layout; what is a mapping on both sides is merged."""
        for key, value in layout.items():
            before = self.layout.get(key)
            both = isinstance(before, dict) and isinstance(value, dict)
            self.layout[key] = {**before, **value} if both else value

    def done(self) -> go.Figure:
        """The figure, as plotly draws it."""
        return go.Figure({"data": self.traces, "layout": self.layout}, _validate=False)
