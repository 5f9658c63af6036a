"""Run the steps of kernel code in simulated time: wait for the lock, do, pay, go on."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import simpy

from vmmodel.consumers.memory import Memory
from vmmodel.consumers.steps import Event, Locked, Operation, Steps, Wait, Work
from vmmodel.kernel import NO_PAGE
from vmmodel.kernel.vm import Work as KernelWork
from vmmodel.sim.leakwatch import LeakWatch
from vmmodel.sim.lock import FreeLock, Lock
from vmmodel.sim.prices import Prices
from vmmodel.sim.recorder import Recorder

Process = Generator[simpy.Event, Any, None]


@dataclass(slots=True)
class Frame:
    """One operation under way: its steps, and what it has cost so far."""

    name: str
    steps: Steps[Any]
    wait_ns: int = 0
    work_ns: int = 0


class Clock:
    """SimPy's clock over a timeless memory.  Times are whole nanoseconds.

    What happens under a lock happens at the instant the lock is granted; the hold then lasts as
    long as that work is priced.  Work outside the lock is summed and paid before the next step
    that others can see, which saves events and changes no order.
    """

    def __init__(
        self,
        env: simpy.Environment,
        memory: Memory,
        prices: Prices,
        ncpus: int,
        lock: Lock | None = None,
        leaks: LeakWatch | None = None,
    ) -> None:
        self.env, self.memory = env, memory
        self.leaks = LeakWatch([memory.design]) if leaks is None else leaks
        """Shared by the clocks of all domains."""
        self.lock: Lock = FreeLock(env) if lock is None else lock
        self.recorder = Recorder()
        self.asleep = 0
        """Threads that sleep in `vm_wait()` now."""
        self._price = prices.values()
        self._price["shootdown"] += self._price["shootdown_cpu"] * (ncpus - 1)
        self._costs: dict[Work, float] = {}
        self._free_min = memory.vm.thresholds().free_min
        self._plenty = env.event()

    def perform(self, cpu: int, name: str, steps: Steps[Any]) -> Process:
        """Run *steps* as operation *name* on *cpu*, until it ends or sleeps.

        A thread that sleeps goes on by itself when it is woken; its CPU is free meanwhile.
        """
        yield from self._run(cpu, [Frame(name, steps)])

    def _run(self, cpu: int, stack: list[Frame]) -> Process:
        answer: Any = None
        unpaid = 0.0
        while stack:
            frame = stack[-1]
            try:
                step = frame.steps.send(answer)
            except StopIteration as stop:
                yield from self._pay(frame, unpaid)
                self._finish(stack)
                answer, unpaid = stop.value, 0.0
                continue
            answer = None
            if isinstance(step, Locked):
                yield from self._pay(frame, unpaid)
                unpaid = 0.0
                answer = yield from self._locked(cpu, frame, step)
            elif isinstance(step, Work):
                unpaid += self._cost(step)
            elif isinstance(step, Event):
                self.recorder.event(int(self.env.now), cpu, step.kind, step.pages)
            else:
                yield from self._pay(frame, unpaid)
                unpaid = 0.0
                if isinstance(step, Operation):
                    stack.append(Frame(step.name, step.steps))
                else:
                    assert isinstance(step, Wait)
                    self.env.process(self._sleep(cpu, stack, step.ns))
                    return

    def _locked(self, cpu: int, frame: Frame, step: Locked) -> Generator[simpy.Event, Any, Any]:
        """Do a step under the free lock; give its result."""
        if step.first is not None:
            self._watch()
            answer = self._act(cpu, step.first)
            cost = self._price["percpu"] + self._kernel_cost(self.memory.vm.take_work())
            if answer != NO_PAGE:
                yield from self._pay(frame, cost)
                return answer
        if (granted := self.lock.acquire()) is not None:
            asked = self.env.now
            yield granted
            frame.wait_ns += int(self.env.now - asked)
        self._watch()
        answer = self._act(cpu, step.action)
        work = self.memory.vm.take_work()
        hold = round(self._price["free_lock"] + self._kernel_cost(work))
        frame.work_ns += hold
        yield self.lock.hold(hold)
        self.lock.release()
        self._settle()
        return answer

    def _watch(self) -> None:
        """Let the leak scripts see what was, before an action changes it."""
        if self.env.now >= self.leaks.next_ns:
            self.leaks.advance(int(self.env.now))

    def _act(self, cpu: int, action: Callable[[], Any]) -> Any:
        """Do a step's action, on *cpu* at this instant."""
        return action()

    def _settle(self) -> None:
        """See, after a hold, whether those who sleep may go on."""
        if self.asleep and self.memory.vm.free_count() >= self._free_min:
            self.wake()

    def _fall_asleep(self) -> None:
        """Count a thread that sleeps in `vm_wait()`."""
        self.asleep += 1

    def wake(self) -> None:
        """Let all who sleep in `vm_wait()` go on."""
        self._plenty.succeed()
        self._plenty = self.env.event()
        self.asleep = 0

    def _pay(self, frame: Frame, cost: float) -> Process:
        """Let the time of work outside the lock pass."""
        if cost:
            ns = round(cost)
            frame.work_ns += ns
            yield self.env.timeout(ns)

    def _finish(self, stack: list[Frame]) -> None:
        """Record the operation on top; what it cost counts for the one that asked for it."""
        done = stack.pop()
        self.recorder.operation(done.name, done.wait_ns, done.work_ns)
        if stack:
            stack[-1].wait_ns += done.wait_ns
            stack[-1].work_ns += done.work_ns

    def _sleep(self, cpu: int, stack: list[Frame], at_least_ns: int) -> Process:
        """Sleep until memory is plentiful, then go on.  Sleeping is not waiting for the lock."""
        if at_least_ns:
            yield self.env.timeout(at_least_ns)
        if self.memory.vm.free_count() < self._free_min:
            self._fall_asleep()
            yield self._plenty
        yield from self._run(cpu, stack)

    def _cost(self, work: Work) -> float:
        """Price work outside the lock; the object is shared, so its price is kept."""
        cost = self._costs.get(work)
        if cost is None:
            cost = sum(self._price[event] * n for event, n in work.counts.items())
            self._costs[work] = cost
        return cost

    def _kernel_cost(self, work: KernelWork) -> float:
        price = self._price
        return (
            price["list_op"] * work.list_ops
            + price["page_struct"] * work.page_structs
            + price["atomic"] * work.atomics
            + price["percpu"] * work.percpu
            + price["branch"] * work.branches
        )
