"""Model against reference on random traces that go where the golden traces do not."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st
from oracle.generate import draw_trace
from oracle.reference import Options, segments_of
from strategies import examples, layouts

from vmmodel.kernel.segments import assign_free_lists
from vmmodel.oracle.parity import Parity, check_parity

seeds = st.integers(0, 2**63)


def replayed(text: str) -> Parity:
    """Write a trace, replay it, and give what was found."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "trace.csv"
        path.write_text(text)
        return check_parity(path)


@examples(400)
@given(seeds, st.integers(1, 200))
def test_model_equals_reference(seed: int, operations: int) -> None:
    """Two programs written apart from the same rules answer every random trace alike.

    A trace of fewer operations is the start of a longer one of the same seed, so a failure
    shrinks to the first operation on which they differ.
    """
    text = draw_trace(seed, operations)

    parity = replayed(text)

    shown = text.partition("\n")[0]
    assert ("", "", shown) == (parity.got, parity.expected, shown), parity.row
    assert text.count("\n") - 2 == parity.rows


@given(seeds)
def test_traces_are_drawn_alike(seed: int) -> None:
    """The same seed draws the same trace."""
    assert draw_trace(seed, 20) == draw_trace(seed, 20)


@examples(300)
@given(layouts(), st.one_of(st.integers(0, 4000), st.just(16_777_216)))
def test_segments_equal_reference(segments: list[tuple[int, int]], threshold: int) -> None:
    """Splitting at 16 MB and 4 GB, numbering and joining agree for any layout and threshold."""
    parts, nfreelists = assign_free_lists(segments, threshold)

    expected = segments_of(Options(ranges=segments, dma32_threshold=threshold))
    assert expected == ([(part.start, part.end, part.freelist) for part in parts], nfreelists)
