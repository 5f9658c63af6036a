/*
 * The page traffic of a whole machine in C: vmmodel/traffic, and what SimPy does in vmmodel/sim.
 *
 * It runs by itself: its own loop plays the part of SimPy, with the page daemon, the laundry
 * thread and UMA's timer.  The structures are those of vmmodel; the benchmark compares their sizes
 * (layout()) and, after a run, every field of them.  One domain, and no request for a NOFREE page:
 * what a design does with it is Python's and is not compared.
 *
 * As fast as a C programmer would write it who knows what vmmodel knows: actors are scanned and not
 * kept in a heap, and nothing is allocated.  Prefetching the next page of an object or of a bucket
 * was tried on 1 M and 4 M pages and gained nothing beyond the noise.
 */
#define COUNT_WORK
#include <math.h>

#include "whole.h"

enum { NONE = -1, RING = 1024, MOST_FULL = 1 << 15, BUCKET_MIN = 2, SWAP_META_PAGES = 16 };
enum { RANGE_WORDS = 1 + POPMAP_WORDS, NO_REGION = 0 };
enum kind { ANON, FILE_CACHE, KERNEL, ARC };
enum policy { FIRST_TOUCH, ROUND_ROBIN, PREFERRED };
enum op { TOUCH, USE, DROP, ITEMS, UNITEMS, SCAN };
enum queue { ACTIVE, INACTIVE, LAUNDRY, NQUEUE };
enum phase { READY, ALLOCATE, START, BUCKET, ONE, BUDDY, BREAK, RELEASE, FREE_BUCKET, FREE_ONE,
	FREE_RESERV, FREE_BUDDY };
enum answer { DONE, WANT_LOCK, REFUSED };
enum code { TIMED, LOCK, ASLEEP, SLAB, FINISHED, SCANNED, BEGUN };
enum reason { NOTHING = 0, NEED_SLAB = 1, SCAN_ENDED = 2, GRANTED = 4, PLENTY = 8, PAGING = 16 };
enum recorded { ALLOC, FREE, RECLAIM, NRECORDED };
enum part_of_latency { WAIT, WORK, TOTAL, NPART };
enum { NBUCKET = 6144, EXACT = 256, HALF = EXACT / 2 };

static const int64_t NEVER = 1LL << 62;
static const int64_t TICK_NS = 1000000, PERIOD_NS = 100 * TICK_NS, RETRY_NS = 1000;
static const int64_t LOWMEM_NS = 10000000000, UMA_TIMEOUT_NS = 20000000000,
    LAUNDRY_PERIOD_NS = 100000000, BACKGROUND_PAGES = 102;
static const int64_t DIGEST = (1LL << 40) - 1, FACTOR = 1000003;

struct event {
	int64_t time, gap;
	int32_t object, count;
	int8_t op;
};

struct actor {
	int64_t event, end, left, due, ends, gap, started, asked, waited, unpaid, page, pindex;
	int64_t bucket;
	int32_t object, part, cpu, domain, tried, lock;
	int8_t op, phase, asleep, acted;
};

struct object {
	int64_t size, pindex;
	int32_t radix, resident, swblks, turn;
	int16_t stride;
	int8_t kind, policy, preferred, dirty, used;
};

struct part {
	int32_t head, tail, count, next, prev;
	int8_t queue, dirty;
};

struct pagequeue {
	int32_t head, tail;
	int64_t pages;
};

struct itemzone {
	int64_t bucket_size, bucket_max, keg_free, nfull, nitems;
	int64_t locked_until, locked_by, contended, exchanges, taken, given;
};

struct itemcache {
	int32_t alloc, free;
};

struct daemon {
	int64_t due, wakeable, shortage, freed, scans;
};

struct lock {
	int64_t held, head, tail, holds, contended, wait_ns, hold_ns, area, changed;
};

struct record {
	int64_t time;
	int32_t page;
	int16_t cpu, op;
};

struct traffic {
	struct machine *machine;
	struct actor *actor;
	int64_t *key;
	struct event *event;
	struct object *object;
	struct part *part;
	struct pagequeue *queue;
	struct itemzone *zone;
	struct itemcache *items;
	uint16_t *fill;
	struct daemon *daemon;
	struct pidctrl *pid;
	struct lock *lock;
	int64_t *ring, *histogram;
	struct record *record;
	int64_t *home;
	uint32_t *radix;
	int64_t now, ncpus, nactors, ndomains, sleepers, plenty, asked_actor, asked_items, swap_zone;
	int64_t entering, granted, nrecords, recorded, digest, operations, refused, swapped_in;
	int64_t breaks, woken, hold_ns;
	int64_t price_lock, price_list_op, price_page_struct, price_atomic, price_percpu;
	int64_t price_branch, price_zone_lock, after_anon, after_file, after_kernel;	/* ps */
};

static int64_t
in_ns(int64_t ps)
{
	return ((uint64_t)(ps + 500) / 1000);
}

/* What is written down: vmmodel/traffic/record.py. */

static int
bucket_of(uint64_t ns)
{
	int shift;

	if (ns < EXACT)
		return (ns);
	shift = 63 - __builtin_clzll(ns) - 7;
	return (EXACT + (shift - 1) * HALF + (ns >> shift) - HALF);
}

static void
count_latency(struct traffic *tr, enum recorded op, int64_t wait, int64_t work)
{
	int64_t *row = tr->histogram + op * NPART * NBUCKET;

	row[WAIT * NBUCKET + bucket_of(wait)]++;
	row[WORK * NBUCKET + bucket_of(work)]++;
	row[TOTAL * NBUCKET + bucket_of(wait + work)]++;
}

