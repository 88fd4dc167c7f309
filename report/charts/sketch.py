"""A figure put together as plain data and handed to plotly at the end, unchecked.

plotly checks every attribute of every trace against its schema, which takes longer than computing
what is drawn; a slider waits for it. What is drawn here comes from our own functions, whose tests
look at what they draw.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go

Plain = dict[str, Any]
WIDE_FROM = "\u2e80"
"""From which character on letters are as wide as they are high."""
TITLE_PX = 28


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
        """The figure, as plotly draws it.

        Room for labels is kept here, since plotly draws a chart twice to find it out. A page hands
        plotly the same chart twice: with a revision and without a template it is drawn once.
        """
        self._keep_room("yaxis", "l", self._names("y"), width_px)
        self._keep_room("xaxis", "b", self._names("x"), height_px)
        self.layout["datarevision"] = zlib.crc32(repr(self.traces).encode())
        self.layout["template"] = "none"
        return go.Figure({"data": self.traces, "layout": self.layout}, _validate=False)

    def _names(self, way: str) -> list[str]:
        """What stands along the bars in this direction, where they have names."""
        bars = [trace for trace in self.traces if trace["type"] == "bar"]
        along = [bar[way] for bar in bars if bar.get("orientation", "v") == "vh"[way == "y"]]
        return [name for names in along for name in names if isinstance(name, str)]

    def _keep_room(
        self, axis: str, side: str, names: list[str], size_px: Callable[[str], float]
    ) -> None:
        """A margin for labels that are known and level, beside the axis's title."""
        found = self.layout.get(axis, {})
        texts = found.get("ticktext") or names or [str(tick) for tick in found.get("tickvals", ())]
        if not found.get("automargin") or found.get("tickangle") or not texts:
            return
        titled = bool(found.get("title", {}).get("text"))
        room = 10 + max(map(size_px, texts)) + (TITLE_PX if titled else 0)
        self.layout[axis] = {**found, "automargin": False}
        self.layout["margin"] = {**self.layout["margin"], side: math.ceil(room)}


def width_px(text: str) -> float:
    """How wide a label of 13 px is drawn, at most."""
    lines = text.split("<br>")
    return max(sum(13.5 if one >= WIDE_FROM else 7.4 for one in line) for line in lines)


def height_px(text: str) -> float:
    """How high a label of 13 px is drawn."""
    return 18.0 * (1 + text.count("<br>"))
