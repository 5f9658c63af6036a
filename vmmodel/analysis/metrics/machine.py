"""Metrics 17 to 20: the free lock, failures and their causes, stolen blocks, walks.  Row by row."""

import pandas as pd

from vmmodel.analysis.metrics.common import share, written

CAUSES = {
    "page_failures": "a page was injected to be unavailable",
    "second_failures": "page obtained, second resource injected to fail",
    "init_failures": "slab obtained, an item's set-up injected to fail",
    "refused_class": "pages were free, but too few for the request's class",
    "refused_empty": "no page was free",
    "refused_lists": "admitted, but free pages were in reservations",
    "refused_chunk": "no chunk, and the design serves nothing else",
}
"""Why a request failed, each a column of runs; a request that fails has one of them."""


def contended_share(runs: pd.DataFrame) -> pd.Series:
    """Metric 17: acquisitions of the free lock that had to wait.  Denominator: acquisitions."""
    return share(written(runs, "lock_contended"), runs.lock_holds).rename("contended_share")


def wait_of_contended(runs: pd.DataFrame) -> pd.Series:
    """Metric 17: mean wait of those that waited, in ns.  Denominator: contended acquisitions."""
    return share(runs.lock_wait_ns, written(runs, "lock_contended")).rename("wait_of_contended")


def mean_hold(runs: pd.DataFrame) -> pd.Series:
    """Metric 17: mean hold, in ns.  Denominator: acquisitions."""
    return share(runs.lock_hold_ns, runs.lock_holds).rename("mean_hold")


def pages_per_hold(runs: pd.DataFrame) -> pd.Series:
    """Metric 17: pages that left or joined the buddy lists.  Denominator: acquisitions.

    A page from the idle queue moves none, the import of a chunk 512.
    Source: vm_page_zone_import() holds the lock once for a bucket.
    """
    return share(written(runs, "lock_pages"), runs.lock_holds).rename("pages_per_hold")


def failed_share(runs: pd.DataFrame) -> pd.Series:
    """Metric 18: requests for NOFREE memory that were not served.  Denominator: requests."""
    return share(runs.failed, runs.requests).rename("failed_share")


def cause_share(runs: pd.DataFrame, cause: str) -> pd.Series:
    """Metric 18: failures of one of `CAUSES`.  Denominator: failures of all causes.

    A cause is counted when the request is refused, a failure when it has been undone: the two
    differ by requests that a panic or the horizon cuts off.
    """
    return share(written(runs, cause), failures(runs)).rename(cause)


def failures(runs: pd.DataFrame) -> pd.Series:
    """Failures of all causes; NaN where an older table does not have them all."""
    counts = [written(runs, name) for name in CAUSES]
    return sum(counts[1:], start=counts[0]).rename("failures")


def import_failures(runs: pd.DataFrame) -> pd.Series:
    """Metric 18: imports that got no chunk.  Denominator: imports tried."""
    return share(runs.failed_imports, runs.imports + runs.failed_imports).rename("import_failures")


def imports_without_block(runs: pd.DataFrame) -> pd.Series:
    """Metric 18: imports admitted that found no block: fragmentation, not want of memory.

    Denominator: failed imports; the rest was refused by the thresholds.
    """
    refused = written(runs, "refused_imports")
    return share(runs.failed_imports - refused, runs.failed_imports).rename("imports_without_block")


def superpage_failures(runs: pd.DataFrame) -> pd.Series:
    """Metric 18: reservations that found no order-9 block though their page was admitted.

    Denominator: blocks that reservations asked for; NaN where there are no reservations.
    """
    failed = written(runs, "superpage_failures")
    return share(failed, failed + written(runs, "reservations")).rename("superpage_failures")


def fallback_share(runs: pd.DataFrame) -> pd.Series:
    """Metric 18: NOFREE pages served from outside any chunk, each of which pins a foreign region.

    Denominator: NOFREE pages asked for.
    """
    return share(runs.fallbacks, runs.requested_pages).rename("fallback_share")


def steal_share(runs: pd.DataFrame, kind: str) -> pd.Series:
    """Metric 19: blocks that one pool took over from another and that are *kind*.

    ``steals_small`` left the rest of a 2 MB region to the other pool (fragmenting),
    ``steals_unmovable`` went from user to kernel pages, ``steals_mixing`` did both.
    Denominator: all blocks taken over.  Source: mmtests' extfrag events.
    """
    return share(written(runs, kind), written(runs, "steals")).rename(kind)


def mean_walk(runs: pd.DataFrame) -> pd.Series:
    """Metric 20: entries passed to find a place in the design's list.  Denominator: insertions.

    FreeBSD's lists are first in, first out and the landed queue is last in, first out: nobody is
    passed.  Where pages are ordered by address, the list is walked.
    """
    return share(written(runs, "list_passed"), written(runs, "list_insertions")).rename("mean_walk")