static void
note_operation(struct traffic *tr, int a, enum recorded op, int64_t m)
{
	int64_t word = (tr->now ^ tr->now >> 24 ^ m << 9 ^ a << 3 ^ op) & DIGEST;

	tr->operations++;
	tr->digest = ((tr->digest ^ word) * FACTOR) & DIGEST;
	if (tr->recorded < tr->nrecords)
		tr->record[tr->recorded++] = (struct record){ tr->now, m, a, op };
}

/* Which page indexes of an object are resident: vmmodel/traffic/radix.py. */

static uint32_t *
range_of(struct traffic *tr, struct object *obj, int64_t pindex)
{
	return (tr->radix + obj->radix + (pindex >> REGION_ORDER) * RANGE_WORDS);
}

static uint32_t *
word_of(struct traffic *tr, struct object *obj, int64_t pindex)
{
	return (range_of(tr, obj, pindex) + 1 + (pindex & (REGION_PAGES - 1)) / POPMAP_BITS);
}

static void
flip_resident(struct traffic *tr, struct object *obj, uint64_t pindex)
{
	*word_of(tr, obj, pindex) ^= 1u << (pindex % POPMAP_BITS);
}

/* The resident page index next below in the same range, or NONE. */
static int64_t
resident_below(struct traffic *tr, struct object *obj, int64_t pindex)
{
	uint32_t *range = range_of(tr, obj, pindex) + 1, word;
	int at = pindex & (REGION_PAGES - 1), w = at / POPMAP_BITS;

	if (at == 0)
		return (NONE);
	if (at % POPMAP_BITS != 0) {
		word = range[w] & ((1u << (at % POPMAP_BITS)) - 1);
		if (word != 0)
			return ((pindex & -POPMAP_BITS) + 31 - __builtin_clz(word));
	}
	while (--w >= 0)
		if (range[w] != 0)
			return ((pindex & -REGION_PAGES) + w * POPMAP_BITS + 31 -
			    __builtin_clz(range[w]));
	return (NONE);
}

/* And next above. */
static int64_t
resident_above(struct traffic *tr, struct object *obj, int64_t pindex)
{
	int64_t first = pindex & -REGION_PAGES, end = min(first + REGION_PAGES, obj->pindex), at;
	uint32_t *range = range_of(tr, obj, pindex) + 1, word;

	for (at = pindex + 1; at < end; at = (at & -POPMAP_BITS) + POPMAP_BITS) {
		word = range[(at - first) / POPMAP_BITS] >> (at % POPMAP_BITS);
		if (word != 0)
			return (at + __builtin_ctz(word));
	}
	return (NONE);
}

/* The first page index from pindex on that is not resident, or end. */
static int64_t
next_missing(struct traffic *tr, struct object *obj, int64_t pindex, int64_t end)
{
	int64_t touched = min(end, obj->pindex);

	if ((int64_t)obj->resident * obj->stride == obj->pindex)
		return (max(pindex, touched));
	while (pindex < touched) {
		uint32_t word = *word_of(tr, obj, pindex);
		if (!(word >> (pindex % POPMAP_BITS) & 1))
			break;
		if (word == UINT32_MAX)
			pindex = min((pindex & -POPMAP_BITS) + POPMAP_BITS, end);
		else
			pindex += obj->stride;
	}
	return (pindex);
}

/* The object's reservation, found through a neighbour in it.  FreeBSD: vm_reserv_from_object(). */
static int
reservation_of(struct traffic *tr, int o, int64_t pindex, int64_t below, int64_t above)
{
	struct machine *vm = tr->machine;
	int region = *range_of(tr, &tr->object[o], pindex), first;
	struct reserv *rv = &vm->reserv[region];

	if (region == NO_REGION || rv->object != o || rv->pindex != (pindex & -REGION_PAGES))
		return (NO_RESERV);
	first = region << REGION_ORDER;
	if (below != NONE && is_populated(vm, first + (below & (REGION_PAGES - 1))))
		return (region);
	if (above != NONE && is_populated(vm, first + (above & (REGION_PAGES - 1))))
		return (region);
	return (NO_RESERV);
}

/* Objects and page queues: vmmodel/traffic/objects.py. */

static struct pagequeue *
queue_of(struct traffic *tr, int part, enum queue queue)
{
	return (&tr->queue[part % tr->ndomains * NQUEUE + queue]);
}

static void
dequeue(struct traffic *tr, int part)
{
	struct part *this = &tr->part[part];
	struct pagequeue *queue;

	if (this->queue == NONE)
		return;
	queue = queue_of(tr, part, this->queue);
	if (this->prev == NONE)
		queue->head = this->next;
	else
		tr->part[this->prev].next = this->next;
	if (this->next == NONE)
		queue->tail = this->prev;
	else
		tr->part[this->next].prev = this->prev;
	queue->pages -= this->count;
	this->queue = NONE;
}

static void
enqueue_tail(struct traffic *tr, int part, enum queue kind)
{
	struct part *this = &tr->part[part];
	struct pagequeue *queue = queue_of(tr, part, kind);

	this->prev = queue->tail;
	this->next = NONE;
	if (queue->tail == NONE)
		queue->head = part;
	else
		tr->part[queue->tail].next = part;
	queue->tail = part;
	queue->pages += this->count;
	this->queue = kind;
}

static void
enqueue_head(struct traffic *tr, int part, enum queue kind)
{
	struct part *this = &tr->part[part];
	struct pagequeue *queue = queue_of(tr, part, kind);

	this->next = queue->head;
	this->prev = NONE;
	if (queue->head == NONE)
		queue->tail = part;
	else
		tr->part[queue->head].prev = part;
	queue->head = part;
	queue->pages += this->count;
	this->queue = kind;
}

