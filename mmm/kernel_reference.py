"""`KernelData` and `Work` as compiled functions hand them to each other: by reference, one pointer each.

A named tuple is handed over as all its ~100 arrays of seven numbers each, which costs every function that takes it half
a second to compile.
"""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.experimental import structref

from mmm.kernel_arrays import KernelData, Work


class _DataProxy(structref.StructRefProxy):
    """Fields of `KernelData`."""


class _WorkProxy(structref.StructRefProxy):
    """Fields of `Work`."""


@structref.register
class _DataType(types.StructRef):
    """numba's type of a `_DataProxy`."""


@structref.register
class _WorkType(types.StructRef):
    """numba's type of a `_WorkProxy`."""


#: In compiled code: the fields of a `KernelData` or `Work` → a reference that is read like the tuple.
data_reference: Any = _DataProxy
work_reference: Any = _WorkProxy
structref.define_constructor(data_reference, _DataType, KernelData._fields)  # type: ignore[no-untyped-call]
structref.define_constructor(work_reference, _WorkType, Work._fields)  # type: ignore[no-untyped-call]
