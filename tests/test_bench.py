"""The benchmark measures two that do the same, and says so when it cannot."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks import allocator, clocks, compiler, growth, memory, rounds, traffic
from benchmarks.loads import PRESSURE, machine, script
from benchmarks.streams import MIXES, Slots, Toggle
from vmmodel.__main__ import main
from vmmodel.kernel.cstruct import CHECKED

needs_speed = pytest.mark.skipif(CHECKED, reason="nothing is compiled")


@pytest.fixture(scope="module")
def compiled() -> compiler.Compiled:
    """Give the allocator in C."""
    built = compiler.build(allocator.SOURCE, allocator.STRUCTS)
    if isinstance(built, str):
        pytest.skip(built)
    return built


@pytest.fixture(scope="module")
def traffic_in_c() -> compiler.Compiled:
    """Give the page traffic in C."""
    built = compiler.build(traffic.SOURCE, traffic.STRUCTS)
    if isinstance(built, str):
        pytest.skip(built)
    return built


@needs_speed
@pytest.mark.parametrize("mix", MIXES, ids=lambda mix: mix.name)
def test_c_and_compiled_python_agree(mix: allocator.Mix, compiled: compiler.Compiled) -> None:
    """All results, the order of all lists and the free count are equal, or there is no case."""
    case = allocator.measure_case(mix, 1 << 14, compiled, rounds=3, n=1 << 12)

    assert (3, 3) == (len(case.ours_ns), len(case.c_ns))
    assert allocator.measure_case(mix, 1 << 14, None, rounds=3, n=1 << 12).digest == case.digest


@needs_speed
def test_a_difference_is_noticed(compiled: compiler.Compiled) -> None:
    """One result of C that is not ours stops the benchmark."""
    in_c = compiled.library.replay

    def one_less(vm: Any, operations: Any, blocks: Any, start: int, end: int) -> int:
        return int(in_c(vm, operations, blocks, start, end - 1))

    allocator.measure_case(MIXES[0], 1 << 14, compiled, rounds=1, n=1 << 12)  # declares arguments
    wrong: Any = compiler.Compiled(SimpleNamespace(replay=one_less), compiled.compiler)  # type: ignore[arg-type]
    with pytest.raises(rounds.Difference, match="order 0"):
        allocator.measure_case(MIXES[0], 1 << 14, wrong, rounds=1, n=1 << 12)


def test_stream_toggles_every_slot() -> None:
    """A slot is allocated when it is not there and freed when it is, however often it comes."""
    slots = Slots(1 << 8, MIXES[0], seed=1)
    there = np.zeros(len(slots.there), bool)

    for stream in (*slots.fill(), slots.toggle(1000), slots.toggle(1000)):
        assert isinstance(stream, Toggle)
        for slot, allocates in zip(stream.slots, stream.allocates, strict=True):
            assert allocates != there[slot]
            there[slot] = allocates
    assert np.array_equal(there, slots.there)


@needs_speed
def test_whole_traffic_in_c_ends_in_the_same_state(traffic_in_c: compiler.Compiled) -> None:
    """C and compiled Python agree to the byte where pages are reclaimed and waited for."""
    case = traffic.Case(PRESSURE, 1 << 15, 300_000)

    measured = traffic.measure_case(case, traffic_in_c, rounds=1)
    assert measured["reclaimed"] > 1000
    assert measured["refused"] > 0
    assert measured["lock_contended"] > 0
    assert measured["state"] == traffic.measure_case(case, None, rounds=1)["state"]


@needs_speed
def test_one_wrong_byte_is_noticed() -> None:
    """The pool of one page changes the state that is compared."""
    made = machine(script(PRESSURE, 1 << 14, 2, 1000, seed=1))
    before = traffic.state_of(made)
    made.vm.set_pool(5000, 3)

    assert before != traffic.state_of(made)
    made.close()


@needs_speed
def test_clocks_are_compared_on_equal_sequences() -> None:
    """Both clocks give one digest, and the bare loop has as many events as the plain clock."""
    measured = clocks.compare(1 << 14, 20_000, rounds=1)

    assert 10 == len(measured["digest"])
    assert measured["events"] > measured["operations"] > 1000
    assert 1 == len(measured["faster"]["ratios"]) == len(measured["overhead"]["ratios"])


def test_bare_loop_has_the_events_asked_for() -> None:
    """Its processes sleep so often in all, apart from beginning and ending."""
    env, steps = clocks.bare_loop(9, 900), 0
    while env.peek() != float("inf"):
        env.step()
        steps += 1

    assert 900 + 2 * 9 == steps


def test_exponents_are_those_of_power_laws() -> None:
    """A run whose operations cost the same is linear; what grows as a root has exponent a half."""
    rows = [{"served": n, "npages": n, "median_ns": 50.0} for n in (10, 100, 1000)]
    roots = [{"served": n, "npages": n, "median_ns": n**0.5} for n in (10, 100, 1000)]

    assert 1.0 == growth.exponent("operations", rows)
    assert 0.0 == abs(growth.exponent("npages", rows))
    assert 0.5 == growth.exponent("npages", roots)


def test_missed_goals_are_called_so() -> None:
    """A value at the goal meets it."""
    assert ("1.3", "1.3, missed") == (rounds.at_most(1.3, 1.3), rounds.at_most(1.31, 1.3))
    assert "at least 60" == rounds.at_least(60.0, 60.0)
    assert "at least 60, missed" == rounds.at_least(59.9, 60.0)


def test_page_with_its_share_of_a_reservation_is_within_the_goal() -> None:
    """A page structure and its share of the region's reservation and map take at most 16 bytes."""
    assert 12 < memory.per_page() <= memory.GOAL_BYTES


def test_other_structures_are_refused(compiled: compiler.Compiled) -> None:
    """Sizes that are not those of the source give a sentence, not a comparison."""
    assert compiled.compiler
    built = compiler.build(allocator.SOURCE, allocator.STRUCTS[::-1])

    assert "other sizes" in str(built)


def test_without_a_compiler_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """No compiler gives a sentence and no error."""
    monkeypatch.setattr(shutil, "which", lambda _name: None)

    assert "no C compiler was found" in str(compiler.build(allocator.SOURCE, ()))


def test_source_that_does_not_compile_is_told(tmp_path: Path) -> None:
    """The compiler's first complaint is passed on."""
    (tmp_path / "wrong.c").write_text("int f(")

    told = str(compiler.build(tmp_path / "wrong.c", ()))
    assert "wrong.c" in told or not compiler.find_compiler()


@needs_speed
def test_command_writes_its_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file holds machine, versions and every round; nothing else is left beside it."""
    monkeypatch.setattr(allocator, "SIZES", (1 << 12,))
    monkeypatch.setattr(allocator, "MIXES", MIXES[:1])
    out = tmp_path / "new" / "bench.json"

    assert 0 == main(["bench", "--quick", "--part", "allocator", "--out", str(out)])

    document = json.loads(out.read_text())
    assert [out] == list(out.parent.iterdir())
    assert {"vmmodel", "processor", "python", "packages"} <= set(document["machine"])
    assert 7 == len(document["allocator"]["cases"][0]["ours_ns"])
    assert "order 0" in capsys.readouterr().out


@needs_speed
def test_file_that_cannot_be_written_is_told_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A path below a file is one sentence, before anything is measured."""
    (tmp_path / "file").touch()

    assert 2 == main(["bench", "--out", str(tmp_path / "file" / "bench.json")])
    assert "cannot be written" in capsys.readouterr().err
