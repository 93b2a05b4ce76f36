"""What compiled code needs of the machine and numba does not offer: addresses, and the bits of a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]  # it has no stubs
from numba import types as numba_types
from numba.core import cgutils as numba_builders
from numba.extending import intrinsic

types: Any = numba_types
cgutils: Any = numba_builders


def _intrinsic(function: Callable[..., Any]) -> Any:  # noqa: ANN401 - numba is untyped
    """`numba.extending.intrinsic`: the function writes the code, and does not see values but their types."""
    return intrinsic(function)


@_intrinsic
def address_of(_typing: Any, value: Any) -> Any:  # noqa: ANN401 - numba is untyped
    """Address of a copy of a scalar, as Fortran takes its arguments; it lives until the calling function returns."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        return cgutils.alloca_once_value(builder, arguments[0])

    return types.CPointer(value)(value), generate


@_intrinsic
def value_at(_typing: Any, address: Any) -> Any:  # noqa: ANN401 - numba is untyped
    """What stands at an address."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        return builder.load(arguments[0])

    return address.dtype(address), generate


@_intrinsic
def entries_of(_typing: Any, array: Any) -> Any:  # noqa: ANN401 - numba is untyped
    """Address of the first entry of a C-contiguous array, which the caller keeps alive."""
    if array.layout != "C":
        return None  # strides would be lost

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        return context.make_array(signature.args[0])(context, builder, arguments[0]).data

    return types.CPointer(array.dtype)(array), generate


@_intrinsic
def bits_of(_typing: Any, _value: Any) -> Any:  # noqa: ANN401 - numba is untyped
    """The bits of a float64 as an int64."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), generate


@_intrinsic
def float_of(_typing: Any, _bits: Any) -> Any:  # noqa: ANN401 - numba is untyped
    """The float64 that has the bits of an int64."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate
