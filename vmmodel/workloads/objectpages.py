"""Single NOFREE pages entered into objects: the step after the page may fail, and callers err.

A page is obtained for an object, then the radix node to enter it with cannot be had, and the page
has to go back: one page, then another resource, in that order, the case no batch covers.  The
clean-up may have a bug of its own: the wrong function, twice, or too early for the page queue.
FreeBSD: vm_page_alloc_domain_iter(), the author's remark in D49480.
"""

from vmmodel.sim.script import Action, ObjectPage, WrongFree
from vmmodel.workloads.background import Background, storm_times
from vmmodel.workloads.bursts import Bursts, CallerBugs, Pages
from vmmodel.workloads.drawn import Drawn
from vmmodel.workloads.injections import Bugs, draw_injections, with_bugs
from vmmodel.workloads.streams import Streams


def draw_pages(subject: Pages, d: Bursts, background: Background, streams: Streams) -> Drawn:
    """Draw when pages are asked for, what fails then, and who frees wrongly."""
    n = subject.requests.whole
    times = storm_times(background, n, streams("requests")).tolist()
    page, second, _ = d.failures
    failures = draw_injections(n, 1, streams("second failures"), page=page, second=second)
    if d.bugs is not None:
        failures = with_bugs(failures, _shares(d.bugs), streams("bugs"))
    pages = [ObjectPage(failure) for failure in failures] or [ObjectPage()] * n
    actions: list[tuple[int, Action]] = list(zip(times, pages, strict=True))
    if d.bugs is not None:
        actions += _draw_wrong_frees(d.bugs.wrong_frees.whole, background, streams)
    return Drawn(actions)


def _shares(bugs: CallerBugs) -> Bugs:
    return Bugs(
        bugs.unconverted.value, bugs.twice.value, bugs.queued.value, bool(bugs.invariants.value)
    )


def _draw_wrong_frees(n: int, background: Background, streams: Streams) -> list[tuple[int, Action]]:
    """Draw when a page in use is freed, and which."""
    rng = streams("wrong frees")
    times = rng.integers(0, background.horizon_ns, n).tolist()
    return [(t, WrongFree(victim)) for t, victim in zip(times, rng.random(n).tolist(), strict=True)]
