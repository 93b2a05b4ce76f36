"""Where compiled code finds the fields of a record of arrays: a row of numbers, made once with the record.

Compiled code takes a record as the address of that row. It need not unpack a hundred arrays at every call, and knows
that the row never changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Annotated, Any, NamedTuple, get_type_hints

import numpy as np
from numpy.typing import NDArray

_FloatArray = NDArray[np.float64]
_IntArray = NDArray[np.int64]
#: Arrays by the number of their axes.
Floats1 = Annotated[_FloatArray, 1]
Floats2 = Annotated[_FloatArray, 2]
Floats3 = Annotated[_FloatArray, 3]
Floats4 = Annotated[_FloatArray, 4]
Ints1 = Annotated[_IntArray, 1]
Ints2 = Annotated[_IntArray, 2]


class Place(NamedTuple):
    """Where a field stands in the row: a number, or an array's address and lengths.

    Attributes
    ----------
    start
        First of its entries.
    axes
        0 for a number, which is stored by its bits.
    whole
        Whether it holds int64; float64 else.
    """

    start: int
    axes: int
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ByReference:
    """A record that compiled code reads by reference; see `mmm.kernel_reference`.

    Attributes
    ----------
    layout
        The row of numbers.
    address
        Where it begins; holds as long as the record lives.
    """

    layout: _IntArray = field(init=False, repr=False)
    address: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        layout = _lay_out(self)
        object.__setattr__(self, "layout", layout)
        object.__setattr__(self, "address", layout.ctypes.data)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[()]]:
        """Addresses are of this process: a copy makes its own."""
        return partial(type(self), **{each: getattr(self, each) for each in places(type(self))}), ()


def places(record: type[ByReference]) -> dict[str, Place]:
    """The fields of a kind of record, by name."""
    hints, start = get_type_hints(record, include_extras=True), 0
    found: dict[str, Place] = {}
    for each in fields(record):
        if not each.init:
            continue
        hint = hints[each.name]
        axes = 0 if hint in (int, float) else int(hint.__metadata__[0])
        whole = hint is int if axes == 0 else hint.__origin__ == _IntArray
        found[each.name] = Place(start, axes, whole)
        start += 1 + axes
    return found


def _lay_out(record: ByReference) -> _IntArray:
    """The row of numbers of a record, whose arrays must be what their types say: code that reads them cannot check."""
    row: list[int] = []
    for name, place in places(type(record)).items():
        value: Any = getattr(record, name)
        kind = np.dtype(np.int64 if place.whole else np.float64)
        if place.axes == 0:
            row.append(int(np.array(value, kind).view(np.int64)))
            continue
        if value.dtype != kind or value.ndim != place.axes or not value.flags.c_contiguous:
            raise TypeError(
                f"{type(record).__name__}.{name} must be a C-contiguous array of {kind} with {place.axes} axes, "
                f"found {value.dtype} with shape {value.shape} and strides {value.strides}."
            )
        row += [value.ctypes.data, *value.shape]
    return np.array(row, np.int64)
