"""Counters that only grow: stolen blocks, superpages not had, pages moved under the lock."""

from vmmodel.kernel import Pool, RequestClass, Vm, WholeVm
from vmmodel.nofree import design


def test_a_stolen_superpage_does_not_mix() -> None:
    """Kernel pages take the largest block, of a superpage or more: nobody shares a region."""
    vm = Vm.of_size(4096)

    vm.page_alloc(RequestClass.SYSTEM, Pool.DIRECT)

    assert (1, 0, 1, 0) == vm.steals()
    vm.close()


def test_a_small_block_that_is_stolen_mixes() -> None:
    """Only single pages are left to user memory; the kernel takes one, then the other way round."""
    vm = Vm.of_size(512)
    pages = vm.alloc_npages(512)
    vm.free_pages(pages[0], 0, Pool.DEFAULT)

    assert pages[0] == vm.alloc_pages(0, Pool.DIRECT)
    assert (1, 1, 1, 1) == vm.steals()
    vm.free_pages(pages[0], 0, Pool.DIRECT)
    assert pages[0] == vm.alloc_pages(0, Pool.DEFAULT)
    assert (2, 2, 1, 1) == vm.steals()
    vm.close()


def test_reading_the_work_keeps_the_steals() -> None:
    """The work that is priced is set to zero at each reading, what metrics count is not."""
    vm = Vm.of_size(4096)
    vm.page_alloc(RequestClass.SYSTEM, Pool.DIRECT)

    assert 1 == vm.take_work().steals
    assert (0, 1) == (vm.take_work().steals, vm.steals().blocks)
    vm.close()


def test_pages_moved_by_hand() -> None:
    """Five pages out, two of them back, a chunk of 512 for one NOFREE page."""
    vm = Vm.of_size(4096)
    pages = vm.pages_alloc(RequestClass.NORMAL, 5)
    vm.pages_free(pages[:2])
    design("freeable").make(vm).alloc(RequestClass.SYSTEM)

    assert 5 + 2 + 512 == vm.moved()
    vm.close()


def test_a_bucket_moves_all_its_pages() -> None:
    """Sixty-five pages fill a bucket under one hold, and as many leave when it is drained."""
    vm = WholeVm.of_size(524288, ncpu=2)
    vm.free(vm.alloc_noobj(RequestClass.NORMAL))
    vm.uma_reclaim(drain_cpus=True)

    assert (130, 2) == (vm.moved(), vm.take_lock_holds())
    vm.close()


def test_superpages_are_counted_had_and_not_had() -> None:
    """Of 32 blocks one is broken up; the 32nd object asks for a superpage in vain."""
    vm = WholeVm.of_size(32 * 512)
    vm.page_alloc(RequestClass.SYSTEM, Pool.DIRECT)
    for object_ in range(32):
        vm.alloc_object(RequestClass.SYSTEM, object_, 0)

    assert (31, 1) == vm.superpages()
    vm.close()


def test_what_is_allowed_is_what_is_admitted() -> None:
    """Asking takes nothing, and says what admission then does."""
    vm = Vm.of_size(4096)
    for request_class in RequestClass:
        for free in (0, 2, 3, 514, 4096):
            vm.set_free_count(free)
            for npages in (1, 2, 512):
                allowed = vm.allows(request_class, npages)
                assert free == vm.free_count()
                assert allowed == vm.domain_allocate(request_class, npages)
                vm.set_free_count(free)
    vm.close()
