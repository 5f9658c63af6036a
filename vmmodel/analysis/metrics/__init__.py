"""Numbers computed from the tables, each with its formula, denominator and source.

One function for each metric of `registry.METRICS`, which numbers them 1 to 21.  All functions take
rows of the tables and give one value per row, or one per run where they say so.
"""

from vmmodel.analysis.metrics.common import (
    CHUNKLESS,
    KEY,
    PAIR,
    REGION_PAGES,
    SUPERPAGE_ORDER,
    final_samples,
    free_pages,
    share,
    written,
)
from vmmodel.analysis.metrics.conservation import conservation_residual, pages_of
from vmmodel.analysis.metrics.freelists import (
    fragmentation_index,
    free_superpages,
    largest_free_order,
    superpage_availability,
    unusable_index,
)
from vmmodel.analysis.metrics.machine import failures
from vmmodel.analysis.metrics.nofree import (
    books_residual,
    footprint_ratio,
    ideal_regions,
    live_pages,
    lost_pages,
    pinned_ratio,
)
from vmmodel.analysis.metrics.regions import REGION_STATES, region_states

__all__ = [
    "CHUNKLESS",
    "KEY",
    "PAIR",
    "REGION_PAGES",
    "REGION_STATES",
    "SUPERPAGE_ORDER",
    "books_residual",
    "conservation_residual",
    "failures",
    "final_samples",
    "footprint_ratio",
    "fragmentation_index",
    "free_pages",
    "free_superpages",
    "ideal_regions",
    "largest_free_order",
    "live_pages",
    "lost_pages",
    "pages_of",
    "pinned_ratio",
    "region_states",
    "share",
    "superpage_availability",
    "unusable_index",
    "written",
]
