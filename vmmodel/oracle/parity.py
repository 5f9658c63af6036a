"""Replay golden traces and compare every answer: results, page frames, list orders.

Rows that only allocate and free run in batches of compiled code; NOFREE rows run through the
same design objects that the study compares.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vmmodel.errors import InputError
from vmmodel.kernel import NO_PAGE, Pool, RequestClass, Vm
from vmmodel.kernel.cstruct import StructArray
from vmmodel.kernel.pages import NFREEORDER
from vmmodel.kernel.replay import FREE, Block
from vmmodel.kernel.vm import HIGHEST_PFN
from vmmodel.nofree import DESIGNS, Nofree, compose
from vmmodel.nofree.base import Panic, serve_fallback
from vmmodel.oracle.trace import Trace, read_trace

NOT_A_BLOCK = -1
"""Order of an id that `f` does not free: contiguous runs and NOFREE pages."""


@dataclass(frozen=True)
class Parity:
    """What a replay found."""

    path: Path
    rows: int
    """Rows compared, all equal but perhaps the last."""
    seconds: float
    """Time of the replay, without reading the file."""
    line: int = 0
    """Line of the first difference; 0 if there is none."""
    row: str = ""
    expected: str = ""
    got: str = ""

    @property
    def equal(self) -> bool:
        """Whether every row is equal."""
        return self.line == 0


def check_parity(path: Path) -> Parity:
    """Replay the trace at *path*; raise `InputError` if it cannot be read."""
    trace = read_trace(path)
    try:
        machine = Replay(trace)
    except MemoryError:
        hole = "its segments lie too far apart for this machine's memory"
        raise InputError(path, hole, "smaller holes", line=1) from None
    start = time.perf_counter()
    row = machine.run()
    seconds = time.perf_counter() - start
    got = machine.got
    machine.close()
    if row == len(trace.ops):
        return Parity(path, row, seconds)
    return Parity(path, row + 1, seconds, row + 3, trace.text(row), trace.results[row], got)


class Replay:
    """A machine as the trace describes it, and what its ids stand for."""

    def __init__(self, trace: Trace) -> None:
        options = trace.options
        self.trace = trace
        self.vm = Vm(options.segments, dma32_threshold=options.dma32_threshold)
        self.vm.set_threshold("interrupt_free_min", options.reserved)
        named = DESIGNS["bump:panic" if options.nofree == "bump" else "freeable"].choice
        assert named is not None
        self.design: Nofree = compose(
            self.vm,
            replace(
                named, import_order=options.import_order, import_pool=Pool(options.import_pool)
            ),
        )
        self.blocks = StructArray(Block, trace.n_ids)
        self.batch = trace.batch()
        self.got = ""
        """The model's answer to the row that differs."""

    def close(self) -> None:
        """Free the memory."""
        self.blocks.close()
        self.batch.close()
        self.vm.close()

    def run(self) -> int:
        """Compare row by row; give the first that differs, or the number of rows."""
        row, n = 0, len(self.trace.ops)
        while row < n:
            stop = self.vm.replay(self.batch, self.blocks, row, n)
            answers = self._batch_answers(row, stop)
            if stop < n:
                answers.append(self._answer(stop))
            for answer in answers:
                if answer != self.trace.results[row]:
                    self.got = answer
                    return row
                row += 1
        return n

    def _batch_answers(self, start: int, stop: int) -> list[str]:
        """Word the answers to rows that a batch has run."""
        done = self.batch.records[["kind", "result", "result_order"]][start:stop].tolist()
        return [
            str(result) if kind != FREE else "-" if result == NO_PAGE else f"{result} {order}"
            for kind, result, order in done
        ]

    def _answer(self, row: int) -> str:
        """Do a row that no batch can, and word the answer."""
        trace = self.trace
        first_id, args, ranges = int(trace.first_id[row]), trace.args[row], trace.ranges[row]
        match trace.ops[row]:
            case "n":
                return self._alloc_npages(first_id, *args)
            case "g":
                return self._alloc_contig(first_id, *args)
            case "f":
                return "-"  # an id that the trace never gives
            case "c":
                return self._free_contig([id_ for a, b in ranges for id_ in range(a, b)])
            case "x":
                return self._alloc_nofree(first_id)
            case "y":
                return self._free_nofree(args[0])
            case _:
                return self._state()

    def _alloc_npages(self, first_id: int, count: int, pool: int) -> str:
        pages = self.vm.alloc_npages(count, pool)
        block = self.blocks.records[first_id : first_id + len(pages)]
        block["pfn"], block["npages"], block["order"], block["pool"] = pages, 1, 0, pool
        self._count_free(-len(pages))
        return " ".join([str(len(pages)), *_ascending_runs(pages)])

    def _alloc_contig(
        self,
        first_id: int,
        npages: int,
        alignment: int = 1,
        boundary: int = 0,
        low: int = 0,
        high: int = HIGHEST_PFN,
    ) -> str:
        m = self.vm.alloc_contig(npages, low=low, high=high, alignment=alignment, boundary=boundary)
        if m != NO_PAGE:
            self.blocks.records[first_id] = (m, npages, NOT_A_BLOCK, Pool.DEFAULT)
            self._count_free(-npages)
        return str(m)

    def _free_contig(self, ids: list[int]) -> str:
        if any(id_ >= self.trace.n_ids for id_ in ids):
            return "-"
        run = self.blocks.records[ids]
        if (run["npages"] == 0).any():
            return "-"
        if not self._is_run(run):
            return "ERR run"
        npages = int(run["npages"].sum())
        self.vm.free_contig(int(run["pfn"][0]), npages, int(run["pool"][0]))
        self._count_free(npages)
        self.blocks.column("npages")[ids] = 0
        return str(npages)

    def _is_run(self, run: npt.NDArray[np.void]) -> bool:
        """Tell whether blocks follow one another in one segment, as vm_phys_free_contig() needs."""
        first, end = int(run["pfn"][0]), int(run["pfn"][-1] + run["npages"][-1])
        adjacent = (run["pfn"][1:] == (run["pfn"] + run["npages"])[:-1]).all()
        return bool(adjacent) and any(
            part.start <= first and end <= part.end for part in self.vm.segments
        )

    def _alloc_nofree(self, id_: int) -> str:
        """Try the NOFREE allocator, then one ordinary page, as vm_page_alloc_noobj_domain()."""
        imports = self.design.books.imports
        m, source = self.design.alloc(RequestClass.SYSTEM), "q"
        if m == NO_PAGE:
            m, source = self.vm.page_alloc(RequestClass.SYSTEM, Pool.DIRECT), "p"
            if m == NO_PAGE:
                return str(NO_PAGE)
            serve_fallback(self.vm, self.design.books, m)
        elif self.design.books.imports > imports:
            source = "i"
        self.blocks.records[id_] = (m, 1, NOT_A_BLOCK, Pool.DIRECT)
        return f"{m} {source}"

    def _free_nofree(self, id_: int) -> str:
        if id_ >= self.trace.n_ids or self.blocks.column("npages")[id_] == 0:
            return "-"
        m = int(self.blocks.column("pfn")[id_])
        try:
            self.design.free(m)
        except Panic:
            return "ERR bump"
        self.blocks.column("npages")[id_] = 0
        return "ok"

    def _count_free(self, npages: int) -> None:
        self.vm.set_free_count(self.vm.free_count() + npages)

    def _state(self) -> str:
        counts = self.vm.free_blocks_by_list()
        free = int((counts << np.arange(NFREEORDER)).sum())
        assert free == self.vm.free_count()
        lists = [
            f"fl{freelist}p{pool}=" + ":".join(map(str, counts[freelist, pool].tolist()))
            for freelist in range(counts.shape[0])
            for pool in range(counts.shape[1])
        ]
        size = self.design.nofreeq_size()
        return " ".join([f"free={free} nofreeq={size} crc={self.vm.checksum():08x}", *lists])


def _ascending_runs(pages: list[int]) -> list[str]:
    """Word page frames in the order given, each ascending run as first-last.

    >>> _ascending_runs([7, 8, 9, 4, 3])
    ['7-9', '4', '3']
    """
    runs: list[list[int]] = []
    for m in pages:
        if runs and runs[-1][1] + 1 == m:
            runs[-1][1] = m
        else:
            runs.append([m, m])
    return [str(a) if a == b else f"{a}-{b}" for a, b in runs]
