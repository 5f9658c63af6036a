"""Two lists in the same page structures, worked out pointer by pointer."""

import pytest

from vmmodel.nofree.pagefields import (
    ENDLESS,
    PLACES,
    BadLink,
    PageFields,
    PageQueue,
    Runs,
    Tailq,
    Wild,
)

NPAGES = 16


def tailq(checked: bool = False) -> Tailq:
    """Give a list of pages 0, 1, 2."""
    made = Tailq([PageFields() for _ in range(NPAGES)], "plinks", checked)
    for m in (1, 2):
        made.insert_tail(m)
    made.insert_head(0)
    return made


def runs(name: str, checked: bool = False) -> Runs:
    """Give an empty queue of runs with the length in the place *name*, beside a page queue."""
    pages = [PageFields() for _ in range(NPAGES)]
    return Runs(PLACES[name], pages, PageQueue(pages, checked))


@pytest.mark.parametrize(
    ("m", "left"), [(0, [1, 2]), (1, [0, 2]), (2, [0, 1])], ids=["first", "middle", "last"]
)
def test_remove(m: int, left: list[int]) -> None:
    """A page leaves from anywhere, and the list goes on as it should."""
    made = tailq(checked=True)
    made.remove(m)
    made.insert_tail(5)

    assert [*left, 5] == list(made.walk(NPAGES))


def test_number_in_a_link_is_wild() -> None:
    """What is no pointer leads nowhere, and an assertion does not come to it."""
    made = tailq()
    made.pages[1].plinks[0] = 511

    with pytest.raises(Wild):
        list(made.walk(NPAGES))


def test_assertion_meets_a_wrong_neighbour() -> None:
    """With INVARIANTS a page whose neighbour does not point back stops the machine."""
    made = tailq(checked=True)
    made.pages[2].plinks[1] = None

    with pytest.raises(BadLink):
        made.remove(1)


@pytest.mark.parametrize("name", PLACES)
def test_runs_without_a_page_queue(name: str) -> None:
    """Where nothing is queued and lengths are fresh every place gives the same pages in turn."""
    made = runs(name, checked=True)
    made.put_chunk(4, 3)

    assert [4, 5] == [made.take(), made.take()]
    made.free(4)
    assert [4, 6, None] == [made.take(), made.take(), made.take()]


@pytest.mark.parametrize(
    ("name", "sound"), [("plinks", False), ("pindex", True), ("ref_count, never dequeued", False)]
)
def test_queued_page_of_a_run(name: str, sound: bool) -> None:
    """A page queue breaks where a field that it links through is written, and only there."""
    made = runs(name)
    for m in (9, 5, 10):
        made.queue.enqueue(m)
    made.put_chunk(4, 3)
    made.queue.pending = [5]

    try:
        made.take()
        made.queue.process()
        left = list(made.queue.list.walk(NPAGES))
    except Wild:
        left = []

    assert sound == (left == [9, 10])


def test_pointer_read_as_a_length() -> None:
    """A length over which the page queue wrote a pointer is endless; over NULL it is nothing."""
    made = runs("plinks")
    made.queue.enqueue(4)
    made.queue.enqueue(5)

    assert [ENDLESS, 0] == [made._length(4), made._length(5)]


def test_index_that_is_taken_for_a_length() -> None:
    """A page that comes back with its index in an object heads a run of as many pages."""
    made = runs("pindex, not reset")
    made.put_chunk(4, 1)
    m = made.take()
    assert m is not None
    made.pages[m].pindex = 3
    made.free(m)

    assert [4, 5, 6, None] == [made.take() for _ in range(4)]
