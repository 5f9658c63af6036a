"""Runs that were worked out by hand, to the nanosecond."""

import pytest
from sim.tiny import HOLD_10, VM_OBJECT, latencies, run_tiny, tiny_prices, tiny_script

from vmmodel.consumers.layout import keg_layout
from vmmodel.consumers.memory import Injection
from vmmodel.kernel import Pool
from vmmodel.nofree import DESIGNS
from vmmodel.sim.script import Give, ObjectPage, Refill, Release, Squeeze, Take, WrongFree

GET_4 = Take(0, 4, Pool.DEFAULT)
GET_4_MORE = Take(1, 4, Pool.DEFAULT)
FREE_4 = Give(0)


def test_two_cpus_want_the_lock() -> None:
    """Who comes second waits for the rest of the first hold.

    CPU 0 asks at 0 and holds to 10; CPU 1 asks at 4, waits 6 ns, holds from 10 to 20.
    """
    result = run_tiny(tiny_script([(0, GET_4)], [(4, GET_4_MORE)]))

    assert {"wait": [0, 6], "work": [10, 10], "total": [10, 16]} == latencies(
        result, "traffic-alloc"
    )
    run = result.run
    assert (2, 6, 20) == (run["lock_holds"], run["lock_wait_ns"], run["lock_hold_ns"])
    assert 2048 - 8 == run["free_count"]


def test_first_come_first_served() -> None:
    """Three CPUs that ask at 0, 2 and 1 are served in the order 0, 1, 2.

    Holds are 0-10, 10-20 and 20-30, so the waits are 0, 10 - 1 = 9 and 20 - 2 = 18.
    """
    takes = [[(at, Take(cpu, 1, Pool.DEFAULT))] for cpu, at in enumerate((0, 2, 1))]

    assert [0, 9, 18] == latencies(run_tiny(tiny_script(*takes)), "traffic-alloc")["wait"]


def test_cpu_that_is_late_begins_at_once() -> None:
    """An action that comes due while its CPU is busy begins when the CPU is free, without a wait.

    The actions of 0, 3 and 6 hold 0-10, 10-20 and 20-30: being late is no waiting for the lock.
    """
    result = run_tiny(tiny_script([(0, GET_4), (3, FREE_4), (6, GET_4_MORE)]))

    assert (0, 30) == (result.run["lock_wait_ns"], result.run["lock_hold_ns"])


def test_operations_within_operations() -> None:
    """A page lies within its slab, a slab within its refill; costs add up from the inside out.

    A refill of 30 VM OBJECTs is two slabs.  Page: one hold, 10.  Slab: page, then one page zeroed
    50, keg lock 3, 15 items set up 15: 78.  Refill: 156.
    """
    prices = tiny_prices(free_lock=10, zero_page=50, lock=3, slab_init=1)
    script = tiny_script([(0, Refill(0, 30))], zones=(VM_OBJECT,))

    result = run_tiny(script, prices=prices)

    assert [10, 10] == latencies(result, "nofree-page")["work"]
    assert [78, 78] == latencies(result, "slab")["work"]
    assert [156] == latencies(result, "refill")["work"]
    assert [0] == latencies(result, "refill")["wait"]
    assert (2, 20) == (result.run["lock_holds"], result.run["lock_hold_ns"])


def test_waiting_counts_for_all_that_contain_it() -> None:
    """The wait of a page is a wait of its slab and of its refill, and no work of any.

    CPU 0 holds 0-10.  CPU 1 asks for its page at 4, waits 6, holds to 20, sets up 15 items: 15.
    """
    script = tiny_script([(0, GET_4)], [(4, Refill(0, 15))], zones=(VM_OBJECT,))

    result = run_tiny(script, prices=tiny_prices(free_lock=10, slab_init=1))

    assert {"wait": [6], "work": [10], "total": [16]} == latencies(result, "nofree-page")
    assert {"wait": [6], "work": [25], "total": [31]} == latencies(result, "slab")
    assert {"wait": [6], "work": [25], "total": [31]} == latencies(result, "refill")


def test_work_outside_the_lock_delays_the_next_hold() -> None:
    """Zeroing a page takes time in which another CPU has the lock.

    CPU 0: object lock free of charge, hold 0-10, page zeroed 10-60.  CPU 1 asks at 20: no wait.
    """
    script = tiny_script([(0, ObjectPage(Injection())), (0, GET_4)], [(20, GET_4_MORE)])

    result = run_tiny(script, prices=tiny_prices(free_lock=10, zero_page=50))

    assert [60] == latencies(result, "object-page")["work"]
    assert 0 == result.run["lock_wait_ns"]