static void
enter_page(struct traffic *tr, int o, int64_t pindex, int m)
{
	struct machine *vm = tr->machine;
	struct page *page = vm->page;
	struct object *obj = &tr->object[o];
	int part = o * tr->ndomains;
	struct part *this;

	if (tr->ndomains > 1)
		part += vm->segment[page[m].segment].domain;
	this = &tr->part[part];
	page[m].next = NO_PAGE;
	page[m].prev = pindex;
	if (this->tail == NO_PAGE)
		this->head = m;
	else
		page[this->tail].next = m;
	this->tail = m;
	this->count++;
	this->dirty = obj->dirty;
	if (this->queue != NONE)
		queue_of(tr, part, this->queue)->pages++;
	else if (obj->kind != KERNEL)
		enqueue_tail(tr, part, obj->kind == ANON ? ACTIVE : INACTIVE);
	flip_resident(tr, obj, pindex);
	if (pindex < obj->pindex)
		tr->swapped_in++;
	else
		obj->pindex = pindex + obj->stride;
	obj->resident++;
}

static int
remove_page(struct traffic *tr, int part)
{
	struct part *this = &tr->part[part];
	struct object *obj = &tr->object[part / tr->ndomains];
	int m = this->head;

	this->head = tr->machine->page[m].next;
	this->count--;
	flip_resident(tr, obj, tr->machine->page[m].prev);
	obj->resident--;
	if (this->queue != NONE)
		queue_of(tr, part, this->queue)->pages--;
	if (this->head == NO_PAGE) {
		this->tail = NO_PAGE;
		dequeue(tr, part);
	}
	return (m);
}

static void
note_use(struct traffic *tr, int o)
{
	struct object *obj = &tr->object[o];
	enum queue kind = obj->kind == ANON || obj->used ? ACTIVE : INACTIVE;

	obj->used = 1;
	for (int part = o * tr->ndomains; part < (o + 1) * tr->ndomains; part++) {
		dequeue(tr, part);
		if (tr->part[part].count > 0 && obj->kind != KERNEL)
			enqueue_tail(tr, part, kind);
	}
}

static void
deactivate(struct traffic *tr, int d, int64_t target)
{
	struct pagequeue *active = &tr->queue[d * NQUEUE + ACTIVE];
	struct pagequeue *inactive = &tr->queue[d * NQUEUE + INACTIVE];

	while (inactive->pages < target && active->head != NONE) {
		int part = active->head;
		dequeue(tr, part);
		enqueue_tail(tr, part, INACTIVE);
	}
}

/* Items of zones: vmmodel/traffic/items.py. */

static void
lock_zone(struct traffic *tr, struct itemzone *zone, int cpu)
{
	zone->exchanges++;
	if (tr->now < zone->locked_until && zone->locked_by != cpu) {
		zone->contended++;
		zone->bucket_size = min(zone->bucket_size + 1, zone->bucket_max);
	}
	zone->locked_by = cpu;
	zone->locked_until = max(tr->now, zone->locked_until) + in_ns(tr->price_zone_lock);
}

/* How many items are missing. */
static int64_t
items_alloc(struct traffic *tr, int z, int cpu, int64_t n)
{
	struct itemzone *zone = &tr->zone[z];
	struct itemcache *cache = &tr->items[z * tr->ncpus + cpu];
	int64_t want, taken;

	while (n > 0) {
		if (cache->alloc == 0 && cache->free > 0) {
			cache->alloc = cache->free;
			cache->free = 0;
		} else if (cache->alloc == 0) {
			lock_zone(tr, zone, cpu);
			want = tr->machine->bucketdisable ? n : zone->bucket_size;
			if (zone->nfull > 0) {
				cache->alloc = tr->fill[z * MOST_FULL + --zone->nfull];
				zone->nitems -= cache->alloc;
			} else if (zone->keg_free >= want) {
				zone->keg_free -= want;
				cache->alloc = want;
			} else {
				tr->asked_items = want;
				return (n);
			}
		}
		taken = min(n, cache->alloc);
		cache->alloc -= taken;
		zone->taken += taken;
		n -= taken;
	}
	return (0);
}

static void
put_full(struct traffic *tr, int z, int cpu, int items)
{
	struct itemzone *zone = &tr->zone[z];

	lock_zone(tr, zone, cpu);
	if (zone->nfull == MOST_FULL) {
		zone->keg_free += items;
		return;
	}
	tr->fill[z * MOST_FULL + zone->nfull++] = items;
	zone->nitems += items;
}

static void
items_free(struct traffic *tr, int z, int cpu, int64_t n)
{
	struct itemzone *zone = &tr->zone[z];
	struct itemcache *cache = &tr->items[z * tr->ncpus + cpu];
	int64_t put, room;
	int full;

	zone->given += n;
	while (n > 0) {
		room = zone->bucket_size - cache->alloc;
		if (room <= 0) {
			if (cache->free >= zone->bucket_size) {
				put_full(tr, z, cpu, cache->free);
				cache->free = 0;
			}
			full = cache->alloc;
			cache->alloc = cache->free;
			cache->free = full;
			room = zone->bucket_size - cache->alloc;
		}
		put = min(n, max(room, 1));
		cache->alloc += put;
		n -= put;
	}
}

static void
items_reclaim(struct itemzone *zone)
{
	zone->keg_free += zone->nitems;
	zone->nitems = 0;
	zone->nfull = 0;
	zone->bucket_size = max(zone->bucket_size - 1, BUCKET_MIN);
}

/* One page: vmmodel/traffic/pages.py. */

static int
first_domain(struct traffic *tr, struct actor *actor, struct object *obj)
{
	if (tr->ndomains == 1)
		return (0);
	if (obj->policy == ROUND_ROBIN)
		return (obj->turn = (obj->turn + 1) % tr->ndomains);
	if (obj->policy == PREFERRED)
		return (obj->preferred);
	return (tr->home[actor->cpu]);
}

