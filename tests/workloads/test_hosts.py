"""Recorded hosts grow to their recorded size; a user's own file does the same."""

import json
import re
from math import ceil
from pathlib import Path

import pytest
from sim.tiny import SMALL, small_script

from vmmodel.consumers.layout import keg_layout
from vmmodel.errors import InputError
from vmmodel.experiment.scenario import SCENARIOS, scenario
from vmmodel.sim.run import Machine
from vmmodel.sim.script import Refill, Script
from vmmodel.workloads.bursts import Bursts
from vmmodel.workloads.vmstat import HOSTS, ZoneTable, host_labels, nofree_zones, read_zone_table

SMALL_HOSTS = ["M5", "M7"]


def memory_gb_of() -> dict[str, int]:
    """Memory of the recorded hosts that fit no small machine."""
    described = SCENARIOS["hosts"].parameters.description
    assert isinstance(described, Bursts)
    return described.machine.memory_gb_of


@pytest.fixture(scope="module")
def table() -> ZoneTable:
    """The zones of the smallest recorded host."""
    return read_zone_table(HOSTS, "M5")


def drawn(values: dict[str, str], variant: str = "M5", zones: Path | None = None) -> Script:
    """Draw a small run of a host."""
    return scenario("hosts", zones, SMALL["hosts"] | values).script(1, variant, 0)


@pytest.mark.parametrize("host", SMALL_HOSTS)
@pytest.mark.parametrize("design", ["ordinary", "freeable"])
def test_zones_grow_to_their_recorded_size(host: str, design: str) -> None:
    """At the end every zone has the slabs that its recorded items need, and no more.

    With one CPU: two that need a slab of one zone at the same instant may both make one.
    """
    machine = Machine(drawn({"memory_gb": "4", "cpus": "1"}, host), design)

    run = machine.run(2).run

    zones = nofree_zones(read_zone_table(HOSTS, host))
    slabs, pages = {}, 0
    for zone in zones:
        layout = keg_layout(zone.item_size, zone.align)
        slabs[zone.name] = ceil((zone.used + zone.free) / layout.ipers)
        pages += slabs[zone.name] * layout.ppera
    assert slabs == {zone.name: zone.slabs for zone in machine.zones}
    assert pages == run["in_use"] == run["requested_pages"]
    assert sum(slabs.values()) == run["requests"]


def test_refills_ask_for_all_items(table: ZoneTable) -> None:
    """A zone's bucket refills add up to its items, used and free."""
    script = drawn({})

    asked = dict.fromkeys(range(len(script.zones)), 0)
    for cpu in script.cpus:
        for _, action in cpu:
            if isinstance(action, Refill):
                asked[action.zone] += action.items
    assert [zone.used + zone.free for zone in nofree_zones(table)] == list(asked.values())
    assert [zone.name for zone in nofree_zones(table)] == [name for name, _ in script.zones]


def test_variants_are_the_recorded_hosts() -> None:
    """Every recorded host with a NOFREE zone can be chosen, and nothing else."""
    with_zones = [label for label in host_labels() if nofree_zones(read_zone_table(HOSTS, label))]

    assert list(SCENARIOS["hosts"].variants) == with_zones
    assert set(memory_gb_of()) <= set(with_zones)


@pytest.mark.parametrize("host", SCENARIOS["hosts"].variants)
def test_every_host_fits_its_machine(host: str) -> None:
    """With the parameters as they are, every recorded host can be drawn."""
    script = SCENARIOS["hosts"].script(1, host, 0)

    assert script.npages == 262_144 * memory_gb_of().get(host, 4)


def as_text(table: ZoneTable) -> str:
    """The table as ``vmstat -z`` prints it."""
    title = "ITEM                   SIZE   LIMIT     USED     FREE      REQ     FAIL\n\n"
    return title + "".join(
        f"{row.name}: {row.size:8}, {row.limit:7}, {row.used:7}, {row.free:7}, {row.requests}, 0\n"
        for row in table.rows
    )


def as_json(table: ZoneTable) -> str:
    """The table as ``vmstat -z --libxo json`` prints it."""
    columns = ("name", "size", "limit", "used", "free", "requests")
    zones = [{column: getattr(row, column) for column in columns} for row in table.rows]
    return json.dumps({"vmstat": {"memory-zone-statistics": {"zone": zones}}})


@pytest.mark.parametrize(("form", "suffix"), [(as_text, "txt"), (as_json, "json")])
def test_own_file_is_as_good_as_a_recorded_one(  # type: ignore[no-untyped-def]
    table: ZoneTable, tmp_path: Path, form, suffix: str
) -> None:
    """A user's file with the content of a recorded host gives the same requests."""
    path = tmp_path / f"M5.{suffix}"
    path.write_text(form(table))

    own = scenario("hosts", path, SMALL["hosts"])

    assert ("M5",) == own.variants == own.chosen
    assert small_script("hosts").digest == own.script(1, "M5", 0).digest
    assert "" != own.source


def test_own_file_without_nofree_zones(tmp_path: Path) -> None:
    """A file in which no zone is NOFREE is refused: there is nothing to study."""
    path = tmp_path / "own.txt"
    path.write_text("ITEM SIZE LIMIT USED FREE REQ FAIL\n\nVNODE: 480, 0, 10, 2, 30, 0\n")

    with pytest.raises(InputError, match=r"own\.txt: none of its zones is NOFREE, expected VM OBJ"):
        scenario("hosts", path)


def test_own_file_is_for_hosts_only(tmp_path: Path) -> None:
    """Only the hosts have a zone table."""
    with pytest.raises(InputError, match="--zones: scenario syzkaller has no zone table"):
        scenario("syzkaller", tmp_path / "own.txt")


def test_too_small_memory_is_refused_with_what_suffices() -> None:
    """A machine that cannot hold the zones is refused; the memory that is named is enough."""
    with pytest.raises(InputError) as error:
        drawn({"memory_gb": "1"}, "M2")

    sentence = str(error.value)
    found = re.fullmatch(
        r"M2: its zones hold \d+ pages, which 1 GB beside a file cache of 10% cannot hold, "
        r"expected --set memory_gb=(\d+) or more, or a smaller cache_share",
        sentence,
    )
    assert found is not None, sentence
    least = int(found[1])
    assert 262_144 * least == drawn({"memory_gb": str(least)}, "M2").npages
    with pytest.raises(InputError):
        drawn({"memory_gb": str(least - 1)}, "M2")


def test_own_memory_overrides_the_recorded_hosts() -> None:
    """M2 has 8 GB, unless the user says otherwise."""
    recorded = SCENARIOS["hosts"].script(1, "M2", 0)
    own = scenario("hosts", values={"memory_gb": "16"}).script(1, "M2", 0)

    assert (8, 16) == (recorded.npages // 262_144, own.npages // 262_144)
