"""The compiled clock: page traffic up to the next moment at which SimPy has to act.

`advance` runs every actor in order of time, ties by number, and never passes the next SimPy event.
The free lock is handed over in the order of asking, to actors and to SimPy's processes alike; the
one that gives it up goes on first, then the one that gets it acts, at the same instant.

Few actors: a scan of their times is quicker than a heap up to some thirty.
"""

from typing import Any

from vmmodel.kernel.cstruct import kernel, outlined, stay_outlined
from vmmodel.kernel.pidctrl import pidctrl_daemon
from vmmodel.traffic.pages import lock_domain
from vmmodel.traffic.structs import NEVER, NONE, RING
from vmmodel.traffic.turn import (
    ASLEEP,
    LOCK,
    SCANNED,
    SLAB,
    TIMED,
    is_short,
    locked,
    turn,
    wake,
)

NEED_SLAB, SCAN_ENDED, GRANTED, PLENTY, PAGING = 1, 2, 4, 8, 16
"""What SimPy has to do, as a sum; 0 when *until* was reached.

A slab is needed by `asked_actor`; the scan of `asked_actor` ended; the request `granted` of SimPy's
own got the free lock; its sleepers may go on; the daemon of domain `asked_actor` has pages to free.
"""

TICK_NS = 1_000_000
"""A tick of the kernel's clock: hz is 1000."""
PERIOD_NS = 100 * TICK_NS
"""The page daemon's period.  FreeBSD: 1 / VM_INACT_SCAN_RATE seconds."""


@kernel
def set_now(tr: Any, now: int) -> None:
    """Tell the time, in ns, to traffic and kernel."""
    tr.now = now
    tr.machine[0].ticks = now // TICK_NS


@outlined
def begin_hold(tr: Any, a: int) -> None:
    """Let an actor that has just got the lock do what it wants it for, and hold it for so long."""
    stay_outlined()
    actor = tr.actor[a]
    lock = tr.lock[actor.lock]
    waited = tr.now - actor.asked
    actor.waited += waited
    lock.wait_ns += waited
    hold = locked(tr, a)
    lock.hold_ns += hold
    tr.key[a].value = tr.now + hold


@kernel
def count_waiting(tr: Any, lock: Any) -> None:
    """Add the time since the last change for each that waited through it (Little's law)."""
    lock.area += (lock.tail - lock.head) * (tr.now - lock.changed)
    lock.changed = tr.now


@kernel
def lock_acquire(tr: Any, d: int, who: int) -> bool:
    """Take the free lock of a domain, or queue for it; True if it was free."""
    lock = tr.lock[d]
    lock.holds += 1
    if lock.held == 0:
        lock.held = 1
        return True
    lock.contended += 1
    count_waiting(tr, lock)
    tr.ring[d * RING + lock.tail % RING].value = who
    lock.tail += 1
    return False


@kernel
def lock_hand_over(tr: Any, d: int) -> int:
    """Give up the lock: who gets it, or NONE."""
    lock = tr.lock[d]
    if lock.head == lock.tail:
        lock.held = 0
        return NONE
    count_waiting(tr, lock)
    who = tr.ring[d * RING + lock.head % RING].value
    lock.head += 1
    return who


@kernel
def run_turn(tr: Any, a: int) -> int:
    """Run an actor at this instant and set when it goes on; give what SimPy has to do."""
    actor = tr.actor[a]
    code = turn(tr, a)
    if code == TIMED:
        tr.key[a].value = actor.due
        return 0
    tr.key[a].value = NEVER
    if code == LOCK:
        d = lock_domain(tr, actor)
        actor.lock = d
        actor.asked = tr.now
        tr.entering = a if lock_acquire(tr, d, a) else NONE
        return 0
    if code == ASLEEP:
        actor.asleep = 1
        tr.sleepers += 1
    elif code == SLAB:
        return NEED_SLAB
    elif code == SCANNED:
        tr.asked_actor = a
        return SCAN_ENDED
    return 0


