"""What an actor does at one instant: events become page operations, operations become steps.

`turn` runs an actor until time has to pass, the free lock is wanted, it must sleep, or SimPy is
needed.  Work outside the lock is paid when the operation ends.
"""

from typing import Any

from vmmodel.kernel.cstruct import kernel, outlined, stay_outlined
from vmmodel.traffic.items import items_alloc, items_free
from vmmodel.traffic.objects import (
    ANON,
    FILE,
    dequeue,
    enqueue_tail,
    enter_page,
    note_use,
    queue_of,
    remove_page,
)
from vmmodel.traffic.pages import (
    ALLOCATE,
    BREAK,
    DONE,
    READY,
    RELEASE,
    WANT_LOCK,
    alloc_page,
    first_domain,
    free_page,
    locked_page,
)
from vmmodel.traffic.radix import next_missing
from vmmodel.traffic.record import count_latency, note_operation
from vmmodel.traffic.structs import (
    ALLOC,
    FREE,
    INACTIVE,
    LAUNDRY,
    NONE,
    RECLAIM,
    SWAP_META_PAGES,
)
from vmmodel.traffic.structs import Op as Ops

TIMED, LOCK, ASLEEP, SLAB, FINISHED, SCANNED, BEGUN = range(7)
"""Why a turn ended: the actor goes on at *due*, wants the free lock, sleeps in vm_wait(), needs
items that no slab has, is at the end of its timeline, or of its scan.  BEGUN: not ended."""

TOUCH, USE, DROP = int(Ops.TOUCH), int(Ops.USE), int(Ops.DROP)
ITEMS, UNITEMS, SCAN = int(Ops.ITEMS), int(Ops.UNITEMS), int(Ops.SCAN)

RETRY_NS = 1000
"""After which a refused request asks again where memory is not short: others are about to take it.
"""


@kernel
def take_work(tr: Any) -> int:
    """Price the work counted since the last reading, in ps, and set the counts to zero."""
    vm = tr.machine[0]
    work = (
        vm.list_ops * tr.price_list_op
        + vm.page_structs * tr.price_page_struct
        + vm.atomics * tr.price_atomic
    )
    vm.list_ops = 0
    vm.page_structs = 0
    vm.atomics = 0
    return work


@kernel
def is_short(tr: Any) -> bool:
    """Tell whether no domain has `free_min` pages free: who asks then sleeps."""
    vm = tr.machine[0]
    short = True
    for d in range(tr.ndomains):
        short = short and vm.domain[d].free_count < vm.domain[d].free_min
    return short


@outlined
def begin_event(tr: Any, a: int) -> int:
    """Begin the actor's next event, if it is due."""
    stay_outlined()
    actor = tr.actor[a]
    if actor.event == actor.end:
        return FINISHED
    event = tr.event[actor.event]
    if event.time > tr.now:
        actor.due = event.time
        return TIMED
    actor.event += 1
    op = event.op
    actor.op = op
    actor.object = event.object
    actor.gap = event.gap
    actor.left = event.count
    if op == USE:
        note_use(tr, event.object)
        actor.pindex = 0
        pass_resident(tr, actor)
        if actor.left > 0 and actor.pindex < tr.object[event.object].pindex:
            give_swap_back(tr, actor, event.count)
    elif op == DROP:
        begin_drop(tr, actor)
    elif op == UNITEMS:
        items_free(tr, event.object, actor.cpu, event.count)
        actor.left = 0
        actor.due = tr.now + (tr.price_percpu * event.count + 500) // 1000 + actor.gap
        return TIMED
    return BEGUN


@kernel
def pass_resident(tr: Any, actor: Any) -> None:
    """Go on to the next page that is used and has to be read, if there is one."""
    obj, pindex = tr.object[actor.object], actor.pindex
    at = next_missing(tr, obj, pindex, pindex + actor.left * obj.stride)
    actor.left -= (at - pindex) // obj.stride
    actor.pindex = at


