"""`KernelData` and `Work` as compiled functions hand them to each other: by reference, one pointer each.

Handed over as all their ~100 arrays of seven numbers each, they cost every function that takes them half a second to
compile. The pointer is that of the row of `mmm.kernel_layout`. Nothing is counted or freed here: the caller in Python
holds the records.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]  # it has no stubs
from numba import extending as numba_extending
from numba import types as numba_types
from numba.core import typing as numba_typing
from numba.np import arrayobj as numba_arrays

from mmm.kernel_arrays import KernelData, Work
from mmm.kernel_layout import ByReference, Place, places

types: Any = numba_types
typing: Any = numba_typing
arrays: Any = numba_arrays
extending: Any = numba_extending
_WORD = ir.IntType(64)
_BYTES = 8


class _Reference(types.Type):  # type: ignore[misc]  # numba is untyped
    """numba's type of a reference to one kind of record."""

    def __init__(self, record: type[ByReference]) -> None:
        self.places = places(record)
        super().__init__(name=f"Reference({record.__name__})")

    def field(self, name: str) -> Any:  # noqa: ANN401 - numba is untyped
        """Type of a field; ``None`` where there is none."""
        place = self.places.get(name)
        if place is None:
            return None
        scalar = types.int64 if place.whole else types.float64
        return types.Array(scalar, place.axes, "C") if place.axes else scalar


@extending.register_model(_Reference)
class _ReferenceModel(extending.models.PrimitiveModel):  # type: ignore[misc]  # numba is untyped
    def __init__(self, manager: Any, reference: Any) -> None:  # noqa: ANN401 - numba is untyped
        super().__init__(manager, reference, _WORD.as_pointer())


@extending.infer_getattr
class _Fields(typing.templates.AttributeTemplate):  # type: ignore[misc]  # numba is untyped
    key = _Reference

    def generic_resolve(self, reference: Any, name: str) -> Any:  # noqa: ANN401 - numba is untyped
        return reference.field(name)


@extending.lower_getattr_generic(_Reference)  # type: ignore[untyped-decorator]  # numba is untyped
def _read_field(context: Any, builder: Any, reference: Any, row: Any, name: str) -> Any:  # noqa: ANN401
    place: Place = reference.places[name]
    kind = reference.field(name)

    def entry(offset: int) -> Any:  # noqa: ANN401 - llvmlite is untyped
        loaded = builder.load(builder.gep(row, [_WORD(place.start + offset)], inbounds=True))
        # Rows never change: what was read before a loop need not be read in it again.
        loaded.set_metadata("invariant.load", builder.module.add_metadata([]))
        return loaded

    if place.axes == 0:
        return entry(0) if place.whole else builder.bitcast(entry(0), ir.DoubleType())
    array = context.make_array(kind)(context, builder)
    shape = [entry(1 + axis) for axis in range(place.axes)]
    strides = [_WORD(_BYTES)]
    for length in reversed(shape[1:]):
        strides.insert(0, builder.mul(length, strides[0], flags=["nsw"]))
    start = builder.inttoptr(entry(0), context.get_data_type(kind.dtype).as_pointer())
    arrays.populate_array(array, start, shape, strides, _WORD(_BYTES), None)
    return array._getvalue()  # noqa: SLF001 - numba's way to the value of what it builds


def _reading(record: type[ByReference]) -> Any:  # noqa: ANN401 - numba is untyped
    """In compiled code: the address of a record's row → a reference with the fields of the record."""

    def read(_typing: Any, address: Any) -> Any:  # noqa: ANN401 - numba is untyped
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
            return builder.inttoptr(arguments[0], _WORD.as_pointer())

        return _Reference(record)(address), generate

    return extending.intrinsic(read)


data_at: Any = _reading(KernelData)
work_at: Any = _reading(Work)
