"""Parts of the compiled density that stand alone: exponential and logarithm, and dense linear algebra."""

from __future__ import annotations

import numpy as np
import pytest

from mmm.compilation import compiled, with_entry
from mmm.elementary_kernel import exponential, logarithm
from mmm.linear_kernel import (
    FIRST_TRANSPOSED,
    PLAIN,
    SECOND_TRANSPOSED,
    invert_factor,
    invert_positive,
    product,
    subtract_gram,
)


@compiled
def _apply(values, exponentials, logarithms):
    for index in range(len(values)):
        exponentials[index] = exponential(values[index])
        logarithms[index] = logarithm(exponentials[index])


def test_exponential_and_logarithm_are_exact_to_the_last_places():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.uniform(-690.0, 690.0, 5000), rng.normal(0.0, 1.0, 5000), [0.0, 1e-9, -700.0, 700.0]])
    powers, logs = np.empty_like(values), np.empty_like(values)
    _apply(values, powers, logs)
    np.testing.assert_allclose(powers, np.exp(values), rtol=1e-15, atol=0.0)
    np.testing.assert_allclose(logs, np.log(powers), rtol=1e-15, atol=1e-300)


def test_exponential_is_held_where_it_would_overflow():
    values = np.array([-1e9, 1e9])
    powers, logs = np.empty(2), np.empty(2)
    _apply(values, powers, logs)
    np.testing.assert_allclose(powers, np.exp([-700.0, 700.0]), rtol=1e-15)


@pytest.mark.parametrize("transposed", [PLAIN, FIRST_TRANSPOSED, SECOND_TRANSPOSED])
def test_product_takes_leading_parts_only(transposed):
    rng = np.random.default_rng(1)
    rows, columns, inner = 3, 5, 4
    first, second, out = rng.normal(size=(6, 7)), rng.normal(size=(7, 6)), rng.normal(size=(4, 8))
    before = out.copy()
    left = first[:inner, :rows].T if transposed[0] else first[:rows, :inner]
    right = second[:columns, :inner].T if transposed[1] else second[:inner, :columns]
    with_entry(product)((rows, columns, inner), (-2.0, 0.5), first, second, transposed, out)
    expected = before.copy()
    expected[:rows, :columns] = 0.5 * before[:rows, :columns] - 2.0 * left @ right
    np.testing.assert_allclose(out, expected, rtol=1e-13, atol=1e-13)


def test_inverses_and_determinant_read_the_lower_triangle():
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(20, 9))
    whole = 3.0 * np.eye(9) + rows.T @ rows
    half = 0.5 * np.linalg.slogdet(whole)[1]
    inverse = np.tril(whole)
    assert with_entry(invert_positive)(inverse) == pytest.approx(half, rel=1e-13)
    np.testing.assert_allclose(inverse, np.linalg.inv(whole), rtol=1e-10, atol=1e-14)
    factor = np.tril(whole)
    assert with_entry(invert_factor)(factor) == pytest.approx(half, rel=1e-13)
    np.testing.assert_allclose(factor, np.linalg.inv(np.linalg.cholesky(whole)), rtol=1e-10, atol=1e-14)
    reduced = whole.copy()
    with_entry(subtract_gram)(rows, reduced)
    np.testing.assert_allclose(np.tril(reduced), 3.0 * np.eye(9), atol=1e-12)


def test_a_matrix_that_is_not_positive_definite_has_no_inverse():
    assert with_entry(invert_positive)(np.diag([1.0, -1.0])) == np.inf
    assert with_entry(invert_factor)(np.array([[1.0, 0.0], [2.0, 1.0]])) == np.inf
