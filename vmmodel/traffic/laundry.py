"""Dirty pages on their way to disk: out of the laundry queue, and back clean.

FreeBSD: vm_pageout_launder(), vm_pageout_flush() and swap_pager_putpages(), for a whole part of an
object at a time.
"""

from typing import Any

from vmmodel.kernel.cstruct import kernel
from vmmodel.traffic.items import items_free
from vmmodel.traffic.objects import dequeue, enqueue_head, queue_of
from vmmodel.traffic.structs import INACTIVE, LAUNDRY, NONE


@kernel
def take_laundry(tr: Any, d: int) -> int:
    """Take the first part out of the laundry queue of a domain; NONE if it is empty."""
    part: int = queue_of(tr, d, LAUNDRY).head
    if part != NONE:
        dequeue(tr, part)
    return part


@kernel
def laundered(tr: Any, part: int, swblks: int, cpu: int) -> None:
    """End the laundering of a part: its pages are clean and the next to be reclaimed.

    *swblks* swap blocks say where they are.  If the pages were freed meanwhile, so are those; if
    they are used again, they stay where they are.
    """
    this = tr.part[part]
    if this.count == 0:
        if swblks > 0:
            items_free(tr, tr.swap_zone, cpu, swblks)
        return
    tr.object[part // tr.ndomains].swblks += swblks
    if this.queue == NONE:
        this.dirty = 0
        enqueue_head(tr, part, INACTIVE)