static enum answer
alloc_reserved(struct traffic *tr, struct actor *actor, struct object *obj)
{
	struct machine *vm = tr->machine;
	int64_t pindex = actor->pindex, below, above;
	int region;

	if ((pindex & -REGION_PAGES) + REGION_PAGES > obj->size)
		return (REFUSED);
	below = resident_below(tr, obj, pindex);
	above = resident_above(tr, obj, pindex);
	region = reservation_of(tr, actor->object, pindex, below, above);
	if (region != NO_RESERV) {
		actor->page = reserv_extend(vm, region, pindex);
		return (actor->page != NO_PAGE ? DONE : REFUSED);
	}
	if (below != NONE || above != NONE || !domain_allocate(vm, actor->domain, NORMAL, 1))
		return (REFUSED);
	actor->phase = START;
	return (WANT_LOCK);
}

static enum answer
alloc_cached(struct machine *vm, struct actor *actor, struct object *obj, enum phase after)
{
	int d = actor->domain, z = d * NPOOL + (obj->kind >= KERNEL ? DIRECT : DEFAULT);
	struct pagecache *zone = &vm->zone[z];

	if (after < BUCKET) {
		actor->page = cache_alloc(vm, z, actor->cpu);
		if (actor->page != NO_PAGE)
			return (DONE);
		if (!vm->bucketdisable && zone->empty != NO_BUCKET &&
		    import_admitted(vm, z, zone->bucket_size)) {
			actor->phase = BUCKET;
			return (WANT_LOCK);
		}
	}
	if (after < ONE && import_admitted(vm, z, 1)) {
		actor->phase = ONE;
		return (WANT_LOCK);
	}
	if (domain_allocate(vm, d, obj->kind >= KERNEL ? SYSTEM : NORMAL, 1)) {
		actor->phase = BUDDY;
		return (WANT_LOCK);
	}
	return (REFUSED);
}

static enum answer
alloc_page(struct traffic *tr, struct actor *actor)
{
	struct object *obj = &tr->object[actor->object];
	enum phase phase = actor->phase;
	enum answer answer;

	if (phase == BREAK) {
		if (actor->page == NO_PAGE)
			return (REFUSED);
		phase = ALLOCATE;
	} else if (phase >= START && actor->page != NO_PAGE)
		return (DONE);
	else if (phase == BUDDY) {
		actor->phase = BREAK;
		return (WANT_LOCK);
	}
	if (phase == ALLOCATE && obj->kind < KERNEL) {
		answer = alloc_reserved(tr, actor, obj);
		if (answer != REFUSED)
			return (answer);
	}
	return (alloc_cached(tr->machine, actor, obj, phase));
}

static enum answer
free_page(struct machine *vm, struct actor *actor)
{
	int m = actor->page, answer, z;
	struct page *page = &vm->page[m];
	struct reserv *rv;

	if (actor->phase > RELEASE && actor->phase != FREE_BUCKET)
		return (DONE);
	if (page->pool & PCPU_CACHE) {
		z = vm->segment[page->segment].domain * NPOOL + (page->pool & POOL_MASK);
		answer = cache_free(vm, z, actor->cpu, m);
		if (answer == KEPT)
			return (DONE);
		actor->bucket = answer;
		actor->phase = answer == RELEASE_PAGE ? FREE_ONE : FREE_BUCKET;
		return (WANT_LOCK);
	}
	rv = &vm->reserv[m >> REGION_ORDER];
	if (rv->object == NO_OBJECT) {
		actor->phase = FREE_BUDDY;
		return (WANT_LOCK);
	}
	if (rv->popcnt == 1) {
		actor->phase = FREE_RESERV;
		return (WANT_LOCK);
	}
	depopulate(vm, m >> REGION_ORDER, m);
	return (DONE);
}

static int
lock_domain(struct traffic *tr, struct actor *actor)
{
	struct machine *vm = tr->machine;

	if (tr->ndomains == 1)
		return (0);
	if (actor->phase <= BREAK)
		return (actor->domain);
	return (vm->segment[vm->page[actor->page].segment].domain);
}

static void
locked_page(struct traffic *tr, struct actor *actor)
{
	struct machine *vm = tr->machine;
	struct object *obj = &tr->object[actor->object];
	int m = actor->page, d = actor->domain, pool, z;

	if (actor->phase <= BREAK)
		pool = obj->kind >= KERNEL ? DIRECT : DEFAULT;
	else {
		d = vm->segment[vm->page[m].segment].domain;
		pool = vm->page[m].pool & POOL_MASK;
	}
	z = d * NPOOL + pool;
	switch (actor->phase) {
	case START:
		actor->page = reserv_start(vm, d, actor->object, actor->pindex);
		if (actor->page != NO_PAGE)
			*range_of(tr, obj, actor->pindex) = actor->page >> REGION_ORDER;
		break;
	case BUCKET:
		actor->page = import_bucket(vm, z, actor->cpu);
		break;
	case ONE:
		actor->page = import_page(vm, z);
		break;
	case BUDDY:
		actor->page = admitted_page(vm, d, pool);
		break;
	case BREAK:
		tr->breaks++;
		actor->page = reclaim_inactive(vm, d) ? 0 : NO_PAGE;
		break;
	case FREE_BUCKET:
		release_bucket(vm, z, actor->bucket);
		break;
	case FREE_ONE:
		release_page(vm, z, m);
		break;
	case FREE_RESERV:
		depopulate(vm, m >> REGION_ORDER, m);
		break;
	default:
		page_free(vm, m);
	}
}

/* What an actor does at one instant: vmmodel/traffic/turn.py. */

static int64_t
take_work(struct traffic *tr)
{
	struct machine *vm = tr->machine;
	int64_t work = vm->list_ops * tr->price_list_op +
	    vm->page_structs * tr->price_page_struct + vm->atomics * tr->price_atomic;

	vm->list_ops = vm->page_structs = vm->atomics = 0;
	return (work);
}