# design, event, times in the first request (with its import), times in the second
HOLDS = [
    ("bump:leak", "list_op", 3, 0),
    ("bump:leak", "page_struct", 3 + 1, 1),
    ("bump:leak", "atomic", 1, 0),
    ("bump:leak", "percpu", 1, 1),
    ("bump:leak", "branch", 0, 0),
    ("freeable", "list_op", 3 + 1 + 2, 2),
    ("freeable", "page_struct", 3 + 2, 2),
    ("freeable", "atomic", 1 + 1 + 1, 1),
    ("freeable", "percpu", 1, 1),
    ("freeable", "branch", 0, 0),
]


@pytest.mark.parametrize(("design", "event", "first", "second"), HOLDS)
def test_hold_is_priced_by_what_was_done(design: str, event: str, first: int, second: int) -> None:
    """A hold lasts as long as what is done in it: bump touches one page, the queue two.

    The import takes a block of order 11 (2048 pages) from its list and puts order 10 and order 9
    on theirs: three list operations and structures, one compare-and-swap.  The queue enters the
    chunk, takes its head and enters the rest; it counts both in nofreeq_size.
    """
    page = ObjectPage(Injection())

    prices = tiny_prices(**{event: 7})
    one = run_tiny(tiny_script([(0, page)]), design, prices).run["lock_hold_ns"]
    two = run_tiny(tiny_script([(0, page), (500, page)]), design, prices).run["lock_hold_ns"]

    assert (7 * first, 7 * second) == (one, two - one)


def test_free_that_anyone_may_do_costs_a_branch() -> None:
    """A design whose pages anyone frees looks at every page that is freed; the others do not."""
    script = tiny_script([(0, GET_4), (500, FREE_4)])
    branches = {
        design: run_tiny(script, design, tiny_prices(branch=5)).run["lock_hold_ns"]
        for design in DESIGNS
    }

    for_anyone = {"freeable", "reclaim"}
    assert {design: 20 * (design in for_anyone) for design in DESIGNS} == branches


@pytest.mark.parametrize(("cpus", "ns"), [(1, 100), (2, 107), (5, 128)])
def test_shootdown_interrupts_every_other_cpu(cpus: int, ns: int) -> None:
    """One round costs 100 and 7 for each other CPU: 100, 107, 128 for 1, 2 and 5 CPUs."""
    vmspace = ("VMSPACE", keg_layout(2544, 8))
    failing = Refill(0, 6, (Injection(), Injection(page=1)))
    idle: list[list[tuple[int, Give]]] = [[] for _ in range(cpus - 1)]
    script = tiny_script([(0, failing)], *idle, zones=(vmspace,))

    result = run_tiny(script, prices=tiny_prices(shootdown=100, shootdown_cpu=7))

    assert [ns] == latencies(result, "rollback")["work"]


def test_sleeper_wakes_when_free_min_is_reached() -> None:
    """A thread without a page sleeps until enough is free; its CPU goes on meanwhile.

    Of 2048 pages free_min is 2048/200 + 66 + 2048/768 = 78, and pressure leaves 2.

    - 0: a slab's page is asked for, hold 0-10, none can be had; the thread sleeps.
    - 100: the CPU asks for ordinary pages, hold 100-110, refused.
    - 500: pressure gives back 16 pages a hold: 18, 34, 50, 66, 82 at 550, which is enough.
    - 550: the releasing process has its next hold, 550-560; the woken thread waits 10 for it.
    - 560: it gets its page, hold 560-570.
    """
    script = tiny_script(
        [(0, Refill(0, 15)), (100, GET_4)],
        zones=(VM_OBJECT,),
        boot=(Squeeze(0),),
        pressure=((500, Release()),),
    )

    result = run_tiny(script, "ordinary")

    assert (0, "completed") == (result.sleeping, result.run["outcome"])
    assert {"wait": [0, 10], "work": [10, 10], "total": [10, 20]} == latencies(
        result, "nofree-page"
    )
    assert {"wait": [10], "work": [20], "total": [30]} == latencies(result, "refill")
    assert [10] == latencies(result, "traffic-alloc")["work"]
    assert (2, 1, 1) == tuple(result.run[name] for name in ("requests", "failed", "in_use"))


