"""C structs for compiled Python: ``vm.page[m].next`` reads as in the kernel and costs as in C.

This module is the one place for the tricks that make the kernel fast.  A `Struct` names fields;
`StructArray` is an array of them in numpy memory; `kernel` compiles a function; `pointer_to`
turns an address into a typed pointer.  Field reads give 64-bit integers whatever the field's
width, so compiled code and plain Python do the same arithmetic.

Why not numpy arrays in compiled code: numba counts references of each array at each helper call,
174 ns against 100 ns a modelled operation for bare pointers (numba issues #2345, #2350, #9213).
Entry points take only integers for the same reason: a named tuple of arrays costs 90 us a call,
an address 0.24 us.  Pointer fields never change once set, so their loads are marked invariant and
the compiler keeps them in registers.  Each field of a struct is a type of its own to alias
analysis, so other fields survive a store.  `prefetch` asks for an element before it is needed.

With ``VMMODEL_CHECKED=1`` in the environment nothing is compiled: the same source runs as plain
Python on the same memory and every index and every stored value is checked.
"""

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

CHECKED = os.environ.get("VMMODEL_CHECKED", "") == "1"
"""Whether this process runs the kernel as bounds-checked Python instead of compiling it."""


class Struct:
    """A C struct: *fields* maps names to an integer type (``"i4"``, ``"u1"``, ...) or a `Struct`.

    A field that is a `Struct` is a pointer to an array of it.  *name* must be the name of the
    variable in *module* that holds the struct, by which a cached compilation finds it again.
    """

    def __init__(self, module: str, name: str, **fields: "str | Struct") -> None:
        self.module, self.name, self.fields = module, name, fields
        self.dtype = np.dtype(
            [(f, t if isinstance(t, str) else "i8") for f, t in fields.items()], align=True
        )

    def offset(self, field: str) -> int:
        """Bytes from the start of the struct to *field*."""
        assert self.dtype.fields is not None
        return int(self.dtype.fields[field][1])

    def __reduce__(self) -> tuple[Callable[..., "Struct"], tuple[str, str]]:
        return _find_struct, (self.module, self.name)


def _find_struct(module: str, name: str) -> Struct:
    struct = getattr(import_module(module), name)
    assert isinstance(struct, Struct)
    return struct


class StructArray:
    """An array of *n* zeroed structs whose first element has the index *first*.

    *address* is what a pointer field or an entry point takes; the array must outlive both.
    """

    def __init__(self, struct: Struct, n: int, first: int = 0) -> None:
        self.struct, self.first = struct, first
        self.records: npt.NDArray[np.void] = np.zeros(n, struct.dtype)
        self.address = self.records.ctypes.data - first * struct.dtype.itemsize
        _checked_arrays[struct, self.address] = self

    def column(self, field: str) -> npt.NDArray[Any]:
        """Give one field of all elements, as a view."""
        return self.records[field]

    def __getitem__(self, index: int) -> "_CheckedElement":
        if not 0 <= index - self.first < len(self.records):
            raise IndexError(f"{self.struct.name}[{index}] is outside the array")
        return _CheckedElement(self, index - self.first)

    def close(self) -> None:
        """Forget the array, so that its memory can go."""
        _checked_arrays.pop((self.struct, self.address), None)


_checked_arrays: dict[tuple[Struct, int], StructArray] = {}


class _CheckedElement:
    """What a typed pointer is in checked Python: fields are read and stored with all checks on."""

    def __init__(self, array: StructArray, row: int) -> None:
        object.__setattr__(self, "_array", array)
        object.__setattr__(self, "_row", row)

    def __getitem__(self, index: int) -> "_CheckedElement":
        array: StructArray = self._array
        return array[array.first + self._row + index]

    def __getattr__(self, field: str) -> Any:
        array: StructArray = self._array
        value = int(array.records[field][self._row])
        target = array.struct.fields[field]
        return value if isinstance(target, str) else _checked_arrays[target, value]

    def __setattr__(self, field: str, value: int) -> None:
        array: StructArray = self._array
        array.records[field][self._row] = value  # numpy refuses what does not fit


F = TypeVar("F", bound=Callable[..., Any])

if CHECKED:

    def kernel(function: F) -> F:
        """Leave *function* as the Python that it is."""
        return function

    def outlined(function: F) -> F:
        """Leave *function* as the Python that it is."""
        return function

    def entry(function: F) -> F:
        """Leave *function* as the Python that it is."""
        return function

    def pointer_to(struct: Struct) -> Callable[[int], Any]:
        """Give the function that turns an address into a checked array of *struct*."""
        return lambda address: _checked_arrays[struct, address]

    def prefetch(array: Any, index: int) -> None:
        """Do nothing."""

    def stay_outlined() -> None:
        """Do nothing."""

    def bit_length(value: int, /) -> int:
        """Give the bits that *value* needs."""
        return value.bit_length()

else:
    from vmmodel.kernel.compiled import (
        bit_length,
        entry,
        kernel,
        outlined,
        pointer_to,
        prefetch,
        stay_outlined,
    )

__all__ = [
    "CHECKED",
    "Struct",
    "StructArray",
    "bit_length",
    "entry",
    "kernel",
    "outlined",
    "pointer_to",
    "prefetch",
    "stay_outlined",
]
