/*
 * The buddy allocator of vmmodel/kernel/phys.py, in C, and the structures of vmmodel/kernel/pages.py.
 *
 * It is meant as a C programmer would write it who wants it fast: static functions, so that the
 * compiler inlines what it likes, narrow integers, no work that nobody reads.  Work is counted only
 * where COUNT_WORK is defined: there it decides how long a lock is held.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NFREEORDER = 13, MAX_ORDER = NFREEORDER - 1, NPOOL = 2, NO_PAGE = -1 };

#ifdef COUNT_WORK
#define COUNT(counter, n) ((counter) += (n))
#else
#define COUNT(counter, n) ((void)0)
#endif

struct page {
	int32_t next, prev;
	int8_t order, pool;
	uint8_t segment, mark;
};

struct freelist {
	int32_t head, tail;
	int64_t count;
};

struct segment {
	int64_t start, end, freelist, domain, region_shift;
};

struct domain {
	int64_t free_count, interrupt_free_min, pageout_free_min, free_reserved, free_severe;
	int64_t free_min, free_target, wakeup_thresh, wakeups;
};

struct machine {
	struct page *page;		/* page frame 0, whether it exists or not */
	struct freelist *queue;		/* [domain][free list][pool][order] */
	struct segment *segment;
	struct domain *domain;
	struct pagecache *zone;		/* [domain][pool]; this and the next six: see whole.h */
	struct cpucache *cpu;
	struct bucket *bucket;
	int64_t *slot;
	struct reserv *reserv;
	uint32_t *popmap;
	struct freelist *partpopq;
	int64_t nsegments, nfreelists, ndomains;
	int64_t list_ops, page_structs, steals, stolen_pages, atomics, lock_holds;
	int64_t bucketdisable, ticks, broken, freed, reclaimed, fullpop, filled, started, no_block;
	int64_t extfrag, extfrag_small, extfrag_unmovable, extfrag_mixing, moved;
};

static void
freelist_append(struct machine *vm, struct freelist *list, int m, int order, int pool)
{
	struct page *page = vm->page;
	int tail = list->tail;

	page[m].order = order;
	page[m].pool = pool;
	page[m].next = NO_PAGE;
	page[m].prev = tail;
	if (tail == NO_PAGE)
		list->head = m;
	else
		page[tail].next = m;
	list->tail = m;
	list->count++;
	COUNT(vm->list_ops, 1);
	COUNT(vm->page_structs, 1);
}

static void
freelist_remove(struct machine *vm, struct freelist *list, int m)
{
	struct page *page = vm->page;
	int next = page[m].next, prev = page[m].prev;

	if (prev == NO_PAGE)
		list->head = next;
	else
		page[prev].next = next;
	if (next == NO_PAGE)
		list->tail = prev;
	else
		page[next].prev = prev;
	page[m].order = NFREEORDER;
	list->count--;
	COUNT(vm->list_ops, 1);
	COUNT(vm->page_structs, 1);
}

/* The lists of a pool, by order. */
static struct freelist *
pool_lists(struct machine *vm, int domain, int freelist, int pool)
{
	return (vm->queue + ((domain * vm->nfreelists + freelist) * NPOOL + pool) * NFREEORDER);
}

static void
split_pages(struct machine *vm, struct freelist *lists, int m, int have, int order, int pool)
{
	while (have > order) {
		have--;
		freelist_append(vm, &lists[have], m + (1 << have), have, pool);
	}
}

/* Count a block that another pool loses; pool 0 is DEFAULT. */
static void
count_steal(struct machine *vm, int have, int pool)
{
	COUNT(vm->steals, 1);
	COUNT(vm->stolen_pages, 1 << have);
	COUNT(vm->extfrag, 1);
	COUNT(vm->extfrag_small, have < 9);
	COUNT(vm->extfrag_unmovable, pool == 0);
	COUNT(vm->extfrag_mixing, have < 9 && pool == 0);
}

/* Take the largest block of at least this order off the list of any pool; its order is in *have. */
static int
steal_largest(struct machine *vm, int domain, int freelist, int order, int *have)
{
	struct freelist *list;
	int m, pool;

	for (*have = MAX_ORDER; *have >= order; --*have) {
		for (pool = 0; pool < NPOOL; pool++) {
			list = &pool_lists(vm, domain, freelist, pool)[*have];
			m = list->head;
			if (m != NO_PAGE) {
				freelist_remove(vm, list, m);
				count_steal(vm, *have, pool);
				return (m);
			}
		}
	}
	return (NO_PAGE);
}

/* FreeBSD: vm_phys_alloc_freelist_pages(). */
static int
alloc_freelist_pages(struct machine *vm, int domain, int freelist, int pool, int order)
{
	struct freelist *lists = pool_lists(vm, domain, freelist, pool);
	int have, m;

	for (have = order; have < NFREEORDER; have++) {
		m = lists[have].head;
		if (m != NO_PAGE) {
			freelist_remove(vm, &lists[have], m);
			split_pages(vm, lists, m, have, order, pool);
			return (m);
		}
	}
	m = steal_largest(vm, domain, freelist, order, &have);
	if (m != NO_PAGE)
		split_pages(vm, lists, m, have, order, pool);
	return (m);
}

/* FreeBSD: vm_phys_alloc_pages(). */
static int
alloc_pages(struct machine *vm, int domain, int pool, int order)
{
	int freelist, m;

	for (freelist = 0; freelist < vm->nfreelists; freelist++) {
		m = alloc_freelist_pages(vm, domain, freelist, pool, order);
		if (m != NO_PAGE)
			return (m);
	}
	return (NO_PAGE);
}

/* FreeBSD: vm_phys_free_pages(). */
static int
free_pages(struct machine *vm, int m, int order, int pool)
{
	struct page *page = vm->page;
	struct segment *segment = &vm->segment[page[m].segment];
	struct freelist *lists = pool_lists(vm, segment->domain, segment->freelist, 0);

	for (; order < MAX_ORDER; order++) {
		int buddy = m ^ (1 << order);
		if (buddy < segment->start || buddy >= segment->end || page[buddy].order != order)
			break;
		freelist_remove(vm, &lists[page[buddy].pool * NFREEORDER + order], buddy);
		m &= ~(1 << order);
	}
	freelist_append(vm, &lists[pool * NFREEORDER + order], m, order, pool);
	return (m);
}
