/*
 * The buddy allocator of vmmodel/kernel/phys.py, in C: what compiled Python is measured against.
 *
 * The same algorithm on the same memory: vmmodel makes the machine, and whoever is measured gets
 * its address.  The structures are those of vmmodel/kernel/pages.py and replay.py; the benchmark
 * compares their sizes (layout()), every result and, at the end, every byte of the machine.
 *
 * It is meant as a C programmer would write it who wants it fast: static functions, so that the
 * compiler inlines what it likes, narrow integers, prefetch where the compiled Python has it.  It
 * does not count work for the model's prices; the compiled Python does, and is measured with that.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NFREEORDER = 13, MAX_ORDER = NFREEORDER - 1, NPOOL = 2, NO_PAGE = -1 };
enum { FAR = 16, NEAR = 8 };		/* operations ahead, for prefetch */
enum kind { ALLOC, FREE, FREE_RANGE, OTHER };

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
	int64_t free_count, thresholds[7], wakeups;
};

struct machine {
	struct page *page;		/* page frame 0, whether it exists or not */
	struct freelist *queue;		/* [domain][free list][pool][order] */
	struct segment *segment;
	struct domain *domain;
	void *unused[7];		/* page caches and reservations */
	int64_t nsegments, nfreelists, ndomains;
	int64_t work[13];		/* not counted here */
};

struct operation {
	int8_t kind, order, pool, result_order;
	int32_t id, end_id, result;
};

struct block {
	int32_t pfn, npages;
	int8_t order, pool;
};

static void
freelist_append(struct page *page, struct freelist *list, int m, int order, int pool)
{
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
}

static void
freelist_remove(struct page *page, struct freelist *list, int m)
{
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
}

/* The lists of a pool, by order. */
static struct freelist *
pool_lists(struct machine *vm, int domain, int freelist, int pool)
{
	return (vm->queue + ((domain * vm->nfreelists + freelist) * NPOOL + pool) * NFREEORDER);
}

static void
split_pages(struct page *page, struct freelist *lists, int m, int have, int order, int pool)
{
	while (have > order) {
		have--;
		freelist_append(page, &lists[have], m + (1 << have), have, pool);
	}
}

/* FreeBSD: vm_phys_alloc_freelist_pages(). */
static int
alloc_freelist_pages(struct machine *vm, int domain, int freelist, int pool, int order)
{
	struct freelist *lists = pool_lists(vm, domain, freelist, pool), *list;
	struct page *page = vm->page;
	int have, m, other;

	for (have = order; have < NFREEORDER; have++) {
		m = lists[have].head;
		if (m != NO_PAGE) {
			freelist_remove(page, &lists[have], m);
			split_pages(page, lists, m, have, order, pool);
			return (m);
		}
	}
	for (have = MAX_ORDER; have >= order; have--) {
		for (other = 0; other < NPOOL; other++) {
			list = &pool_lists(vm, domain, freelist, other)[have];
			m = list->head;
			if (m != NO_PAGE) {
				freelist_remove(page, list, m);
				split_pages(page, lists, m, have, order, pool);
				return (m);
			}
		}
	}
	return (NO_PAGE);
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
		freelist_remove(page, &lists[page[buddy].pool * NFREEORDER + order], buddy);
		m &= ~(1 << order);
	}
	freelist_append(page, &lists[pool * NFREEORDER + order], m, order, pool);
	return (m);
}

static int
replay_alloc(struct machine *vm, struct block *block, int order, int pool)
{
	int m = alloc_pages(vm, 0, pool, order);

	if (m != NO_PAGE) {
		*block = (struct block){ m, 1 << order, order, pool };
		vm->domain[0].free_count -= 1 << order;
	}
	return (m);
}

static int
replay_free(struct machine *vm, struct block *block)
{
	int head;

	if (block->npages == 0 || block->order < 0)
		return (NO_PAGE);
	head = free_pages(vm, block->pfn, block->order, block->pool);
	vm->domain[0].free_count += block->npages;
	block->npages = 0;
	return (head);
}

/* Ask for the memory that operations soon after i will touch. */
static inline __attribute__((always_inline)) void	/* else gcc drops it as pure */
look_ahead(struct machine *vm, struct operation *operation, struct block *block, int64_t i,
    int64_t last)
{
	struct operation *op = &operation[i + FAR < last ? i + FAR : last];

	__builtin_prefetch(&block[op->id]);
	op = &operation[i + NEAR < last ? i + NEAR : last];
	if (op->kind <= FREE)
		__builtin_prefetch(&vm->page[block[op->id].pfn]);
}

int64_t
replay(struct machine *vm, struct operation *operation, struct block *block, int64_t start,
    int64_t end)
{
	for (int64_t i = start; i < end; i++) {
		struct operation *op = &operation[i];
		look_ahead(vm, operation, block, i, end - 1);
		switch (op->kind) {
		case ALLOC:
			op->result = replay_alloc(vm, &block[op->id], op->order, op->pool);
			break;
		case FREE:
			op->result = replay_free(vm, &block[op->id]);
			if (op->result != NO_PAGE)
				op->result_order = vm->page[op->result].order;
			break;
		case FREE_RANGE:
			op->result = 0;
			for (int id = op->id; id < op->end_id; id++)
				op->result += replay_free(vm, &block[id]) != NO_PAGE;
			break;
		default:
			return (i);
		}
	}
	return (end);
}

/* Sizes of the structures, which must be those of vmmodel. */
const int32_t layout[] = { sizeof(struct page), sizeof(struct freelist), sizeof(struct segment),
	sizeof(struct domain), sizeof(struct machine), sizeof(struct operation),
	sizeof(struct block) };