static bool
is_short(struct traffic *tr)
{
	for (int d = 0; d < tr->ndomains; d++)
		if (tr->machine->domain[d].free_count >= tr->machine->domain[d].free_min)
			return (false);
	return (true);
}

static void
begin_drop(struct traffic *tr, struct actor *actor)
{
	int o = actor->object;
	struct object *obj = &tr->object[o];

	for (int d = 0; d < tr->ndomains; d++)
		dequeue(tr, o * tr->ndomains + d);
	if (obj->swblks > 0) {
		items_free(tr, tr->swap_zone, actor->cpu, obj->swblks);
		obj->swblks = 0;
	}
	obj->pindex = 0;
	actor->part = o * tr->ndomains;
	actor->left = obj->resident;
}

/* Go on to the next page that is used and has to be read, if there is one. */
static void
pass_resident(struct traffic *tr, struct actor *actor)
{
	struct object *obj = &tr->object[actor->object];
	int64_t at, end = actor->pindex + actor->left * obj->stride;

	at = next_missing(tr, obj, actor->pindex, end);
	actor->left -= (at - actor->pindex) / obj->stride;
	actor->pindex = at;
}

/* FreeBSD: swap_pager_unswapped(). */
static void
give_swap_back(struct traffic *tr, struct actor *actor, int npages)
{
	struct object *obj = &tr->object[actor->object];
	int n = min(obj->swblks, (npages + SWAP_META_PAGES - 1) / SWAP_META_PAGES);

	if (n > 0) {
		items_free(tr, tr->swap_zone, actor->cpu, n);
		obj->swblks -= n;
	}
}

static enum code
begin_event(struct traffic *tr, struct actor *actor)
{
	struct event *event = &tr->event[actor->event];

	if (actor->event == actor->end)
		return (FINISHED);
	if (event->time > tr->now) {
		actor->due = event->time;
		return (TIMED);
	}
	actor->event++;
	actor->op = event->op;
	actor->object = event->object;
	actor->gap = event->gap;
	actor->left = event->count;
	switch (event->op) {
	case USE:
		note_use(tr, event->object);
		actor->pindex = 0;
		pass_resident(tr, actor);
		if (actor->left > 0 && actor->pindex < tr->object[event->object].pindex)
			give_swap_back(tr, actor, event->count);
		break;
	case DROP:
		begin_drop(tr, actor);
		break;
	case UNITEMS:
		items_free(tr, event->object, actor->cpu, event->count);
		actor->left = 0;
		actor->due = tr->now + in_ns(tr->price_percpu * event->count) + actor->gap;
		return (TIMED);
	}
	return (BEGUN);
}

static enum code
take_items(struct traffic *tr, int a)
{
	struct actor *actor = &tr->actor[a];
	int64_t before = actor->left;

	actor->left = items_alloc(tr, actor->object, actor->cpu, before);
	if (actor->left > 0) {
		tr->asked_actor = a;
		return (SLAB);
	}
	actor->due = tr->now + in_ns(tr->price_percpu * before) + actor->gap;
	return (TIMED);
}

static void
begin_free(struct traffic *tr, struct actor *actor)
{
	while (tr->part[actor->part].count == 0)
		actor->part++;
	actor->page = remove_page(tr, actor->part);
	actor->phase = RELEASE;
}

static bool
begin_reclaim(struct traffic *tr, struct actor *actor)
{
	struct pagequeue *inactive = queue_of(tr, actor->object, INACTIVE);
	int part;

	while ((part = inactive->head) != NONE) {
		if (!tr->part[part].dirty) {
			actor->page = remove_page(tr, part);
			actor->phase = RELEASE;
			return (true);
		}
		dequeue(tr, part);
		enqueue_tail(tr, part, LAUNDRY);
	}
	return (false);
}

static enum code
begin_page(struct traffic *tr, int a)
{
	struct actor *actor = &tr->actor[a];
	enum code code;

	if (actor->op == USE && actor->left > 0)
		pass_resident(tr, actor);
	while (actor->left == 0) {
		if (actor->op == SCAN)
			return (SCANNED);
		code = begin_event(tr, actor);
		if (code != BEGUN)
			return (code);
	}
	actor->started = tr->now;
	actor->waited = 0;
	actor->unpaid = tr->price_percpu;
	switch (actor->op) {
	case TOUCH:
		actor->pindex = tr->object[actor->object].pindex;
		/* FALLTHROUGH */
	case USE:
		actor->tried = 0;
		actor->domain = first_domain(tr, actor, &tr->object[actor->object]);
		actor->phase = ALLOCATE;
		break;
	case DROP:
		begin_free(tr, actor);
		break;
	case ITEMS:
		return (take_items(tr, a));
	default:
		if (!begin_reclaim(tr, actor))
			return (SCANNED);
	}
	return (BEGUN);
}

static enum code
end_page(struct traffic *tr, int a)
{
	struct actor *actor = &tr->actor[a];
	int64_t after = 0, unpaid;
	enum recorded op = ALLOC;

	if (actor->phase <= BREAK) {
		enum kind kind = tr->object[actor->object].kind;
		enter_page(tr, actor->object, actor->pindex, actor->page);
		actor->pindex += tr->object[actor->object].stride;
		after = kind == ANON ? tr->after_anon :
		    kind == FILE_CACHE ? tr->after_file : tr->after_kernel;
	} else {
		op = actor->op == SCAN ? RECLAIM : FREE;
		actor->unpaid += tr->price_branch;
	}
	note_operation(tr, a, op, actor->page);
	actor->unpaid += take_work(tr);
	unpaid = in_ns(actor->unpaid);
	count_latency(tr, op, actor->waited, tr->now - actor->started - actor->waited + unpaid);
	actor->phase = READY;
	actor->left--;
	actor->ends = tr->now + unpaid;
	actor->due = actor->ends + in_ns(after) + actor->gap;
	return (TIMED);
}

