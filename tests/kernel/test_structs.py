"""The layout of the structs, and the checks of the uncompiled kernel."""

import os
import subprocess
import sys

import pytest

from vmmodel.kernel import Mark, Vm
from vmmodel.kernel.cstruct import Struct, StructArray
from vmmodel.kernel.pages import FreeList, Page

Tiny = Struct(__name__, "Tiny", small="i1", wide="i8", byte="u1")


def test_page_takes_at_most_16_bytes() -> None:
    """A machine of 64 GB is modelled in 256 MB."""
    assert Page.dtype.itemsize <= 16
    assert 16 == FreeList.dtype.itemsize


def test_fields_lie_as_in_c() -> None:
    """Fields are aligned to their own size, and the struct to its widest."""
    assert (0, 8, 16, 24) == (*map(Tiny.offset, Tiny.fields), Tiny.dtype.itemsize)


@pytest.mark.parametrize("index", [-1, 0, 9, 13, 1000])
def test_index_outside_the_array_is_caught(index: int) -> None:
    """An array whose first element is 10 and that has 3 answers to 10, 11 and 12 only."""
    array = StructArray(Tiny, 3, first=10)

    assert [0, 0, 0] == [array[i].wide for i in (10, 11, 12)]
    with pytest.raises(IndexError, match="Tiny"):
        array[index]
    array.close()


@pytest.mark.parametrize(
    ("field", "value"), [("small", 128), ("small", -129), ("byte", 256), ("byte", -1)]
)
def test_store_that_does_not_fit_is_caught(field: str, value: int) -> None:
    """A checked store of a value too large for its field is an error, never a truncation."""
    array = StructArray(Tiny, 1)

    with pytest.raises(OverflowError):
        setattr(array[0], field, value)
    assert 0 == getattr(array[0], field)
    array.close()


def checked(code: str) -> str:
    """Run *code* on the uncompiled kernel; give the last line of what it wrote."""
    done = subprocess.run(
        [sys.executable, "-c", "from vmmodel.kernel import Vm; vm = Vm.of_size(64)\n" + code],
        env={**os.environ, "VMMODEL_CHECKED": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return (done.stdout + done.stderr).strip().splitlines()[-1]


def test_uncompiled_kernel_catches_a_wrong_page() -> None:
    """Freeing a page that does not exist stops at the access, in the kernel's own function."""
    assert checked("vm.free_pages(4160, 0)") == "IndexError: Page[4160] is outside the array"


def test_uncompiled_kernel_catches_an_overflow() -> None:
    """An order that no page structure can hold stops at the store."""
    assert "OverflowError" in checked(
        "from vmmodel.kernel import phys\n"
        "from vmmodel.kernel.entries import machine_at\n"
        "phys.freelist_append(machine_at(vm._at)[0], -999, 4096, 999 + 1, 0)"
    )


def test_uncompiled_kernel_runs_the_whole_machine() -> None:
    """Page caches and reservations stay inside their arrays and fields."""
    assert "65536" == checked(
        "from vmmodel.kernel import RequestClass, WholeVm\n"
        "vm = WholeVm.of_size(65536, ncpu=2)\n"
        "vm.free(vm.alloc_object(RequestClass.NORMAL, 1, 0), cpu=1)\n"
        "vm.free(vm.alloc_noobj(RequestClass.NORMAL), cpu=1)\n"
        "print(vm.check_whole() + vm.free_count())"
    )


def test_elements_are_counted_from_the_one_pointed_to() -> None:
    """An index behind an element counts from there, as in C, and is caught outside the array."""
    array = StructArray(Tiny, 3, first=10)
    array[12].wide = 7

    assert 7 == array[11][1].wide
    with pytest.raises(IndexError, match="Tiny"):
        array[11][2]
    array.close()


def test_marks_are_kept_by_page(vm: Vm) -> None:
    """A mark belongs to a page and leaves its neighbours alone."""
    m = vm.alloc_pages(2)
    vm.mark(m + 1, Mark.LEAKED)
    vm.mark(m + 2, Mark.IDLE, 2)

    assert [0, 3, 2, 2] == [vm.marked(m + i) for i in range(4)]
    free, marks = vm.regions()
    assert ([1, 0, 2, 1, 0], 508) == (marks[0].tolist(), int(free[0]))
