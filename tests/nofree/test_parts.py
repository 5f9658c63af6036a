"""What the table of parts says, held against the work that designs do."""

import pytest
from nofree.covering import COVERING
from nofree.driver import Driver, pages_for

from vmmodel.kernel.vm import Work
from vmmodel.nofree import AXES, DESIGNS, Composition, canonical, design
from vmmodel.nofree.axes import FreePath, Structure
from vmmodel.nofree.parts import FREE, IMPORT, PARTS, TAKE, Cost, cost_of, parts_of


def choice_of(name: str) -> Composition:
    """What a design is put together from."""
    choice = design(name).choice
    assert choice is not None
    return choice


def counted(work: Work) -> tuple[int, ...]:
    """What a design counts itself, in the order of `costed`."""
    return work.list_ops, work.page_structs, work.atomics, work.percpu, work.branches


def costed(cost: Cost) -> tuple[int, ...]:
    """What the table says of it."""
    return cost.list_ops, cost.page_structs, cost.atomics, cost.percpu, cost.branches


def test_every_choice_has_a_part() -> None:
    """Nothing can be chosen of which the table does not say what FreeBSD has."""
    choices = [(word, value) for word, axis in AXES.items() for value in axis.values]

    assert sorted(choices) == sorted(PARTS)
    assert all(part.does and part.freebsd for part in PARTS.values())


def more_than_a_page(name: str) -> bool:
    """Whether a chunk lasts for the few pages of a test."""
    choice = choice_of(name)
    return choice.structure is not Structure.NONE and choice.import_order > 0


@pytest.mark.parametrize("name", [*filter(more_than_a_page, COVERING)])
def test_work_is_what_the_table_says(name: str) -> None:
    """A page taken from the middle of a chunk, and one freed to it, cost what the table says."""
    driver, choice = Driver(name, pages_for(name)), choice_of(name)
    driver.alloc()
    driver.vm.take_work()

    m = driver.alloc()
    assert costed(cost_of(choice, TAKE)) == counted(driver.vm.take_work())
    if choice.free is not FreePath.NONE:
        driver.free(m, own_way=True)
        assert costed(cost_of(choice, FREE)) == counted(driver.vm.take_work())
    driver.close()


@pytest.mark.parametrize(
    "name", ["bump:leak", "freeable", "freeable,structure=bitmap,reuse=address"]
)
def test_import_costs_what_the_table_says(name: str) -> None:
    """The first page costs an import more: the block's removal and two splits of 2048 pages."""
    driver, choice = Driver(name, 2048), choice_of(name)
    driver.vm.take_work()
    driver.alloc()

    first = cost_of(choice, TAKE) + cost_of(choice, IMPORT) + Cost(list_ops=3, page_structs=3)
    assert costed(first) == counted(driver.vm.take_work())
    driver.close()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("batch", Work(0, 5, 0, 0, 0, 1)),
        ("batch+separate", Work(2, 6, 0, 0, 1, 1)),
        ("batch+separate,structure=bitmap,reuse=address", Work(0, 6, 0, 0, 0, 1)),
    ],
)
def test_batch_is_counted_once(name: str, expected: Work) -> None:
    """Five pages of one run: five page structures, the rest of the work as for one page."""
    driver = Driver(name)
    driver.alloc()
    driver.vm.take_work()

    driver.alloc_batch(5)

    assert expected == driver.vm.take_work()
    driver.close()


def test_only_free_by_anyone_costs_ordinary_frees() -> None:
    """The branch on every free is in the table exactly where designs say that it is paid."""
    for name in COVERING:
        driver, (free, _) = Driver(name, 64), parts_of(choice_of(name)).get("free", ("", None))
        assert driver.design.traits.checks_every_free == (free == "any")
        driver.close()


def test_address_order_walks_past_the_runs_below() -> None:
    """Three runs lie below the page that is freed: three more page structures."""
    driver = Driver("freeable,reuse=address")
    pages = [driver.alloc() for _ in range(7)]
    for m in pages[0:5:2]:
        driver.free(m, own_way=True)
    driver.vm.take_work()

    driver.free(pages[6], own_way=True)

    assert 3 + 1 == driver.vm.take_work().page_structs
    driver.close()


def test_chunk_that_returns_is_searched_for_its_runs() -> None:
    """Two single runs and the rest are unlinked, 512 page structures read, the block is merged."""
    driver = Driver("reclaim", 2048)
    a, b = driver.alloc(), driver.alloc()
    driver.free(a, own_way=True)
    driver.vm.take_work()

    driver.free(b, own_way=True)

    work = driver.vm.take_work()
    put, unlinked, merged = 1, 3, 2 + 1  # two buddies off their lists, the block on its own
    assert put + unlinked + merged == work.list_ops
    assert 1 + 1 + 1 == work.atomics  # nofreeq_size twice, free_count
    driver.close()


def test_names_are_canonical() -> None:
    """A text that describes a named design is that design; other names stay as they are."""
    for name in COVERING:
        assert name == canonical(name)
    assert "separate" == canonical("freeable,free=own")
    assert "freeable" == canonical("reclaim,return=none")
    assert design("freeable,free=own") is DESIGNS["separate"]
