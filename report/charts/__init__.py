"""Every chart of the pages and reports: pure functions from figures of the analysis to figures."""

from modelworth.report.charts.base import Look
from modelworth.report.charts.cash import band, months, waterfall
from modelworth.report.charts.choices import heat, option_costs, volume
from modelworth.report.charts.dated import Point, frontier, history, market
from modelworth.report.charts.learning import learning
from modelworth.report.charts.throughput import (
    QUANTITIES,
    Quantity,
    agreement,
    curves,
    memory,
    samples,
    scaling,
)
from modelworth.report.charts.uncertainty import (
    bars,
    density,
    exceedance,
    histogram,
    pairs,
    tornado,
)

__all__ = [
    "QUANTITIES",
    "Look",
    "Point",
    "Quantity",
    "agreement",
    "band",
    "bars",
    "curves",
    "density",
    "exceedance",
    "frontier",
    "heat",
    "histogram",
    "history",
    "learning",
    "market",
    "memory",
    "months",
    "option_costs",
    "pairs",
    "samples",
    "scaling",
    "tornado",
    "volume",
    "waterfall",
]
