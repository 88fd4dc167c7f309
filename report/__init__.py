"""Documents that stand on their own, all made from one analysis."""

from modelworth.report.files import FORMATS, Outcome, check_request, write
from modelworth.report.sections.content import SECTIONS

__all__ = ["FORMATS", "SECTIONS", "Outcome", "check_request", "write"]
