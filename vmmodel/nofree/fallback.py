"""What is tried to get a chunk, one order after another, before the request goes without.

A function gives the orders to import in turn, and does between them what makes room.
"""

from collections.abc import Callable, Iterator

from vmmodel.kernel import WholeVm
from vmmodel.nofree.axes import IMPORT_ORDERS, Fallback
from vmmodel.nofree.base import Vm

Attempts = Callable[[Vm, int], Iterator[int]]


def once(_vm: Vm, order: int) -> Iterator[int]:
    """Try the import order and nothing else.

    FreeBSD: vm_page_alloc_nofree_domain(); what follows a failure is the caller's: an ordinary
    page that carries PG_NOFREE (scatter, as landed), or to wait.
    """
    yield order


def smaller_orders(_vm: Vm, order: int) -> Iterator[int]:
    """Try the import order, then every smaller one that the study has, down to a single page.

    Each try is an admission and a look at the lists.  FreeBSD: not built; asked in D49480.
    """
    yield order
    yield from (smaller for smaller in reversed(IMPORT_ORDERS) if smaller < order)


def break_reservation(vm: Vm, order: int) -> Iterator[int]:
    """Try the import order; break the least recently changed reservation; try again.

    At most one is broken for a request.  A broken reservation has a page in use, so it gives
    blocks of order 8 at most: for chunks of order 9 this makes no room, by construction.
    Memory without reservations has none to break.

    FreeBSD: not built for NOFREE; `vm_page_alloc_domain_iter()` does so for a single page through
    vm_reserv_reclaim_inactive().
    """
    yield order
    if isinstance(vm, WholeVm) and vm.reclaim_inactive():
        yield order


ATTEMPTS: dict[Fallback, Attempts] = {
    Fallback.SCATTER: once,
    Fallback.WAIT: once,
    Fallback.SMALLER: smaller_orders,
    Fallback.BREAK: break_reservation,
}
