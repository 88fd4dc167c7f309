"""money."""

from __future__ import annotations
