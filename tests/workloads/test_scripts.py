"""Scripts: drawn from named streams before any design sees them, and unchanged by all of them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sim.tiny import SMALL, small_script

from vmmodel.consumers.memory import NO_INJECTION, Injection
from vmmodel.errors import InputError
from vmmodel.experiment.scenario import scenario as scenario_named
from vmmodel.kernel import Pool
from vmmodel.nofree import DESIGNS
from vmmodel.sim.run import Machine
from vmmodel.sim.script import Action, Give, ObjectPage, Refill, Script, Take, Timeline
from vmmodel.workloads.background import Background, draw_background
from vmmodel.workloads.bursts import Bursts, Traffic
from vmmodel.workloads.deal import deal
from vmmodel.workloads.injections import Bugs, draw_injections, with_bugs
from vmmodel.workloads.streams import Streams

each_scenario = pytest.mark.parametrize("scenario", SMALL)


def traffic(**changed: str) -> Traffic:
    """What the hosts' file tells of ordinary pages, changed."""
    described = scenario_named("hosts", values=changed).parameters.description
    assert isinstance(described, Bursts)
    return described.background


def without_injections(action: Action) -> Action:
    """The same request with nothing that fails."""
    match action:
        case Refill():
            return replace(action, injections=())
        case ObjectPage():
            return ObjectPage(NO_INJECTION)
    return action


def requests(script: Script) -> list[list[tuple[int, Action]]]:
    """What every CPU asks for when, whatever will become of it."""
    return [[(at, without_injections(action)) for at, action in cpu] for cpu in script.cpus]


@each_scenario
def test_same_seed_same_script(scenario: str) -> None:
    """Seed, variant and replication decide the whole script."""
    assert small_script(scenario) == small_script(scenario)
    assert small_script(scenario).digest == small_script(scenario).digest


@each_scenario
def test_seeds_and_replications_differ(scenario: str) -> None:
    """Another seed or another replication is another script."""
    scripts = [
        small_script(scenario),
        small_script(scenario, seed=2),
        small_script(scenario, replication=1),
        small_script(scenario, seed=2, replication=1),
    ]

    assert len(scripts) == len({script.digest for script in scripts})


@each_scenario
def test_no_design_alters_the_script(scenario: str) -> None:
    """After every design has run it, a script is what it was, and so is its digest."""
    script = small_script(scenario)
    before = repr(script)

    for design in DESIGNS:
        Machine(script, design).run(2)

    assert before == repr(script)
    assert script.digest == replace(script).digest


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("npages", 300_000),
        ("bucket", 7),
        ("cpus", ()),
        ("zones", ()),
        ("boot", ()),
        ("kasan", True),
    ],
)
def test_digest_covers_what_is_asked(field: str, value: object) -> None:
    """A script that asks for something else has another digest."""
    script = small_script("hosts")

    assert script.digest != replace(script, **{field: value}).digest


def test_streams_do_not_disturb_each_other() -> None:
    """What a purpose draws depends on its name alone, not on what others drew or when."""
    alone = Streams(1, "hosts", "M5", 0)("cache").random(5).tolist()
    streams = Streams(1, "hosts", "M5", 0)
    streams("a purpose that was added").random(1000)
    streams("cpus").random(3)

    assert alone == streams("cache").random(5).tolist()
    assert alone == streams("cache").random(5).tolist()


@pytest.mark.parametrize(
    "other",
    [
        Streams(2, "hosts", "M5", 0)("cache"),
        Streams(1, "syzkaller", "M5", 0)("cache"),
        Streams(1, "hosts", "M2", 0)("cache"),
        Streams(1, "hosts", "M5", 1)("cache"),
        Streams(1, "hosts", "M5", 0)("kernel"),
    ],
)
def test_streams_differ_in_every_part_of_their_name(other: np.random.Generator) -> None:
    """Seed, scenario, variant, replication and purpose each make another stream."""
    own = Streams(1, "hosts", "M5", 0)("cache")

    assert set(own.random(100).tolist()).isdisjoint(other.random(100).tolist())


@pytest.mark.parametrize(
    ("scenario", "parameter", "rate"),
    [("syzkaller", "page_failure", "0.2"), ("second-resource", "second_failure", "0.2")],
)
def test_failure_rate_changes_failures_only(scenario: str, parameter: str, rate: str) -> None:
    """Another failure rate leaves every request, its time and its CPU as they were."""
    never, often = (small_script(scenario, **{parameter: value}) for value in ("0", rate))

    assert never.digest != often.digest
    assert requests(never) == requests(often)
    assert (never.boot, never.pressure) == (often.boot, often.pressure)


