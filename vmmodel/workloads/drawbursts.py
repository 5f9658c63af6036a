"""From a description of bursts to the script of a run: its background, then its subject."""

from vmmodel.sim.script import Script
from vmmodel.workloads.background import Background, draw_background
from vmmodel.workloads.bursts import Bursts, Exhaustion, Pages, Recorded, SeveralPages, Slabs
from vmmodel.workloads.deal import deal
from vmmodel.workloads.drawn import Drawn
from vmmodel.workloads.exhaustion import draw_exhaustion
from vmmodel.workloads.objectpages import draw_pages
from vmmodel.workloads.recorded import check_fits, draw_recorded, other_pages
from vmmodel.workloads.severalpages import draw_several
from vmmodel.workloads.slabs import draw_slabs
from vmmodel.workloads.streams import Streams
from vmmodel.workloads.vmstat import ZoneTable


def draw_bursts(
    d: Bursts, streams: Streams, table: ZoneTable | None = None, npages: int | None = None
) -> Script:
    """Draw one replication.

    A recorded machine has a zone *table*; *npages* is its memory if it is not that of the file.
    """
    npages = npages or d.machine.npages
    others = 0
    if table is not None:
        check_fits(table, d, npages)
        others = other_pages(table, d.machine.kernel)
    cpus = d.machine.cpus.whole
    background = Background(npages, d.seconds.ns, cpus, d.background, others)
    boot, later = draw_background(background, streams)
    drawn = _draw_subject(d, background, streams, table)
    return Script(
        npages=npages,
        cpus=deal(later + drawn.actions, cpus, streams("cpus")),
        horizon_ns=background.horizon_ns,
        bucket=background.bucket,
        zones=drawn.zones,
        boot=tuple(boot),
        pressure=drawn.pressure,
        kasan=d.machine.kasan,
    )


def _draw_subject(
    d: Bursts, background: Background, streams: Streams, table: ZoneTable | None
) -> Drawn:
    match d.subject:
        case Recorded() as recorded:
            assert table is not None, "a recorded machine has a table"
            return draw_recorded(recorded, d, background, streams, table)
        case Exhaustion() as exhaustion:
            return draw_exhaustion(exhaustion, d, background, streams)
        case Slabs() as slabs:
            return draw_slabs(slabs, d, background, streams)
        case SeveralPages() as several:
            return draw_several(several, d, background, streams)
        case Pages() as pages:
            return draw_pages(pages, d, background, streams)
