"""Files that a command is asked to write: refused before any work where that cannot be."""

import tempfile
from pathlib import Path

from vmmodel.errors import InputError


def check_file(path: Path) -> None:
    """Raise `InputError` unless a file can be written at *path*."""
    if path.is_dir():
        raise InputError(path, "is a folder", "the name of a file")
    if not path.parent.is_dir():
        raise InputError(path, "its folder does not exist", "a folder that does")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        what = f"cannot be written ({error.strerror})"
        raise InputError(path, what, "a file in a writable folder") from None
