"""What FreeBSD has of every choice, what it needs in a page, and what it costs: data for readers.

A test takes and frees pages with every design and compares the work with these numbers.
"""

from dataclasses import dataclass, fields

from vmmodel.nofree.axes import AXES, Composition, Structure, applying

TAKE = "take a page"
FREE = "free a page"
IMPORT = "import a chunk"
RETURN = "return a chunk"
EVERY_FREE = "free an ordinary page"
REQUEST = "request of n pages"
NO_CHUNK = "no chunk to be had"


@dataclass(frozen=True)
class Cost:
    """Work that a choice adds to one operation, beyond what every design does."""

    holds: int = 0
    """Holds of the domain's free lock."""
    list_ops: int = 0
    page_structs: int = 0
    atomics: int = 0
    percpu: int = 0
    branches: int = 0
    more: str = ""
    """What depends on the state: runs passed, pages looked at."""

    def __add__(self, other: "Cost") -> "Cost":
        """Put the work of two choices together."""
        sums = {
            f.name: getattr(self, f.name) + getattr(other, f.name)
            for f in fields(self)
            if f.name != "more"
        }
        return Cost(**sums, more="; ".join(filter(None, (self.more, other.more))))


@dataclass(frozen=True)
class Part:
    """One choice: what it does, what FreeBSD has of it, what it needs."""

    does: str
    freebsd: str
    """What FreeBSD has, and where that is written."""
    page: str = "-"
    """Flags and fields of the page structure, and memory beside it."""
    costs: tuple[tuple[str, Cost], ...] = ()


LANDED = "as landed: ae10431c9833 (D49480)"
FIRST = "as first landed: a8693e89e3e4 (D45863)"
ASKED = "asked for in the D49480 thread, not built"

