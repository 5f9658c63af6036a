"""What page traffic asks of SimPy's processes, whichever clock runs it."""

from typing import Protocol


class Requests(Protocol):
    """Who answers."""

    sleepers: int
    """SimPy's own processes that wait for memory in `vm_wait()`."""

    def slab(self, a: int) -> None:
        """Actor *a* needs items that no slab of the zone has."""

    def scan_ended(self, a: int) -> None:
        """The scan of page daemon *a* has ended."""

    def paging(self, d: int) -> None:
        """The controller of domain *d* wants pages freed."""

    def plenty(self) -> None:
        """Memory is there for those who sleep."""
