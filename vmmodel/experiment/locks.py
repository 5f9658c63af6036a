"""Who writes where: locks of the system, which vanish with the process that holds them.

A sweep holds its folder alone.  The finished runs beside it may serve other folders at the same
time: they are held in common, and deleted only by who is alone with them.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from vmmodel.errors import InputError
from vmmodel.experiment.shards import SHARDS


@dataclass(frozen=True)
class Held:
    """The finished runs beside a folder, held in common with whoever else uses them."""

    descriptor: int

    def alone(self) -> bool:
        """Whether no other process uses them; none can begin to, then, before this one ends."""
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # what was held is lost by the attempt
            fcntl.flock(self.descriptor, fcntl.LOCK_SH)
            return False
        return True

    def share(self) -> None:
        """Let other processes use them, too."""
        fcntl.flock(self.descriptor, fcntl.LOCK_SH)


@contextmanager
def sole_writer(folder: Path, beside: str = SHARDS) -> Iterator[Held]:
    """Hold *folder* and the finished runs *beside* it; `InputError` while another writes there."""
    folder = folder.resolve()
    place = folder.parent / beside
    with ExitStack() as stack:
        held = Held(stack.enter_context(_held(place, os.O_RDONLY, fcntl.LOCK_SH)))
        own = place / f"{folder.name}.lock"
        try:
            stack.enter_context(_held(own, os.O_RDWR | os.O_CREAT, fcntl.LOCK_EX | fcntl.LOCK_NB))
        except BlockingIOError:
            raise _taken(folder, "another ./study writes there") from None
        try:
            yield held
        finally:
            own.unlink(missing_ok=True)
            if held.alone():
                _tidy(place)


def forget_shards(folder: Path) -> None:
    """Delete the finished runs that a sweep into *folder* would use."""
    place = folder.resolve().parent / SHARDS
    if not place.is_dir():
        return
    with _held(place, os.O_RDONLY, fcntl.LOCK_SH) as shards:
        if not Held(shards).alone():
            raise _taken(folder, f"another ./study uses the finished runs in {place}")
        shutil.rmtree(place, ignore_errors=True)


def _tidy(place: Path) -> None:
    """Delete the files of locks whose process was killed, and the folder if nothing is left."""
    for lock in place.glob("*.lock"):
        lock.unlink()
    with suppress(OSError):  # not empty: there are finished runs
        place.rmdir()


def _taken(folder: Path, what: str) -> InputError:
    return InputError(folder, what, "a folder that no other process uses, or to wait for it")


@contextmanager
def _held(path: Path, flags: int, how: int) -> Iterator[int]:
    """Lock a file or folder; one that was deleted while we waited for it is made anew."""
    while True:
        descriptor = _opened(path, flags)
        try:
            fcntl.flock(descriptor, how)
            if _is_there(path, descriptor):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _opened(path: Path, flags: int) -> int:
    while True:
        (path.parent if flags & os.O_CREAT else path).mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # its folder was deleted just now
            return os.open(path, flags, 0o644)


def _is_there(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
