"""The linter for plans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from costmodel.analysis import DriverUse, Figure, Finding
from costmodel.capacity import Resolved

if TYPE_CHECKING:
    from costmodel.evaluate import Basis


def findings(
    basis: Basis,
    figures: Mapping[str, Figure],
    resolved: Resolved,
    drivers: Mapping[str, DriverUse],
) -> tuple[Finding, ...]:
    """What is wrong or doubtful about a plan."""
    return ()


def sentence(finding: Finding, language: str = "en") -> str:
    """The finding in words."""
    return f"{finding.path}"
