"""What the benchmarks of the literature ask for over their course."""

import numpy as np

from vmmodel.sim.lock_prices import BATCH
from vmmodel.workloads.benchmarks import Fragmentation, LockBulk
from vmmodel.workloads.overtime import MIB, Columns


def fragmentation_over_time(workload: Fragmentation, nslices: int = 60) -> Columns:
    """Give, for slices of rounds, the most and the least memory in use, and the pages moved.

    Round 0 is the fill and the freeing of half; in each other a part is freed and allocated again.
    """
    sizes, n = workload.sizes, workload.sizes.nthreads
    after = sizes.rounds
    most = np.array([sizes.each, *[sizes.kept] * after], np.float64) * n / MIB
    least = np.array([sizes.kept, *[sizes.kept - sizes.moved] * after], np.float64) * n / MIB
    first = sizes.each + sizes.each - sizes.kept
    moved = np.array([first, *[2 * sizes.moved] * after], np.float64) * n
    slices = np.array_split(np.arange(after + 1), min(nslices, after + 1))
    return {
        "round": np.array([part.mean() for part in slices]),
        "at most MiB": np.array([most[part].max() for part in slices]),
        "at least MiB": np.array([least[part].min() for part in slices]),
        "pages moved": np.array([moved[part].sum() for part in slices]),
    }


def bulk_over_time(workload: LockBulk, nslices: int = 60) -> Columns:
    """Give, for slices of the holds of one processor, what so many as are predicted hold.

    All allocate in the first half and free in the second, each as fast as it gets the lock.
    """
    holds, ncpu = workload.holds.whole, workload.most.whole
    done = np.arange(1, nslices + 1) * 2 * holds / nslices
    held = np.minimum(done, 2 * holds - done) * BATCH * ncpu
    change = np.diff(held, prepend=0.0)
    return {
        "hold": done,
        "held MiB": held / MIB,
        "allocated": np.maximum(change, 0),
        "freed": np.maximum(-change, 0),
    }
