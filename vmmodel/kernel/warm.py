"""Compile every function that runs of the study call, or load it from the cache, in one go."""

import shutil

from vmmodel.kernel.cache import cache_folder
from vmmodel.kernel.cstruct import CHECKED, StructArray
from vmmodel.kernel.domain import RequestClass
from vmmodel.kernel.pages import Pool
from vmmodel.kernel.replay import OTHER, Block, Operation
from vmmodel.kernel.vm import Vm


def is_warm() -> bool:
    """Tell whether nothing is left to compile: the cache on disk is complete, or not needed."""
    folder = cache_folder()
    if CHECKED or folder is None:
        return CHECKED
    return (folder / "complete").is_file()


def forget_cache() -> bool:
    """Delete what is kept of this version on disk; tell whether there was anything."""
    folder = cache_folder()
    kept = list(folder.iterdir()) if folder is not None else []
    for path in kept:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return bool(kept)


def warm_up() -> None:
    """Call each entry point once on a small memory."""
    vm = Vm.of_size(4096)
    m = vm.alloc_pages(0)
    vm.free_pages(m, 0)
    vm.free_contig(vm.alloc_contig(3), 3)
    vm.set_free_count(vm.free_count())
    vm.domain_allocate(RequestClass.SYSTEM, 1)
    vm.freecnt_inc(1)
    vm.page_free(vm.page_alloc(RequestClass.SYSTEM, Pool.DIRECT))
    vm.pages_free(vm.pages_alloc(RequestClass.SYSTEM, 2))
    for m in vm.alloc_npages(2):
        vm.free_pages(m, 0)
    operations, blocks = StructArray(Operation, 1), StructArray(Block, 1)
    operations.column("kind")[:] = OTHER
    vm.replay(operations, blocks, 0, 1)
    vm.regions()
    vm.checksum()
    vm.check()
    vm.n_unmerged()
    for array in (operations, blocks):
        array.close()
    vm.close()
    folder = cache_folder()
    if folder is not None and not CHECKED:
        (folder / "complete").touch()
