"""What Python calls: each compiled function once, with the machine's address first.

All arguments and results are 64-bit integers, which makes a call as cheap as numba can (0.24 us).
"""

from vmmodel.kernel import alloc, domain, pgcache, phys, reserv, survey, turns
from vmmodel.kernel import replay as batch
from vmmodel.kernel.cstruct import entry, pointer_to
from vmmodel.kernel.pages import Machine, Word
from vmmodel.kernel.replay import Block, Operation
from vmmodel.kernel.turns import Place, Turn

machine_at = pointer_to(Machine)
words_at = pointer_to(Word)
operations_at = pointer_to(Operation)
blocks_at = pointer_to(Block)
places_at = pointer_to(Place)
turns_at = pointer_to(Turn)


@entry
def alloc_pages(vm: int, d: int, pool: int, order: int) -> int:
    """See `phys.alloc_pages`."""
    return phys.alloc_pages(machine_at(vm)[0], d, pool, order)


@entry
def free_pages(vm: int, m: int, order: int, pool: int) -> int:
    """See `phys.free_pages`."""
    return phys.free_pages(machine_at(vm)[0], m, order, pool)


@entry
def alloc_npages(vm: int, d: int, pool: int, npages: int, out: int) -> int:
    """See `phys.alloc_npages`."""
    return phys.alloc_npages(machine_at(vm)[0], d, pool, npages, words_at(out))


@entry
def alloc_contig(
    vm: int, d: int, npages: int, low: int, high: int, alignment: int, boundary: int
) -> int:
    """See `phys.alloc_contig`."""
    return phys.alloc_contig(machine_at(vm)[0], d, npages, low, high, alignment, boundary)


@entry
def free_contig(vm: int, m: int, npages: int, pool: int) -> int:
    """See `phys.free_contig`."""
    phys.free_contig(machine_at(vm)[0], m, npages, pool)
    return 0


@entry
def enqueue_contig(vm: int, m: int, npages: int, pool: int) -> int:
    """See `phys.enqueue_contig`."""
    phys.enqueue_contig(machine_at(vm)[0], m, npages, pool)
    return 0


@entry
def domain_allocate(vm: int, d: int, request_class: int, npages: int) -> int:
    """See `domain.domain_allocate`."""
    return int(domain.domain_allocate(machine_at(vm)[0], d, request_class, npages))


@entry
def page_alloc(vm: int, d: int, request_class: int, pool: int) -> int:
    """See `domain.page_alloc`."""
    return domain.page_alloc(machine_at(vm)[0], d, request_class, pool)


@entry
def page_free(vm: int, m: int) -> int:
    """See `domain.page_free`."""
    return domain.page_free(machine_at(vm)[0], m)


@entry
def pages_alloc(vm: int, d: int, request_class: int, pool: int, npages: int, out: int) -> int:
    """See `domain.pages_alloc`."""
    return domain.pages_alloc(machine_at(vm)[0], d, request_class, pool, npages, words_at(out))


@entry
def pages_free(vm: int, npages: int, pages: int) -> int:
    """Free each of *npages* single pages, in order.  See `domain.page_free`."""
    for i in range(npages):
        domain.page_free(machine_at(vm)[0], words_at(pages)[i].value)
    return 0


@entry
def replay(vm: int, operations: int, blocks: int, start: int, end: int) -> int:
    """See `replay.replay`."""
    return batch.replay(machine_at(vm)[0], operations_at(operations), blocks_at(blocks), start, end)


@entry
def list_words(vm: int, out: int) -> int:
    """See `survey.list_words`."""
    return survey.list_words(machine_at(vm)[0], words_at(out))


@entry
def count_regions(vm: int, free: int, marks: int, kernel_pages: int) -> int:
    """See `survey.count_regions`."""
    return survey.count_regions(
        machine_at(vm)[0], words_at(free), words_at(marks), words_at(kernel_pages)
    )


@entry
def count_reserved(vm: int, unused: int, kernel_pages: int) -> int:
    """See `survey.count_reserved`."""
    survey.count_reserved(machine_at(vm)[0], words_at(unused), words_at(kernel_pages))
    return 0


@entry
def check_lists(vm: int, d: int) -> int:
    """See `survey.check_lists`."""
    return survey.check_lists(machine_at(vm)[0], d)


