"""The form of a trace: what a machine asked for, a row for each event.

    # vmmodel trace 1 pages=262144 cpus=4 ns=1000000000 (a file server, 2026)
    time_ns,cpu,op,name,count,id,part,fails
    0,,take,DEFAULT,80000,1,,
    512,0,refill,VM OBJECT,30,,,
    700,1,page,,,,,0:second=0
    902,1,take,DIRECT,1,4711,,
    1500,0,give,,,4711,,

``data/README.md`` tells what each column means, ``docs/traces.md`` how to record one.
"""

from dataclasses import dataclass

from vmmodel.consumers.memory import NO_INJECTION, Injection
from vmmodel.kernel import Pool

VERSION = 1
TITLE = "# vmmodel trace"
COLUMNS = "time_ns,cpu,op,name,count,id,part,fails"
OPTIONS = ("pages", "cpus", "ns", "bucket", "kernel", "kasan")
OPS = ("zone", "refill", "page", "take", "give", "squeeze", "release")
POOLS = {pool.name: pool for pool in Pool}
NOBODYS = ("zone", "squeeze", "release")
"""Rows without a processor, as are the pages that are taken before the clock starts."""


@dataclass(frozen=True, slots=True)
class Row:
    """One event; -1 where a number is blank."""

    line: int
    time_ns: int
    cpu: int
    op: str
    name: str
    count: int
    id: int
    part: int
    fails: tuple[Injection, ...]


def fails_text(fails: tuple[Injection, ...]) -> str:
    """Word what fails in the slabs of a request, as the column `fails` has it.

    >>> fails_text((NO_INJECTION, Injection(second=2), Injection(page=0, init=True)))
    '1:second=2;2:page=0;2:init'
    """
    words = []
    for number, fail in enumerate(fails):
        words += [f"{number}:page={fail.page}"] * (fail.page >= 0)
        words += [f"{number}:second={fail.second}"] * (fail.second >= 0)
        words += [f"{number}:init"] * fail.init
    return ";".join(words)


def fails_of(text: str, most: int) -> tuple[Injection, ...]:
    """Read what `fails_text` wrote, of at most *most* slabs; ValueError says what is expected.

    >>> fails_of("1:second=2", 8)[1]
    Injection(page=-1, second=2, init=False, unconverted=False, twice=False, queued=False, \
asserted=False)
    """
    found: dict[int, dict[str, int]] = {}
    for word in text.split(";") if text else ():
        slab, _, what = word.partition(":")
        kind, _, page = what.partition("=")
        number = whole(slab, most - 1)
        if kind == "init" and not page:
            found.setdefault(number, {})["init"] = 1
        elif kind in ("page", "second"):
            found.setdefault(number, {})[kind] = whole(page, 511)
        else:
            raise ValueError("SLAB:page=N, SLAB:second=N or SLAB:init, separated by semicolons")
    return tuple(_injection(found.get(i)) for i in range(max(found, default=-1) + 1))


def _injection(told: dict[str, int] | None) -> Injection:
    if told is None:
        return NO_INJECTION
    return Injection(told.get("page", -1), told.get("second", -1), bool(told.get("init")))


def whole(text: str, most: int) -> int:
    """Read a whole number from 0 to *most*; ValueError says so."""
    if not (text.isascii() and text.isdigit() and len(text) <= 20 and int(text) <= most):
        raise ValueError(f"a whole number from 0 to {most}")
    return int(text)
