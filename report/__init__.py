"""Documents that stand on their own, all made from one analysis."""

from modelworth.report.brand import Brand, load_brand
from modelworth.report.files import FORMATS, PAPERS, Outcome, Style, check_request, write
from modelworth.report.sections.content import SECTIONS

__all__ = [
    "FORMATS",
    "PAPERS",
    "SECTIONS",
    "Brand",
    "Outcome",
    "Style",
    "check_request",
    "load_brand",
    "write",
]