@entry
def count_unmerged(vm: int) -> int:
    """See `survey.count_unmerged`."""
    return survey.count_unmerged(machine_at(vm)[0])


@entry
def alloc_noobj(vm: int, d: int, request_class: int, pool: int, cpu: int, pagedaemon: int) -> int:
    """See `alloc.alloc_noobj`."""
    return alloc.alloc_noobj(machine_at(vm)[0], d, request_class, pool, cpu, pagedaemon)


@entry
def alloc_object(
    vm: int,
    d: int,
    request_class: int,
    object_: int,
    pindex: int,
    size: int,
    pred: int,
    succ: int,
    cpu: int,
    pagedaemon: int,
) -> int:
    """See `alloc.alloc_object`."""
    return alloc.alloc_object(
        machine_at(vm)[0], d, request_class, object_, pindex, size, pred, succ, cpu, pagedaemon
    )


@entry
def alloc_object_unlocked(
    vm: int, d: int, request_class: int, object_: int, pindex: int, pred: int, succ: int, cpu: int
) -> int:
    """See `alloc.alloc_object_unlocked`."""
    return alloc.alloc_object_unlocked(
        machine_at(vm)[0], d, request_class, object_, pindex, pred, succ, cpu
    )


@entry
def reserv_alloc_page(
    vm: int, d: int, request_class: int, object_: int, pindex: int, pred: int, succ: int
) -> int:
    """See `reserv.reserv_alloc_page`, for an object that ends nowhere."""
    return reserv.reserv_alloc_page(
        machine_at(vm)[0], d, request_class, object_, pindex, reserv.NO_END, pred, succ
    )


@entry
def cache_alloc(vm: int, z: int, cpu: int) -> int:
    """See `pgcache.cache_alloc`."""
    return pgcache.cache_alloc(machine_at(vm)[0], z, cpu)


@entry
def free(vm: int, m: int, cpu: int) -> int:
    """See `alloc.free`."""
    alloc.free(machine_at(vm)[0], m, cpu)
    return 0


@entry
def cache_reclaim(vm: int, z: int, drain: int) -> int:
    """See `pgcache.cache_reclaim`."""
    return pgcache.cache_reclaim(machine_at(vm)[0], z, drain)


@entry
def working_set(vm: int, z: int) -> int:
    """Estimate anew, and give, the pages of a shared cache in use: `pgcache.update_wss`."""
    pgcache.update_wss(machine_at(vm)[0].zone[z])
    return machine_at(vm)[0].zone[z].wss


@entry
def reclaim_bucket(vm: int, z: int, keep: int) -> int:
    """See `pgcache.reclaim_bucket`."""
    return int(pgcache.reclaim_bucket(machine_at(vm)[0], z, keep))


@entry
def cache_drain_cpus(vm: int, z: int) -> int:
    """See `pgcache.cache_drain_cpus`."""
    pgcache.cache_drain_cpus(machine_at(vm)[0], z)
    return 0


@entry
def uma_timeout(vm: int) -> int:
    """See `pgcache.uma_timeout`."""
    pgcache.uma_timeout(machine_at(vm)[0])
    return 0


@entry
def check_cache(vm: int, z: int) -> int:
    """See `pgcache.check_cache`."""
    return pgcache.check_cache(machine_at(vm)[0], z)


@entry
def reclaim_inactive(vm: int, d: int) -> int:
    """See `reserv.reclaim_inactive`."""
    return int(reserv.reclaim_inactive(machine_at(vm)[0], d))


@entry
def reserv_break(vm: int, region: int) -> int:
    """See `reserv.reserv_break`."""
    reserv.reserv_break(machine_at(vm)[0], region)
    return 0


@entry
def check_reservs(vm: int, d: int) -> int:
    """See `reserv.check_reservs`."""
    return reserv.check_reservs(machine_at(vm)[0], d)


@entry
def alloc_in_turns(vm: int, places: int, turns_: int, n: int, ncpu: int, cached: int) -> int:
    """See `turns.alloc_in_turns`."""
    return turns.alloc_in_turns(
        machine_at(vm)[0], places_at(places), turns_at(turns_), n, ncpu, cached
    )


@entry
def free_in_turns(vm: int, places: int, turns_: int, n: int, ncpu: int) -> int:
    """See `turns.free_in_turns`."""
    return turns.free_in_turns(machine_at(vm)[0], places_at(places), turns_at(turns_), n, ncpu)
