"""What page traffic consists of, in C structs: actors, events, objects, queues, item zones."""

from enum import IntEnum

from vmmodel.kernel.cstruct import Struct
from vmmodel.kernel.pages import Machine, Popmap, Word
from vmmodel.kernel.pidctrl import PidCtrl

NEVER = 1 << 62
"""A time that does not come."""

NONE = -1
"""No part, no event."""

SWAP_META_PAGES = 16
"""Pages that one swap block describes.  FreeBSD: SWAP_META_PAGES."""

ACTIVE, INACTIVE, LAUNDRY, NQUEUE = 0, 1, 2, 3
"""Page queues of a domain.  FreeBSD: PQ_ACTIVE, PQ_INACTIVE, PQ_LAUNDRY."""


class Kind(IntEnum):
    """What an object is; decides where its pages come from and what becomes of them."""

    ANON = 0
    """Anonymous memory: zeroed, dirty, goes to swap."""
    FILE = 1
    """File cache: read, dropped when clean."""
    KERNEL = 2
    """Page tables and slabs that are not NOFREE: pool DIRECT, no VM object, never reclaimed."""
    ARC = 3
    """File cache of ZFS: pool DIRECT as well, but given back least recently used first."""


class Policy(IntEnum):
    """Which domain an object's next page is asked of first.  FreeBSD: DOMAINSET_POLICY_*."""

    FIRST_TOUCH = 0
    ROUND_ROBIN = 1
    PREFERRED = 2


class Op(IntEnum):
    """Operations whose latency is recorded, and events of a timeline."""

    TOUCH = 0
    """Add *count* pages to an object, in ascending order of page index."""
    USE = 1
    """Read those of an object's first *count* pages that are not resident, in ascending order,
    and note that it was used."""
    DROP = 2
    """Free all pages of an object."""
    ITEMS = 3
    """Take *count* items from a zone."""
    UNITEMS = 4
    """Give *count* items back to a zone."""
    SCAN = 5
    """Free pages of the inactive queue: a page daemon's, in no timeline."""


ALLOC, FREE, RECLAIM, NRECORDED = 0, 1, 2, 3
"""Rows of the latency histogram, and operations of the trace."""
WAIT, WORK, TOTAL, NPART = 0, 1, 2, 3
"""Parts of a latency."""
NBUCKET = 6144
"""Buckets of a histogram: exact below 256 ns, then 128 an octave."""
RING = 1024
"""Places in the queue for a free lock."""

Event = Struct(__name__, "Event", time="i8", gap="i8", object="i4", count="i4", op="i1")
"""What an actor does, not before *time*; *gap* ns pass between its pages.

*object* is the number of an object, or of a zone for items.
"""

Actor = Struct(
    __name__,
    "Actor",
    event="i8",
    end="i8",
    left="i8",
    due="i8",
    ends="i8",
    gap="i8",
    started="i8",
    asked="i8",
    waited="i8",
    unpaid="i8",
    page="i8",
    pindex="i8",
    bucket="i8",
    object="i4",
    part="i4",
    cpu="i4",
    domain="i4",
    tried="i4",
    lock="i4",
    op="i1",
    phase="i1",
    asleep="i1",
    acted="i1",
)
"""Who works: events *event*..*end*-1 are still to come, *left* pages of the present one, of which
the next has the page index *pindex*.

*due* is when it goes on, *ends* when the work of its last operation is done.  *started* is when
its operation began, *asked* when it asked for the lock, *waited* what it waited in ns, *unpaid* the
work outside of the lock in ps.  *page* and *bucket* are in hand.  *domain* is the one asked now,
*tried* how many have refused; *lock* is the domain whose free lock it holds or waits for; *acted*
says whether it has done what it wanted it for.
"""

Object = Struct(
    __name__,
    "Object",
    size="i8",
    pindex="i8",
    radix="i4",
    resident="i4",
    swblks="i4",
    turn="i4",
    stride="i2",
    kind="i1",
    policy="i1",
    preferred="i1",
    dirty="i1",
    used="i1",
)
"""A population of pages.  *size* bounds reservations; *pindex* is the first index that was never
touched, and the words from *radix* on say which of those below are resident.  *stride* is the
distance of page indexes: more than one where copy on write touches a page here and there.  *swblks*
are swap blocks held.  *used* says whether it was used again since it was read.
"""

