"""What all charts share: colours, axes whose ticks speak the reader's language, a quiet layout.

Colours are Okabe and Ito's, lighter on dark ground; colour never stands alone (dashes, markers or
words carry the same meaning). Ticks are computed here because plotly writes 1.2G where a reader
expects 12亿 or $1.2B.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from modelworth.report.charts.sketch import Sketch
from modelworth.report.palette import DARK, INK, LIGHT, veil
from modelworth.report.words import BYTES, SCALED, Words

MARKERS = ("circle", "diamond", "square", "triangle-up", "x", "star", "triangle-down")
LEAST_STEP = 1e-300
FONT = '"Source Sans", "Noto Sans SC", sans-serif'
SAYS_ITS_UNIT = {"share", "s", *SCALED}


@dataclass(frozen=True, slots=True)
class Look:
    """How charts look to one reader: words and ground."""

    words: Words
    dark: bool = False

    @property
    def series(self) -> tuple[str, ...]:
        """Colours of series, in order."""
        return DARK if self.dark else LIGHT

    @property
    def good(self) -> str:
        """What adds."""
        return self.series[0]

    @property
    def bad(self) -> str:
        """What takes away."""
        return self.series[1]

    @property
    def quiet(self) -> str:
        """What only orients."""
        return self.series[6]

    def colour(self, index: int) -> str:
        """Colour of the series with this number."""
        return self.series[index % len(self.series)]

    def faint(self, colour: str, opacity: float = 0.18) -> str:
        """The colour as a veil."""
        return veil(colour, opacity)


def figure(look: Look, height: int = 320, *, legend: bool = True) -> Sketch:
    """An empty figure in the house's layout."""
    ink = "#e6edf3" if look.dark else INK
    return Sketch(
        {
            "height": height,
            "margin": {"l": 8, "r": 24, "t": 36 if legend else 12, "b": 8, "pad": 4},
            "showlegend": legend,
            "legend": {
                "orientation": "h",
                "x": 0,
                "y": 1.02,
                "yanchor": "bottom",
                "traceorder": "normal",
            },
            "hovermode": "closest",
            "dragmode": False,
            "bargap": 0.25,
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"color": ink, "size": 13, "family": FONT},
            "hoverlabel": {
                "bgcolor": "#1a232d" if look.dark else "#ffffff",
                "bordercolor": look.quiet,
                "font": {"color": ink, "size": 13, "family": FONT},
                "align": "left",
            },
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": look.quiet, "activecolor": ink},
            "colorway": list(look.series),
            "xaxis": {"showgrid": False, "zeroline": False},
            "yaxis": {"zeroline": False, "gridcolor": GRID["gridcolor"]},
        }
    )


def axis(
    look: Look, unit: str, values: Iterable[float], *, log: bool = False, wanted: int = 5
) -> dict[str, Any]:
    """An axis for a quantity: ticks in the reader's words, title only where they lack the unit."""
    finite = [value for value in values if value is not None and math.isfinite(value)]
    ticks = (decades(finite) if log else nice_ticks(finite, unit, wanted)) if finite else []
    words = look.words
    if unit.startswith("usd"):
        texts = [words.money(tick) for tick in ticks]
    elif unit in SAYS_ITS_UNIT:
        texts = [words.value(tick, unit) for tick in ticks]
    else:
        texts = [words.number(tick) for tick in ticks]
    title = "" if unit in SAYS_ITS_UNIT or unit in ("usd", "count") else words.unit(unit)
    shown = {"title": {"text": title, "standoff": 8}, "tickvals": ticks, "ticktext": texts}
    return {**shown, **({"type": "log"} if log else {}), **GRID}


GRID: dict[str, Any] = {
    "automargin": True,
    "fixedrange": True,
    "ticklabeloverflow": "allow",  # to find it out plotly would measure each label
    "tickangle": 0,
    "gridcolor": "rgba(128,140,152,0.22)",
    "zeroline": False,
}


def month_axis(look: Look, months: int) -> dict[str, Any]:
    """Months from the opening on."""
    step = next(step for step in (3, 6, 12, 24) if months / step <= 11 or step == 24)
    return {
        "title": {"text": look.words.t("chart.month"), "standoff": 6},
        "tickvals": list(range(0, months + 1, step)),
        **GRID,
        "showgrid": False,
    }


def nice_ticks(values: Sequence[float], unit: str = "", wanted: int = 5) -> list[float]:
    """Round values that span the data: steps of 1, 2 or 5 times a power of ten."""
    low, high = min(*values, 0.0), max(*values, 0.0)
    if low == high:
        return [low]
    scale = next((size for size, _ in BYTES if high >= size), 1.0) if unit == "bytes" else 1.0
    raw = (high - low) / scale / wanted
    if raw < LEAST_STEP:
        return [low]
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first, last = math.floor(low / scale / step), math.ceil(high / scale / step)
    return [float(f"{index * step * scale:.12g}") for index in range(first, last + 1)]


def decades(values: Sequence[float]) -> list[float]:
    """Ticks of a logarithmic axis: powers of ten, with 2 and 5 between where they are few."""
    positive = [value for value in values if value > 0]
    if not positive:
        return []
    low, high = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
    factors = (1, 2, 5) if high - low <= 2 else (1, 3) if high - low <= 4 else (1,)
    stride = max(1, (high - low) // 6)
    return [factor * 10.0**power for power in range(low, high + 1, stride) for factor in factors]


def add_line(
    chart: Sketch, look: Look, along: Sequence[float], series: tuple[str, Sequence[float]],
    name: str, **line: Any,
) -> None:  # fmt: skip
    """A line of a series (its unit and values), whose values are said in words when touched."""
    unit, values = series
    chart.add_scatter(
        x=list(along), y=values, mode="lines", name=name, line=line,
        customdata=[look.words.value(value, unit) for value in values],
        hovertemplate="%{customdata}",
    )  # fmt: skip


def add_bars(
    chart: Sketch, names: Sequence[str], values: Sequence[float], texts: Sequence[Any], **trace: Any
) -> None:
    """Level bars by name, which say their text when touched."""
    said = {"customdata": texts, "hovertemplate": "%{y}: %{customdata}<extra></extra>"}
    chart.add_bar(y=names, x=values, orientation="h", **{**said, **trace})


def with_bars(
    chart: Sketch, look: Look, unit: str, ends: Sequence[float], wanted: int = 5, **layout: Any
) -> go.Figure:
    """The figure of level bars, whose ends lie within `ends`; `x` is more of that axis."""
    chart.update_layout(
        xaxis={**axis(look, unit, ends, wanted=wanted), **layout.pop("x", {})},
        yaxis={"automargin": True, "fixedrange": True},
    )
    chart.update_layout(**layout)
    return chart.done()


def wrapped(text: str, width: int = 16) -> str:
    """A label broken between words, so that bars stay side by side."""
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + len(word) >= width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return "<br>".join([*lines, line])
