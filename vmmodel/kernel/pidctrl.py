"""The controller that tells the page daemon how many pages to free.

Source: ``sys/kern/subr_pidctrl.c`` of FreeBSD 13.0, `pidctrl_daemon()`.
"""

from typing import Any

from vmmodel.kernel.cstruct import Struct, kernel

INTERVAL_TICKS = 100
"""Ten intervals a second, at 1000 ticks.  FreeBSD: hz / VM_INACT_SCAN_RATE."""
KPD, KID, KDD = 3, 4, 8
"""Inverse gains.  FreeBSD: PIDCTRL_KPD, PIDCTRL_KID, PIDCTRL_KDD."""
BOUND_TARGETS = 16
"""The integral is at most this many free targets.  FreeBSD: PIDCTRL_BOUND."""

PidCtrl = Struct(
    __name__,
    "PidCtrl",
    setpoint="i8",
    bound="i8",
    ticks="i8",
    error="i8",
    olderror="i8",
    integral="i8",
    derivative="i8",
    output="i8",
    input="i8",
)
"""Its state, in pages and ticks.  FreeBSD: struct pidctrl."""


@kernel
def quotient(dividend: int, divisor: int) -> int:
    """Divide as C does, towards zero."""
    return dividend // divisor if dividend >= 0 else -(-dividend // divisor)


@kernel
def pidctrl_daemon(pc: Any, value: int, ticks: int) -> int:
    """Give the pages to free now, for *value* free pages.

    Called once more in the same interval, it gives what is to be done beyond what it asked for.
    """
    error = pc.setpoint - value
    if ticks - pc.ticks >= INTERVAL_TICKS:
        pc.ticks = ticks
        pc.olderror = pc.error
        pc.error = 0
        pc.output = 0
    else:
        error -= pc.error - pc.output
    pc.error += error
    pc.integral = max(min(pc.integral + error, pc.bound), 0)
    pc.derivative = pc.error - pc.olderror
    wanted = quotient(pc.error, KPD) + pc.integral // KID + quotient(pc.derivative, KDD)
    output = max(wanted - pc.output, 0)
    pc.output += output
    pc.input = value
    return output
