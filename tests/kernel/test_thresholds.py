"""Thresholds of a domain and what each request class may take."""

import pytest

from vmmodel.kernel import RequestClass, Thresholds, Vm

# GB, pages, reserved, severe, min, wakeup, target: computed by hand from vm_pageout_init_domain()
TABLE = [
    (1, 262144, 407, 1062, 1717, 5076, 5647),
    (2, 524288, 748, 2058, 3369, 10107, 11232),
    (4, 1048576, 1431, 4052, 6673, 20151, 22399),
    (8, 2097152, 2796, 8038, 13281, 40257, 44736),
    (16, 4194304, 5527, 16012, 26498, 80469, 89411),
    (32, 8388608, 10988, 31959, 52931, 160884, 178760),
    (64, 16777216, 21911, 63854, 105797, 321705, 357455),
    (256, 67108864, 87447, 255219, 422991, 1286658, 1429623),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]} GB")
def test_thresholds_of_known_machines(row: tuple[int, ...]) -> None:
    """Every threshold equals the table for machines from 1 GB to 256 GB."""
    gigabytes, npages, reserved, severe, free_min, wakeup, target = row

    assert gigabytes << 18 == npages
    assert Thresholds.of(npages) == Thresholds(
        interrupt_free_min=2,
        pageout_free_min=34,
        free_reserved=reserved,
        free_severe=severe,
        free_min=free_min,
        free_target=target,
        wakeup_thresh=wakeup,
    )


def test_domain_starts_with_its_thresholds(vm: Vm) -> None:
    """A new machine has the thresholds of its own size, and all of it is free."""
    assert Thresholds.of(4096) == vm.thresholds()
    assert 4096 == vm.free_count()


@pytest.mark.parametrize(
    ("request_class", "limit"),
    [
        (RequestClass.INTERRUPT, 0),
        (RequestClass.SYSTEM, 2),
        (RequestClass.NORMAL, Thresholds.of(4096).free_reserved),
    ],
)
@pytest.mark.parametrize("npages", [1, 2, 512])
def test_request_class_limits(vm: Vm, request_class: RequestClass, limit: int, npages: int) -> None:
    """A request is admitted down to its class's limit; one page less refuses it untouched."""
    vm.set_free_count(limit + npages)
    assert vm.domain_allocate(request_class, npages)
    assert limit == vm.free_count()

    vm.set_free_count(limit + npages - 1)
    assert not vm.domain_allocate(request_class, npages)
    assert limit + npages - 1 == vm.free_count()


def test_import_needs_514_pages(vm: Vm) -> None:
    """A chunk of 512 pages at class SYSTEM needs 514 free pages, one page needs 3."""
    for npages, needed in ((512, 514), (1, 3)):
        vm.set_free_count(needed - 1)
        assert not vm.domain_allocate(RequestClass.SYSTEM, npages)
        vm.set_free_count(needed)
        assert vm.domain_allocate(RequestClass.SYSTEM, npages)


def test_refused_page_leaves_memory_as_it_was(vm: Vm) -> None:
    """What is refused or not found changes neither count nor lists."""
    vm.set_free_count(2)
    before = vm.checksum()

    assert -1 == vm.page_alloc(RequestClass.SYSTEM, 0)
    assert [] == vm.pages_alloc(RequestClass.NORMAL, 1)
    assert (2, before) == (vm.free_count(), vm.checksum())


def test_empty_lists_give_the_admitted_pages_back(vm: Vm) -> None:
    """When the lists hold less than was admitted, the count gets the rest back."""
    vm.alloc_npages(4090)

    got = vm.pages_alloc(RequestClass.INTERRUPT, 100)
    assert (6, 4090) == (len(got), vm.free_count())
    assert -1 == vm.page_alloc(RequestClass.SYSTEM, 0)
    assert 4090 == vm.free_count()


def test_wakeup_is_counted_on_the_way_down_only(vm: Vm) -> None:
    """The page daemon is woken when the count crosses its threshold, not while it stays below."""
    vm.set_threshold("wakeup_thresh", 4000)

    for npages, wakeups in ((96, 0), (1, 1), (1, 1), (500, 1)):
        vm.domain_allocate(RequestClass.SYSTEM, npages)
        assert wakeups == vm.wakeups()
    vm.freecnt_inc(598)
    vm.domain_allocate(RequestClass.SYSTEM, 1000)
    assert 2 == vm.wakeups()
