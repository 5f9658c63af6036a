"""Ctrl-C on the command line: the first press stops in order, the second one at once.

Only the first press raises `KeyboardInterrupt`: one more amid the clean-up would break what is
being cleaned.  The second press kills the processes of this one, so that nothing is waited for;
should the end not come then, a timer brings it.
"""

import atexit
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

STOPPING = "study: stopping: what has begun ends first; press again to stop at once"
STOPPED = "study: stopped; what was finished is kept and will not be run again"
GRACE_S = 1.0
"""Time for a clean end after the second press."""
STATUS = 130
"""The exit status of a program that SIGINT ended: 128 + 2."""


class _Interrupts:
    """The presses so far; there is one keyboard for a process."""

    def __init__(self) -> None:
        self.presses = 0
        self.waits = 0
        self.told = False
        self.status = STATUS

    def press(self, number: int, _frame: FrameType | None) -> None:
        """Handle SIGINT, or SIGTERM, which is what batch systems send, in the main thread."""
        self.presses += 1
        if self.presses == 1:
            self.status = 128 + number
            atexit.register(_deaf)
            if self.waits:
                _say(STOPPING)
            raise KeyboardInterrupt
        _kill_children()
        if self.presses > 2:
            self.end()
        signal.signal(signal.SIGALRM, self.end)
        signal.setitimer(signal.ITIMER_REAL, GRACE_S)

    def end(self, *_: object) -> None:
        """End this process without waiting for anything."""
        _kill_children()  # some may have been started anew
        if os.isatty(2):
            os.write(2, b"\x1b[?25h")  # a progress bar hides the cursor
        self.tell()
        os._exit(self.status)

    def tell(self) -> None:
        """Say once that the program was stopped."""
        if not self.told:
            self.told = True
            _say(STOPPED)


_INTERRUPTS = _Interrupts()


@contextmanager
def obeyed() -> Iterator[None]:
    """Obey Ctrl-C, and SIGTERM as if it were that, unless they are ignored, as nohup leaves them.

    Any failure after a press is one of the stopping, so `KeyboardInterrupt`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = signal.SIGINT, signal.SIGTERM
    heard = [one for one in signals if signal.getsignal(one) is not signal.SIG_IGN]
    before = {one: signal.signal(one, _INTERRUPTS.press) for one in heard}
    try:
        yield
    except Exception:
        if _INTERRUPTS.presses:
            raise KeyboardInterrupt from None
        raise
    finally:
        if not _INTERRUPTS.presses:  # else this process ends, and may be pressed again
            for one, handler in before.items():
                signal.signal(one, handler)


@contextmanager
def slow_to_stop() -> Iterator[None]:
    """Let the first press say that something is waited for."""
    _INTERRUPTS.waits += 1
    try:
        yield
    finally:
        _INTERRUPTS.waits -= 1


def tell_stopped() -> int:
    """Say that the program was stopped; give its exit status."""
    _INTERRUPTS.tell()
    exec("")  # else Python ends by the signal if the press came amid such an exec, as in dataclass
    return _INTERRUPTS.status


def _kill_children() -> None:
    for process in multiprocessing.active_children():
        process.kill()


def _say(sentence: str) -> None:
    """Write without a buffer, which the interrupted code may be using."""
    with suppress(OSError):  # nobody reads it
        os.write(2, f"{sentence}\n".encode())


def _deaf() -> None:
    """Let nothing disturb the interpreter while it takes itself apart."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 0)
