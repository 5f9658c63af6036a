"""Every workload of the whole machine runs to its end, cut down, and tells the same to all."""

from dataclasses import replace

import numpy as np
import pytest

from tests.workloads.small import SMALL, small
from vmmodel.experiment.scenario import SCENARIOS
from vmmodel.sim.run import RunResult
from vmmodel.sim.whole import WholeMachine, WholeScript
from vmmodel.traffic import Kind, Op
from vmmodel.workloads.description import Description
from vmmodel.workloads.generate import Generator
from vmmodel.workloads.parse import validate
from vmmodel.workloads.streams import Streams


def run(script: WholeScript, design: str, clock: str = "compiled") -> tuple[RunResult, int]:
    """Run with every promise checked; give the result and the digest of all page operations."""
    machine = WholeMachine(script, design, clock=clock, check=True)
    result, digest = machine.run(5), int(machine.traffic.state["digest"])
    machine.close()
    return result, digest


def test_every_workload_is_small_here() -> None:
    """What this file runs are all workloads of the whole machine."""
    whole = {n for n, s in SCENARIOS.items() if isinstance(s.parameters.description, Description)}

    assert whole == set(SMALL)


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
    """With the cache that it had then, the script is the one that was first written in Python."""
    smaller = SCENARIOS["desktop"].with_values({"zfs_gb": "3.6"})

    assert "5f43cbfc9977e49d" == smaller.script(1, "", 0).digest


def most_swap_blocks(machine: WholeMachine, npages: int) -> int:
    """Give the most swap blocks that an object of *npages* holds at the end."""
    rows = np.concatenate(machine.script.load.timelines)
    objects = rows["object"][(rows["op"] == Op.USE) & (rows["count"] == npages)]
    anonymous = machine.script.load.objects["kind"][objects] == Kind.ANON
    return int(machine.traffic._arrays["object"].column("swblks")[objects[anonymous]].max())


def test_swap_storm_scatters() -> None:
    """Short of memory, swap blocks come from fallback pages; a page never has two of them."""
    longer = {"heaps.used_again": "1", "heaps.total_gb": "1.2", "heaps.life.mean": "20"}
    script = small("swap-storm").with_values(longer).script(1, "", 0)
    assert isinstance(script, WholeScript)
    machine = WholeMachine(script, "freeable", check=True)

    result = machine.run(5)
    swblk = machine.traffic.zone(script.load.swap_zone)
    held = most_swap_blocks(machine, 16)
    machine.close()

    assert swblk["taken"] > 0
    assert 1 == held
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


def test_digest_sees_no_padding() -> None:
    """What happens to be in memory between the fields of events changes no digest."""
    script = small("boot").script(1, "", 0)
    dirty = []
    for rows in script.load.timelines:
        copy = np.full(rows.nbytes, 255, np.uint8).view(rows.dtype)
        for name in rows.dtype.names:
            copy[name] = rows[name]
        dirty.append(copy)
    assert dirty[0].tobytes() != script.load.timelines[0].tobytes()

    again = replace(script, load=replace(script.load, timelines=tuple(dirty)))

    assert script.digest == again.digest


def test_domains_kasan_and_failures() -> None:
    """A description may have several domains, a KASAN kernel, and injected failures."""
    parameters = small("boot").parameters
    tables = parameters.description.model_dump(exclude_none=True)
    tables["machine"] |= {"domains": 2, "policy": "round-robin", "kasan": True}
    rate = {"value": 0.05, "mark": "assumed", "source": "", "low": 0, "high": 1}
    tables["injections"] = {
        name: rate | {"unit": unit}
        for name, unit in (("page", "of pages"), ("second", "of pages"), ("init", "of slabs"))
    }
    script = Generator(validate(tables, "test"), Streams(1, "boot", "", 0)).script()

    row = run(script, "freeable")[0].run

    assert 2 == len(script.domains)
    assert "completed" == row["outcome"]
    assert min(row["rollbacks"], row["second_failures"], row["init_failures"]) > 0
