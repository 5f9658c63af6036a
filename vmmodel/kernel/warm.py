"""Compile functions ahead of their first call, or load them from the cache, in one go."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

from vmmodel.kernel.cache import cache_folder
from vmmodel.kernel.cstruct import CHECKED

Tell = Callable[[str, int, int], None]
"""Called before each function: its name, its number from 1, and how many there are."""

_COMPILED: set[ModuleType] = set()
"""Modules of which this process has every function."""


def is_warm() -> bool:
    """Tell whether nothing is left to compile: all is here or on disk, or nothing is needed."""
    folder = cache_folder()
    if CHECKED or _COMPILED:
        return True
    return folder is not None and (folder / "complete").is_file()


def forget_cache() -> bool:
    """Delete what is kept of this version on disk; tell whether there was anything."""
    folder = cache_folder()
    kept = list(folder.iterdir()) if folder is not None else []
    for path in kept:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return bool(kept)


def compile_entries(modules: tuple[ModuleType, ...], tell: Tell) -> None:
    """Compile or load every entry point of *modules*; they take 64-bit integers only."""
    if CHECKED:
        return
    from vmmodel.kernel.compiled import compile_entry
    from vmmodel.kernel.kept import KernelCache

    functions = [function for module in modules for function in entries_of(module)]
    for number, function in enumerate(functions, 1):
        tell(function.__name__, number, len(functions))
        compile_entry(function)
    _COMPILED.update(modules)
    folder = cache_folder()
    if folder is not None and not KernelCache.failed:
        with suppress(OSError):  # no room for a name: the next start looks at all of them again
            (folder / "complete").touch()


def entries_of(module: ModuleType) -> list[Any]:
    """Give the compiled functions that *module* itself defines."""
    functions = vars(module).values()
    return [f for f in functions if hasattr(f, "py_func") and f.__module__ == module.__name__]
