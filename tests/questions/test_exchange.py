"""Designs that serve a drawn trace directly."""

import pytest

from vmmodel.kernel.vm import Work
from vmmodel.questions.exchange import Exchange, priced
from vmmodel.sim.prices import load_prices
from vmmodel.workloads.exchange import Ask, GiveBack, given_back, requests, turned_over
from vmmodel.workloads.streams import Streams

STREAMS = Streams(1, "exchange", "", 0)


@pytest.mark.parametrize(
    "name", ["freeable", "freeable,structure=bump", "freeable,structure=bitmap,reuse=address"]
)
def test_two_free_three_asked_the_third_fails(name: str) -> None:
    """The two pages that were taken wait again, and the next two requests get them."""
    exchange = Exchange(name, 4096)
    exchange.perform([Ask(510)])
    waiting = {m for first, n in exchange.design.runs() for m in range(first, first + n)}

    exchange.perform([Ask(3, fails=2)])
    books = exchange.design.books
    assert (2, 510, 1) == (books.idle, books.in_use, books.imports)

    exchange.perform([Ask(2)])
    assert waiting == set(exchange.held[-2:])
    assert 516 == exchange.operations
    exchange.close()


def test_work_is_counted_for_every_operation() -> None:
    """The queue's pages cost what its parts say, and a price list turns them into ns."""
    exchange = Exchange("freeable", 4096)
    exchange.perform([Ask(10)])
    before = exchange.work
    exchange.perform([Ask()] * 10)
    done = Work(*(after - at for after, at in zip(exchange.work, before, strict=True)))

    assert (20, 20, 10, 10) == (done.list_ops, done.page_structs, done.atomics, done.percpu)
    assert 10 * (2 * 3.2 + 2 * 5.4 + 6.2 + 2) == pytest.approx(priced(done, load_prices()))
    exchange.close()


def test_pages_given_back_are_those_in_use() -> None:
    """A page is given back once, whichever is drawn, and nothing where none is in use."""
    exchange = Exchange("freeable", 4096)
    exchange.perform([GiveBack(0.5), Ask(40), *given_back(40, STREAMS, "order")])

    assert ([], 512, 80) == (exchange.held, exchange.design.books.idle, exchange.operations)
    exchange.close()


def test_traces_are_what_was_asked_for() -> None:
    """Failures lie within their request, and pages given back follow the share that was asked."""
    steps = requests(2000, STREAMS, (1, 2, 3), failure=0.25, back=0.5)
    asked = [step for step in steps if isinstance(step, Ask)]
    failing = [ask for ask in asked if ask.fails >= 0]

    assert 2000 == len(asked)
    assert 0.2 < len(failing) / 2000 < 0.3
    assert all(ask.fails < ask.npages for ask in failing)
    assert {1, 2, 3} == {ask.npages for ask in asked}
    assert 0.45 < (len(steps) - 2000) / sum(ask.npages for ask in asked) < 0.55
    assert [Ask()] * 3 == turned_over(3, STREAMS, "turn")[1::2]
