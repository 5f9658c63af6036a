"""NOFREE consumers that give pages back, which the kernel's do not: all at once, or after a spike.

A spike fills some chunks.  Then each page in use is as likely to go as any other: either more and
more of them at once, or two thirds, after which those that stay are turned over, a page given back
and one asked for.  No clock is needed: which chunks empty depends on the order alone.
"""

from collections.abc import Iterator

from vmmodel.analysis.expected import whole_chunks
from vmmodel.kernel import Mark
from vmmodel.questions.exchange import Exchange, priced
from vmmodel.sim.prices import load_prices
from vmmodel.workloads.exchange import Ask, given_back, turned_over
from vmmodel.workloads.streams import Streams

AT_ONCE, TURNOVER = "at-once", "turnover"
"""The two stories."""

CHUNKS = 6
"""At the height of the spike; a third of its pages stay, as in server-spike."""
PAGES = CHUNKS * 512
STAY = PAGES // 3
SHARES = (0.9, 0.99, 0.995, 0.999, 1.0)
"""Of the pages, given back at once: 0.9 is far too few; between 0.99 and 1 chunks come whole."""

Row = dict[str, object]


def at_once(name: str, seed: int, replication: int) -> Iterator[Row]:
    """Give pages back in a random order, and look at every share."""
    exchange = _full_chunks(name)
    gone = given_back(PAGES, Streams(seed, AT_ONCE, "", replication), "order")
    done = 0
    for share in SHARES:
        freed = round(share * PAGES)
        exchange.perform(gone[done:freed])
        done = freed
        idle = exchange.vm.regions()[1][:, Mark.IDLE]
        whole = int((idle == 512).sum()) + exchange.design.books.returned // 512
        row = _row(exchange, freed) | {"scenario": AT_ONCE, "setting": f"share={share}"}
        row |= {"design": name, "replication": replication}
        yield row | {"whole_chunks": whole, "whole_expected": whole_chunks(CHUNKS, freed)}
    exchange.close()


def turnovers(name: str, seed: int, replication: int, last: int) -> Iterator[Row]:
    """Let two thirds of a spike's pages go, turn over those that stay, look at every other turn."""
    exchange, streams = _full_chunks(name), Streams(seed, TURNOVER, "", replication)
    exchange.perform(given_back(PAGES - STAY, streams, "drop"))
    for turn in range(0, last + 1, 2):
        row = _row(exchange, PAGES - STAY + turn * STAY)
        row |= {"scenario": TURNOVER, "setting": f"turnovers={turn}"}
        yield row | {"design": name, "replication": replication}
        for each in (turn, turn + 1) if turn < last else ():
            exchange.perform(turned_over(STAY, streams, f"turnover {each}"))
    exchange.close()


def _full_chunks(name: str) -> Exchange:
    """Give a design all of whose chunks are in use."""
    exchange = Exchange(name, 2 * PAGES)
    exchange.perform([Ask()] * PAGES)
    return exchange


def _row(exchange: Exchange, came_back: int) -> Row:
    """Write down what is pinned, what went back and what the work was."""
    books, marks = exchange.design.books, exchange.vm.regions()[1]
    pinned = marks[:, 1:].sum(axis=1) > 0
    return {
        "pinned_regions": int(pinned.sum()),
        "taken": came_back + len(exchange.held),
        "came_back": came_back,
        "imports": books.imports,
        "blocks_returned": books.returned // 512,
        "fewest_in_use": min(marks[pinned, Mark.IN_USE], default=float("nan")),
        "operation_ns": priced(exchange.work, load_prices()) / exchange.operations,
        "most_pages_touched": exchange.most_pages_touched,
    }
