"""Sweeps: the same bytes however they come about, and nothing half written."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from experiment.small import DESIGNS, VALUES, in_own_session, leftovers, small_sweep, table_bytes

from vmmodel.experiment import unit as unit_module
from vmmodel.experiment.locks import forget_shards
from vmmodel.experiment.schema import TABLES
from vmmodel.experiment.shards import SHARDS
from vmmodel.experiment.sweep import run_sweep
from vmmodel.experiment.unit import Unit
from vmmodel.sim.machine import AnyScript, run_script
from vmmodel.sim.run import RunResult


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep that ran through in one process."""
    folder = tmp_path_factory.mktemp("undisturbed") / "out"
    run_sweep(small_sweep(), folder, {"key": small_sweep().key()}, workers=1, keep=True)
    return folder


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The designs of all machines that are made from now on, in this process."""
    made: list[str] = []

    def run(script: AnyScript, design: str, *words: Any, **more: Any) -> RunResult:
        made.append(design)
        return run_script(script, design, *words, **more)

    monkeypatch.setattr(unit_module, "run_script", run)
    return made


def shards_of(folder: Path) -> list[Path]:
    """Finished runs of a sweep into *folder*."""
    return sorted(folder.parent.glob(f"{SHARDS}/*/[0-9a-f][0-9a-f]/[0-9a-f]*"))


def test_again_is_the_same(undisturbed: Path, tmp_path: Path) -> None:
    """The same sweep elsewhere gives the same bytes."""
    run_sweep(small_sweep(), tmp_path / "out", {}, workers=1)

    assert table_bytes(undisturbed) == table_bytes(tmp_path / "out")
    assert [] == leftovers(tmp_path / "out")


def test_workers_do_not_matter(undisturbed: Path, tmp_path: Path) -> None:
    """Two processes give the bytes of one, and report every run once."""
    done: list[Unit] = []

    run_sweep(small_sweep(), tmp_path / "out", {}, workers=2, done=done.append)

    assert table_bytes(undisturbed) == table_bytes(tmp_path / "out")
    runs = [(unit.replication, design) for unit in done for design in unit.designs]
    assert [(i, design) for i in range(3) for design in DESIGNS] == sorted(runs)


def test_longest_units_begin_first(undisturbed: Path, tmp_path: Path) -> None:
    """What costs most is run first, and the tables are the same."""
    ran: list[int] = []
    sweep = small_sweep()

    run_sweep(
        sweep,
        tmp_path / "out",
        {},
        workers=1,
        done=lambda unit: ran.append(unit.replication),
        cost=lambda unit: [2.0, 1.0, 3.0][unit.replication],
    )

    assert [2, 0, 1] == ran
    assert table_bytes(undisturbed) == table_bytes(tmp_path / "out")


def test_finished_units_are_not_run_again(undisturbed: Path, machines: list[str]) -> None:
    """A second sweep of the same finds everything there."""
    before = table_bytes(undisturbed)

    run_sweep(small_sweep(), undisturbed, {}, workers=1, keep=True)

    assert [] == machines
    assert before == table_bytes(undisturbed)


def test_sweep_goes_on_where_it_was_stopped(
    undisturbed: Path, tmp_path: Path, machines: list[str]
) -> None:
    """With one of six runs left, five are made, and the bytes are the same."""
    folder = tmp_path / "out"
    run_sweep(small_sweep(), folder, {}, workers=1, keep=True)
    shutil.rmtree(folder)
    for shard in shards_of(folder)[1:]:
        shard.unlink()
    machines.clear()

    run_sweep(small_sweep(), folder, {}, workers=1, keep=True)

    assert 5 == len(machines)
    assert table_bytes(undisturbed) == table_bytes(folder)


def test_half_written_shard_is_not_used(
    undisturbed: Path, tmp_path: Path, machines: list[str]
) -> None:
    """What a killed process left under a temporary name is never read, and deleted in the end."""
    folder = tmp_path / "out"
    run_sweep(small_sweep(), folder, {}, workers=1, keep=True)
    shard = shards_of(folder)[0]
    draft = shard.with_name(f".{shard.name}-4711")
    shard.rename(draft)
    draft.write_bytes(draft.read_bytes()[:20])
    machines.clear()

    run_sweep(small_sweep(), folder, {}, workers=1, keep=True)

    assert 1 == len(machines)
    assert table_bytes(undisturbed) == table_bytes(folder)
    os.utime(draft, (0, 0))
    run_sweep(small_sweep(), folder, {}, workers=1, keep=True)
    assert not draft.exists()


def endless(shard: Path) -> None:
    """Let a shard be a link to a file without an end."""
    shard.symlink_to("/dev/zero")


@pytest.mark.parametrize("put", [Path.mkdir, os.mkfifo, endless], ids=["folder", "pipe", "endless"])
def test_what_is_no_file_in_place_of_a_shard(
    undisturbed: Path, tmp_path: Path, put: Callable[[Path], None]
) -> None:
    """It is set aside unread, and the run is made again."""
    shutil.copytree(undisturbed.parent, tmp_path / "copy")
    folder = tmp_path / "copy" / "out"
    shard = shards_of(folder)[1]
    shard.unlink()
    put(shard)
    said: list[str] = []

    run_sweep(small_sweep(), folder, {}, workers=1, keep=True, say=said.append)

    (sentence,) = said
    assert sentence.startswith("A finished run is damaged (it is not a regular file)")
    assert table_bytes(undisturbed) == table_bytes(folder)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _content: b"",
    "cut": lambda content: content[:100],
    "cut at the end": lambda content: content[:-1],
    "longer": lambda content: content + b"\0",
    "zeros": lambda content: bytes(len(content)),
    "one bit of its rows": lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
    "one bit of its sum": lambda content: bytes([content[0] ^ 1]) + content[1:],
    "another sum": lambda content: hashlib.sha256(b"").hexdigest().encode() + b"\n",
    "another program's": lambda _content: b"\x7fELF" * 100,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_shard_is_run_again(
    undisturbed: Path, tmp_path: Path, machines: list[str], damage: str
) -> None:
    """A run that was damaged since it was written is named, set aside and run again."""
    shutil.copytree(undisturbed.parent, tmp_path / "copy")
    folder = tmp_path / "copy" / "out"
    shard = shards_of(folder)[1]
    content = DAMAGES[damage](shard.read_bytes())
    shard.write_bytes(content)
    said: list[str] = []

    run_sweep(small_sweep(), folder, {}, workers=1, keep=True, say=said.append)

    aside = shard.with_name(f"{shard.name}.damaged")
    (sentence,) = said
    assert sentence.startswith("A finished run is damaged (")
    assert sentence.endswith(f"): set aside as {aside}, to be run again.")
    assert content == aside.read_bytes()
    assert 1 == len(machines)
    assert table_bytes(undisturbed) == table_bytes(folder)


def test_shard_that_is_damaged_while_the_tables_are_written(
    undisturbed: Path, tmp_path: Path, machines: list[str]
) -> None:
    """Damage between the end of a run and its reading is noticed, too."""
    folder = tmp_path / "out"

    def damage(_unit: Unit) -> None:
        for shard in shards_of(folder)[:1]:
            shard.write_bytes(b"torn")

    run_sweep(small_sweep(), folder, {}, workers=1, done=damage)

    assert 7 <= len(machines)
    assert table_bytes(undisturbed) == table_bytes(folder)


def test_nothing_is_left_beside_the_folder(tmp_path: Path) -> None:
    """A sweep that is finished leaves its folder and nothing else, unless units are to be kept."""
    run_sweep(small_sweep(1), tmp_path / "out", {}, workers=1)

    assert ["out"] == [path.name for path in tmp_path.iterdir()]


def test_more_replications_use_those_there_are(
    undisturbed: Path, tmp_path: Path, machines: list[str]
) -> None:
    """Going from three to four replications runs one, and leaves the first three as they were."""
    shutil.copytree(undisturbed.parent, tmp_path / "copy")
    folder = tmp_path / "copy" / "out"

    run_sweep(small_sweep(4), folder, {}, workers=1, keep=True)

    assert list(DESIGNS) == machines
    three, four = (pq.read_table(path / "runs.parquet") for path in (undisturbed, folder))
    assert three.equals(four.slice(0, three.num_rows))
    assert 8 == four.num_rows


def test_shards_of_other_models_are_forgotten(undisturbed: Path, tmp_path: Path) -> None:
    """Units of another state of the source are deleted: nothing will ask for them again."""
    old = tmp_path / SHARDS / "0123456789abcdef" / "unit"
    old.mkdir(parents=True)

    run_sweep(small_sweep(1), tmp_path / "out", {}, workers=1)

    assert not old.parent.exists()
    forget_shards(tmp_path / "out")
    assert not (tmp_path / SHARDS).exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda unit: replace(unit, seed=2),
        lambda unit: replace(unit, replication=1),
        lambda unit: replace(unit, variant="x"),
        lambda unit: replace(unit, scenario=replace(unit.scenario, prices=(("lock", 9.0),))),
        lambda unit: replace(unit, scenario=unit.scenario.with_values({"cpus": "5"})),
        lambda unit: replace(unit, scenario=replace(unit.scenario, source="own file")),
        lambda unit: replace(unit, scenario=replace(unit.scenario, name="other")),
    ],
)
def test_key_names_all_a_run_depends_on(change: Callable[[Unit], Unit]) -> None:
    """A run that differs in anything has another key."""
    unit = small_sweep().units()[0]

    assert set(unit.keys().values()).isdisjoint(change(unit).keys().values())
    assert unit.keys() == small_sweep().units()[0].keys()
    assert len(DESIGNS) == len(set(unit.keys().values()))


def test_key_leaves_names_and_company_out() -> None:
    """What a setting is called, and which other designs are run, changes nothing in a run."""
    unit = small_sweep().units()[0]
    named = replace(unit, scenario=replace(unit.scenario, setting="cpus=4"))

    assert unit.keys() == named.keys()
    assert unit.keys()["freeable"] == replace(unit, designs=("freeable",)).keys()["freeable"]
    sweep = small_sweep()
    renamed = replace(sweep, scenarios=(named.scenario,))
    assert sweep.key() != renamed.key()


def test_another_design_runs_that_design_only(
    undisturbed: Path, tmp_path: Path, machines: list[str]
) -> None:
    """A sweep with one design more makes the runs of that design and no others."""
    shutil.copytree(undisturbed.parent, tmp_path / "copy")
    sweep = replace(small_sweep(), designs=("bump:panic", "freeable", "batch"))

    run_sweep(sweep, tmp_path / "copy" / "out", {}, workers=1, keep=True)

    assert 3 * ["batch"] == machines


def test_prices_reach_the_clock(tmp_path: Path) -> None:
    """A setting with a dearer lock holds it longer; what happens in memory stays the same."""
    sweep = small_sweep(1)
    dear = replace(sweep.scenarios[0], setting="free_lock=500", prices=(("free_lock", 500.0),))
    sweep = replace(sweep, scenarios=(*sweep.scenarios, dear), designs=("freeable",))

    run_sweep(sweep, tmp_path / "out", {}, workers=1)

    cheap, dear_run = pq.read_table(tmp_path / "out" / "runs.parquet").to_pylist()
    assert ("", "free_lock=500") == (cheap["setting"], dear_run["setting"])
    assert dear_run["lock_hold_ns"] > 2 * cheap["lock_hold_ns"]
    assert cheap["in_use"] == dear_run["in_use"]


def test_every_design_meets_the_same_requests(tmp_path: Path) -> None:
    """Under each design that ends its run, the same number of pages is asked for."""
    sweep = replace(small_sweep(2), designs=("ordinary", "bump:leak", "freeable", "batch"))

    run_sweep(sweep, tmp_path / "out", {}, workers=1)

    runs = pq.read_table(tmp_path / "out" / "runs.parquet").to_pandas()
    by_replication = runs.groupby("replication")[["requests", "requested_pages"]]
    assert (by_replication.nunique() == 1).all(axis=None)
    assert [200] == runs["requests"].unique().tolist()


def test_tables_say_their_units(undisturbed: Path) -> None:
    """Every column of every file carries its unit and its meaning."""
    units = {"-", "ns", "pages", "blocks", "chunks", "requests", "slabs", "operations"}
    units |= {"runs", "entries", "superpages"}
    for name, schema in TABLES.items():
        written = pq.read_schema(undisturbed / f"{name}.parquet")
        assert schema.names == written.names
        for field in written:
            assert field.metadata[b"unit"].decode() in units | {"2 MB regions"}
            assert field.metadata[b"meaning"]
            assert not field.nullable
            if field.name.endswith("_ns"):
                assert b"ns" == field.metadata[b"unit"]


REPLICATIONS = 16
LONGER = {"requests": "2000"}


def command(out: Path, workers: int) -> list[str]:
    """A run of the command line that takes some seconds."""
    words = [sys.executable, "-m", "vmmodel", "run", "second-resource", "--out", str(out)]
    for name, value in (VALUES | LONGER).items():
        words += ["--set", f"{name}={value}"]
    for design in DESIGNS:
        words += ["--design", design]
    return [*words, "--replications", str(REPLICATIONS), "--workers", str(workers)]


def interrupt(out: Path, workers: int) -> subprocess.CompletedProcess[str]:
    """Start a run and press Ctrl-C, as a terminal does it, once the first unit is finished."""
    process = in_own_session(command(out, workers))
    try:
        deadline = time.monotonic() + 120
        while not shards_of(out) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


@pytest.fixture(scope="module")
def longer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sweep that is to be interrupted, undisturbed."""
    folder = tmp_path_factory.mktemp("longer") / "out"
    run_sweep(small_sweep(REPLICATIONS, **LONGER), folder, {}, workers=1)
    return folder


@pytest.mark.parametrize("workers", [1, 2])
def test_interrupted_run(longer: Path, tmp_path: Path, machines: list[str], workers: int) -> None:
    """Ctrl-C ends a run soon and leaves finished units only; the next run takes it from there."""
    out = tmp_path / "out"

    stopped = interrupt(out, workers)

    assert 130 == stopped.returncode
    assert "Traceback" not in stopped.stderr
    last = "study: stopped; what was finished is kept and will not be run again"
    assert last == stopped.stderr.splitlines()[-1]
    assert not out.exists()
    assert [] == leftovers(out)
    finished = len(shards_of(out))
    # Each process ends its unit and one that was handed out ahead.
    assert 1 <= finished <= (REPLICATIONS - 8) * len(DESIGNS)

    run_sweep(small_sweep(REPLICATIONS, **LONGER), out, {}, workers=1)

    assert REPLICATIONS * len(DESIGNS) - finished == len(machines)
    assert table_bytes(longer) == table_bytes(out)
