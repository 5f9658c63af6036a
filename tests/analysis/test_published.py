"""Published tables: read as they are, refused in one sentence when they are not what they were."""

from pathlib import Path

import pytest

from vmmodel.analysis.published import read_published
from vmmodel.errors import InputError

COLUMNS = {"cores": "int64", "ns": "float64"}


def test_asked_columns_are_read(tmp_path: Path) -> None:
    """Other columns are left out, types are as asked."""
    path = tmp_path / "table.csv"
    path.write_text("cores,note,ns\n1,x,94\n2,y,105\n")

    assert [(1, 94.0), (2, 105.0)] == list(read_published(path, COLUMNS).itertuples(index=False))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (None, "cannot be read"),
        ("", "is another table"),
        ("cores,us\n1,2\n", "is another table"),
        ("cores,ns\none,2\n", "is another table"),
    ],
)
def test_another_table_is_refused(text: str | None, what: str, tmp_path: Path) -> None:
    """The sentence names the file and the columns."""
    path = tmp_path / "table.csv"
    if text is not None:
        path.write_text(text)

    with pytest.raises(InputError, match="columns cores, ns") as refused:
        read_published(path, COLUMNS)

    assert what in str(refused.value)
    assert "\n" not in str(refused.value)
