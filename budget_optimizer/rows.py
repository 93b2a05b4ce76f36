"""What every rule compiles to: named linear rows over spend, outcome and activity, and their matrix form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One named condition: Σ spend·x + Σ outcome·f(x) + Σ active·on ≤ limit (or = limit).

    Attributes
    ----------
    name
        As the user reads it in messages, e.g. ``"search at most 80,000"``.
    spend, outcome, active
        Coefficient by cell; money, money and 0/1.
    limit
        Right-hand side.
    equal
        Whether the row holds with equality.
    unit
        Unit of ``limit``: ``"money"`` or ``"count"``.
    family
        What many rows of one rule say together, for messages that would otherwise list them all.
    """

    name: str
    limit: float
    spend: Mapping[str, float] = field(default_factory=dict)
    outcome: Mapping[str, float] = field(default_factory=dict)
    active: Mapping[str, float] = field(default_factory=dict)
    equal: bool = False
    unit: str = "money"
    family: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowMatrix:
    """Rows over N cells as sparse matrices of shape (M, N), in the units of the problem.

    Attributes
    ----------
    names
        Of the rows, length M.
    spend, outcome, active
        Coefficients.
    limit
        Shape (M,).
    equal
        Shape (M,).
    """

    names: tuple[str, ...]
    spend: sp.csr_array
    outcome: sp.csr_array
    active: sp.csr_array
    limit: FloatArray
    equal: BoolArray

    def take(self, keep: BoolArray | NDArray[np.intp]) -> RowMatrix:
        """Only some of the rows."""
        index = (np.flatnonzero(keep) if keep.dtype == np.bool_ else np.asarray(keep)).tolist()
        return RowMatrix(
            names=tuple(self.names[i] for i in index),
            spend=self.spend[index],
            outcome=self.outcome[index],
            active=self.active[index],
            limit=self.limit[index],
            equal=self.equal[index],
        )

    def scaled(self, money: float, outcome: float) -> RowMatrix:
        """The same rows for spend in units of ``money`` and outcome in units of ``outcome``, every row near 1."""
        spend, response = self.spend * money, self.outcome * outcome
        size = np.zeros(len(self.names))
        for part in (spend, response, self.active):
            if part.nnz:
                size = np.maximum(size, np.asarray(abs(part).max(axis=1).toarray()).ravel())
        inverse = sp.diags_array(1.0 / np.where(size > 0, size, 1.0))
        return RowMatrix(
            names=self.names,
            spend=(inverse @ spend).tocsr(),
            outcome=(inverse @ response).tocsr(),
            active=(inverse @ self.active).tocsr(),
            limit=inverse @ self.limit,
            equal=self.equal,
        )

    def excess(self, spend: FloatArray, outcome: FloatArray, active: FloatArray) -> FloatArray:
        """By how much each row is broken (0 where it holds), shape (M,), in the unit of its limit."""
        over = self.spend @ spend + self.outcome @ outcome + self.active @ active - self.limit
        return np.asarray(np.where(self.equal, np.abs(over), np.maximum(over, 0.0)), dtype=np.float64)

    @property
    def switched(self) -> BoolArray:
        """Cells that some row asks to be on or off, shape (N,)."""
        return np.asarray(abs(self.active).sum(axis=0)).ravel() > 0


def row_matrix(rows: Sequence[Row], cells: Sequence[str]) -> RowMatrix:
    """Rows as matrices over ``cells``."""
    place = {name: index for index, name in enumerate(cells)}
    shape = (len(rows), len(cells))

    def part(mappings: Sequence[Mapping[str, float]]) -> sp.csr_array:
        entries = [
            (m, place[cell], value) for m, mapping in enumerate(mappings) for cell, value in mapping.items() if value
        ]
        at, of, values = zip(*entries, strict=True) if entries else ((), (), ())
        return sp.csr_array((np.asarray(values, dtype=np.float64), (np.asarray(at, int), np.asarray(of, int))), shape)

    return RowMatrix(
        names=tuple(row.name for row in rows),
        spend=part([row.spend for row in rows]),
        outcome=part([row.outcome for row in rows]),
        active=part([row.active for row in rows]),
        limit=np.array([row.limit for row in rows], dtype=np.float64),
        equal=np.array([row.equal for row in rows], dtype=bool),
    )


def bounds_from(rows: RowMatrix, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Tighten the range of every cell by what single rows imply (two passes of interval arithmetic).

    Only rows on spend alone are used; the result is implied by the rows, so nothing feasible is lost.

    Returns
    -------
    tuple
        Lower and upper ends, shape (N,); a lower end above its upper end proves that the rows clash.
    """
    plain = (np.diff(rows.outcome.indptr) == 0) & (np.diff(rows.active.indptr) == 0)
    low, high = lower.copy(), upper.copy()
    for _ in range(2):
        for m in np.flatnonzero(plain):
            start, stop = rows.spend.indptr[m], rows.spend.indptr[m + 1]
            at, size = rows.spend.indices[start:stop].astype(np.intp), rows.spend.data[start:stop]
            _tighten(low, high, at, size, float(rows.limit[m]))
            if rows.equal[m]:
                _tighten(low, high, at, -size, -float(rows.limit[m]))
    return low, high


def _tighten(low: FloatArray, high: FloatArray, at: NDArray[np.intp], size: FloatArray, limit: float) -> None:
    """Σ size·x ≤ limit bounds each x, the others at their cheapest."""
    least = np.where(size > 0, size * low[at], size * high[at])
    endless = ~np.isfinite(least)
    if endless.sum() > 1:
        return
    # with one endless term only that one's own bound can follow from the others
    rest = np.where(endless, 0.0, least).sum() - np.where(endless, 0.0, least)
    with np.errstate(over="ignore"):  # by a weight next to nothing: a bound beyond all numbers is none
        bound = (limit - rest) / size
    end = np.where(endless | (endless.sum() == 0), bound, np.where(size > 0, np.inf, -np.inf))
    up, down = size > 0, size < 0
    high[at[up]] = np.minimum(high[at[up]], end[up])
    low[at[down]] = np.maximum(low[at[down]], end[down])
