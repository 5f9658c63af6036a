"""FreeBSD's physical memory without a clock: pages, free lists, domains.

State lives in C-like structs in numpy memory; the functions that work on it are compiled by
numba, or run as plain Python with every access bounds-checked when ``VMMODEL_CHECKED=1``.
"""

from vmmodel.kernel.domain import RequestClass, Thresholds
from vmmodel.kernel.pages import NFREEORDER, NO_PAGE, NPOOL, Mark, Pool
from vmmodel.kernel.pgcache import CacheSize
from vmmodel.kernel.reserv import NO_END
from vmmodel.kernel.vm import Vm, Work
from vmmodel.kernel.whole import Reservations, WholeVm

__all__ = [
    "NFREEORDER",
    "NO_END",
    "NO_PAGE",
    "NPOOL",
    "CacheSize",
    "Mark",
    "Pool",
    "RequestClass",
    "Reservations",
    "Thresholds",
    "Vm",
    "WholeVm",
    "Work",
]