static enum code
refuse_page(struct traffic *tr, struct actor *actor)
{
	actor->phase = ALLOCATE;
	actor->tried++;
	if (actor->tried < tr->ndomains) {
		actor->domain = (actor->domain + 1) % tr->ndomains;
		return (BEGUN);
	}
	tr->refused++;
	actor->tried = 0;
	actor->unpaid += take_work(tr);
	if (is_short(tr))
		return (ASLEEP);
	actor->due = tr->now + RETRY_NS;
	return (TIMED);
}

static enum code
turn(struct traffic *tr, int a)
{
	struct actor *actor = &tr->actor[a];
	enum answer answer;
	enum code code;

	if (actor->phase == READY) {
		code = begin_page(tr, a);
		if (code != BEGUN)
			return (code);
	}
	for (;;) {
		if (actor->phase <= BREAK)
			answer = alloc_page(tr, actor);
		else
			answer = free_page(tr->machine, actor);
		if (answer == DONE)
			return (end_page(tr, a));
		if (answer == WANT_LOCK) {
			actor->unpaid += take_work(tr);
			actor->acted = 0;
			return (LOCK);
		}
		code = refuse_page(tr, actor);
		if (code != BEGUN)
			return (code);
	}
}

/* The clock: vmmodel/traffic/advance.py. */

static void
count_waiting(struct traffic *tr, struct lock *lock)
{
	lock->area += (lock->tail - lock->head) * (tr->now - lock->changed);
	lock->changed = tr->now;
}

static bool
lock_acquire(struct traffic *tr, int d, int64_t who)
{
	struct lock *lock = &tr->lock[d];

	lock->holds++;
	if (!lock->held) {
		lock->held = 1;
		return (true);
	}
	lock->contended++;
	count_waiting(tr, lock);
	tr->ring[d * RING + lock->tail++ % RING] = who;
	return (false);
}

static int64_t
lock_hand_over(struct traffic *tr, int d)
{
	struct lock *lock = &tr->lock[d];

	if (lock->head == lock->tail) {
		lock->held = 0;
		return (NONE);
	}
	count_waiting(tr, lock);
	return (tr->ring[d * RING + lock->head++ % RING]);
}

static void
begin_hold(struct traffic *tr, int a)
{
	struct actor *actor = &tr->actor[a];
	struct lock *lock = &tr->lock[actor->lock];
	int64_t waited = tr->now - actor->asked, hold;

	actor->waited += waited;
	lock->wait_ns += waited;
	tr->machine->lock_holds = 0;
	locked_page(tr, actor);
	actor->acted = 1;
	hold = in_ns(tr->price_lock * max(tr->machine->lock_holds, 1) + take_work(tr));
	lock->hold_ns += hold;
	tr->key[a] = tr->now + hold;
}

static enum reason
step(struct traffic *tr, int a)
{
	struct actor *actor = &tr->actor[a];

	tr->entering = NONE;
	tr->granted = NONE;
	if (actor->lock != NONE) {
		tr->granted = lock_hand_over(tr, actor->lock);
		actor->lock = NONE;
	}
	switch (turn(tr, a)) {
	case TIMED:
		tr->key[a] = actor->due;
		return (NOTHING);
	case LOCK:
		tr->key[a] = NEVER;
		actor->lock = lock_domain(tr, actor);
		actor->asked = tr->now;
		if (lock_acquire(tr, actor->lock, a))
			tr->entering = a;
		return (NOTHING);
	case ASLEEP:
		tr->key[a] = NEVER;
		actor->asleep = 1;
		tr->sleepers++;
		return (NOTHING);
	case SLAB:
		tr->key[a] = NEVER;
		return (NEED_SLAB);
	case SCANNED:
		tr->key[a] = NEVER;
		tr->asked_actor = a;
		return (SCAN_ENDED);
	default:
		tr->key[a] = NEVER;
		return (NOTHING);
	}
}

static void
settle(struct traffic *tr)
{
	if (tr->sleepers > 0 && !is_short(tr)) {
		for (int a = 0; a < tr->nactors; a++) {
			struct actor *actor = &tr->actor[a];
			if (actor->asleep) {
				actor->asleep = 0;
				actor->started = actor->due = tr->key[a] = tr->now;
				actor->waited = 0;
			}
		}
		tr->sleepers = 0;
		tr->woken = 1;
	}
	for (int d = 0; d < tr->ndomains; d++) {
		struct domain *domain = &tr->machine->domain[d];
		if (domain->free_count < domain->wakeup_thresh && tr->daemon[d].wakeable) {
			tr->daemon[d].wakeable = 0;
			tr->key[tr->nactors + d] = tr->now;
			tr->woken = 1;
		}
	}
}

static enum reason
enter_locks(struct traffic *tr)
{
	if (tr->entering != NONE) {
		begin_hold(tr, tr->entering);
		settle(tr);
	}
	if (tr->granted >= tr->nactors)
		return (GRANTED);
	if (tr->granted != NONE) {
		begin_hold(tr, tr->granted);
		settle(tr);
	}
	return (NOTHING);
}

static int64_t
daemon_sleep(struct traffic *tr, int d, bool target_met)
{
	struct domain *domain = &tr->machine->domain[d];
	bool starved = domain->free_count < domain->wakeup_thresh;

	tr->daemon[d].wakeable = !starved;
	return (tr->now + (starved && target_met ? TICK_NS : PERIOD_NS));
}

static enum reason
tick(struct traffic *tr, int d)
{
	struct daemon *daemon = &tr->daemon[d];
	int64_t *key = &tr->key[tr->nactors + d];

	daemon->wakeable = 0;
	daemon->shortage = pidctrl_daemon(&tr->pid[d], tr->machine->domain[d].free_count,
	    tr->now / TICK_NS);
	if (daemon->shortage > 0) {
		*key = NEVER;
		tr->asked_actor = d;
		return (PAGING);
	}
	*key = daemon_sleep(tr, d, true);
	return (NOTHING);
}

