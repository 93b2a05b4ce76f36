"""Inverse and determinant of a positive definite matrix in one factorisation, callable from compiled code.

numba offers a general inverse and a Cholesky factor, which together cost twice what LAPACK's own pair for symmetric
matrices does (dpotrf, dpotri). Their addresses come from scipy; they are given a name of ours, so that compiled code
that is kept on disk finds them again in the next process.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import get_cython_function_address
from numpy.typing import NDArray

from mmm.compilation import compiled

FloatArray = NDArray[np.float64]


def _lapack(name: str) -> Any:  # noqa: ANN401 - numba is untyped
    import llvmlite.binding

    llvmlite.binding.add_symbol(f"liftwerk_{name}", get_cython_function_address("scipy.linalg.cython_lapack", name))
    whole, text, numbers = types.CPointer(types.int32), types.CPointer(types.uint8), types.CPointer(types.float64)
    return types.ExternalFunction(f"liftwerk_{name}", types.void(text, whole, numbers, whole, whole))


_dpotrf, _dpotri = _lapack("dpotrf"), _lapack("dpotri")


@compiled
def invert_positive(matrix: FloatArray) -> float:
    """Replace a positive definite matrix (n, n) by its inverse; gives half the log determinant of what it was.

    Returns infinity, and leaves the matrix spoilt, where it is not positive definite in floating point.
    """
    size = len(matrix)
    if size == 0:
        return 0.0
    lower, order, info = np.full(1, 76, dtype=np.uint8), np.full(1, size, dtype=np.int32), np.zeros(1, dtype=np.int32)
    _dpotrf(lower.ctypes, order.ctypes, matrix.ctypes, order.ctypes, info.ctypes)
    if info[0] != 0:
        return np.inf
    total = 0.0
    for index in range(size):
        total += math.log(matrix[index, index])
    _dpotri(lower.ctypes, order.ctypes, matrix.ctypes, order.ctypes, info.ctypes)
    for i in range(size):  # LAPACK counts columns first: its lower triangle is the upper one here
        for j in range(i + 1, size):
            matrix[j, i] = matrix[i, j]
    return total
