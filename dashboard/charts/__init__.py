"""Every chart of the pages and reports: pure functions from figures of the analysis to figures."""

from dashboard.charts.base import Look
from dashboard.charts.measured import (
    QUANTITIES,
    Quantity,
    agreement,
    ceiling_marks,
    interactivity,
    memory,
    samples,
    scaling,
)
from dashboard.charts.money import band, months, waterfall
from dashboard.charts.options import heat, likelihood, volume
from dashboard.charts.risk import bars, histogram, pairs, tornado

__all__ = [
    "QUANTITIES",
    "Look",
    "Quantity",
    "agreement",
    "band",
    "bars",
    "ceiling_marks",
    "heat",
    "histogram",
    "interactivity",
    "likelihood",
    "memory",
    "months",
    "pairs",
    "samples",
    "scaling",
    "tornado",
    "volume",
    "waterfall",
]
