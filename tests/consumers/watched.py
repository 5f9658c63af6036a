"""Run a consumer without a clock and write down what it did: work, holds, events."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, TypeVar

from vmmodel.consumers.layout import keg_layout
from vmmodel.consumers.memory import Memory
from vmmodel.consumers.steps import Event, Locked, Operation, Steps, Wait, Work, WouldSleep
from vmmodel.consumers.uma import Zone
from vmmodel.kernel import Vm
from vmmodel.nofree import design as find

T = TypeVar("T")

LAYOUTS = {
    "VM OBJECT": (264, 8),
    "PROC": (1304, 8),
    "THREAD": (1792, 32),
    "TURNSTILE": (136, 64),
    "VMSPACE": (2544, 8),
}
"""Item size and alignment as in FreeBSD 13.0."""


def new_zone(name: str) -> Zone:
    """An empty zone of FreeBSD 13.0."""
    return Zone(name, keg_layout(*LAYOUTS[name]))


def new_memory(design: str, npages: int = 2048, *, kasan: bool = False) -> Memory:
    """Free memory from page 4096 on, under *design*."""
    vm = Vm.of_size(npages)
    return Memory(vm, find(design).make(vm), kasan)


@dataclass
class Watch:
    """What steps did; `holds` are those of the domain's free lock."""

    work: Counter[str] = field(default_factory=Counter)
    holds: int = 0
    operations: list[str] = field(default_factory=list)
    events: list[tuple[str, int]] = field(default_factory=list)

    def run(self, steps: Steps[T]) -> T:
        """Run *steps* to their result, or to `WouldSleep`."""
        answer: Any = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as stop:
                result: T = stop.value
                return result
            answer = None
            match step:
                case Locked(action):
                    self.holds += 1
                    answer = action()
                case Work(counts):
                    self.work.update(counts)
                case Operation(name, inner):
                    self.operations.append(name)
                    answer = self.run(inner)
                case Event(kind, pages):
                    self.events.append((kind, pages))
                case Wait():
                    raise WouldSleep


def check_conservation(memory: Memory, ordinary: int = 0) -> None:
    """Every page is free, ordinary and held (*ordinary* of them), or in one column of the books."""
    books, vm = memory.design.books, memory.vm
    books.check()
    assert vm.check() == vm.free_count()
    leaked = books.leaked + books.leaked_fallback
    nofree = books.in_use + books.fallback + books.idle + leaked
    assert vm.npages == vm.free_count() + ordinary + nofree
    free, marks = vm.regions()
    assert vm.free_count() == free.sum()
    assert [books.in_use, books.idle, leaked, books.fallback] == marks.sum(axis=0)[1:].tolist()
