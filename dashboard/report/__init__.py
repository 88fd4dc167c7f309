"""Documents that stand on their own, all made from one analysis."""

from dashboard.report.content import SECTIONS
from dashboard.report.files import FORMATS, Outcome, check_request, write

__all__ = ["FORMATS", "SECTIONS", "Outcome", "check_request", "write"]
