"""How numba compiles the structs of `vmmodel.kernel.cstruct`: typed pointers, functions, cache.

A struct pointer is one machine word.  ``p[i]`` moves it, ``p.field`` loads (sign-extended to 64
bits) and ``p.field = x`` stores (truncated), without reference counts, bounds or wrap-around.
"""

import inspect
import operator
from collections.abc import Callable
from typing import Any, TypeVar

import numba
from llvmlite import ir
from numba.core import types, typing
from numba.core.extending import (
    infer_getattr,
    intrinsic,
    lower_builtin,
    models,
    register_model,
)
from numba.core.imputils import lower_getattr_generic, lower_setattr_generic
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, infer_global

from vmmodel.kernel.cache import cache_folder
from vmmodel.kernel.cstruct import Struct
from vmmodel.kernel.kept import KernelCache

CACHED = cache_folder() is not None

# There is nothing to vectorize in lists of pages; without the passes compiling takes less time.
numba.config.LOOP_VECTORIZE = numba.config.SLP_VECTORIZE = 0

INNER = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Options of what only compiled code calls: the wrappers for Python are a sixth of compiling."""

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile *function* into every compiled function that calls it.

    A call left in the code passes its result through memory and tests a status: with all of them
    inlined an allocate/free pair takes 1.2 times as long as in C and not 1.4 times, and compiling
    takes no longer.
    """
    compiled: F = numba.njit(**INNER, forceinline=True)(function)
    return compiled


def outlined(function: F) -> F:
    """Compile *function* once, for all compiled functions that call it.

    For what is long, or called seldom; it begins with `stay_outlined`.
    """
    compiled: F = numba.njit(**INNER, forceinline=False)(function)
    return compiled


def entry(function: F) -> F:
    """Compile *function*, which takes and gives 64-bit integers, so that Python can call it.

    It is compiled at its first call and then read from the cache on disk.
    """
    compiled: Any = numba.njit(error_model="numpy", nogil=True)(function)
    if CACHED:
        compiled._cache = KernelCache(function)  # as `cache=True` does with numba's own
    return compiled


def compile_entry(function: Any) -> None:
    """Compile or load what `entry` made, before it is called.

    By a tuple of types and not by a string: numba's cache keeps those apart, and calls look for the
    tuple.
    """
    function.compile((types.int64,) * len(inspect.signature(function.py_func).parameters))


def n_compiled(function: Callable[..., Any]) -> int:
    """Count the signatures *function* was compiled for or loaded from the cache."""
    return len(getattr(function, "signatures", ()))


class StructPointer(types.Type):
    """The numba type of a pointer to a `Struct`; the layout is part of its name."""

    def __init__(self, struct: Struct) -> None:
        self.struct = struct
        super().__init__(name=f"{struct.module}.{struct.name}*{struct.dtype.descr}")


register_model(StructPointer)(models.OpaqueModel)


def pointer_to(struct: Struct) -> Callable[[int], Any]:
    """Give the compiled function that turns an address into a pointer to *struct*."""
    pointer = StructPointer(struct)

    @intrinsic
    def cast(_typing_context: Any, _address: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(pointer))

        return pointer(types.int64), generate

    result: Callable[[int], Any] = cast
    return result


def _type_noinline(_typing_context: Any) -> Any:
    def generate(context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), generate


stay_outlined: Callable[[], None] = intrinsic(_type_noinline)
"""Keep the compiler from copying the function that calls this into its callers.

Numba has no option for it.  Without it page traffic takes 50 s to compile.
"""


