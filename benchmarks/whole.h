/*
 * Page caches and reservations, in C: vmmodel/kernel/domain.py, pgcache.py, reserv.py, pidctrl.py.
 */
#include "buddy.h"

enum { REGION_ORDER = 9, REGION_PAGES = 1 << REGION_ORDER, POPMAP_BITS = 32 };
enum { POPMAP_WORDS = REGION_PAGES / POPMAP_BITS, NO_RESERV = -1, NO_OBJECT = -1 };
enum { PARTPOPSLOP = 1, PIDCTRL_INTERVAL = 100 };	/* ticks */
enum { PCPU_CACHE = 1 << 6, POOL_MASK = PCPU_CACHE - 1 };
enum { NO_BUCKET = 0, KEPT = -1, RELEASE_PAGE = -2 };
enum pool { DEFAULT, DIRECT };
enum request_class { NORMAL, INTERRUPT, SYSTEM };

struct pagecache {
	int64_t domain, pool, first_cpu, ncpu, bucket_size, bucket_max, nitems, full, empty;
	int64_t imax, bimin, wss, imports, releases, exchanges;
};

struct cpucache {
	int32_t alloc, free;
};

struct bucket {
	int64_t slot;
	int32_t next;
	int16_t count, entries;
};

struct reserv {
	int64_t object, pindex, lasttick;
	int32_t next, prev;
	int16_t popcnt;
	uint8_t domain, inpartpopq;
};

struct pidctrl {
	int64_t setpoint, bound, ticks, error, olderror, integral, derivative, output, input;
};

static int64_t
min(int64_t a, int64_t b)
{
	return (a < b ? a : b);
}

static int64_t
max(int64_t a, int64_t b)
{
	return (a > b ? a : b);
}

/* The free count.  FreeBSD: vm_domain_allocate(), vm_domain_freecnt_inc(). */

static bool
domain_allocate(struct machine *vm, int d, enum request_class class, int npages)
{
	struct domain *domain = &vm->domain[d];
	int64_t before = domain->free_count, limit = domain->interrupt_free_min;

	if (class == NORMAL)
		limit = domain->free_reserved;
	else if (class == INTERRUPT)
		limit = 0;
	if (before < limit + npages)
		return (false);
	vm->atomics++;
	domain->free_count = before - npages;
	if (before >= domain->wakeup_thresh && before - npages < domain->wakeup_thresh)
		domain->wakeups++;
	return (true);
}

static void
freecnt_inc(struct machine *vm, int d, int npages)
{
	vm->domain[d].free_count += npages;
	vm->atomics++;
}

static int
admitted_page(struct machine *vm, int d, int pool)
{
	int m = alloc_pages(vm, d, pool, 0);

	if (m == NO_PAGE)
		freecnt_inc(vm, d, 1);
	else {
		vm->page[m].pool = pool;
		vm->moved++;
	}
	return (m);
}

static void
page_free(struct machine *vm, int m)
{
	int d = vm->segment[vm->page[m].segment].domain;

	vm->page[m].pool &= POOL_MASK;
	free_pages(vm, m, 0, vm->page[m].pool);
	vm->moved++;
	freecnt_inc(vm, d, 1);
}

/* Many pages at once.  FreeBSD: vm_phys_alloc_npages(), vm_phys_enqueue_contig(). */

static int
take_block(struct machine *vm, struct freelist *lists, int m, int have, int pool, int got,
    int npages, int64_t *out)
{
	int order, i, need = min(npages - got, 1 << have), left = (1 << have) - need;

	for (i = 0; i < need; i++)
		out[got + i] = m + i;
	for (m += need; left > 0; left -= 1 << order) {
		order = __builtin_ctz(left);
		freelist_append(vm, &lists[order], m, order, pool);
		m += 1 << order;
	}
	return (got + need);
}

static int
alloc_npages(struct machine *vm, int domain, int pool, int npages, int64_t *out)
{
	int freelist, got = 0, have, m;

	for (freelist = 0; freelist < vm->nfreelists; freelist++) {
		struct freelist *lists = pool_lists(vm, domain, freelist, pool);

		for (have = 0; have < NFREEORDER; have++) {
			while (got < npages && (m = lists[have].head) != NO_PAGE) {
				freelist_remove(vm, &lists[have], m);
				got = take_block(vm, lists, m, have, pool, got, npages, out);
			}
		}
		while (got < npages) {
			m = steal_largest(vm, domain, freelist, 0, &have);
			if (m == NO_PAGE)
				break;
			got = take_block(vm, lists, m, have, pool, got, npages, out);
		}
	}
	return (got);
}