static void
set_now(struct traffic *tr, int64_t now)
{
	tr->now = now;
	tr->machine->ticks = now / TICK_NS;
}

static enum reason
advance(struct traffic *tr, int64_t until)
{
	int nkeys = tr->nactors + tr->ndomains, first, i;
	enum reason reason;

	for (;;) {
		int64_t t = NEVER, runner_up = NEVER;

		first = 0;
		for (i = 0; i < nkeys; i++) {
			if (tr->key[i] < t) {
				runner_up = t;
				t = tr->key[i];
				first = i;
			} else if (tr->key[i] < runner_up)
				runner_up = tr->key[i];
		}
		if (t >= until)
			return (NOTHING);
		tr->woken = 0;
		do {	/* without a new scan as long as the others come later */
			set_now(tr, t);
			if (first < tr->nactors) {
				reason = step(tr, first);
				settle(tr);
				reason |= enter_locks(tr);
			} else
				reason = tick(tr, first - tr->nactors);
			if (reason != NOTHING)
				return (reason);
			t = tr->key[first];
		} while (t < until && t < runner_up && !tr->woken && tr->granted == NONE);
	}
}

/* What SimPy's processes do: vmmodel/sim/paging.py, compiled.py, clock.py.  Domain 0. */

/* A process that sleeps until a time; of two with the same, the one that slept first goes on. */
struct timer {
	int64_t due;
	int order;
};

struct sim {
	struct traffic *tr;
	int64_t now, next_number;
	int norders;
	struct timer uma, hold, write;
	/* The page daemon, and its low-memory event. */
	int64_t inactive_target, lowmem_at, before, keep, shortage, asked;
	int zone;
	bool drain, again;
	/* The laundry thread: what it writes, or nothing. */
	int64_t launder_ns, launder_target, target, freed, swblks, npages, pauses;
	int part;
	bool requested, shortfall, writing;
};

static void
sleep_until(struct sim *sim, struct timer *timer, int64_t due)
{
	timer->due = due;
	timer->order = sim->norders++;
}

static void
pagedaemon_scan(struct sim *sim)
{
	struct traffic *tr = sim->tr;

	deactivate(tr, 0, max(sim->inactive_target, sim->shortage));
	tr->actor[tr->ncpus].left = sim->shortage;
	tr->daemon[0].scans++;
	tr->key[tr->ncpus] = sim->now;
}

/* Under the lock: release one bucket, and hold the lock as long as that takes. */
static void
lowmem_locked(struct sim *sim)
{
	struct traffic *tr = sim->tr;
	struct machine *vm = tr->machine;
	int64_t hold;

	set_now(tr, sim->now);
	sim->again = reclaim_bucket(vm, sim->zone, sim->drain ? 0 : sim->keep);
	settle(tr);
	hold = rint(tr->price_lock / 1000.0 + (tr->price_list_op / 1000.0 * vm->list_ops +
	    tr->price_page_struct / 1000.0 * vm->page_structs +
	    tr->price_atomic / 1000.0 * vm->atomics));
	vm->list_ops = vm->page_structs = vm->atomics = vm->steals = vm->stolen_pages = 0;
	tr->lock[0].hold_ns += hold;
	sleep_until(sim, &sim->hold, sim->now + hold);
}

static void
lowmem_acquire(struct sim *sim)
{
	set_now(sim->tr, sim->now);
	sim->asked = sim->now;
	if (lock_acquire(sim->tr, 0, sim->next_number++))
		lowmem_locked(sim);
}

static void
lowmem_granted(struct sim *sim)
{
	sim->tr->lock[0].wait_ns += sim->now - sim->asked;
	lowmem_locked(sim);
}

static void
lowmem_zone(struct sim *sim)
{
	update_wss(&sim->tr->machine->zone[sim->zone]);
	sim->keep = sim->tr->machine->zone[sim->zone].wss;
	lowmem_acquire(sim);
}

/* The controller wants pages freed.  FreeBSD: vm_pageout_lowmem(), then the scan. */
static void
pagedaemon_wanted(struct sim *sim, int nzones)
{
	struct traffic *tr = sim->tr;
	struct domain *domain = &tr->machine->domain[0];

	sim->shortage = tr->daemon[0].shortage;
	if (sim->now - sim->lowmem_at < LOWMEM_NS) {
		pagedaemon_scan(sim);
		return;
	}
	sim->lowmem_at = sim->now;
	sim->before = domain->free_count;
	sim->drain = domain->free_count < domain->free_severe;
	for (int z = 0; z < nzones; z++)
		items_reclaim(&tr->zone[z]);
	sim->zone = 0;
	lowmem_zone(sim);
}

/* A hold of the low-memory event has ended; whoever gets the lock enters afterwards. */
static void
lowmem_release(struct sim *sim)
{
	struct traffic *tr = sim->tr;
	int64_t who, freed;

	sim->hold.due = NEVER;
	set_now(tr, sim->now);
	who = lock_hand_over(tr, 0);
	if (sim->again)
		lowmem_acquire(sim);
	else if (++sim->zone < NPOOL)
		lowmem_zone(sim);
	else {
		freed = tr->machine->domain[0].free_count - sim->before;
		sim->shortage -= max(min(freed, sim->shortage), 0);
		pagedaemon_scan(sim);
	}
	if (who != NONE) {
		set_now(tr, sim->now);
		begin_hold(tr, who);
		settle(tr);
	}
}

static void launder_next(struct sim *);