Part = Struct(
    __name__, "Part", head="i4", tail="i4", count="i4", next="i4", prev="i4", queue="i1", dirty="i1"
)
"""The pages of an object in one domain, oldest first, linked by their page structures.

Part ``object * ndomains + domain``.  *next*, *prev* and *queue* are its place in a page queue.
"""

PageQueue = Struct(__name__, "PageQueue", head="i4", tail="i4", pages="i8")
"""Parts in the order in which they were used, and how many pages they have."""

ItemZone = Struct(
    __name__,
    "ItemZone",
    bucket_size="i8",
    bucket_max="i8",
    keg_free="i8",
    nfull="i8",
    nitems="i8",
    locked_until="i8",
    locked_by="i8",
    contended="i8",
    exchanges="i8",
    taken="i8",
    given="i8",
)
"""A zone, by numbers of items.  FreeBSD: struct uma_zone with its keg.

*keg_free* items are in slabs, *nitems* in the *nfull* full buckets that CPUs share.  The zone's
lock is held until *locked_until* by CPU *locked_by*.
"""

ItemCache = Struct(__name__, "ItemCache", alloc="i4", free="i4")
"""Items in the two buckets of a CPU."""

Fill = Struct(__name__, "Fill", items="u2")
"""Items in a full bucket: what buckets hold changes as they grow."""

Daemon = Struct(__name__, "Daemon", due="i8", wakeable="i8", shortage="i8", freed="i8", scans="i8")
"""A page daemon: asleep until *due*, or earlier when it is *wakeable* and memory is short."""

Lock = Struct(__name__, "Lock", held="i8", head="i8", tail="i8", holds="i8", contended="i8",
              wait_ns="i8", hold_ns="i8", area="i8", changed="i8")  # fmt: skip
"""The free lock of a domain, and sums over its holds.  *head*..*tail* are places in its ring."""

Record = Struct(__name__, "Record", time="i8", page="i4", cpu="i2", op="i2")
"""One operation in the trace."""

Count = Struct(__name__, "Count", n="i8")

TrafficState = Struct(
    __name__,
    "TrafficState",
    machine=Machine,
    actor=Actor,
    key=Word,
    event=Event,
    object=Object,
    part=Part,
    queue=PageQueue,
    zone=ItemZone,
    items=ItemCache,
    fill=Fill,
    daemon=Daemon,
    pid=PidCtrl,
    lock=Lock,
    ring=Word,
    histogram=Count,
    record=Record,
    home=Word,
    radix=Popmap,
    now="i8",
    ncpus="i8",
    nactors="i8",
    ndomains="i8",
    sleepers="i8",
    plenty="i8",
    asked_actor="i8",
    asked_items="i8",
    swap_zone="i8",
    entering="i8",
    granted="i8",
    nrecords="i8",
    recorded="i8",
    digest="i8",
    operations="i8",
    refused="i8",
    swapped_in="i8",
    breaks="i8",
    woken="i8",
    hold_ns="i8",
    price_lock="i8",
    price_list_op="i8",
    price_page_struct="i8",
    price_atomic="i8",
    price_percpu="i8",
    price_branch="i8",
    price_zone_lock="i8",
    after_anon="i8",
    after_file="i8",
    after_kernel="i8",
)
"""Everything.  Prices are in picoseconds; *after_* is the work on a new page outside of any lock.

*sleepers* counts actors in `vm_wait()`; *plenty* says that SimPy has sleepers too.  *home* is the
domain of each CPU.  *asked_actor* and *asked_items* tell SimPy who needs a slab, and for how many
items; *entering* and *granted* got a free lock in this step: the actor at work, and who waited (an
actor, or a request of SimPy).  *woken* says that the time has changed at which another goes on.
*swap_zone* is the zone of swap blocks, or NONE.  *digest* sums up the sequence of (time, cpu,
operation, page).
"""
