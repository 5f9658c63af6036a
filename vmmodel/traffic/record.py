"""What is written down of each operation: latency, place in the sequence, trace."""

from typing import Any

from vmmodel.kernel.cstruct import bit_length, kernel
from vmmodel.traffic.structs import NBUCKET, NPART, TOTAL, WAIT, WORK

EXACT = 256
"""Below it a bucket is one nanosecond wide."""
EXACT_BITS = EXACT.bit_length() - 1
HALF = EXACT // 2
DIGEST = (1 << 40) - 1
FACTOR = 1_000_003


@kernel
def bucket_of(ns: int) -> int:
    """Number the bucket of *ns*; `bucket_bounds` is its inverse."""
    if ns < EXACT:
        return ns
    shift = bit_length(ns) - EXACT_BITS
    return EXACT + (shift - 1) * HALF + (ns >> shift) - HALF


def bucket_bounds(bucket: int) -> tuple[int, int]:
    """Give the bounds [low, high) of a bucket in ns.

    >>> bucket_bounds(200), bucket_bounds(256 + 2 * 128 - 6)
    ((200, 201), (1000, 1004))
    """
    if bucket < EXACT:
        return bucket, bucket + 1
    octave, rest = divmod(bucket - EXACT, HALF)
    return (rest + HALF) << octave + 1, (rest + HALF + 1) << octave + 1


@kernel
def count_latency(tr: Any, op: int, wait_ns: int, work_ns: int) -> None:
    """Count an operation in the three histograms of its kind."""
    row = tr.histogram[op * NPART * NBUCKET]
    row[WAIT * NBUCKET + bucket_of(wait_ns)].n += 1
    row[WORK * NBUCKET + bucket_of(work_ns)].n += 1
    row[TOTAL * NBUCKET + bucket_of(wait_ns + work_ns)].n += 1


@kernel
def note_operation(tr: Any, a: int, op: int, m: int) -> None:
    """Add (time, actor, operation, page) to the digest, and to the trace if there is one."""
    now = tr.now
    tr.operations += 1
    word = (now ^ now >> 24 ^ m << 9 ^ a << 3 ^ op) & DIGEST
    tr.digest = ((tr.digest ^ word) * FACTOR) & DIGEST
    if tr.recorded < tr.nrecords:
        record = tr.record[tr.recorded]
        record.time = now
        record.cpu = a
        record.op = op
        record.page = m
        tr.recorded += 1
