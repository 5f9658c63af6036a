"""Read a TOML file that somebody else wrote: within limits, and one sentence when it is broken."""

import re
import tomllib
from pathlib import Path
from typing import Any

from vmmodel.errors import InputError

MAX_BYTES = 1 << 18
"""Largest file; one written by hand has a hundredth of it."""
MAX_DOTS = 200
"""In what may be one key, ``a.b.c``: the parser's time and memory grow with their square."""


def read_toml(path: Path, expected: str) -> dict[str, Any]:
    """Read *path*; `InputError` where that is not possible, with what was *expected*."""
    if path.is_fifo():
        raise InputError(path, "is a pipe, which might never end", expected)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as reason:
        said = reason.strerror if isinstance(reason, OSError) else str(reason)
        raise InputError(path, f"cannot be read ({said})", expected) from None
    if len(content) > MAX_BYTES:
        raise InputError(path, "the file is too large", f"at most {MAX_BYTES >> 10} kB")
    if any(part.count(b".") > MAX_DOTS for part in re.split(rb"[,=\n\[\]{}]", content)):
        raise InputError(path, f"a key or text with more than {MAX_DOTS} dots", expected)
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(path, "is not plain text", "UTF-8", line=line) from None
    except RecursionError:
        raise InputError(path, "tables or lists are nested too deep", expected) from None
    except ValueError as error:  # broken, or a number of too many digits
        what = f"broken TOML ({ascii(str(error))[1:-1][:200]})"
        raise InputError(path, what, expected) from None
