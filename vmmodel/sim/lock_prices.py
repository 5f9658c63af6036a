"""What the free lock costs when CPUs contend for it: a table like that of the other prices."""

from pydantic import BaseModel, ConfigDict

from vmmodel.paths import DATA
from vmmodel.sim.prices import Price, load_table

LOCK = DATA / "lock.toml"
"""The lock as calibrated."""

BATCH = 63
"""Pages under one hold.  Linux 6.0: pcp->batch, as zone_batchsize() gives it for large zones.

It decides in what the costs are quoted, not what follows from them.  Frees are quoted so too,
though Linux lets their batches grow.
"""


class LockPrices(BaseModel):
    """Costs in ns a hold of `BATCH` pages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    alloc_private: Price
    """Work for a batch outside the lock, while allocating."""
    alloc_uncontended: Price
    """The lock, and what it protects, beyond the priced work, with nobody else there."""
    alloc_handoff: Price
    """More of it when another CPU held the lock before."""
    free_private: Price
    """Work for a batch outside the lock, while freeing."""
    free_uncontended: Price
    """As `alloc_uncontended`."""
    free_handoff: Price
    """As `alloc_handoff`."""


def load_lock() -> LockPrices:
    """Read the calibrated lock; `InputError` names the key."""
    return load_table(LOCK, LockPrices)