PARTS: dict[tuple[str, str], Part] = {
    ("structure", "none"): Part(
        "every page comes from the general pools and goes back there",
        "before a8693e89e3e4",
        "no flag",
        ((TAKE, Cost(holds=1, more="the buddy lists' work")),),
    ),
    ("structure", "bump"): Part(
        "a pointer into the current chunk; pages that come back go to a log and are used first",
        f"{FIRST}; the log was not built",
        "PG_NOFREE; a log links its pages through plinks.q",
        (
            (TAKE, Cost(holds=1, page_structs=1, percpu=1, more="from the log: 1 list operation")),
            (FREE, Cost(holds=1, list_ops=1, page_structs=1, percpu=1)),
            (RETURN, Cost(more="1 list operation a page in the log, 512 page structures read")),
        ),
    ),
    ("structure", "queue"): Part(
        "a queue of runs, each linked and measured in its first page",
        LANDED,
        "PG_NOFREE; plinks.q; the length in pindex at landing, in ref_count later",
        (
            (TAKE, Cost(holds=1, list_ops=2, page_structs=2, atomics=1, percpu=1)),
            (FREE, Cost(holds=1, list_ops=1, page_structs=1, atomics=1, percpu=1)),
            (IMPORT, Cost(list_ops=1, atomics=1)),
            (RETURN, Cost(atomics=1, more="1 list operation a run, 512 page structures read")),
        ),
    ),
    ("structure", "bitmap"): Part(
        "a bitmap for each chunk and a list of the chunks with idle pages",
        "not built; vm_reserv.c keeps such bitmaps of reservations",
        "PG_NOFREE; beside the page 64 bytes a chunk (priced as a page structure)",
        (
            (TAKE, Cost(holds=1, page_structs=2, percpu=1, more="chunk used up: 1 list operation")),
            (FREE, Cost(holds=1, page_structs=2, percpu=1, more="first idle page: 1 list op.")),
            (IMPORT, Cost(list_ops=1, page_structs=1)),
            (RETURN, Cost(list_ops=1)),
        ),
    ),
    ("free", "none"): Part(
        "to free is illegal",
        f"{FIRST}; vm_page_free_prep() asserts it in kernels with INVARIANTS",
        "PG_NOFREE is tested by an assertion only",
    ),
    ("free", "any"): Part(
        "vm_page_free() takes NOFREE pages from anyone",
        f"{LANDED}: a branch in vm_page_free_toq(); the assertion is gone",
        "PG_NOFREE is tested at every free",
        ((FREE, Cost(branches=1)), (EVERY_FREE, Cost(branches=1))),
    ),
    ("free", "own"): Part(
        "only vm_page_free_nofree() takes NOFREE pages; vm_page_free() keeps its assertion",
        ASKED,
        "PG_NOFREE is tested by callers that free both kinds",
        ((FREE, Cost(branches=1)),),
    ),
    ("illegal", "panic"): Part(
        "a free that is illegal stops the machine", "kernels with INVARIANTS (vm_page_free_prep)"
    ),
    ("illegal", "escape"): Part(
        "the page joins the general pool, a hole in its chunk",
        "release kernels: the assertion is compiled out, vm_phys_free_pages() takes the page",
    ),
    ("illegal", "leak"): Part(
        "the caller knows better and keeps the page for ever", "the counterfactual of the thread"
    ),
    ("multi", "loop"): Part(
        "page after page; the caller rolls back",
        "kmem_back_domain(), to this day",
        costs=((REQUEST, Cost(holds=1, more="holds for each of the n pages")),),
    ),
    ("multi", "batch"): Part(
        "all pages under one hold, or none",
        f"{ASKED}; D47050 without partial results",
        costs=((REQUEST, Cost(holds=1, more="one for all; list operations for each run")),),
    ),
    ("multi", "partial"): Part(
        "what there is under one hold; the caller deals with the rest",
        "D47050 (vm_page_alloc_pages), Needs Review when read; its predecessor is D39573",
        costs=((REQUEST, Cost(holds=1, more="one for all; a short result is rolled back")),),
    ),
    ("reuse", "lifo"): Part(
        "the page freed last is used first", f"{LANDED}: insertion at the head"
    ),
    ("reuse", "address"): Part(
        "the lowest idle page is used first",
        "not built; a remedy for question Q4 of D49480",
        costs=((FREE, Cost(more="1 page structure for each run below; none with a bitmap")),),
    ),
    ("return", "none"): Part("a chunk is NOFREE for good", LANDED),
    ("return", "chunk"): Part(
        "a chunk whose pages are all idle goes back to the buddy lists",
        ASKED,
        "a counter for each chunk, found by address as a reservation is",
        (
            (TAKE, Cost(page_structs=1, more="beside a bitmap: none")),
            (FREE, Cost(page_structs=1, more="beside a bitmap: none")),
            (RETURN, Cost(atomics=1, more="1 insertion and up to 3 merges")),
        ),
    ),
    ("fallback", "scatter"): Part(
        "an ordinary page serves, and carries PG_NOFREE",
        f"{FIRST}, and unchanged",
        costs=((NO_CHUNK, Cost(holds=1, more="the buddy lists' work")),),
    ),
    ("fallback", "wait"): Part(
        "M_NOWAIT fails; M_WAITOK looks again 10 times a second",
        "not built; vm_wait_domain() waits for pages, not for blocks",
        costs=((NO_CHUNK, Cost(holds=1, more="for each try")),),
    ),
    ("fallback", "break"): Part(
        "the least recently changed reservation is broken, then tried again",
        "not built; vm_page_alloc_domain_iter() does so for one page",
        costs=((NO_CHUNK, Cost(holds=1, more="up to 511 pages enqueued; never an order-9 block")),),
    ),
    ("fallback", "smaller"): Part(
        "smaller orders are tried, down to a page",
        "not built",
        costs=((NO_CHUNK, Cost(more="for each order 2 atomics, a look at the lists")),),
    ),
    **{
        ("import", order): Part(
            f"a chunk has {1 << int(order)} pages" if int(order) else "a chunk is a page",
            "VM_NOFREE_IMPORT_ORDER on amd64" if order == "9" else "not built",
            costs=((IMPORT, Cost(atomics=1, more="1 removal, a split for each order above")),),
        )
        for order in AXES["import"].values
    },
    ("pool", "default"): Part("chunks come from the pool of user pages", FIRST),
    ("pool", "direct"): Part(
        "chunks come from the pool of page tables and small slabs",
        "not built; where pages came from before a8693e89e3e4",
    ),
}
"""By axis and choice, as a design's text spells them."""


def parts_of(choice: Composition) -> dict[str, tuple[str, Part]]:
    """Give axis -> its choice as spelled, and the part; without axes that mean nothing here."""
    spelled = {word: AXES[word].spelled(choice) for word in applying(choice)}
    return {word: (value, PARTS[word, value]) for word, value in spelled.items()}


def cost_of(choice: Composition, operation: str) -> Cost:
    """Add up what an *operation* costs under all choices of a design.

    >>> cost_of(Composition(), FREE).list_ops, cost_of(Composition(), FREE).branches
    (1, 1)
    """
    parts = parts_of(choice)
    if choice.structure is Structure.BITMAP and operation in (TAKE, FREE):
        parts.pop("return")  # the counter of a chunk lies beside its bits
    found = [cost for _, part in parts.values() for name, cost in part.costs if name == operation]
    return sum(found, start=Cost())
