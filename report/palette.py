"""Colours and dashes of every chart, whichever pen draws it.

Okabe and Ito's colours, which colour-blind readers tell apart; lighter on dark ground. Colour never
stands alone: lines differ in their dashes, too.
"""

from __future__ import annotations

LIGHT = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6b7280")
DARK = ("#56b4e9", "#ff9a4d", "#33c79b", "#e3a1c6", "#f0c04a", "#9ad0f0", "#9aa5b1")
INK, QUIET, RULE, SOFT, GRID = "#17212b", "#5b6673", "#dde2e8", "#f4f6f8", "#e5e7eb"
AXIS = "#9aa5b1"
TONES = {"viable": "#00714f", "not_viable": "#b03a00", "depends": "#8a5a00"}
#: name, as plotly writes it → lengths of marks and gaps, as SVG wants them
DASHES = {
    "solid": (1, 0), "dash": (6, 3), "dot": (2, 2), "dashdot": (6, 2, 2, 2),
    "longdash": (10, 3), "longdashdot": (10, 2, 2, 2),
}  # fmt: skip


def dash(index: int) -> str:
    """Name of the dashes of the line with this number."""
    return tuple(DASHES)[index % len(DASHES)]


def veil(hexadecimal: str, opacity: float = 0.18) -> str:
    """The colour as a veil."""
    red, green, blue = (int(hexadecimal[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
