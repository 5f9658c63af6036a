"""Callers that free NOFREE pages wrongly: what is noticed, what passes in silence.

Single NOFREE pages are entered into objects.  Now and then somebody frees a page that is in use;
and where a radix node cannot be had, the clean-up may have a bug of its own: the wrong function,
twice, or too early for the page queue.
"""

from dataclasses import dataclass

from vmmodel.sim.script import Action, ObjectPage, Script, WrongFree
from vmmodel.workloads.background import Background, draw_background, storm_times
from vmmodel.workloads.deal import deal
from vmmodel.workloads.injections import Bugs, draw_injections, with_bugs
from vmmodel.workloads.parameters import Parameters, parameter
from vmmodel.workloads.streams import Streams


@dataclass(frozen=True)
class MisuseParameters(Parameters):
    """A machine with free memory and buggy callers."""

    memory_gb: int = parameter(
        8,
        "GB",
        "memory of the machine",
        mark="assumed",
        source="an ordinary machine",
        low=1,
        high=64,
    )
    cpus: int = parameter(
        4, "CPUs", "processors", mark="assumed", source="an ordinary machine", low=1, high=64
    )
    seconds: int = parameter(
        20, "s", "length of the run", mark="assumed", source="free choice", low=1, high=10_000
    )
    requests: int = parameter(
        5000,
        "pages",
        "NOFREE pages asked for, one at a time",
        mark="assumed",
        source="the range of NOFREE pages at boot is 500 to 5000, unverified",
        low=0,
        high=1_000_000,
    )
    second_failure: float = parameter(
        4e-3,
        "per page",
        "probability that the radix node cannot be had",
        mark="assumed",
        source="four times the upper end of the proposed sweep: bugs need failures to happen in",
        low=0,
        high=1,
    )
    wrong_frees: int = parameter(
        10,
        "frees",
        "frees of a page that is in use",
        mark="assumed",
        source="each is one bug; what counts is the share of each outcome",
        low=0,
        high=10_000,
    )
    unconverted: float = parameter(
        0.25,
        "of failures",
        "clean-ups that call vm_page_free() whatever the design wants",
        mark="assumed",
        source="a consumer that was overlooked; what counts is the share of each outcome",
        low=0,
        high=1,
    )
    twice: float = parameter(
        0.1,
        "of failures",
        "clean-ups that free a page twice",
        mark="assumed",
        source="what counts is the share of each outcome",
        low=0,
        high=1,
    )
    queued: float = parameter(
        0.1,
        "of failures",
        "clean-ups whose page is still linked in a batch of its page queue",
        mark="assumed",
        source="question Q9 of the review; kernel pages are unmanaged, so the real rate is near 0",
        low=0,
        high=1,
    )
    invariants: int = parameter(
        0,
        "0 or 1",
        "whether lists and orders are checked, as in a kernel with INVARIANTS",
        mark="assumed",
        source="release kernels are built without; a design's own assertion is part of the design",
        low=0,
        high=1,
    )


def misuse_script(parameters: MisuseParameters, streams: Streams) -> Script:
    """Draw a run."""
    npages = parameters.memory_gb * 262_144
    background = Background(
        npages=npages,
        horizon_ns=parameters.seconds * 1_000_000_000,
        cpus=parameters.cpus,
        cache_share=0.3,
        turnover=0.1,
        anonymous_bursts=400,
        kernel_bursts=400,
        storms=100,
    )
    boot, later = draw_background(background, streams)
    later += _draw_requests(parameters, background, streams)
    later += _draw_wrong_frees(parameters, background, streams)
    return Script(
        npages=npages,
        cpus=deal(later, parameters.cpus, streams("cpus")),
        horizon_ns=background.horizon_ns,
        bucket=background.bucket,
        boot=tuple(boot),
    )


def _draw_requests(
    parameters: MisuseParameters, background: Background, streams: Streams
) -> list[tuple[int, Action]]:
    n = parameters.requests
    times = storm_times(background, n, streams("requests")).tolist()
    failures = draw_injections(n, 1, streams("second failures"), second=parameters.second_failure)
    bugs = Bugs(
        parameters.unconverted, parameters.twice, parameters.queued, bool(parameters.invariants)
    )
    failures = with_bugs(failures, bugs, streams("bugs"))
    pages = [ObjectPage(failure) for failure in failures] or [ObjectPage()] * n
    return list(zip(times, pages, strict=True))


def _draw_wrong_frees(
    parameters: MisuseParameters, background: Background, streams: Streams
) -> list[tuple[int, Action]]:
    """Draw when a page in use is freed, and which."""
    rng, n = streams("wrong frees"), parameters.wrong_frees
    times = rng.integers(0, background.horizon_ns, n).tolist()
    return [(t, WrongFree(victim)) for t, victim in zip(times, rng.random(n).tolist(), strict=True)]
