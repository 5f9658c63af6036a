/*
 * Streams of allocations and frees of vmmodel/kernel/replay.py, in C: what compiled Python is
 * measured against.
 *
 * The same algorithm (buddy.h) on the same memory: vmmodel makes the machine, and whoever is
 * measured gets its address.  The benchmark compares the sizes of structures (layout()), every
 * result and, at the end, all free lists.  Prefetch is where the compiled Python has it.  Work is
 * not counted here; the compiled Python counts it for the model's prices, and is measured with that.
 */
#include "buddy.h"

enum { FAR = 16, NEAR = 8 };		/* operations ahead, for prefetch */
enum kind { ALLOC, FREE, FREE_RANGE, OTHER };

struct operation {
	int8_t kind, order, pool, result_order;
	int32_t id, end_id, result;
};

struct block {
	int32_t pfn, npages;
	int8_t order, pool;
};

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
