"""The learning curves as a picture for documents: runs, the law through them, and its reach."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelworth.costmodel.architecture.loss_records import Curve
from modelworth.report.palette import LIGHT


def learning_svg(curves: Sequence[Curve]) -> str:
    """Loss against tokens as SVG: points are runs, lines the law, dashed beyond the runs."""
    from modelworth.report.charts.vega_pen import drawn  # with the extra `report`

    return drawn(specification(curves))


def specification(curves: Sequence[Curve]) -> dict[str, Any]:
    """The picture as a Vega-Lite specification."""
    names = [f"{curve.parameters:,.0f} parameters" for curve in curves]
    x = {
        "field": "tokens", "type": "quantitative", "title": "training tokens",
        "scale": {"type": "log", "nice": False}, "axis": {"format": "~s", "tickCount": 6},
    }  # fmt: skip
    y = {
        "field": "loss", "type": "quantitative", "title": "held-out loss, nats a token",
        "scale": {"zero": False},
    }  # fmt: skip
    scale = {"domain": names, "range": [LIGHT[i % len(LIGHT)] for i in range(len(names))]}
    colour = {"field": "size", "type": "nominal", "scale": scale, "title": None}
    shared = {"x": x, "y": y, "color": colour}
    band = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour}
    both = list(zip(curves, names, strict=True))
    wide = [row for it, name in both[-1:] for row in _rows((*it.inside, *it.beyond), name)]
    runs = [row for it, name in both for row in _rows(it.seen, name)]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": 560, "height": 320, "background": "white",
        "config": {"legend": {"symbolOpacity": 1}},
        "layer": [
            _layer({"type": "area", "opacity": 0.15}, band, wide),
            *(
                _layer({"type": "line", "strokeDash": dash}, shared,
                       [row for it, name in both for row in _rows(getattr(it, part), name)])
                for part, dash in (("inside", [1, 0]), ("beyond", [5, 4]))
            ),
            _layer({"type": "point", "filled": True, "size": 45}, shared, runs),
        ],
    }  # fmt: skip


def _layer(
    mark: dict[str, Any], encoding: dict[str, Any], rows: list[dict[str, Any]]
) -> dict[str, Any]:
    return {"mark": mark, "encoding": encoding, "data": {"values": rows}}


def _rows(points: Sequence[tuple[float, ...]], name: str) -> list[dict[str, Any]]:
    return [
        {"tokens": tokens, "loss": loss, "low": low, "high": high, "size": name}
        for tokens, loss, low, high in points
    ]
