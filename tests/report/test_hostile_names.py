"""Names and sentences from a sweep's files are shown in pages as they are, and do nothing."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.report.synthetic import STORIES, write_sweep
from vmmodel.analysis.description import TableError
from vmmodel.analysis.tables import Study, load
from vmmodel.experiment.schema import TABLES
from vmmodel.report import index
from vmmodel.report.export import Page, render

ATTACK = "x</style></code><script>alert(1)</script><img src=x onerror=alert(1)>\"'`$\\frac{$"


def everywhere(tree: Any) -> Any:
    """Put the attack into every text of a tree."""
    if isinstance(tree, dict):
        return {key: everywhere(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [everywhere(value) for value in tree]
    return ATTACK if isinstance(tree, str) else tree


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """A sweep whose every text is an attack: the description, and a variant in every table."""
    folder = write_sweep(tmp_path / "sweep", 6, 4, STORIES[2:3])
    path = folder / "meta.json"
    path.write_text(json.dumps(everywhere(json.loads(path.read_text()))))
    for name in TABLES:
        table = pq.read_table(folder / f"{name}.parquet")
        at = table.schema.get_field_index("variant")
        attacks = pa.array([ATTACK] * table.num_rows)
        pq.write_table(table.set_column(at, table.field(at), attacks), folder / f"{name}.parquet")
    return load(folder)


class Tags(HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_texts_of_a_sweep_are_shown_and_do_nothing(study: Study, tmp_path: Path) -> None:
    """The attack stands in the page as text, in figures too, and never becomes a tag."""
    pages = [Page("index.html", "Answer", "A title")]

    page = Tags(render(study, pages[0], pages, index.body(study, tmp_path, []), ATTACK))

    assert "script" not in page.tags
    assert not [name for name in page.attributes if name.startswith("on")]
    assert page.text.count("<script>alert(1)</script>") > 5
    assert {"html", "head", "body", "svg", "table", "footer"} <= set(page.tags)


def test_name_with_control_characters_is_refused(tmp_path: Path) -> None:
    """A name that would do harm in a terminal or a spreadsheet is refused, where it is read."""
    for number, name in enumerate(("\x1b[31m", "=1+1", "a\nb", "é", "a" * 501, "-x")):
        folder = write_sweep(tmp_path / str(number), 1, 2, STORIES[4:], designs=("freeable",))
        path = folder / "runs.parquet"
        table = pq.read_table(path)
        at = table.schema.get_field_index("design")
        pq.write_table(table.set_column(at, table.field(at), pa.array([name])), path)

        with pytest.raises(TableError, match=r"runs\.parquet: design is .*, expected a printable"):
            load(folder)
