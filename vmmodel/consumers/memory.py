"""The machine as a consumer of pages sees it, and what may go wrong with a request."""

from dataclasses import dataclass, field
from functools import cached_property

from vmmodel.consumers.arena import Arena
from vmmodel.consumers.steps import Wait
from vmmodel.kernel import RequestClass, Vm
from vmmodel.nofree import Nofree


@dataclass(frozen=True)
class Injection:
    """What fails in one request, drawn before any design sees it; -1 is nothing.

    A number counts the request's pages from 0.
    """

    page: int = -1
    """The page that cannot be had at the first try."""
    second: int = -1
    """The page that is obtained, but not the radix node to enter it with."""
    init: bool = False
    """The slab is obtained, but the set-up of an item fails."""
    unconverted: bool = False
    """What has to be freed is freed by `vm_page_free()`, whatever the design wants."""
    twice: bool = False
    """The last page of a clean-up is given back once more."""
    queued: bool = False
    """That page is still linked in a batch of its page queue when it is first freed."""
    asserted: bool = False
    """Whether this is a kernel with INVARIANTS, whose assertions meet these bugs."""


NO_INJECTION = Injection()


CHUNK_WAIT_NS = 100_000_000
"""Period of the page daemon.  FreeBSD: VM_INACT_SCAN_RATE."""


@dataclass
class Tally:
    """What consumers asked for and what became of it."""

    requests: int = 0
    """Slabs and single NOFREE pages asked for."""
    requested_pages: int = 0
    failed: int = 0
    """Requests that were not served."""
    rollbacks: int = 0
    """Multi-page requests undone half way."""
    rolled_back_pages: int = 0
    page_failures: int = 0
    """Requests in which a page could not be had although memory had it: injected."""
    refused_class: int = 0
    """Requests refused while pages were free, but too few for their class (and size)."""
    refused_empty: int = 0
    """Requests refused with no page free."""
    refused_lists: int = 0
    """Requests admitted for which the buddy lists had nothing: free pages are in reservations."""
    refused_chunk: int = 0
    """Requests refused by a design that serves nothing from outside of its chunks."""
    most_free_refused: int = 0
    """Most pages that were free when a request was refused in one of these four ways."""
    second_failures: int = 0
    init_failures: int = 0
    bugs: int = 0
    """Bugs that a request met; those without an outcome below did no harm."""
    bugs_panic: int = 0
    """An assertion stopped the machine."""
    bugs_detected: int = 0
    """The allocator saw it and refused; the machine goes on."""
    bugs_silent: int = 0
    """A page with a user served another, or a list is corrupt, and nobody knows."""
    bugs_leaked: int = 0
    """A page is lost."""


@dataclass
class Memory:
    """Physical memory, the design under study, and the books of its consumers."""

    vm: Vm
    design: Nofree
    kasan: bool = False
    """Whether every slab goes through `kmem_malloc()`, as on a KASAN kernel."""
    tally: Tally = field(default_factory=Tally)
    held: list[int] = field(default_factory=list)
    """NOFREE pages that consumers use, in the order they got them."""
    exposed: set[int] = field(default_factory=set)
    """Pages that a wrong free made idle although their user still uses them."""
    addresses: dict[int, int] = field(default_factory=dict)
    """First page index of mapped memory, by its first page."""

    @cached_property
    def arena(self) -> Arena:
        """Addresses of mapped memory.  FreeBSD: vmd_kernel_arena, vmd_kernel_nofree_arena."""
        return Arena(self.vm.ndomains)

    def refuse(self, request_class: RequestClass, npages: int) -> None:
        """Count why *npages* cannot be had at this instant; called where nothing was served."""
        tally, free = self.tally, self.vm.free_count()
        tally.most_free_refused = max(tally.most_free_refused, free)
        if self.design.traits.waits:
            tally.refused_chunk += 1
        elif free == 0:
            tally.refused_empty += 1
        elif not self.vm.allows(request_class, npages):
            tally.refused_class += 1
        else:
            tally.refused_lists += 1

    def wait(self) -> Wait:
        """Give the step by which a request that could not be served sleeps until the next try.

        Plenty of free pages does not mean that there is a block for a chunk.  Who waits for one
        looks again when the page daemon may have made one: 10 times a second.
        """
        return Wait(CHUNK_WAIT_NS if self.design.traits.waits else 0)
