"""What the process does with memory that was freed."""

from __future__ import annotations

import ctypes
import mmap
import sys
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import DTypeLike, NDArray

#: Parameters of glibc's ``mallopt``, and what they are set to.
_TRIM, _KEPT = -1, 1 << 28
_MAPPED, _LARGE = -3, 1 << 25


@cache
def keep_freed_memory() -> bool:
    """Keep up to 256 MB of freed memory for the next array instead of giving it back to the system.

    Work in pieces frees and takes the same few megabytes thousands of times; by default glibc returns them each time,
    and the system clears every page again. Costs up to a second of processor time over ten million rows. Arrow's own
    allocator does the same with huge pages, and is exchanged.

    Returns
    -------
    bool
        Whether the C library lets one say so; elsewhere nothing happens.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # not glibc
        return False
    kept = bool(mallopt(_MAPPED, _LARGE)) and bool(mallopt(_TRIM, _KEPT))
    if kept:
        other = "jemalloc" in pa.supported_memory_backends()
        pa.set_memory_pool(pa.jemalloc_memory_pool() if other else pa.system_memory_pool())
    return kept


def room_for(count: int, dtype: DTypeLike) -> NDArray[Any]:
    """An empty array whose memory is taken page by page as it is filled.

    NumPy asks for huge pages; where memory is in pieces the system then tidies it up first, which costs more processor
    time than filling the array. What is never filled costs nothing.

    Parameters
    ----------
    count
        How many numbers.
    dtype
        Of what kind.

    Examples
    --------
    >>> room_for(3, np.float64).tolist()
    [0.0, 0.0, 0.0]
    """
    size = count * np.dtype(dtype).itemsize
    return np.frombuffer(mmap.mmap(-1, size), dtype=dtype) if size else np.empty(0, dtype=dtype)
