"""What happens in a run, drawn before any design sees it: a script for every CPU."""

import hashlib
from dataclasses import dataclass, field

from vmmodel.consumers.layout import SlabLayout
from vmmodel.consumers.memory import NO_INJECTION, Injection
from vmmodel.kernel import Pool


@dataclass(frozen=True, slots=True)
class Refill:
    """Fill a bucket of *items* from zone number *zone*; one injection for each slab in turn."""

    zone: int
    items: int
    injections: tuple[Injection, ...] = ()


@dataclass(frozen=True, slots=True)
class ObjectPage:
    """Get one NOFREE page and enter it into an object."""

    injection: Injection = NO_INJECTION


@dataclass(frozen=True, slots=True)
class Take:
    """Allocate burst number *burst* of ordinary pages."""

    burst: int
    npages: int
    pool: Pool
    parts: int = 1
    """Shares that are freed at different times, each a comb of the pages."""


@dataclass(frozen=True, slots=True)
class Give:
    """Free part *part* of burst number *burst*."""

    burst: int
    part: int = 0


@dataclass(frozen=True, slots=True)
class Squeeze:
    """Take or give back pages until *leave* are free above the floor of class SYSTEM."""

    leave: int


@dataclass(frozen=True, slots=True)
class Release:
    """Free what was squeezed."""


@dataclass(frozen=True, slots=True)
class WrongFree:
    """Free a page that a NOFREE consumer uses."""

    victim: float
    """Which of the pages in use, in the order they were obtained: 0 the first, below 1 the last."""


Action = Refill | ObjectPage | Take | Give | Squeeze | Release | WrongFree
Timeline = tuple[tuple[int, Action], ...]
"""(time in ns, action), ascending."""


@dataclass(frozen=True)
class Script:
    """A whole run: the machine, what it starts with, and what each CPU does when."""

    npages: int
    """Pages of the machine."""
    cpus: tuple[Timeline, ...]
    """What each CPU does; an action that comes due while another runs waits for it."""
    horizon_ns: int
    """Simulated time at which the run ends."""
    bucket: int
    """Pages that ordinary traffic moves in one hold of the free lock."""
    zones: tuple[tuple[str, SlabLayout], ...] = ()
    boot: tuple[Action, ...] = ()
    """Done before the clock starts."""
    pressure: Timeline = ()
    """What a process of its own does beside the CPUs."""
    kasan: bool = False
    digest: str = field(init=False)
    """Of all requests: equal for every design that meets the same ones."""

    def __post_init__(self) -> None:
        everything = (
            self.npages,
            self.bucket,
            self.cpus,
            self.zones,
            self.boot,
            self.pressure,
            self.kasan,
        )
        digest = hashlib.sha256(repr(everything).encode()).hexdigest()[:16]
        object.__setattr__(self, "digest", digest)
