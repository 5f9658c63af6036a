"""The published picture of a desktop: 2 MB chunks with a VM OBJECT slab, without NOFREE chunks.

Review D23979: on its author's desktop, after about two days, 25 % of all 2 MB chunks held at least
one, 4 GB in all, and all VM OBJECT slabs together were under 100 MB: about 12 pages in each chunk.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vmmodel.experiment.scenario import Scenario
from vmmodel.kernel.pages import REGION_PAGES
from vmmodel.sim.whole import WholeMachine, WholeScript

ZONE = "VM OBJECT"
PUBLISHED = {"tainted_percent": 25.0, "pages_per_tainted": 12.5, "slab_mb": 100.0}
"""Of review D23979; *slab_mb* is an upper bound there, and 12.5 pages follow from it."""


@dataclass(frozen=True)
class Picture:
    """What one replication shows of one design."""

    design: str
    replication: int
    tainted_percent: float
    """Of the machine's 2 MB chunks: with at least one VM OBJECT page."""
    pages_per_tainted: float
    slab_mb: float
    """Memory of all VM OBJECT slabs."""
    page_operations: int


def picture(script: WholeScript, design: str, replication: int) -> Picture:
    """Run *script* under *design* and count its VM OBJECT slabs by chunk."""
    machine = WholeMachine(script, design)
    machine.run(2)
    zone = next(zone for zone in machine.zones if zone.name == ZONE)
    pages = np.array(zone.held)
    tainted = len(np.unique(pages // REGION_PAGES))
    operations = int(machine.traffic.state["operations"])
    regions = machine.vm.nregions
    machine.close()
    return Picture(
        design,
        replication,
        100 * tainted / regions,
        len(pages) / max(tainted, 1),
        len(pages) / 256,
        operations,
    )


def pictures(
    scenario: Scenario,
    designs: tuple[str, ...],
    replications: int,
    seed: int,
    tell: Callable[[Picture], None],
) -> pd.DataFrame:
    """Run all replications under all designs: one row for each."""
    rows = []
    for replication in range(replications):
        script = scenario.script(seed, "", replication)
        assert isinstance(script, WholeScript)
        for design in designs:
            rows.append(picture(script, design, replication))
            tell(rows[-1])
    return pd.DataFrame(rows)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Median and range over replications, by design, beside what was published."""
    values = [name for name in table.columns if name in PUBLISHED]
    parts = table.groupby("design", sort=False)[values].agg(["min", "median", "max"]).stack(0)
    named = parts.rename_axis(["design", "value"]).reset_index()
    named["published"] = named["value"].map(PUBLISHED).where(named.design == "ordinary")
    return named[["design", "value", "median", "min", "max", "published"]].round(2)