static void
enqueue_contig(struct machine *vm, int m, int npages, int pool)
{
	struct segment *segment = &vm->segment[vm->page[m].segment];
	struct freelist *lists = pool_lists(vm, segment->domain, segment->freelist, pool);
	int end = m + npages, order;

	for (; m < end; m += 1 << order) {
		order = m == 0 ? MAX_ORDER : min(__builtin_ctz(m), MAX_ORDER);
		while (m + (1 << order) > end)
			order--;
		freelist_append(vm, &lists[order], m, order, pool);
	}
}

/* Page caches. */

static int
take_empty(struct machine *vm, struct pagecache *zone)
{
	int b = zone->empty;

	if (b != NO_BUCKET)
		zone->empty = vm->bucket[b].next;
	return (b);
}

static void
bucket_free(struct machine *vm, struct pagecache *zone, int b)
{
	if (b != NO_BUCKET) {
		vm->bucket[b].count = 0;
		vm->bucket[b].next = zone->empty;
		zone->empty = b;
	}
}

/* FreeBSD: zone_fetch_bucket(). */
static int
fetch_bucket(struct machine *vm, struct pagecache *zone, bool reclaim)
{
	int b = zone->full, count;

	if (b == NO_BUCKET)
		return (NO_BUCKET);
	count = vm->bucket[b].count;
	zone->full = vm->bucket[b].next;
	zone->nitems -= count;
	if (reclaim) {
		int64_t moved = min(zone->bimin, count);
		zone->imax -= moved;
		zone->bimin -= moved;
	} else if (zone->bimin > zone->nitems)
		zone->bimin = zone->nitems;
	return (b);
}

/* FreeBSD: zone_put_bucket(). */
static bool
put_bucket(struct machine *vm, struct pagecache *zone, int b)
{
	struct bucket *bucket = &vm->bucket[b];
	int64_t nitems = zone->nitems + bucket->count;

	if (nitems >= zone->bucket_max)
		return (false);
	zone->nitems = nitems;
	bucket->next = zone->full;
	zone->full = b;
	if (zone->imax < nitems) {
		zone->wss = max(zone->wss, zone->imax - zone->bimin);
		zone->imax = zone->bimin = nitems;
	}
	return (true);
}

static void
swap_buckets(struct cpucache *cache)
{
	int b = cache->alloc;

	cache->alloc = cache->free;
	cache->free = b;
}

static int
bucket_pop(struct machine *vm, struct bucket *bucket)
{
	return (vm->slot[bucket->slot + --bucket->count]);
}

/* FreeBSD: uma_zalloc_arg() and the first half of cache_alloc(). */
static int
cache_alloc(struct machine *vm, int z, int cpu)
{
	struct pagecache *zone = &vm->zone[z];
	struct cpucache *cache = &vm->cpu[zone->first_cpu + cpu];

	if (vm->bucket[cache->alloc].count == 0) {
		if (vm->bucket[cache->free].count != 0)
			swap_buckets(cache);
		else {
			bucket_free(vm, zone, cache->alloc);
			cache->alloc = fetch_bucket(vm, zone, false);
			if (cache->alloc == NO_BUCKET)
				return (NO_PAGE);
			zone->exchanges++;
		}
	}
	return (bucket_pop(vm, &vm->bucket[cache->alloc]));
}

static bool
import_admitted(struct machine *vm, int z, int npages)
{
	int d = vm->zone[z].domain;

	if (vm->domain[d].free_count < vm->domain[d].free_severe)
		return (false);
	return (domain_allocate(vm, d, NORMAL, npages));
}

/* FreeBSD: vm_page_zone_import(). */
static int
import_pages(struct machine *vm, struct pagecache *zone, int npages, int64_t *out)
{
	int i, got = alloc_npages(vm, zone->domain, zone->pool, npages, out);

	vm->lock_holds++;
	vm->moved += got;
	zone->imports++;
	if (got < npages)
		freecnt_inc(vm, zone->domain, npages - got);
	for (i = 0; i < got; i++)
		vm->page[out[i]].pool = zone->pool | PCPU_CACHE;
	return (got);
}

/* FreeBSD: vm_page_zone_release(). */
static void
release_bucket(struct machine *vm, int z, int b)
{
	struct pagecache *zone = &vm->zone[z];
	struct bucket *bucket = &vm->bucket[b];
	int i, count = bucket->count;

	for (i = 0; i < count; i++) {
		int m = vm->slot[bucket->slot + i];
		vm->page[m].pool = zone->pool;
		free_pages(vm, m, 0, zone->pool);
	}
	vm->lock_holds++;
	vm->moved += count;
	zone->releases++;
	freecnt_inc(vm, zone->domain, count);
	bucket_free(vm, zone, b);
}

