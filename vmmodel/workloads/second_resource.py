"""One NOFREE page, then another resource, in that order: the case no batch covers.

A page is obtained for an object, then the radix node to enter it with cannot be had, and the
page has to go back.  FreeBSD: vm_page_alloc_domain_iter(), the author's remark in D49480.
"""

from dataclasses import dataclass

from vmmodel.consumers.memory import NO_INJECTION
from vmmodel.sim.script import ObjectPage, Script
from vmmodel.workloads.background import Background, draw_background, storm_times
from vmmodel.workloads.deal import deal
from vmmodel.workloads.injections import draw_injections
from vmmodel.workloads.parameters import Parameters, parameter
from vmmodel.workloads.streams import Streams


@dataclass(frozen=True)
class SecondResourceParameters(Parameters):
    """A machine with free memory, in which the second step fails now and then."""

    memory_gb: int = parameter(
        8,
        "GB",
        "memory of the machine",
        mark="assumed",
        source="an ordinary machine",
        low=1,
        high=64,
        sweep=(1, 8),
        sweep_why="larger machines cost more to run and hold the same NOFREE pages",
    )
    cpus: int = parameter(
        4, "CPUs", "processors", mark="assumed", source="an ordinary machine", low=1, high=64
    )
    seconds: int = parameter(
        20,
        "s",
        "length of the run",
        mark="assumed",
        source="free choice",
        low=1,
        high=10_000,
        sweep=(2, 200),
        sweep_why="only how far apart bursts lie depends on it",
    )
    requests: int = parameter(
        5000,
        "pages",
        "NOFREE pages asked for, one at a time",
        mark="assumed",
        source="the range of NOFREE pages at boot is 500 to 5000, unverified",
        low=0,
        high=1_000_000,
        sweep=(1000, 10_000),
        sweep_why="below, the p99 rests on too few pages; above, a run takes minutes",
    )
    second_failure: float = parameter(
        1e-3,
        "per page",
        "probability that the radix node cannot be had",
        mark="assumed",
        source="upper end of the proposed sweep 1e-6 to 1e-3: the real event is too rare to meet",
        low=0,
        high=1,
        sweep=(1e-6, 1e-2),
        sweep_why="the proposed sweep 1e-6 to 1e-3, and ten times its upper end",
    )
    cache_share: float = parameter(
        0.3,
        "of memory",
        "file cache at the start and on average",
        mark="assumed",
        source="memory is plentiful here on purpose",
        low=0,
        high=0.9,
    )


def second_resource_script(parameters: SecondResourceParameters, streams: Streams) -> Script:
    """Draw a run."""
    npages = parameters.memory_gb * 262_144
    background = Background(
        npages=npages,
        horizon_ns=parameters.seconds * 1_000_000_000,
        cpus=parameters.cpus,
        cache_share=parameters.cache_share,
        turnover=0.1,
        anonymous_bursts=400,
        kernel_bursts=400,
        storms=100,
    )
    boot, later = draw_background(background, streams)
    times = storm_times(background, parameters.requests, streams("requests"))
    failures = draw_injections(
        parameters.requests, 1, streams("second failures"), second=parameters.second_failure
    )
    for i, time_ns in enumerate(times.tolist()):
        later.append((time_ns, ObjectPage(failures[i] if failures else NO_INJECTION)))
    return Script(
        npages=npages,
        cpus=deal(later, parameters.cpus, streams("cpus")),
        horizon_ns=background.horizon_ns,
        bucket=background.bucket,
        boot=tuple(boot),
    )
