"""What Python calls: each compiled function once, with the address of the traffic first."""

from vmmodel.kernel.cstruct import entry, pointer_to
from vmmodel.traffic import advance as clock
from vmmodel.traffic import check, items, laundry, objects
from vmmodel.traffic import turn as actors
from vmmodel.traffic.pages import lock_domain
from vmmodel.traffic.structs import TrafficState

traffic_at = pointer_to(TrafficState)


@entry
def advance(tr: int, until: int) -> int:
    """See `advance.advance`."""
    return clock.advance(traffic_at(tr)[0], until)


@entry
def set_now(tr: int, now: int) -> int:
    """See `advance.set_now`."""
    clock.set_now(traffic_at(tr)[0], now)
    return 0


@entry
def turn(tr: int, a: int, now: int) -> int:
    """See `turn.turn`: when the actor goes on, or minus why it stops."""
    traffic = traffic_at(tr)[0]
    clock.set_now(traffic, now)
    code = actors.turn(traffic, a)
    return traffic.actor[a].due if code == actors.TIMED else -code


@entry
def locked(tr: int, a: int, now: int, waited: int) -> int:
    """See `turn.locked`; the actor has waited for the lock."""
    traffic = traffic_at(tr)[0]
    clock.set_now(traffic, now)
    traffic.actor[a].waited += waited
    return actors.locked(traffic, a)


@entry
def lock_of(tr: int, a: int) -> int:
    """See `pages.lock_domain`."""
    return lock_domain(traffic_at(tr)[0], traffic_at(tr)[0].actor[a])


@entry
def lock_acquire(tr: int, d: int, who: int) -> int:
    """See `advance.lock_acquire`."""
    return int(clock.lock_acquire(traffic_at(tr)[0], d, who))


@entry
def lock_hand_over(tr: int, d: int) -> int:
    """See `advance.lock_hand_over`."""
    return clock.lock_hand_over(traffic_at(tr)[0], d)


@entry
def begin_hold(tr: int, a: int) -> int:
    """See `advance.begin_hold`."""
    clock.begin_hold(traffic_at(tr)[0], a)
    return 0


@entry
def settle(tr: int) -> int:
    """See `advance.settle`."""
    return clock.settle(traffic_at(tr)[0])


@entry
def is_short(tr: int) -> int:
    """See `turn.is_short`."""
    return int(actors.is_short(traffic_at(tr)[0]))


@entry
def wake(tr: int, a: int) -> int:
    """See `turn.wake`."""
    actors.wake(traffic_at(tr)[0], a)
    return 0


@entry
def daemon_tick(tr: int, d: int) -> int:
    """See `advance.daemon_tick`."""
    return clock.daemon_tick(traffic_at(tr)[0], d)


@entry
def daemon_sleep(tr: int, d: int, target_met: int) -> int:
    """See `advance.daemon_sleep`."""
    return clock.daemon_sleep(traffic_at(tr)[0], d, target_met)


@entry
def deactivate(tr: int, d: int, target: int) -> int:
    """See `objects.deactivate`."""
    return objects.deactivate(traffic_at(tr)[0], d, target)


@entry
def take_laundry(tr: int, d: int) -> int:
    """See `laundry.take_laundry`."""
    return laundry.take_laundry(traffic_at(tr)[0], d)


@entry
def laundered(tr: int, part: int, swblks: int, cpu: int) -> int:
    """See `laundry.laundered`."""
    laundry.laundered(traffic_at(tr)[0], part, swblks, cpu)
    return 0


@entry
def items_alloc(tr: int, z: int, cpu: int, n: int) -> int:
    """See `items.items_alloc`."""
    return items.items_alloc(traffic_at(tr)[0], z, cpu, n)


@entry
def items_arrive(tr: int, z: int, cpu: int, n: int) -> int:
    """See `items.items_arrive`."""
    items.items_arrive(traffic_at(tr)[0], z, cpu, n)
    return 0


@entry
def items_free(tr: int, z: int, cpu: int, n: int) -> int:
    """See `items.items_free`."""
    items.items_free(traffic_at(tr)[0], z, cpu, n)
    return 0


@entry
def items_reclaim(tr: int, z: int) -> int:
    """See `items.items_reclaim`."""
    items.items_reclaim(traffic_at(tr)[0], z)
    return 0


@entry
def check_queues(tr: int, d: int) -> int:
    """See `objects.check_queues`."""
    return int(objects.check_queues(traffic_at(tr)[0], d))


@entry
def check_objects(tr: int, nobjects: int) -> int:
    """See `objects.check_objects`."""
    return objects.check_objects(traffic_at(tr)[0], nobjects)


@entry
def pages_admitted(tr: int, d: int) -> int:
    """See `check.pages_admitted`."""
    return check.pages_admitted(traffic_at(tr)[0], d)


@entry
def pages_in_hand(tr: int) -> int:
    """See `check.pages_in_hand`."""
    return check.pages_in_hand(traffic_at(tr)[0])