/* FreeBSD: zone_alloc_bucket() and the second half of cache_alloc(). */
static int
import_bucket(struct machine *vm, int z, int cpu)
{
	struct pagecache *zone = &vm->zone[z];
	struct cpucache *cache = &vm->cpu[zone->first_cpu + cpu];
	struct bucket *bucket;
	int m, b = take_empty(vm, zone);

	if (b == NO_BUCKET) {
		freecnt_inc(vm, zone->domain, zone->bucket_size);
		return (NO_PAGE);
	}
	bucket = &vm->bucket[b];
	bucket->count = import_pages(vm, zone, zone->bucket_size, &vm->slot[bucket->slot]);
	if (bucket->count == 0) {
		bucket_free(vm, zone, b);
		return (NO_PAGE);
	}
	m = bucket_pop(vm, bucket);
	if (cache->alloc == NO_BUCKET)
		cache->alloc = b;
	else if (bucket->count == 0)
		bucket_free(vm, zone, b);
	else if (!put_bucket(vm, zone, b))
		release_bucket(vm, z, b);
	return (m);
}

static int
import_page(struct machine *vm, int z)
{
	if (import_pages(vm, &vm->zone[z], 1, vm->slot) == 0)
		return (NO_PAGE);
	return (vm->slot[0]);
}

/* FreeBSD: cache_free(), without the free lock. */
static int
cache_free(struct machine *vm, int z, int cpu, int m)
{
	struct pagecache *zone = &vm->zone[z];
	struct cpucache *cache = &vm->cpu[zone->first_cpu + cpu];
	struct bucket *bucket = vm->bucket;

	if (bucket[cache->alloc].count == bucket[cache->alloc].entries) {
		if (bucket[cache->free].count == bucket[cache->free].entries) {
			int full = cache->free;
			cache->free = vm->bucketdisable ? NO_BUCKET : take_empty(vm, zone);
			if (full != NO_BUCKET) {
				if (!put_bucket(vm, zone, full))
					return (full);
				zone->exchanges++;
			}
			if (cache->free == NO_BUCKET)
				return (RELEASE_PAGE);
		}
		swap_buckets(cache);
	}
	bucket += cache->alloc;
	vm->slot[bucket->slot + bucket->count++] = m;
	return (KEPT);
}

/* FreeBSD: zone_free_item(). */
static void
release_page(struct machine *vm, int z, int m)
{
	struct pagecache *zone = &vm->zone[z];

	vm->page[m].pool = zone->pool;
	free_pages(vm, m, 0, zone->pool);
	vm->lock_holds++;
	vm->moved++;
	zone->releases++;
	freecnt_inc(vm, zone->domain, 1);
}

/* FreeBSD: zone_domain_update_wss(). */
static void
update_wss(struct pagecache *zone)
{
	zone->wss = max(zone->wss * 3 / 4, zone->imax - zone->bimin);
	zone->imax -= (zone->imax - zone->nitems + 1) / 2;
	zone->bimin = zone->nitems;
}

static void
uma_timeout(struct machine *vm)
{
	vm->bucketdisable = 0;
	for (int d = 0; d < vm->ndomains; d++)
		if (vm->domain[d].free_count < vm->domain[d].free_min)
			vm->bucketdisable = 1;
	for (int z = 0; z < vm->ndomains * NPOOL; z++)
		update_wss(&vm->zone[z]);
}

static bool
reclaim_bucket(struct machine *vm, int z, int64_t keep)
{
	struct pagecache *zone = &vm->zone[z];

	if (zone->full == NO_BUCKET || zone->nitems < keep + vm->bucket[zone->full].count)
		return (false);
	release_bucket(vm, z, fetch_bucket(vm, zone, true));
	return (true);
}

/* Reservations. */

static bool
is_populated(struct machine *vm, unsigned m)
{
	return (vm->popmap[m / POPMAP_BITS] >> (m % POPMAP_BITS) & 1);
}

static void
flip_populated(struct machine *vm, unsigned m)
{
	vm->popmap[m / POPMAP_BITS] ^= 1u << (m % POPMAP_BITS);
}

static void
partpopq_append(struct machine *vm, int region)
{
	struct reserv *rv = &vm->reserv[region];
	struct freelist *queue = &vm->partpopq[rv->domain];

	rv->inpartpopq = 1;
	rv->next = NO_RESERV;
	rv->prev = queue->tail;
	if (queue->tail == NO_RESERV)
		queue->head = region;
	else
		vm->reserv[queue->tail].next = region;
	queue->tail = region;
	queue->count++;
	vm->list_ops++;
}

static void
partpopq_remove(struct machine *vm, int region)
{
	struct reserv *rv = &vm->reserv[region];
	struct freelist *queue = &vm->partpopq[rv->domain];

	if (!rv->inpartpopq)
		return;
	if (rv->prev == NO_RESERV)
		queue->head = rv->next;
	else
		vm->reserv[rv->prev].next = rv->next;
	if (rv->next == NO_RESERV)
		queue->tail = rv->prev;
	else
		vm->reserv[rv->next].prev = rv->prev;
	rv->inpartpopq = 0;
	queue->count--;
	vm->list_ops++;
}

