"""Notebooks: committed clean, thin, and run from top to bottom."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.report.synthetic import STORIES, write_sweep
from vmmodel.report import execute

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
NAMES = [path.name for path in NOTEBOOKS]


def cells(path: Path, kind: str) -> list[dict[str, Any]]:
    """Cells of one *kind*, as committed."""
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == kind]


def source(cell: dict[str, Any]) -> str:
    """Text of a cell."""
    return "".join(cell["source"])


def test_questions_arguments_and_their_check_are_there() -> None:
    """The report consists of these notebooks."""
    arguments = ["01-fragmentation.ipynb", "02-leaks.ipynb", "03-latency.ipynb"]

    assert ["00-questions.ipynb", *arguments, "04-statistics.ipynb"] == NAMES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_it_is_committed_clean(path: Path) -> None:
    """No outputs, no counts, plain cell names, the common kernel, no absolute path."""
    notebook = json.loads(path.read_text())
    code = cells(path, "code")

    assert [[]] * len(code) == [cell["outputs"] for cell in code]
    assert {None} == {cell["execution_count"] for cell in code}
    ids = [cell["id"] for cell in notebook["cells"]]
    assert [f"c{i:03d}" for i in range(len(ids))] == ids
    assert "python3" == notebook["metadata"]["kernelspec"]["name"]
    assert not re.search(r"[\"'](/|[A-Z]:\\)", "".join(source(cell) for cell in code))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_it_reads_like_an_essay(path: Path) -> None:
    """A question, parameters first, short cells, no definitions, ten words to a line of code."""
    code = [source(cell) for cell in cells(path, "code")]
    prose = " ".join(source(cell) for cell in cells(path, "markdown"))
    lines = sum(len(text.splitlines()) for text in code)

    assert prose.splitlines()[0].startswith("# ")
    assert prose.splitlines()[0].endswith("?")
    assert ["parameters"] == cells(path, "code")[0]["metadata"]["tags"]
    assert max(len(text.splitlines()) for text in code) <= 8
    assert not re.search(r"^\s*(def|class|for|while)\b", "\n".join(code), re.M)
    assert len(prose.split()) >= 10 * lines
    assert path.stat().st_size < 50_000


def test_they_run_from_top_to_bottom(tmp_path: Path) -> None:
    """All of them run on a small sweep, and every assertion in them holds."""
    sweep = write_sweep(tmp_path / "sweep", 2, 5, STORIES[2:])
    ran = execute.execute(NOTEBOOKS, {"SWEEP": str(sweep), "INTERACTIVE": False})
    outputs = [
        out for notebook in ran for cell in notebook.cells for out in cell.get("outputs", [])
    ]

    assert len(NOTEBOOKS) == len(ran)
    assert {"execute_result"} == {out.output_type for out in outputs}


def test_the_selector_works_live(tmp_path: Path) -> None:
    """With INTERACTIVE the drop-down draws beside the figure."""
    sweep = write_sweep(tmp_path / "sweep", 2, 5, STORIES[2:])
    [ran] = execute.execute(NOTEBOOKS[1:2], {"SWEEP": str(sweep), "INTERACTIVE": True})
    outputs = [out for cell in ran.cells for out in cell.get("outputs", [])]

    assert any("application/vnd.jupyter.widget-view+json" in out.get("data", {}) for out in outputs)


def test_a_failing_notebook_is_named(tmp_path: Path) -> None:
    """An error names the notebook and the cell, and no kernel is left behind."""
    with pytest.raises(
        execute.NotebookError, match=r"01-fragmentation.ipynb: TableError: .*absent"
    ):
        execute.execute(NOTEBOOKS[1:2], {"SWEEP": str(tmp_path / "absent")})


def test_two_failing_notebooks_give_one_sentence(tmp_path: Path) -> None:
    """When both kernels fail the reader gets one plain error, not a group of them."""
    with pytest.raises(execute.NotebookError, match=r"\.ipynb: TableError: .*absent") as caught:
        execute.execute(NOTEBOOKS[1:3], {"SWEEP": str(tmp_path / "absent")})

    assert execute.NotebookError is type(caught.value)
    assert caught.value.__suppress_context__


def test_a_failing_notebook_is_one_sentence_in_a_process_of_its_own(tmp_path: Path) -> None:
    """Outside pytest the error is a NotebookError too: `./study` prints one line."""
    path = tmp_path / "bare.ipynb"
    path.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    script = (
        "import sys; from pathlib import Path; from vmmodel.report import execute\n"
        "try: execute.execute([Path(sys.argv[1])] * 2, {})\n"
        "except execute.NotebookError as error: print(error)"
    )
    command = [sys.executable, "-c", script, str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=execute.ROOT, check=False)

    assert (0, "") == (ended.returncode, ended.stderr)
    assert ended.stdout.startswith(f"{path}: no cell is tagged 'parameters'")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_it_speaks_of_drawn_events(path: Path) -> None:
    """Designs meet the same drawn events; what they are asked for next may differ."""
    assert not re.search(r"same requests|request sequence", path.read_text())


def test_the_latency_selector_follows_the_machine() -> None:
    """No operation is fixed, so that every machine shows the one it is judged by."""
    code = "\n".join(source(cell) for cell in cells(NOTEBOOKS[3], "code"))

    assert "explore(study, figures.tails)" in code


def test_a_notebook_without_parameters_is_refused(tmp_path: Path) -> None:
    """Without a tagged cell there is nowhere to put the parameters."""
    path = tmp_path / "bare.ipynb"
    path.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')

    with pytest.raises(execute.NotebookError, match=r"bare.ipynb: no cell is tagged 'parameters'"):
        execute.execute([path], {"SWEEP": "x"})
