"""Why a request failed: every failure has one cause, counted where it is refused."""

from typing import Any

import pytest
from consumers.watched import Watch, new_memory, new_zone

from vmmodel.consumers.kmem import kmem_malloc
from vmmodel.consumers.layout import keg_layout
from vmmodel.consumers.memory import Injection, Memory
from vmmodel.consumers.page import alloc_object_page
from vmmodel.consumers.uma import Zone, keg_alloc_slab
from vmmodel.kernel import NO_PAGE, Pool, RequestClass, WholeVm
from vmmodel.nofree import DESIGNS
from vmmodel.nofree import design as find

CAUSES = (
    *("page_failures", "second_failures", "init_failures"),
    *("refused_class", "refused_empty", "refused_lists", "refused_chunk"),
)
FREEING = [name for name in DESIGNS if name != "bump:panic"]
MULTI = ("Mountpoints", keg_layout(2752, 8))
"""Slabs of five pages."""


def causes(memory: Memory) -> dict[str, int]:
    """The causes that were counted."""
    return {name: n for name in CAUSES if (n := getattr(memory.tally, name))}


def leave(memory: Memory, free: int) -> None:
    """Take pages at the class that may have all, until *free* are free."""
    vm = memory.vm
    while (more := min(vm.free_count() - free, 4096)) > 0:
        vm.pages_alloc(RequestClass.INTERRUPT, more, Pool.DEFAULT)


@pytest.mark.parametrize("design", FREEING)
@pytest.mark.parametrize(
    ("injection", "expected"),
    [
        (Injection(page=2), "page_failures"),
        (Injection(second=2), "second_failures"),
        (Injection(init=True), "init_failures"),
    ],
)
def test_an_injected_failure_is_its_own_cause(
    design: str, injection: Injection, expected: str
) -> None:
    """Whatever the design does with the pages, what was injected is why the slab failed."""
    memory = new_memory(design)

    served = Watch().run(keg_alloc_slab(Zone(*MULTI), memory, injection))

    assert not served
    assert {expected: 1} == causes(memory)
    assert (1, 0) == (memory.tally.failed, memory.tally.most_free_refused)


@pytest.mark.parametrize("design", FREEING)
@pytest.mark.parametrize(
    ("free", "expected"), [(0, "refused_empty"), (1, "refused_class"), (2, "refused_class")]
)
def test_memory_that_is_short_is_a_cause(design: str, free: int, expected: str) -> None:
    """Two pages are free, and class SYSTEM may have none of them; or there is none at all."""
    memory = new_memory(design)
    leave(memory, free)

    assert NO_PAGE == Watch().run(alloc_object_page(memory))
    assert {expected: 1} == causes(memory)
    assert (1, free) == (memory.tally.failed, memory.tally.most_free_refused)


@pytest.mark.parametrize("design", ["batch", "batch-partial", "batch+separate"])
def test_a_batch_that_is_too_large_is_refused_for_its_class(design: str) -> None:
    """Six pages are free, class SYSTEM may have four, and the batch wants five."""
    memory = new_memory(design)
    leave(memory, 6)

    assert Watch().run(kmem_malloc(memory, 5, waitok=False)) is None
    assert {"refused_class": 1} == causes(memory)


@pytest.mark.parametrize("design", ["batch", "batch-partial"])
def test_an_injected_page_that_nobody_came_to_is_no_cause(design: str) -> None:
    """The batch is refused for want of memory before the injected page is asked for."""
    memory = new_memory(design)
    leave(memory, 2)

    assert Watch().run(kmem_malloc(memory, 5, waitok=False, injection=Injection(page=4))) is None
    assert 1 == sum(causes(memory).values())


def test_a_design_that_waits_for_a_chunk_fails_for_want_of_one() -> None:
    """A thousand pages are free and no chunk can be had: nothing else is tried."""
    memory = new_memory("freeable,fallback=wait", 2048)
    vm: Any = memory.vm
    taken = [vm.page_alloc(RequestClass.NORMAL, Pool.DEFAULT) for _ in range(1900)]
    for m in taken[::2]:
        vm.page_free(m)

    assert not Watch().run(keg_alloc_slab(new_zone("VM OBJECT"), memory, Injection()))
    assert {"refused_chunk": 1} == causes(memory)
    assert 500 < memory.tally.most_free_refused
    assert (1, 0) == (memory.design.books.failed_imports, memory.design.books.refused_imports)


def test_free_pages_in_reservations_are_a_cause() -> None:
    """All lists are empty, and a batch does not break a reservation: it is refused all the same."""
    vm = WholeVm.of_size(1 << 14)
    memory = Memory(vm, find("batch").make(vm))
    for object_ in range(4):
        vm.alloc_object(RequestClass.NORMAL, object_, 0)
    while vm.pages_alloc(RequestClass.INTERRUPT, min(1024, int(vm.survey().free.sum()))):
        pass

    assert 4 * 511 == vm.free_count()
    assert Watch().run(kmem_malloc(memory, 2, waitok=False)) is None
    assert {"refused_lists": 1} == causes(memory)
    assert (1, 0) == (memory.design.books.failed_imports, memory.design.books.refused_imports)


@pytest.mark.parametrize("design", ["ordinary", "freeable", "batch"])
def test_thresholds_refuse_an_import(design: str) -> None:
    """With 513 pages free an import of 512 is not admitted; a page of the ordinary design is."""
    memory = new_memory(design)
    leave(memory, 513)
    memory.design.alloc(RequestClass.SYSTEM)

    chunks = int(design != "ordinary")
    assert (chunks, chunks) == (
        memory.design.books.failed_imports,
        memory.design.books.refused_imports,
    )
