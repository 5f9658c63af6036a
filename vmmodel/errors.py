"""The error of bad input: one sentence that names file, place and what was expected."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

_SHOWN = 60


class StudyError(ValueError):
    """Something a reader can mend, told in one sentence: the command line prints it and stops."""

    def __str__(self) -> str:
        return printable(super().__str__())


class InputError(StudyError):
    """An input file that cannot be used, with the place and the expectation.

    The command line prints it as one line and stops; it is never a traceback.  *line* is
    the 1-based line of a text file, or ``None`` when the complaint is about the whole file
    (then *what* names the key or row).

    >>> print(InputError("zones.txt", "used is -4", "a whole number from 0", line=3))
    zones.txt:3: used is -4, expected a whole number from 0
    >>> print(InputError("empty.txt", "the file is empty", "output of vmstat -z"))
    empty.txt: the file is empty, expected output of vmstat -z
    """

    def __init__(self, file: str | Path, what: str, expected: str, line: int | None = None) -> None:
        # All arguments go to the base class, so that the error survives pickling.
        super().__init__(str(file), what, expected, line)
        self.file = str(file)
        self.what = what
        self.expected = expected
        self.line = line

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return printable(f"{place}: {self.what}, expected {self.expected}")


def printable(text: str) -> str:
    r"""Escape what would move a terminal's cursor or change its colours.

    >>> print(printable("a\x1b[31mb é"))
    a\x1b[31mb é
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def shown(found: object) -> str:
    r"""Quote what was *found* in a file: one line, printable, cut when long.

    >>> print(shown("a\x1b[31m"))
    'a\x1b[31m'
    >>> len(shown("x" * 1000))
    65
    """
    text = found if isinstance(found, str) else repr(found)
    return ascii(text[:_SHOWN] + ("..." if len(text) > _SHOWN else ""))


def meant(found: str, known: Iterable[str]) -> str:
    """Suggest the nearest of the *known* names, to go behind "is unknown"; nothing if none is near.

    >>> meant("m5", ["M1", "M5"]), meant("xyz", ["M1"])
    (' (did you mean M5?)', '')
    """
    names = {name.lower(): name for name in known}
    near = get_close_matches(found.lower(), names, n=1)
    return f" (did you mean {names[near[0]]}?)" if near else ""
