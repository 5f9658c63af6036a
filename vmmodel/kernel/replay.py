"""A stream of allocations and frees in one call of compiled code.

One call from Python costs more than the allocation itself; a batch pays for it once.
"""

from typing import Any

from vmmodel.kernel.cstruct import Struct, kernel, prefetch
from vmmodel.kernel.pages import NO_PAGE
from vmmodel.kernel.phys import alloc_pages, free_pages

ALLOC, FREE, FREE_RANGE, OTHER = range(4)
"""Kinds of operation; OTHER stops the batch, for Python to do."""

FAR, NEAR = 16, 8
"""How many operations ahead a block, and then its page, is asked for."""

Operation = Struct(
    __name__,
    "Operation",
    kind="i1",
    order="i1",
    pool="i1",
    result_order="i1",
    id="i4",
    end_id="i4",
    result="i4",
)
"""ALLOC fills block *id* and *result*; FREE empties block *id*, *result* is the merged block;
FREE_RANGE empties blocks id..end_id-1, *result* is how many were alive."""

Block = Struct(__name__, "Block", pfn="i4", npages="i4", order="i1", pool="i1")
"""What an id stands for; *npages* is 0 when it is dead, *order* is -1 where `f` does nothing."""


@kernel
def replay(vm: Any, operation: Any, block: Any, start: int, end: int) -> int:
    """Run operations start..end-1 on domain 0; give the first OTHER, or *end*."""
    for i in range(start, end):
        look_ahead(vm, operation, block, i, end - 1)
        op = operation[i]
        if op.kind == ALLOC:
            op.result = replay_alloc(vm, block[op.id], op.order, op.pool)
        elif op.kind == FREE:
            op.result = replay_free(vm, block[op.id])
            if op.result != NO_PAGE:
                op.result_order = vm.page[op.result].order
        elif op.kind == FREE_RANGE:
            op.result = 0
            for id_ in range(op.id, op.end_id):
                op.result += replay_free(vm, block[id_]) != NO_PAGE
        else:
            return i
    return end


@kernel
def look_ahead(vm: Any, operation: Any, block: Any, i: int, last: int) -> None:
    """Ask for the memory that operations soon after *i* will touch: the block, later its page.

    Of no use before an ALLOC, but telling it from a FREE costs a mispredicted branch, which is
    dearer.  Heads of lists and neighbours in them are not worth asking for (measured).
    """
    prefetch(block, operation[min(i + FAR, last)].id)
    op = operation[min(i + NEAR, last)]
    if op.kind <= FREE:
        prefetch(vm.page, block[op.id].pfn)


@kernel
def replay_alloc(vm: Any, block: Any, order: int, pool: int) -> int:
    """Allocate 2**order pages into *block*; give the first page or NO_PAGE."""
    m = alloc_pages(vm, 0, pool, order)
    if m != NO_PAGE:
        block.pfn = m
        block.npages = 1 << order
        block.order = order
        block.pool = pool
        vm.domain[0].free_count -= 1 << order
    return m


@kernel
def replay_free(vm: Any, block: Any) -> int:
    """Free *block*; give the head of the free block that now holds it, NO_PAGE if dead."""
    if block.npages == 0 or block.order < 0:
        return NO_PAGE
    head = free_pages(vm, block.pfn, block.order, block.pool)
    vm.domain[0].free_count += block.npages
    block.npages = 0
    return head
