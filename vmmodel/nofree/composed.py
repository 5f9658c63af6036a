"""A design put together from one part for each axis."""

from vmmodel.kernel import WholeVm
from vmmodel.nofree.axes import Composition, Fallback, FreePath, MultiPage, Structure
from vmmodel.nofree.base import (
    IMPORT_ORDER,
    NO_PAGE,
    Books,
    Mark,
    Nofree,
    RequestClass,
    Traits,
    Vm,
    hand_out,
    import_chunk,
    return_fallback,
    taken_back,
)
from vmmodel.nofree.bitmap import ChunkBitmaps
from vmmodel.nofree.bump import BumpPointer
from vmmodel.nofree.fallback import ATTEMPTS
from vmmodel.nofree.freepath import FREE_PATHS
from vmmodel.nofree.idle import Idle, Run
from vmmodel.nofree.kernelobject import KernelObject
from vmmodel.nofree.ordinary import OrdinaryNofree
from vmmodel.nofree.queue import RunQueue
from vmmodel.nofree.returning import RETURNS

STRUCTURES: dict[Structure, type[BumpPointer] | type[RunQueue] | type[ChunkBitmaps]] = {
    Structure.BUMP: BumpPointer,
    Structure.QUEUE: RunQueue,
    Structure.BITMAP: ChunkBitmaps,
}


class Composed:
    """NOFREE pages from chunks: a structure of idle pages, and a part for every other choice.

    >>> design = Composed(Vm.of_size(4096), Composition())
    >>> kept, unwanted = design.alloc(RequestClass.SYSTEM), design.alloc(RequestClass.SYSTEM)
    >>> design.free(unwanted)
    >>> design.runs() == [(unwanted, 1), (unwanted + 1, 510)]
    True
    """

    def __init__(self, vm: Vm, choice: Composition) -> None:
        self.vm, self.choice, self.books = vm, choice, Books()
        self.idle: Idle = STRUCTURES[choice.structure](vm, choice.reuse)
        self.attempts = ATTEMPTS[choice.fallback]
        self.free_path = FREE_PATHS[choice.free](self, choice.illegal)
        self.chunks = RETURNS[choice.chunk_return](vm, self.books, self.idle, choice.import_pool)
        self.kernel_object = KernelObject(vm) if isinstance(vm, WholeVm) else None
        self.traits = Traits(
            checks_every_free=choice.free is FreePath.ANY,
            falls_back=choice.fallback is not Fallback.WAIT,
            waits=choice.fallback is Fallback.WAIT,
            kernel_object=self.kernel_object,
            batches=choice.multi_page is not MultiPage.LOOP,
            partial=choice.multi_page is MultiPage.PARTIAL,
            illegal_free=None if choice.free is FreePath.ANY else choice.illegal,
            own_function=choice.free is FreePath.OWN,
            links_in_pages=self.idle.links_in_pages,
            sees_double_free=self.idle.sees_double_free,
        )

    def alloc(self, request_class: RequestClass) -> int:
        if self.books.idle == 0:
            chunk = self._import(1, request_class)
            if chunk is None:
                return NO_PAGE
            self.books.inserted(self.idle.add(*chunk))
        return self._hand_out(self.idle.take(1))[0]

    def alloc_batch(self, npages: int, request_class: RequestClass) -> list[int]:
        """Give all idle pages before those of the chunk that is imported for the rest.

        Nothing is handed out before all pages are sure, so a refusal has nothing to undo.
        """
        idle = min(npages, self.books.idle)
        chunk = None
        if idle < npages:
            chunk = self._import(npages - idle, request_class)
            if chunk is None and not self.traits.partial:
                return []
        pages = self.idle.take(idle)
        if chunk is not None:
            self.books.inserted(self.idle.add(*chunk))
            pages += self.idle.take(npages - idle)
        return self._hand_out(pages) if pages else []

    def _import(self, missing: int, request_class: RequestClass) -> Run | None:
        """Take a chunk from the buddy lists that has all *missing* pages; None if none can be had.

        A request that is larger than a chunk of a small import order asks for a larger one, up to
        a superpage.
        """
        choice, needed = self.choice, (missing - 1).bit_length()
        for order in self.attempts(self.vm, max(choice.import_order, min(needed, IMPORT_ORDER))):
            if order < needed and not self.traits.partial:
                return None
            first = import_chunk(self.vm, self.books, request_class, order, choice.import_pool)
            if first != NO_PAGE:
                self.chunks.imported((first, 1 << order))
                return first, 1 << order
        return None

    def _hand_out(self, pages: list[int]) -> list[int]:
        self.chunks.taken(pages)
        self.vm.did(percpu=1)
        return [hand_out(self.vm, self.books, m) for m in pages]

    def free(self, m: int) -> None:
        self._forget(m)
        self.free_path.free(m)

    def free_nofree(self, m: int) -> None:
        self._forget(m)
        self.free_path.free_nofree(m)

    def _forget(self, m: int) -> None:
        if self.kernel_object is not None:
            self.kernel_object.forget(m)

    def put(self, m: int) -> None:
        """Make page *m* idle, unless a reservation takes it back.

        FreeBSD: vm_page_free_prep(), vm_page_free_nofree().
        """
        if self.vm.in_reservation(m):
            return_fallback(self.vm, self.books, m)
            return
        self.books.captured += taken_back(self.vm, self.books, m)
        self.books.idle += 1
        self.books.v_nofree_count -= 1
        self.vm.mark(m, Mark.IDLE)
        self.vm.did(percpu=1)
        self.books.inserted(self.idle.put(m))
        self.chunks.came_back(m)

    def nofreeq_size(self) -> int:
        return self.books.idle

    def runs(self) -> list[Run]:
        return self.idle.runs()


def compose(vm: Vm, choice: Composition) -> Nofree:
    """Build the design that *choice* describes over the memory *vm*."""
    if choice.structure is Structure.NONE:
        return OrdinaryNofree(vm)
    return Composed(vm, choice)
