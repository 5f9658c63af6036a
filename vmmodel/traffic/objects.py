"""The pages of objects, and the page queues in which objects wait to be reclaimed.

A page in use is on no free list, so *next* holds it in the list of its object, as in the kernel,
and *prev* has its page index.  Pages leave in the order in which they were entered, oldest first,
and are entered in ascending order of page index, new ones and those that come back.  Page queues
are kept by object and not by page: an object is used as a whole, and its pages are reclaimed one by
one.

FreeBSD: `vm_object.c`; `vm_pageout.c` for the queues.
"""

from typing import Any

from vmmodel.kernel.cstruct import kernel, outlined, stay_outlined
from vmmodel.kernel.pages import NO_OBJECT, NO_PAGE, REGION_ORDER, REGION_PAGES
from vmmodel.traffic.radix import flip_resident, is_resident
from vmmodel.traffic.structs import ACTIVE, INACTIVE, NONE, NQUEUE, Kind

ANON, FILE, KERNEL = int(Kind.ANON), int(Kind.FILE), int(Kind.KERNEL)


@kernel
def queue_of(tr: Any, part: int, kind: int) -> Any:
    """Give a page queue of the domain of a part."""
    return tr.queue[part % tr.ndomains * NQUEUE + kind]


@kernel
def dequeue(tr: Any, part: int) -> None:
    """Take a part off the page queue it is in, if it is in one."""
    this = tr.part[part]
    if this.queue == NONE:
        return
    queue = queue_of(tr, part, this.queue)
    before, after = this.prev, this.next
    if before == NONE:
        queue.head = after
    else:
        tr.part[before].next = after
    if after == NONE:
        queue.tail = before
    else:
        tr.part[after].prev = before
    queue.pages -= this.count
    this.queue = NONE


@kernel
def enqueue_tail(tr: Any, part: int, kind: int) -> None:
    """Put a part at the tail of a page queue: the last to be reclaimed."""
    this, queue = tr.part[part], queue_of(tr, part, kind)
    tail = queue.tail
    this.prev = tail
    this.next = NONE
    if tail == NONE:
        queue.head = part
    else:
        tr.part[tail].next = part
    queue.tail = part
    queue.pages += this.count
    this.queue = kind


@kernel
def enqueue_head(tr: Any, part: int, kind: int) -> None:
    """Put a part at the head of a page queue: the next to be reclaimed."""
    this, queue = tr.part[part], queue_of(tr, part, kind)
    head = queue.head
    this.next = head
    this.prev = NONE
    if head == NONE:
        queue.tail = part
    else:
        tr.part[head].prev = part
    queue.head = part
    queue.pages += this.count
    this.queue = kind


@kernel
def enter_page(tr: Any, o: int, pindex: int, m: int) -> None:
    """Enter a page that was just allocated into its object, as the last to leave it.

    FreeBSD: vm_page_insert_after(), and vm_page_enqueue() into the queue of the object's others.
    """
    vm, obj = tr.machine[0], tr.object[o]
    part = o * tr.ndomains
    if tr.ndomains > 1:
        part += vm.segment[vm.page[m].segment].domain
    this = tr.part[part]
    vm.page[m].next = NO_PAGE
    vm.page[m].prev = pindex
    if this.tail == NO_PAGE:
        this.head = m
    else:
        vm.page[this.tail].next = m
    this.tail = m
    this.count += 1
    this.dirty = obj.dirty
    if this.queue != NONE:
        queue_of(tr, part, this.queue).pages += 1
    elif obj.kind != KERNEL:
        enqueue_tail(tr, part, ACTIVE if obj.kind == ANON else INACTIVE)
    flip_resident(tr, obj, pindex)
    if pindex < obj.pindex:
        tr.swapped_in += 1
    else:
        obj.pindex = pindex + obj.stride
    obj.resident += 1


@kernel
def remove_page(tr: Any, part: int) -> int:
    """Take the oldest page out of a part; give it.  FreeBSD: vm_page_object_remove()."""
    vm, this = tr.machine[0], tr.part[part]
    obj = tr.object[part // tr.ndomains]
    m = this.head
    this.head = vm.page[m].next
    this.count -= 1
    flip_resident(tr, obj, vm.page[m].prev)
    obj.resident -= 1
    if this.queue != NONE:
        queue_of(tr, part, this.queue).pages -= 1
    if this.head == NO_PAGE:
        this.tail = NO_PAGE
        dequeue(tr, part)
    return m


@kernel
def note_use(tr: Any, o: int) -> None:
    """Move an object to the tail of its queue; a file that is used again becomes active.

    FreeBSD: what references, found by the scans, do to each page of it.
    """
    obj = tr.object[o]
    kind = ACTIVE if obj.kind == ANON or obj.used else INACTIVE
    obj.used = 1
    for d in range(tr.ndomains):
        part = o * tr.ndomains + d
        dequeue(tr, part)
        if tr.part[part].count > 0 and obj.kind != KERNEL:  # also what is being written back
            enqueue_tail(tr, part, kind)


@kernel
def deactivate(tr: Any, d: int, target: int) -> int:
    """Move the longest unused active parts to the inactive queue until it has *target* pages.

    Gives the pages moved.  FreeBSD: vm_pageout_scan_active(), which does so page by page and ahead
    of need.
    """
    active, inactive = tr.queue[d * NQUEUE + ACTIVE], tr.queue[d * NQUEUE + INACTIVE]
    moved = 0
    while inactive.pages < target and active.head != NONE:
        part = active.head
        moved += tr.part[part].count
        dequeue(tr, part)
        enqueue_tail(tr, part, INACTIVE)
    return moved


@outlined
def check_queues(tr: Any, d: int) -> bool:
    """Check links and page counts of a domain's page queues."""
    stay_outlined()
    for kind in range(NQUEUE):
        queue = tr.queue[d * NQUEUE + kind]
        pages, before = 0, NONE
        part = queue.head
        while part != NONE:
            this = tr.part[part]
            if this.queue != kind or this.prev != before or this.count <= 0:
                return False
            pages += this.count
            before, part = part, this.next
        if pages != queue.pages or before != queue.tail:
            return False
    return True


@kernel
def check_index(tr: Any, o: int, m: int) -> bool:
    """Check that the object has entered a page, and that it lies right in a reservation."""
    pindex, rv = tr.machine[0].page[m].prev, tr.machine[0].reserv[m >> REGION_ORDER]
    if rv.object != NO_OBJECT and (rv.object != o or rv.pindex + m % REGION_PAGES != pindex):
        return False
    return is_resident(tr, tr.object[o], pindex)


@outlined
def check_objects(tr: Any, nobjects: int) -> int:
    """Check the page lists of all objects; give the pages in them, or -1 if a promise is broken.

    No two pages have one index, and a page of a reservation lies where its index says.
    """
    stay_outlined()
    vm, total = tr.machine[0], 0
    for o in range(nobjects):
        resident = 0
        for d in range(tr.ndomains):
            this = tr.part[o * tr.ndomains + d]
            n, last, m = 0, NO_PAGE, this.head
            while m != NO_PAGE and n <= this.count:
                if vm.segment[vm.page[m].segment].domain != d or not check_index(tr, o, m):
                    return -1
                n += 1
                last, m = m, vm.page[m].next
            if n != this.count or last != this.tail:
                return -1
            resident += n
        if resident != tr.object[o].resident:
            return -1
        total += resident
    return total
