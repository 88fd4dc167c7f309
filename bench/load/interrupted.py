"""Somebody asked to stop: the point that was being measured is kept as far as it came."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelworth.bench.load.summary import Summary


class InterruptedPointError(Exception):
    """A point ended early; `summary` holds what it had seen."""

    def __init__(self, summary: Summary) -> None:
        self.summary = summary
        super().__init__("stopped")