@kernel
def step(tr: Any, a: int) -> int:
    """Let an actor go on: it gives up the lock if it holds it, and acts.

    `entering` is the actor itself if it got a lock, `granted` who got the one that it gave up.
    """
    actor = tr.actor[a]
    tr.entering = NONE
    tr.granted = NONE
    if actor.lock != NONE:
        tr.granted = lock_hand_over(tr, actor.lock)
        actor.lock = NONE
    return run_turn(tr, a)


@kernel
def settle(tr: Any) -> int:
    """Wake who waits for memory, and daemons, after a change; give what SimPy has to do."""
    reason = 0
    if tr.sleepers + tr.plenty > 0 and not is_short(tr):
        if tr.sleepers > 0:
            for a in range(tr.nactors):
                if tr.actor[a].asleep != 0:
                    wake(tr, a)
                    tr.key[a].value = tr.now
            tr.sleepers = 0
            tr.woken = 1
        if tr.plenty != 0:
            tr.plenty = 0
            reason = PLENTY
    for d in range(tr.ndomains):
        domain = tr.machine[0].domain[d]
        if domain.free_count < domain.wakeup_thresh and tr.daemon[d].wakeable != 0:
            tr.daemon[d].wakeable = 0
            tr.key[tr.nactors + d].value = tr.now
            tr.woken = 1
    return reason


@kernel
def enter_locks(tr: Any) -> int:
    """Let those who got a lock in this step act under it; give what SimPy has to do."""
    reason = 0
    if tr.entering != NONE:
        begin_hold(tr, tr.entering)
        reason |= settle(tr)
    if tr.granted >= tr.nactors:
        reason |= GRANTED
    elif tr.granted != NONE:
        begin_hold(tr, tr.granted)
        reason |= settle(tr)
    return reason


@kernel
def daemon_sleep(tr: Any, d: int, target_met: int) -> int:
    """Put a page daemon to sleep; give until when.

    Where memory is short it goes on: after a tick, or its period if it found too little.
    FreeBSD: the head of the loop of vm_pageout_worker().
    """
    daemon, domain = tr.daemon[d], tr.machine[0].domain[d]
    short = domain.free_count < domain.wakeup_thresh
    daemon.wakeable = 0 if short else 1
    return tr.now + (TICK_NS if short and target_met else PERIOD_NS)


@kernel
def daemon_tick(tr: Any, d: int) -> int:
    """Ask the controller of a domain how many pages its daemon should free now."""
    daemon = tr.daemon[d]
    daemon.wakeable = 0
    daemon.shortage = pidctrl_daemon(
        tr.pid[d], tr.machine[0].domain[d].free_count, tr.now // TICK_NS
    )
    return daemon.shortage


@outlined
def tick(tr: Any, d: int) -> int:
    """Do for a page daemon what needs no daemon: see whether anything is to be freed."""
    stay_outlined()
    at = tr.key[tr.nactors + d]
    if daemon_tick(tr, d) > 0:
        at.value = NEVER
        tr.asked_actor = d
        return PAGING
    at.value = daemon_sleep(tr, d, 1)
    return 0


@kernel
def advance(tr: Any, until: int) -> int:
    """Run everything before *until*; stop earlier where SimPy has to act, and say for what.

    Who acted goes on without a new scan as long as the others come later and nobody was woken.
    """
    nkeys = tr.nactors + tr.ndomains
    while True:
        first, t, runner_up = 0, NEVER, NEVER
        for i in range(nkeys):
            at = tr.key[i].value
            if at < t:
                runner_up = t
                t = at
                first = i
            elif at < runner_up:
                runner_up = at
        if t >= until:
            return 0
        tr.woken = 0
        while t < until:
            set_now(tr, t)
            if first < tr.nactors:
                reason = step(tr, first)
                reason |= settle(tr)
                reason |= enter_locks(tr)
            else:
                reason = tick(tr, first - tr.nactors)
            if reason != 0:
                return reason
            t = tr.key[first].value
            if t >= runner_up or tr.woken != 0 or tr.granted != NONE:
                break
