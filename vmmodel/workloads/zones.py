"""The NOFREE zones of FreeBSD: which they are, since when, and how their items are aligned.

Read from ``data/hosts/zones.csv``; the marks there say what was read in the sources and what
is an estimate.
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from vmmodel.errors import InputError, shown
from vmmodel.paths import DATA

Kernel = Literal["13", "main"]
"""FreeBSD 13.0, or the main branch of late 2025."""


@dataclass(frozen=True)
class ZoneKind:
    """A zone as the sources describe it, for one kernel."""

    name: str
    """Name in ``vmstat -z``."""
    kernel: str
    """Kernel whose item size this is: "13", "main" or "both"."""
    item_size: int
    """Bytes of an item."""
    align: int
    """Alignment of an item in bytes."""
    nofree_13: bool
    """Whether the zone is NOFREE in 13.0 on amd64."""
    nofree_main: bool
    """Whether it is in main; where nobody looked it counts as NOFREE."""
    aliases: tuple[str, ...]
    """Secondary zones that take their items from the same keg."""

    def nofree_in(self, kernel: Kernel) -> bool:
        """Tell whether the zone never gives its pages back in *kernel*."""
        return self.nofree_13 if kernel == "13" else self.nofree_main


@cache
def zone_kinds(path: Path = DATA / "hosts" / "zones.csv") -> tuple[ZoneKind, ...]:
    """Read the zone table, in its order; a zone may have a row for 13 and one for main.

    >>> [kind.item_size for kind in zone_kinds() if kind.name == "PROC"]
    [1304, 1336]
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as reason:
        raise InputError(path, f"cannot be read ({reason})", "the table of zones") from None
    kinds = []
    for number, row in enumerate(rows, start=2):
        try:
            kind = ZoneKind(
                name=row["zone"],
                kernel=row["kernel"],
                item_size=int(row["item_bytes"]),
                align=int(row["align_bytes"]),
                nofree_13=row["nofree_13"] == "yes",
                nofree_main=row["nofree_main"] in ("yes", "unverified"),
                aliases=tuple(alias for alias in row["aliases"].split(";") if alias),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as reason:
            what = f"bad row ({shown(str(reason))})"
            raise InputError(path, what, "the columns of data/README.md", line=number) from None
        kinds.append(kind)
    return tuple(kinds)


@cache
def nofree_names(kernel: Kernel = "13") -> dict[str, ZoneKind]:
    """Map every name under which a NOFREE zone appears in ``vmstat -z`` to its kind.

    Where a zone has two item sizes, the row of *kernel* is taken.  Secondary zones map to
    the zone whose keg they share.

    >>> nofree_names()["vnpbuf"].name
    'pbuf'
    >>> "socket" in nofree_names("13"), "socket" in nofree_names("main")
    (True, False)
    """
    names: dict[str, ZoneKind] = {}
    for kind in zone_kinds():
        if kind.nofree_in(kernel) and (kind.name not in names or kind.kernel == kernel):
            names.update(dict.fromkeys((kind.name, *kind.aliases), kind))
    return names