def test_more_failures_keep_the_ones_there_were() -> None:
    """A higher rate adds failures; requests that failed at the lower one still do."""
    low, high = (small_script("second-resource", second_failure=p) for p in ("0.05", "0.2"))
    failed = [
        [action.injection.second == 0 for cpu in script.cpus for _, action in cpu if of(action)]
        for script in (low, high)
    ]

    assert 0 < sum(failed[0]) < sum(failed[1])
    assert all(more for less, more in zip(*failed, strict=True) if less)


def of(action: Action) -> bool:
    """Whether an action asks for a page of an object."""
    return isinstance(action, ObjectPage)


@each_scenario
def test_timelines_ascend(scenario: str) -> None:
    """Every CPU's actions, and the pressure's, are in order of time, from the start on."""
    script = small_script(scenario)

    for timeline in (*script.cpus, script.pressure):
        times = [at for at, _ in timeline]
        assert times == sorted(times)
        assert all(at >= 0 for at in times)


@each_scenario
def test_every_burst_is_taken_before_it_is_given(scenario: str) -> None:
    """A burst is freed on the CPU that took it, later, each part once; boot's by any CPU."""
    script = small_script(scenario)
    booted = {action.burst for action in script.boot if isinstance(action, Take)}

    given: set[tuple[int, int]] = set()
    for cpu in script.cpus:
        parts: dict[int, int] = dict.fromkeys(booted, 1)
        for _, action in cpu:
            if isinstance(action, Take):
                assert action.burst not in parts
                parts[action.burst] = action.parts
            elif isinstance(action, Give):
                assert action.part < parts[action.burst]
                assert (action.burst, action.part) not in given
                given.add((action.burst, action.part))
    assert given


@given(
    actions=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 50)), max_size=30),
    ncpus=st.integers(1, 5),
)
def test_dealing_loses_nothing(actions: list[tuple[int, int]], ncpus: int) -> None:
    """Every action goes to one CPU; of one burst, in the order in which they were drawn."""
    timed: list[tuple[int, Action]] = []
    for burst, (at, life) in enumerate(actions):
        timed += [(at, Take(burst, 1, Pool.DEFAULT)), (at + life, Give(burst))]

    dealt: tuple[Timeline, ...] = deal(timed, ncpus, np.random.default_rng(1))

    assert ncpus == len(dealt)
    assert sorted(timed, key=repr) == sorted((pair for cpu in dealt for pair in cpu), key=repr)
    for cpu in dealt:
        seen: set[int] = set()
        for _, action in cpu:
            assert isinstance(action, Take) or action.burst in seen
            seen.add(action.burst)


N = 20_000


@pytest.mark.parametrize(("npages", "p"), [(1, 0.01), (4, 0.01), (4, 0.2)])
def test_injections_have_their_rates(npages: int, p: float) -> None:
    """Of n pages one fails with probability 1 - (1 - p)^n, and it is any of them, early ones first.

    Counts lie within four standard deviations.
    """
    drawn = draw_injections(N, npages, np.random.default_rng(1), page=p, second=p, init=p)

    for field in ("page", "second"):
        found = [getattr(injection, field) for injection in drawn]
        for index in range(npages):
            expected = p * (1 - p) ** index
            assert found.count(index) == pytest.approx(N * expected, abs=four_sigma(expected))
        none = (1 - p) ** npages
        assert found.count(-1) == pytest.approx(N * none, abs=four_sigma(none))
    assert sum(i.init for i in drawn) == pytest.approx(N * p, abs=four_sigma(p))


def four_sigma(p: float) -> float:
    """Four standard deviations of a binomial count of N."""
    return float(4 * np.sqrt(N * p * (1 - p)))


@pytest.mark.parametrize("rates", [{}, {"page": 0.0}, {"page": 1e-9, "init": 1e-9}])
def test_no_failure_is_no_list(rates: dict[str, float]) -> None:
    """Where nothing fails nothing is listed, which keeps scripts small."""
    assert () == draw_injections(100, 4, np.random.default_rng(1), **rates)


def test_certain_failure_is_at_the_first_page() -> None:
    """With probability one the first page fails, every time."""
    drawn = draw_injections(5, 4, np.random.default_rng(1), page=1.0, second=1.0, init=1.0)

    assert (Injection(0, 0, True),) * 5 == drawn