/* FreeBSD: vm_reserv_populate(). */
static void
populate(struct machine *vm, int region, int m)
{
	struct reserv *rv = &vm->reserv[region];
	bool full;

	flip_populated(vm, m);
	vm->page[m].pool = DEFAULT;
	vm->page_structs++;
	rv->popcnt++;
	full = rv->popcnt == REGION_PAGES;
	if (vm->ticks - rv->lasttick < PARTPOPSLOP && rv->inpartpopq && !full)
		return;
	rv->lasttick = vm->ticks;
	partpopq_remove(vm, region);
	if (full) {
		vm->fullpop++;
		vm->filled++;
	} else
		partpopq_append(vm, region);
}

/* FreeBSD: vm_reserv_depopulate(). */
static void
depopulate(struct machine *vm, int region, int m)
{
	struct reserv *rv = &vm->reserv[region];

	if (rv->popcnt == REGION_PAGES)
		vm->fullpop--;
	flip_populated(vm, m);
	rv->popcnt--;
	if (vm->ticks - rv->lasttick >= PARTPOPSLOP || rv->popcnt == 0) {
		partpopq_remove(vm, region);
		if (rv->popcnt != 0)
			partpopq_append(vm, region);
		rv->lasttick = vm->ticks;
	}
	if (rv->popcnt == 0) {
		rv->object = NO_OBJECT;
		free_pages(vm, region << REGION_ORDER, REGION_ORDER, DEFAULT);
		vm->lock_holds++;
		vm->moved += REGION_PAGES;
		vm->freed++;
	}
	freecnt_inc(vm, rv->domain, 1);
}

static int
reserv_extend(struct machine *vm, int region, int64_t pindex)
{
	int m = (region << REGION_ORDER) + (pindex & (REGION_PAGES - 1));

	if (is_populated(vm, m) || !domain_allocate(vm, vm->reserv[region].domain, NORMAL, 1))
		return (NO_PAGE);
	populate(vm, region, m);
	return (m);
}

static int
reserv_start(struct machine *vm, int d, int64_t object, int64_t pindex)
{
	struct reserv *rv;
	int index = pindex & (REGION_PAGES - 1), first = alloc_pages(vm, d, DEFAULT, REGION_ORDER);

	vm->lock_holds++;
	if (first == NO_PAGE) {
		freecnt_inc(vm, d, 1);
		vm->no_block++;
		return (NO_PAGE);
	}
	vm->started++;
	vm->moved += REGION_PAGES;
	rv = &vm->reserv[first >> REGION_ORDER];
	rv->object = object;
	rv->pindex = pindex - index;
	rv->domain = d;
	rv->lasttick = vm->ticks;
	populate(vm, first >> REGION_ORDER, first + index);
	return (first + index);
}

/* FreeBSD: vm_reserv_break(). */
static void
reserv_break(struct machine *vm, int region)
{
	struct reserv *rv = &vm->reserv[region];
	int m = region << REGION_ORDER, end = m + REGION_PAGES, run;

	partpopq_remove(vm, region);
	if (rv->popcnt == REGION_PAGES)
		vm->fullpop--;
	rv->object = NO_OBJECT;
	rv->popcnt = 0;
	while (m < end) {
		for (run = m; run < end && !is_populated(vm, run); run++)
			;
		if (run > m) {
			enqueue_contig(vm, m, run - m, DEFAULT);
			vm->lock_holds++;
			vm->moved += run - m;
		}
		for (m = run; m < end && is_populated(vm, m); m++)
			flip_populated(vm, m);
	}
	vm->broken++;
}

/* FreeBSD: vm_reserv_reclaim_inactive(). */
static bool
reclaim_inactive(struct machine *vm, int d)
{
	int region = vm->partpopq[d].head;

	if (region == NO_RESERV)
		return (false);
	reserv_break(vm, region);
	vm->reclaimed++;
	return (true);
}

/* FreeBSD: pidctrl_daemon(). */
static int64_t
pidctrl_daemon(struct pidctrl *pc, int64_t value, int64_t ticks)
{
	int64_t error = pc->setpoint - value, output;

	if (ticks - pc->ticks >= PIDCTRL_INTERVAL) {
		pc->ticks = ticks;
		pc->olderror = pc->error;
		pc->error = 0;
		pc->output = 0;
	} else
		error -= pc->error - pc->output;
	pc->error += error;
	pc->integral = max(min(pc->integral + error, pc->bound), 0);
	pc->derivative = pc->error - pc->olderror;
	output = max(pc->error / 3 + pc->integral / 4 + pc->derivative / 8 - pc->output, 0);
	pc->output += output;
	pc->input = value;
	return (output);
}
