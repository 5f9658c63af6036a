"""The benchmark measures two that do the same, and says so when it cannot."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks import allocator, compiler
from benchmarks.streams import MIXES, Slots, Toggle
from vmmodel.__main__ import main
from vmmodel.kernel.cstruct import CHECKED
from vmmodel.kernel.pages import Domain, FreeList, Machine, Page, Segment
from vmmodel.kernel.replay import Block, Operation

needs_speed = pytest.mark.skipif(CHECKED, reason="nothing is compiled")


@pytest.fixture(scope="module")
def compiled() -> compiler.Compiled:
    """Give the C comparator."""
    built = compiler.build(allocator.SOURCE)
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

    class Wrong(compiler.Compiled):
        def replay(self, machine: int, operations: int, blocks: int, start: int, end: int) -> int:
            return super().replay(machine, operations, blocks, start, end - 1)

    wrong = Wrong(compiled.library, compiled.compiler)
    with pytest.raises(allocator.Difference, match="order 0"):
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


def test_structs_are_those_of_the_comparator() -> None:
    """The list whose sizes C is asked for names each struct that C declares."""
    assert (Page, FreeList, Segment, Domain, Machine, Operation, Block) == compiler.STRUCTS


def test_without_a_compiler_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """No compiler gives a sentence and no error."""
    monkeypatch.setattr(shutil, "which", lambda _name: None)

    assert "no C compiler was found" in str(compiler.build(allocator.SOURCE))


def test_source_that_does_not_compile_is_told(tmp_path: Path) -> None:
    """The compiler's first complaint is passed on."""
    (tmp_path / "wrong.c").write_text("int f(")

    assert "wrong.c" in str(compiler.build(tmp_path / "wrong.c")) or not compiler.find_compiler()


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
