"""Who may free a NOFREE page: nobody, any caller, or callers of a function of its own."""

from typing import Protocol

from vmmodel.nofree.axes import FreePath
from vmmodel.nofree.base import Books, IllegalFree, Vm, free_illegally


class Owner(Protocol):
    """The design whose page is freed."""

    vm: Vm
    books: Books

    def put(self, m: int) -> None:
        """Make page *m* idle, unless a reservation takes it back."""


class NoFreePath:
    """To free is illegal, whoever does it; *outcome* says what then happens.

    FreeBSD: a8693e89e3e4 (D45863).  `vm_page_free_prep()` asserts in kernels with INVARIANTS.
    """

    def __init__(self, owner: Owner, outcome: IllegalFree) -> None:
        self.owner, self.outcome = owner, outcome

    def free(self, m: int) -> None:
        """Do what `vm_page_free()` does."""
        free_illegally(self.owner.vm, self.owner.books, m, self.outcome)

    def free_nofree(self, m: int) -> None:
        """Do what a caller does that knows that the page is NOFREE."""
        self.free(m)


class AnyCaller(NoFreePath):
    """`vm_page_free()` takes NOFREE pages from anyone; the assertion is gone.

    Every free of every page, NOFREE or not, pays a branch on PG_NOFREE.

    FreeBSD: ae10431c9833 (D49480): a branch in `vm_page_free_toq()`, as landed.
    """

    def free(self, m: int) -> None:
        self.owner.vm.did(branches=1)
        self.owner.put(m)


class OwnFunction(NoFreePath):
    """Only `vm_page_free_nofree()` takes NOFREE pages; `vm_page_free()` keeps its assertion.

    Callers that free both kinds look at PG_NOFREE to know which function to call, so each of
    *their* frees pays a branch.  Who does not look frees illegally.

    FreeBSD: asked for in D49480 (line 4148); not built.
    """

    def free_nofree(self, m: int) -> None:
        self.owner.vm.did(branches=1)
        self.owner.put(m)


FREE_PATHS: dict[FreePath, type[NoFreePath]] = {
    FreePath.NONE: NoFreePath,
    FreePath.ANY: AnyCaller,
    FreePath.OWN: OwnFunction,
}
