"""Reading what others published: CSV files of the data folder."""

from pathlib import Path

import pandas as pd

from vmmodel.errors import InputError


def read_published(path: Path, columns: dict[str, str]) -> pd.DataFrame:
    """Read *columns* (name to type) of a file; `InputError` if they are not there."""
    expected = f"CSV with the columns {', '.join(columns)}"
    try:
        return pd.read_csv(path, usecols=list(columns), dtype=columns)
    except OSError as reason:
        raise InputError(path, f"cannot be read ({reason.strerror})", expected) from None
    except ValueError as reason:  # of pandas: a column is missing, a cell is no number
        what = str(reason).splitlines()[0]
        raise InputError(path, f"is another table ({what})", expected) from None
