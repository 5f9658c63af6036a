"""Every figure of the study in one place: a figure takes the study and returns itself.

``where`` is a case, or the name of a scenario, which then means its machine with most NOFREE
requests.  Figures without data return one honest sentence.
"""

from vmmodel.report.books import books_over_time, leak_table
from vmmodel.report.forest import forest
from vmmodel.report.fragmentation import (
    fragmentation_index,
    pinned_over_time,
    superpage_availability,
)
from vmmodel.report.latency import percentile_table, tails
from vmmodel.report.regionmap import region_map
from vmmodel.report.sensitivity import sensitivity
from vmmodel.report.warmup import warmup

__all__ = [
    "books_over_time",
    "forest",
    "fragmentation_index",
    "leak_table",
    "percentile_table",
    "pinned_over_time",
    "region_map",
    "sensitivity",
    "superpage_availability",
    "tails",
    "warmup",
]
