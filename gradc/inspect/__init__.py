"""Looking at a program: every stage of its compilation as text, and a report of its costs."""

from gradc.inspect.choices import Choice
from gradc.inspect.example import example_tensors
from gradc.inspect.listing import Listing
from gradc.inspect.report import KernelCost, Report, report
from gradc.inspect.stages import STAGES, explain

__all__ = [
    "STAGES",
    "Choice",
    "KernelCost",
    "Listing",
    "Report",
    "example_tensors",
    "explain",
    "report",
]