/* What is missing; else some if few pages are clean.  FreeBSD: vm_pageout_laundry_worker(). */
static int64_t
laundry_target(struct sim *sim)
{
	struct traffic *tr = sim->tr;
	struct domain *domain = &tr->machine->domain[0];
	int64_t clean, step = domain->free_target - domain->free_min;

	if (sim->shortfall)
		return (max(domain->free_target - domain->free_count, 0));
	clean = domain->free_count + tr->queue[INACTIVE].pages;
	return (tr->queue[LAUNDRY].pages * (int64_t)sqrt((sim->freed + step) / step) >= clean ?
	    sim->launder_target : 0);
}

static void
launder_begin(struct sim *sim)
{
	sim->requested = false;
	sim->target = laundry_target(sim);
	launder_next(sim);
}

/* Write the next part of the laundry queue, or sleep until writing is requested. */
static void
launder_next(struct sim *sim)
{
	struct traffic *tr = sim->tr;
	int npages, part = tr->queue[LAUNDRY].head;

	if (part == NONE || sim->target <= 0) {
		sim->write.due = NEVER;
		if (sim->requested)
			launder_begin(sim);
		return;
	}
	dequeue(tr, part);
	npages = tr->part[part].count;
	sim->part = part;
	sim->npages = npages;
	sim->freed = 0;
	sim->target -= npages;
	sim->swblks = 0;
	if (tr->object[part].kind == ANON && tr->swap_zone != NONE) {
		sim->swblks = max((npages + SWAP_META_PAGES - 1) / SWAP_META_PAGES -
		    tr->object[part].swblks, 0);
		items_alloc(tr, tr->swap_zone, 0, sim->swblks);
	}
	sim->writing = true;
	sleep_until(sim, &sim->write, sim->now + npages * sim->launder_ns);
}

/* Keep to the rate of laundering ahead of need, as long as there is none. */
static void
launder_pause(struct sim *sim)
{
	if (sim->pauses > 0 && !sim->shortfall) {
		sim->pauses--;
		sleep_until(sim, &sim->write, sim->now + LAUNDRY_PERIOD_NS);
	} else
		launder_next(sim);
}

static void
launder_written(struct sim *sim)
{
	struct traffic *tr = sim->tr;
	struct part *part = &tr->part[sim->part];

	sim->writing = false;
	sim->pauses = (sim->npages + BACKGROUND_PAGES - 1) / BACKGROUND_PAGES;
	set_now(tr, sim->now);
	if (part->count == 0) {
		if (sim->swblks)
			items_free(tr, tr->swap_zone, 0, sim->swblks);
	} else {
		tr->object[sim->part].swblks += sim->swblks;
		if (part->queue == NONE) {
			part->dirty = 0;
			enqueue_head(tr, sim->part, INACTIVE);
		}
	}
	launder_pause(sim);
}

static void
scan_ended(struct sim *sim)
{
	struct traffic *tr = sim->tr;
	int64_t missing = tr->actor[tr->ncpus].left;

	set_now(tr, sim->now);
	tr->key[tr->nactors] = daemon_sleep(tr, 0, missing == 0);
	sim->freed += sim->shortage - missing;
	sim->shortfall = missing > 0;
	sim->requested = true;
	if (sim->write.due == NEVER)
		launder_begin(sim);
}

/* The timer that is due first. */
static struct timer *
first_timer(struct sim *sim)
{
	struct timer *timers[] = { &sim->hold, &sim->write }, *first = &sim->uma;

	for (int i = 0; i < 2; i++)
		if (timers[i]->due < first->due ||
		    (timers[i]->due == first->due && timers[i]->order < first->order))
			first = timers[i];
	return (first);
}

static void
fire(struct sim *sim, struct timer *timer)
{
	if (timer == &sim->hold)
		lowmem_release(sim);
	else if (timer == &sim->write && sim->writing)
		launder_written(sim);
	else if (timer == &sim->write)
		launder_pause(sim);
	else {
		uma_timeout(sim->tr->machine);
		sleep_until(sim, timer, timer->due + UMA_TIMEOUT_NS);
	}
}

/* Run everything up to and including end - 1; false if a slab was needed, which is Python's. */
bool
run(struct traffic *tr, int64_t end, int64_t launder_ns, int nzones)
{
	struct domain *domain = &tr->machine->domain[0];
	struct sim sim = {
		.tr = tr, .next_number = tr->nactors, .lowmem_at = -LOWMEM_NS,
		.uma.due = UMA_TIMEOUT_NS, .hold.due = NEVER, .write.due = NEVER, .norders = 1,
		.launder_ns = launder_ns,
		.launder_target = (domain->free_target - domain->free_min) / 10,
		.inactive_target = min(3 * domain->free_target / 2, domain->free_count / 3),
	};

	for (;;) {
		struct timer *timer = first_timer(&sim);
		enum reason reason = advance(tr, min(timer->due, end));

		if (reason == NOTHING) {
			if (timer->due >= end)
				return (true);
			sim.now = timer->due;
			fire(&sim, timer);
			continue;
		}
		sim.now = tr->now;
		if (reason & NEED_SLAB)
			return (false);
		if (reason & GRANTED)
			lowmem_granted(&sim);
		if (reason & SCAN_ENDED)
			scan_ended(&sim);
		if (reason & PAGING)
			pagedaemon_wanted(&sim, nzones);
	}
}

/* Sizes of the structures, which must be those of vmmodel. */
const int32_t layout[] = { sizeof(struct page), sizeof(struct freelist), sizeof(struct segment),
	sizeof(struct domain), sizeof(struct machine), sizeof(struct pagecache),
	sizeof(struct cpucache), sizeof(struct bucket), sizeof(struct reserv),
	sizeof(struct pidctrl), sizeof(struct event), sizeof(struct actor), sizeof(struct object),
	sizeof(struct part), sizeof(struct pagequeue), sizeof(struct itemzone),
	sizeof(struct itemcache), sizeof(struct daemon), sizeof(struct lock), sizeof(struct record),
	sizeof(struct traffic) };