@kernel
def give_swap_back(tr: Any, actor: Any, npages: int) -> None:
    """Give back the swap blocks of pages that are in memory again: they get dirty.

    FreeBSD: swap_pager_unswapped().
    """
    obj = tr.object[actor.object]
    n = min(obj.swblks, (npages + SWAP_META_PAGES - 1) // SWAP_META_PAGES)
    if n > 0:
        items_free(tr, tr.swap_zone, actor.cpu, n)
        obj.swblks -= n


@kernel
def begin_drop(tr: Any, actor: Any) -> None:
    """Take an object out of the page queues and give its swap blocks back."""
    o = actor.object
    obj = tr.object[o]
    for d in range(tr.ndomains):
        dequeue(tr, o * tr.ndomains + d)
    if obj.swblks > 0:
        items_free(tr, tr.swap_zone, actor.cpu, obj.swblks)
        obj.swblks = 0
    obj.pindex = 0
    actor.part = o * tr.ndomains
    actor.left = obj.resident


@kernel
def take_items(tr: Any, a: int) -> int:
    """Take the items of an event, as far as buckets and slabs have them."""
    actor = tr.actor[a]
    before = actor.left
    actor.left = items_alloc(tr, actor.object, actor.cpu, before)
    if actor.left > 0:
        tr.asked_actor = a
        return SLAB
    actor.due = tr.now + (tr.price_percpu * before + 500) // 1000 + actor.gap
    return TIMED


@kernel
def begin_free(tr: Any, actor: Any) -> None:
    """Take the next page of the object that is dropped."""
    while tr.part[actor.part].count == 0:
        actor.part += 1
    actor.page = remove_page(tr, actor.part)
    actor.phase = RELEASE


@kernel
def begin_reclaim(tr: Any, actor: Any) -> bool:
    """Take the next clean page of the inactive queue; dirty parts go to the laundry.

    False if the queue has none.  FreeBSD: vm_pageout_scan_inactive().
    """
    inactive = queue_of(tr, actor.object, INACTIVE)
    while inactive.head != NONE:
        part = inactive.head
        if tr.part[part].dirty == 0:
            actor.page = remove_page(tr, part)
            actor.phase = RELEASE
            return True
        dequeue(tr, part)
        enqueue_tail(tr, part, LAUNDRY)
    return False


@kernel
def begin_page(tr: Any, a: int) -> int:
    """Begin the next page of the actor's event, or its next event."""
    actor = tr.actor[a]
    if actor.op == USE and actor.left > 0:
        pass_resident(tr, actor)
    while actor.left == 0:
        if actor.op == SCAN:
            return SCANNED
        answer = begin_event(tr, a)
        if answer != BEGUN:
            return answer
    actor.started = tr.now
    actor.waited = 0
    actor.unpaid = tr.price_percpu  # a critical section
    if actor.op <= USE:
        if actor.op == TOUCH:
            actor.pindex = tr.object[actor.object].pindex
        actor.tried = 0
        actor.domain = first_domain(tr, actor, tr.object[actor.object])
        actor.phase = ALLOCATE
    elif actor.op == DROP:
        begin_free(tr, actor)
    elif actor.op == ITEMS:
        return take_items(tr, a)
    elif not begin_reclaim(tr, actor):
        return SCANNED  # *left* pages were not found
    return BEGUN


@kernel
def end_page(tr: Any, a: int) -> int:
    """Write down the operation that ended and go on after what is still to be paid."""
    actor = tr.actor[a]
    m, after, op = actor.page, 0, ALLOC
    if actor.phase <= BREAK:
        enter_page(tr, actor.object, actor.pindex, m)
        actor.pindex += tr.object[actor.object].stride
        kind = tr.object[actor.object].kind
        after = tr.after_kernel
        if kind == ANON:
            after = tr.after_anon
        elif kind == FILE:
            after = tr.after_file
    else:
        op = RECLAIM if actor.op == SCAN else FREE
        actor.unpaid += tr.price_branch
    note_operation(tr, a, op, m)
    actor.unpaid += take_work(tr)
    unpaid = (actor.unpaid + 500) // 1000
    waited = actor.waited
    count_latency(tr, op, waited, tr.now - actor.started - waited + unpaid)
    actor.phase = READY
    actor.left -= 1
    actor.ends = tr.now + unpaid
    actor.due = actor.ends + (after + 500) // 1000 + actor.gap
    return TIMED


@kernel
def refuse_page(tr: Any, actor: Any) -> int:
    """Ask another domain; when all have refused, sleep, or ask again shortly."""
    actor.phase = ALLOCATE
    actor.tried += 1
    if actor.tried < tr.ndomains:
        actor.domain = (actor.domain + 1) % tr.ndomains
        return BEGUN
    tr.refused += 1
    actor.tried = 0
    actor.unpaid += take_work(tr)
    if is_short(tr):
        return ASLEEP
    actor.due = tr.now + RETRY_NS
    return TIMED


@outlined
def turn(tr: Any, a: int) -> int:
    """Run an actor at the present instant; say why it stops.  See TIMED and its like."""
    stay_outlined()
    actor = tr.actor[a]
    if actor.phase == READY:
        answer = begin_page(tr, a)
        if answer != BEGUN:
            return answer
    while True:
        answer = alloc_page(tr, actor) if actor.phase <= BREAK else free_page(tr, actor)
        if answer == DONE:
            return end_page(tr, a)
        if answer == WANT_LOCK:
            actor.unpaid += take_work(tr)
            actor.acted = 0
            return LOCK
        answer = refuse_page(tr, actor)
        if answer != BEGUN:
            return answer


@outlined
def locked(tr: Any, a: int) -> int:
    """Do what the actor wants the free lock for; give for how long it holds it, in ns."""
    stay_outlined()
    vm = tr.machine[0]
    vm.lock_holds = 0
    locked_page(tr, tr.actor[a])
    tr.actor[a].acted = 1
    holds = max(vm.lock_holds, 1)
    return (tr.price_lock * holds + take_work(tr) + 500) // 1000


@kernel
def wake(tr: Any, a: int) -> None:
    """Let an actor that slept begin its operation anew: sleeping is not latency."""
    actor = tr.actor[a]
    actor.asleep = 0
    actor.started = tr.now
    actor.waited = 0
    actor.due = tr.now
