"""What is printed on a terminal is the text as it stands."""

from pathlib import Path

import pandas as pd
import pytest

import vmmodel
from vmmodel.report.terminal import plain_console, print_frame

WORDS = "queue [kib] wants [/b] :bomb: [bold]x"


def test_text_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    """Sentences, titles, heads and cells of tables keep their brackets and colons."""
    plain_console(width=200).print(WORDS)
    print_frame(pd.DataFrame({f"head {WORDS}": [f"cell {WORDS}"]}), f"title {WORDS}")

    shown = " ".join(capsys.readouterr().out.split())
    assert shown.startswith(WORDS)
    for place in ("title", "head", "cell"):
        assert f"{place} {WORDS}" in shown


def test_there_is_no_other_console() -> None:
    """Whatever is printed goes through `plain_console`."""
    root = Path(vmmodel.__file__).parent
    makers = [path.name for path in root.rglob("*.py") if " Console(" in path.read_text()]

    assert ["terminal.py"] == makers
