"""Numba's cache of a compiled function, without which work goes on where it cannot be written.

A folder that could be written when the program began may be full by now, or a file in it may not
grow.  Numba would end the run with the system's error and leave an index that names no file.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache

from vmmodel.kernel.cache import tell_not_kept


class KernelCache(FunctionCache):  # type: ignore[misc]
    """Keeps compiled functions until that fails once; then one sentence says so."""

    failed = False
    """Whether this process keeps nothing more; what it kept before is whole and stays."""

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep one compiled function, or nothing of it."""
        if KernelCache.failed:
            return
        try:
            super().save_overload(sig, data)
        except OSError as error:
            KernelCache.failed = True
            folder = Path(self.cache_path)
            with suppress(OSError):
                (folder / f"{self._impl.filename_base}.nbi").unlink()
            tell_not_kept(f"{folder} ({error.strerror})")
