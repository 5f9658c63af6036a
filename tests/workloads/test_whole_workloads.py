"""Every workload of the whole machine runs to its end, cut down, and tells the same to all."""

import pytest

from tests.workloads.small import SMALL, small
from vmmodel.experiment.scenario import SCENARIOS
from vmmodel.sim.run import RunResult
from vmmodel.sim.whole import WholeMachine, WholeScript


def run(script: WholeScript, design: str, clock: str = "compiled") -> tuple[RunResult, int]:
    """Run with every promise checked; give the result and the digest of all page operations."""
    machine = WholeMachine(script, design, clock=clock, check=True)
    result, digest = machine.run(5), int(machine.traffic.state["digest"])
    machine.close()
    return result, digest


def test_every_workload_is_small_here() -> None:
    """What this file runs are all workloads that are described in files."""
    described = {name for name, each in SCENARIOS.items() if hasattr(each.parameters, "structure")}

    assert described == set(SMALL)


@pytest.mark.parametrize("name", SMALL)
def test_workload_runs_to_its_end(name: str) -> None:
    """No page is missing under any of three designs, which use the same NOFREE pages."""
    script = small(name).script(1, "", 0)

    rows = {d: run(script, d)[0].run for d in ("ordinary", "freeable", "bump:leak")}

    assert ["completed"] * 3 == [row["outcome"] for row in rows.values()]
    assert min(row["in_use"] for row in rows.values()) > 0


@pytest.mark.parametrize("name", SMALL)
def test_both_clocks_tell_the_same(name: str) -> None:
    """The compiled clock and plain SimPy give the same samples, events and operations."""
    script = small(name).script(2, "", 0)

    compiled, plain = run(script, "freeable"), run(script, "freeable", "plain")

    assert compiled[1] == plain[1]
    assert compiled[0].samples == plain[0].samples
    assert compiled[0].events == plain[0].events
    assert compiled[0].run == plain[0].run


@pytest.mark.parametrize("name", SMALL)
def test_script_depends_on_seed_and_replication_alone(name: str) -> None:
    """The same seed gives the same script, another seed or replication another."""
    first, again = small(name).script(1, "", 0), small(name).script(1, "", 0)
    other, next_one = small(name).script(2, "", 0), small(name).script(1, "", 1)

    assert first.digest == again.digest
    assert 3 == len({first.digest, other.digest, next_one.digest})


def test_desktop_is_what_it_was() -> None:
    """The desktop's script has not changed since it was described in Python."""
    assert "5f43cbfc9977e49d" == SCENARIOS["desktop"].script(1, "", 0).digest


def test_swap_storm_scatters() -> None:
    """Short of memory, swap blocks come from fallback pages: the story of the workload."""
    longer = {"heaps.total_gb": "1.2", "heaps.life.mean": "20"}
    script = small("swap-storm").with_values(longer).script(1, "", 0)
    assert isinstance(script, WholeScript)
    machine = WholeMachine(script, "freeable", check=True)

    result = machine.run(5)
    swblk = machine.traffic.zone(script.load.swap_zone)
    machine.close()

    assert swblk["taken"] > 0
    assert result.run["fallbacks"] > 0


def test_spike_leaves_its_pages() -> None:
    """After the spike items are free again, and not one of their pages went back."""
    script = small("server-spike").script(1, "", 0)
    machine = WholeMachine(script, "freeable", check=True)

    samples = {row["time_ns"]: row["in_use"] for row in machine.run(5).samples}
    socket = machine.traffic.zone([name for name, _ in script.zones].index("socket"))
    machine.close()
    ends = {phase.name: phase.end_ns for phase in script.phases}

    assert samples[ends["before"]] < samples[ends["spike"]] <= samples[ends["after"]]
    assert socket["given"] > socket["taken"] / 2
