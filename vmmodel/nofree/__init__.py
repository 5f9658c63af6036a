"""The subject of the study: designs of NOFREE pages, one small file each, and their names."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from vmmodel.kernel import Vm
from vmmodel.nofree.base import IllegalFree, Nofree
from vmmodel.nofree.batch import BatchNofree
from vmmodel.nofree.bump import BumpNofree
from vmmodel.nofree.ordinary import OrdinaryNofree
from vmmodel.nofree.queue import FreeableNofree, SeparateNofree


@dataclass(frozen=True)
class Design:
    """A named design: how to make it, and what to tell a reader about it."""

    make: Callable[[Vm], Nofree]
    title: str
    summary: str
    source: str


BUMP = "a8693e89e3e4 (D45863), the state the review started from"

DESIGNS: dict[str, Design] = {
    "ordinary": Design(
        OrdinaryNofree,
        "no NOFREE allocator",
        "every page comes from the general pools",
        "before a8693e89e3e4: what chunks are compared with",
    ),
    "bump:panic": Design(
        partial(BumpNofree, illegal_free=IllegalFree.PANIC),
        "bump pointer, a free panics",
        "chunks are used up in order; a kernel with INVARIANTS stops at a free",
        BUMP,
    ),
    "bump:escape": Design(
        partial(BumpNofree, illegal_free=IllegalFree.ESCAPE),
        "bump pointer, a free escapes",
        "chunks are used up in order; a release kernel lets a freed page join the general pool",
        BUMP,
    ),
    "bump:leak": Design(
        partial(BumpNofree, illegal_free=IllegalFree.LEAK),
        "bump pointer, a free leaks",
        "chunks are used up in order; the caller keeps for ever what it may not free",
        BUMP,
    ),
    "freeable": Design(
        FreeableNofree,
        "queue of runs, anyone frees",
        "vm_page_free() takes NOFREE pages back into a queue; the assertion is gone",
        "ae10431c9833 (D49480), as landed",
    ),
    "separate": Design(
        SeparateNofree,
        "queue of runs, own free function",
        "only vm_page_free_nofree() takes NOFREE pages back; the assertion stays",
        "a reviewer's wish in D49480; not built",
    ),
    "batch": Design(
        partial(BatchNofree, illegal_free=IllegalFree.LEAK),
        "all-or-nothing batch, no free",
        "a request is served whole under one lock hold; whatever else fails keeps the page",
        "the alternative in D49480, D47050 without partial results; not built",
    ),
}
"""By name, in the order of every table and figure."""

BASELINE = "freeable"
"""What FreeBSD has; paired differences are against it."""

__all__ = ["BASELINE", "DESIGNS", "Design", "IllegalFree", "Nofree"]