def test_bugs_happen_in_failures_only() -> None:
    """Of the requests that fail the stated shares have bugs; the others are as they were."""
    failing = draw_injections(N, 1, np.random.default_rng(1), second=0.5)
    bugs = Bugs(unconverted=0.3, twice=0.2, queued=0.0, invariants=True)

    drawn = with_bugs(failing, bugs, np.random.default_rng(2))

    assert [i.second for i in failing] == [i.second for i in drawn]
    n = sum(injection.second == 0 for injection in failing)
    assert n == sum(injection.asserted for injection in drawn)
    assert sum(i.unconverted for i in drawn) == pytest.approx(0.3 * n, abs=four_sigma(0.3))
    assert sum(i.twice for i in drawn) == pytest.approx(0.2 * n, abs=four_sigma(0.2))
    assert not any(i.queued or (i.asserted and i == NO_INJECTION) for i in drawn)


def test_more_failures_never_fewer_frees() -> None:
    """One stream, a higher rate: whatever failed before fails still, so no fewer slabs go back."""
    counts = []
    for rate in (0.0, 0.01, 0.1, 0.5, 1.0):
        drawn = draw_injections(1000, 4, np.random.default_rng(1), init=rate)
        counts.append(sum(injection.init for injection in drawn))

    assert sorted(counts) == counts
    assert (0, 1000) == (counts[0], counts[-1])


@pytest.mark.parametrize("p", [0.0, 0.05, 0.3, 0.9, 1.0])
def test_page_failures_that_need_a_rollback(p: float) -> None:
    """A slab of 4 pages is rolled back with probability (1 - p) - (1 - p)^4: few, many, none.

    A failure of the first page leaves nothing to roll back, so more failures can mean fewer
    rollbacks.  Counts lie within four standard deviations.
    """
    drawn = draw_injections(N, 4, np.random.default_rng(1), page=p)

    expected = (1 - p) - (1 - p) ** 4
    found = sum(injection.page > 0 for injection in drawn)
    assert found == pytest.approx(N * expected, abs=four_sigma(expected))


@pytest.mark.parametrize("design", DESIGNS)
def test_without_bugs_no_outcome(design: str) -> None:
    """A scenario of misuse whose rates are zero has failures, and no bug of any kind."""
    none = dict.fromkeys(("wrong_frees", "unconverted", "twice", "queued"), "0")

    run = Machine(small_script("misuse", **none), design).run(2).run

    assert run["second_failures"] > 0
    assert not any(run[name] for name in run if name.startswith("bugs") or name == "exposed")


def test_page_failures_of_a_scenario_have_their_rate() -> None:
    """Of syzkaller's slabs as many fail at a page as the parameter states, within four sigma."""
    script = small_script("syzkaller", page_failure="0.05", refills="2000")

    failing, expected, variance = 0, 0.0, 0.0
    for cpu in script.cpus:
        for _, action in cpu:
            if isinstance(action, Refill):
                layout = script.zones[action.zone][1]
                p, slabs = 1 - 0.95**layout.ppera, -(-action.items // layout.ipers)
                assert len(action.injections) in (0, slabs)
                failing += sum(injection.page >= 0 for injection in action.injections)
                expected += slabs * p
                variance += slabs * p * (1 - p)
    assert failing == pytest.approx(expected, abs=4 * variance**0.5)


@pytest.mark.parametrize(("cpus", "bucket"), [(2, 65), (4, 32)])
def test_bucket_of_the_page_cache(cpus: int, bucket: int) -> None:
    """Traffic moves what a per-CPU page cache does: 65 pages with 2 GB and 2 CPUs."""
    background = Background(524_288, 1, cpus, traffic())

    assert bucket == background.bucket


def test_bucket_where_no_page_cache_fits() -> None:
    """With too many CPUs for its memory a machine has no page caches: pages move one by one."""
    assert 1 == Background(65_536, 1, 64, traffic()).bucket


def test_too_many_files_are_refused() -> None:
    """A file cache that would not fit into our own memory is refused before it is drawn."""
    told = traffic(file_pages="1", turnover="10", cache_share="0.9")

    with pytest.raises(InputError, match="files are cached or replaced, expected at most"):
        draw_background(Background(1 << 24, 1_000, 2, told), Streams(1, "s", "", 0))


def test_file_cache_fills_its_share() -> None:
    """The file cache takes the stated share of memory at the start, and not a file more."""
    told = traffic(cache_share="0.5", turnover="1", anonymous_bursts="0", kernel_bursts="0")
    background = Background(100_000, 1_000, 2, told)

    boot, later = draw_background(background, Streams(1, "s", "", 0))

    sizes = [action.npages for action in boot if isinstance(action, Take)]
    assert 50_000 <= sum(sizes) < 50_000 + sizes[-1]
    assert 2 * len(sizes) == len(later)