@pytest.mark.parametrize(("held", "sleeping"), [(2048 - 78, 0), (2048 - 77, 1)])
def test_free_min_itself_is_enough(held: int, sleeping: int) -> None:
    """With all released but what others hold, 78 free pages wake the sleeper and 77 do not."""
    script = tiny_script(
        [(0, Refill(0, 15))],
        zones=(VM_OBJECT,),
        boot=(Take(0, held, Pool.DEFAULT), Squeeze(0)),
        pressure=((500, Release()),),
    )

    result = run_tiny(script, "ordinary")

    assert sleeping == result.sleeping
    assert 1 - sleeping == len(latencies(result, "refill")["total"])
    assert 2048 - held - (1 - sleeping) == result.run["free_count"]


def test_sleeper_that_nobody_wakes() -> None:
    """A thread that sleeps to the end is told apart; its operation is never finished."""
    script = tiny_script([(0, Refill(0, 15))], zones=(VM_OBJECT,), boot=(Squeeze(0),))

    result = run_tiny(script)

    assert (1, "completed", 1000) == (
        result.sleeping,
        result.run["outcome"],
        result.run["end_ns"],
    )
    assert [] == latencies(result, "refill")["work"]


MS = 1_000_000


def test_who_waits_for_a_chunk_gets_it_at_a_scan() -> None:
    """Half of memory is free in single pages; a thread that waits for a chunk looks every 100 ms.

    - 0: a slab's page is asked for, hold 0-10, no block of 512 pages; the thread sleeps.
    - 100 ms: it asks again, one hold of 10 ns, in vain.
    - 150 ms: the other half of memory is freed, 64 holds of 16 pages; nobody is woken.
    - 200 ms: it asks a third time and has its chunk.
    """
    comb = Take(0, 2046, Pool.DEFAULT, parts=2)
    script = tiny_script(
        [(0, Refill(0, 15)), (150 * MS, Give(0, 1))],
        zones=(VM_OBJECT,),
        boot=(comb, Give(0, 0)),
        horizon_ns=250 * MS,
    )

    result = run_tiny(script, "freeable,fallback=wait", nsamples=6)

    run = result.run
    assert (3, 2, 1) == tuple(run[name] for name in ("requests", "failed", "imports"))
    assert (0, 1) == (run["fallbacks"], run["in_use"])
    assert {"wait": [0], "work": [30], "total": [30]} == latencies(result, "refill")
    assert [0, 0, 0, 0, 0, 1] == [sample["in_use"] for sample in result.samples]


def test_wrong_free_is_told_of() -> None:
    """A page in use is freed at 500, held 500-510; at 600 another request gets the same page."""
    script = tiny_script([(0, ObjectPage()), (500, WrongFree(0.0)), (600, ObjectPage())])

    result = run_tiny(script)

    assert [(610, 0, "wrong-free-silent", 1)] == [tuple(e.values()) for e in result.events]
    names = ("bugs", "bugs_silent", "bugs_panic", "exposed", "in_use")
    assert (1, 1, 0, 0, 1) == tuple(result.run[name] for name in names)


def test_panic_of_a_wrong_free_is_counted() -> None:
    """The count of a run that stopped at a bug has the bug and its outcome."""
    script = tiny_script([(0, ObjectPage()), (500, WrongFree(0.0))])

    run = run_tiny(script, "separate").run

    names = ("outcome", "bugs", "bugs_panic", "exposed")
    assert ("panic", 1, 1, 0) == tuple(run[name] for name in names)


def test_panic_ends_the_run() -> None:
    """A panic stops the machine at its instant, and the tables say what had happened until then.

    At 500 a page is obtained, hold 500-510; its radix node is not; the free at 510 panics.
    """
    script = tiny_script([(500, ObjectPage(Injection(second=0))), (600, GET_4)])

    result = run_tiny(script, "bump:panic", nsamples=5)

    assert ("panic", 510) == (result.run["outcome"], result.run["end_ns"])
    assert [0, 250, 500, 510] == [row["time_ns"] for row in result.samples]
    assert {"in_use": 1, "idle": 511, "leaked": 0}.items() <= result.samples[-1].items()
    assert [(510, 0, "second-failure", 1), (510, -1, "panic", 1)] == [
        tuple(event.values()) for event in result.events
    ]
    assert [] == latencies(result, "traffic-alloc")["work"]
    assert 2048 - 512 == result.run["free_count"]


def test_boot_takes_no_time() -> None:
    """What is done before the clock starts is neither priced nor recorded."""
    script = tiny_script([(0, FREE_4)], boot=(GET_4,))

    result = run_tiny(script, prices=HOLD_10)

    assert (1, 10) == (result.run["lock_holds"], result.run["lock_hold_ns"])
    assert [] == latencies(result, "traffic-alloc")["work"]
    assert 2048 == result.run["free_count"]