def _type_prefetch(_typing_context: Any, array: StructPointer, _index: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        element = _element(context, builder, signature, args)
        words = [ir.IntType(32)] * 3
        shape = ir.FunctionType(ir.VoidType(), [element.type, *words])
        function = builder.module.declare_intrinsic("llvm.prefetch", [element.type], shape)
        builder.call(function, [element, *map(ir.Constant, words, (0, 3, 1))])  # read, keep, data
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


_prefetch: Callable[[Any, int], None] = intrinsic(_type_prefetch)


@kernel
def prefetch(array: Any, index: int) -> None:
    """Ask for the cache line of ``array[index]``, which need not exist, before it is needed.

    Without it, as ratios to the same C: pairs of single pages take 1.9 times as long on 64 k and
    on 16 M fragmented pages and 2.7 times on 1 M; pairs of order 9 take 1.7 times as long on 16 M
    and 0.95 times on 64 k, where everything is in the cache.
    """
    _prefetch(array, index)


def _type_bit_length(_typing_context: Any, value: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        zeros = builder.ctlz(args[0], ir.Constant(ir.IntType(1), 1))  # zero need not be defined
        return builder.sub(ir.Constant(ir.IntType(64), 64), zeros)

    return types.int64(value), generate


bit_length: Callable[[int], int] = intrinsic(_type_bit_length)
"""``int.bit_length`` of what is above zero, in one instruction."""


@infer_getattr
class _FieldType(AttributeTemplate):  # type: ignore[misc]
    """A field is a 64-bit integer, or a pointer when the struct says so."""

    key = StructPointer

    def generic_resolve(self, pointer: StructPointer, field: str) -> Any:
        target = pointer.struct.fields.get(field)
        if isinstance(target, Struct):
            return StructPointer(target)
        return None if target is None else types.int64


@infer_global(operator.getitem)
class _ElementType(AbstractTemplate):  # type: ignore[misc]
    """Indexing a struct pointer gives a struct pointer."""

    def generic(self, args: Any, kws: Any) -> Any:
        assert not kws
        pointer, index = args
        if isinstance(pointer, StructPointer) and isinstance(index, types.Integer):
            return typing.signature(pointer, pointer, types.int64)
        return None


@lower_builtin(operator.getitem, StructPointer, types.int64)  # type: ignore[untyped-decorator]
def _element(_context: Any, builder: Any, signature: Any, args: Any) -> Any:
    size = signature.args[0].struct.dtype.itemsize
    offset = builder.mul(args[1], ir.Constant(ir.IntType(64), size))
    return builder.gep(args[0], [offset])


def _field_pointer(builder: Any, pointer: StructPointer, value: Any, field: str) -> Any:
    dtype = pointer.struct.dtype[field]
    address = builder.gep(value, [ir.Constant(ir.IntType(64), pointer.struct.offset(field))])
    return builder.bitcast(address, ir.IntType(8 * dtype.itemsize).as_pointer()), dtype


def _alias_tag(module: Any, struct: Struct, field: str) -> Any:
    """Say that a store to one field never changes another: the compiler may keep it in a register.

    LLVM's type-based alias analysis, with each field of each struct as a type of its own.  Without
    it page traffic takes 1.39 times as long as in C where it now takes 1.30 times, under pressure,
    and 1.04 times where it takes 1.00 times.
    """
    zero = ir.Constant(ir.IntType(64), 0)
    root = module.add_metadata(["vmmodel"])
    kind = module.add_metadata([f"{struct.module}.{struct.name}.{field}", root, zero])
    return module.add_metadata([kind, kind, zero])


@lower_getattr_generic(StructPointer)  # type: ignore[untyped-decorator]
def _load(context: Any, builder: Any, pointer: StructPointer, value: Any, field: str) -> Any:
    address, dtype = _field_pointer(builder, pointer, value, field)
    loaded = builder.load(address)
    loaded.set_metadata("tbaa", _alias_tag(builder.module, pointer.struct, field))
    target = pointer.struct.fields[field]
    if isinstance(target, Struct):
        loaded.set_metadata("invariant.load", builder.module.add_metadata([]))
        return builder.inttoptr(loaded, context.get_value_type(StructPointer(target)))
    if dtype.itemsize == 8:
        return loaded
    extend = builder.sext if dtype.kind == "i" else builder.zext
    return extend(loaded, ir.IntType(64))


@lower_setattr_generic(StructPointer)  # type: ignore[untyped-decorator]
def _store(_context: Any, builder: Any, signature: Any, args: Any, field: str) -> Any:
    address, dtype = _field_pointer(builder, signature.args[0], args[0], field)
    value = args[1] if dtype.itemsize == 8 else builder.trunc(args[1], address.type.pointee)
    store = builder.store(value, address)
    store.set_metadata("tbaa", _alias_tag(builder.module, signature.args[0].struct, field))


__all__ = [
    "bit_length",
    "compile_entry",
    "entry",
    "kernel",
    "n_compiled",
    "outlined",
    "pointer_to",
    "prefetch",
    "stay_outlined",
]
