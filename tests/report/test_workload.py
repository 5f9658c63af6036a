"""The figure of a workload's load."""

import numpy as np

from vmmodel.report.workload import load_figure

HOURS = np.arange(10) / 10
COLUMNS = {
    "hours": HOURS,
    "file MiB": HOURS * 4096,
    "anonymous MiB": HOURS * 10,
    "kernel MiB": HOURS,
    "VM objects": HOURS * 30,
    "page requests": HOURS * 1000,
}
PHASES = [("start", 0.0, 0.5), ("end", 0.5, 1.0)]


def test_figure_names_what_it_draws() -> None:
    """Phases and columns stand in the drawing, the numbers go with it, colours are the page's."""
    figure = load_figure("boot", COLUMNS, PHASES)

    for word in ("start", "end", "anonymous", "VM objects", "hours", "GiB"):
        assert word in figure.svg
    assert "currentColor" in figure.svg
    assert "#000000" not in figure.svg
    assert list(COLUMNS) == list(figure.data)
    assert "at most 3.61 GiB" in figure.alt


def test_two_drawings_are_the_same() -> None:
    """The same numbers give the same bytes."""
    assert load_figure("boot", COLUMNS, PHASES).svg == load_figure("boot", COLUMNS, PHASES).svg
