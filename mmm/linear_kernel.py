"""Dense linear algebra for compiled code: BLAS and LAPACK called directly, writing into arrays that exist already.

numba's own products and factorisations allocate, are compiled anew for every layout, and know no symmetry: a general
inverse and a Cholesky factor cost twice what LAPACK's pair for symmetric matrices does (dpotrf, dpotri). The addresses
come from scipy; they are given a name of ours, so that compiled code that is kept on disk finds them again in the next
process. Fortran counts columns first: it sees our matrices transposed, and our lower triangles as upper ones.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types as numba_types
from numba.extending import get_cython_function_address
from numpy.typing import NDArray

from mmm.compilation import inner_compiled
from mmm.machine_kernel import address_of, entries_of, value_at

FloatArray = NDArray[np.float64]
types: Any = numba_types


def _fortran(library: str, name: str, arguments: str) -> Any:  # noqa: ANN401 - numba is untyped
    """A routine; ``arguments`` has a letter for each: c character, i integer, d double."""
    import llvmlite.binding  # type: ignore[import-untyped]  # it has no stubs

    address = get_cython_function_address(f"scipy.linalg.cython_{library}", name)
    llvmlite.binding.add_symbol(f"liftwerk_{name}", address)
    kinds = {"c": types.uint8, "i": types.int32, "d": types.float64}
    return types.ExternalFunction(
        f"liftwerk_{name}", types.void(*[types.CPointer(kinds[letter]) for letter in arguments])
    )


_dgemm = _fortran("blas", "dgemm", "cciiiddididdi")
_dsyrk = _fortran("blas", "dsyrk", "cciiddiddi")
_dpotrf = _fortran("lapack", "dpotrf", "cidii")
_dpotri = _fortran("lapack", "dpotri", "cidii")
_dtrtri = _fortran("lapack", "dtrtri", "ccidii")
#: What `product` reads transposed.
PLAIN, FIRST_TRANSPOSED, SECOND_TRANSPOSED = (False, False), (True, False), (False, True)
_PLAIN, _TRANSPOSED, _UPPER = np.uint8(ord("N")), np.uint8(ord("T")), np.uint8(ord("U"))


@inner_compiled
def product(
    sizes: tuple[int, int, int],
    scale: tuple[float, float],
    first: FloatArray,
    second: FloatArray,
    transposed: tuple[bool, bool],
    out: FloatArray,
) -> None:
    """``out = scale[0] · first second + scale[1] · out`` on the leading rows and columns of the three.

    Parameters
    ----------
    sizes
        Rows of the product, columns of it, and the length that is summed over.
    scale
        Of the product, and of what ``out`` holds before.
    first, second, out
        C-contiguous matrices; columns beyond ``sizes`` are left alone.
    transposed
        Whether ``first``, ``second`` are to be read transposed: `PLAIN`, `FIRST_TRANSPOSED`, `SECOND_TRANSPOSED`.
    """
    rows, columns, inner = sizes
    if rows == 0 or columns == 0 or inner == 0:
        return
    _dgemm(
        address_of(_TRANSPOSED if transposed[1] else _PLAIN),
        address_of(_TRANSPOSED if transposed[0] else _PLAIN),
        address_of(np.int32(columns)),
        address_of(np.int32(rows)),
        address_of(np.int32(inner)),
        address_of(scale[0]),
        entries_of(second),
        address_of(np.int32(second.shape[1])),
        entries_of(first),
        address_of(np.int32(first.shape[1])),
        address_of(scale[1]),
        entries_of(out),
        address_of(np.int32(out.shape[1])),
    )


@inner_compiled
def subtract_gram(rows: FloatArray, matrix: FloatArray) -> None:
    """``matrix −= rows' rows`` in the lower triangle of a matrix (n, n), with ``rows`` (m, n)."""
    count, size = rows.shape
    if count == 0 or size == 0:
        return
    order = address_of(np.int32(size))
    _dsyrk(
        address_of(_UPPER),
        address_of(_PLAIN),
        order,
        address_of(np.int32(count)),
        address_of(-1.0),
        entries_of(rows),
        order,
        address_of(1.0),
        entries_of(matrix),
        order,
    )


@inner_compiled
def invert_positive(matrix: FloatArray) -> float:
    """Replace a positive definite matrix (n, n), read from its lower triangle, by its inverse.

    Returns
    -------
    float
        Half the log determinant of what it was; infinity, with the matrix spoilt, where it is not positive definite
        in floating point.
    """
    half = _factorise(matrix)
    size = len(matrix)
    if size == 0 or half == np.inf:
        return half
    order, info = address_of(np.int32(size)), address_of(np.int32(0))
    _dpotri(address_of(_UPPER), order, entries_of(matrix), order, info)
    for i in range(size):
        for j in range(i):
            matrix[j, i] = matrix[i, j]
    return half


@inner_compiled
def invert_factor(matrix: FloatArray) -> float:
    """Replace a positive definite matrix A = LL' by L⁻¹ (lower triangular); gives what `invert_positive` gives."""
    half = _factorise(matrix)
    size = len(matrix)
    if size == 0 or half == np.inf:
        return half
    order, info = address_of(np.int32(size)), address_of(np.int32(0))
    _dtrtri(address_of(_UPPER), address_of(_PLAIN), order, entries_of(matrix), order, info)
    for i in range(size):
        for j in range(i):
            matrix[j, i] = 0.0
    return half


@inner_compiled
def _factorise(matrix: FloatArray) -> float:
    """Cholesky factor in the lower triangle; half the log determinant, or infinity."""
    size = len(matrix)
    if size == 0:
        return 0.0
    order, info = address_of(np.int32(size)), address_of(np.int32(0))
    _dpotrf(address_of(_UPPER), order, entries_of(matrix), order, info)
    if value_at(info) != 0:
        return np.inf
    total = 0.0
    for index in range(size):
        total += math.log(matrix[index, index])
    return total
