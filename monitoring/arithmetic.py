"""The catalogue's SQL expressions over NumPy columns: the same text that DuckDB and Spark read, without a database.

Only what the measures of calls use: names, numbers, ``+ - * /``, comparisons, ``AND``, ``nullif``, ``IS NOT NULL``.
NULL is NaN; a comparison with NULL holds for no row.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: A column, or one value for all rows.
Value = Any
_ARITHMETIC: Mapping[type[ast.operator], Callable[[Value, Value], Value]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: np.divide,
}  # fmt: skip
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Value, Value], Value]] = {
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Lt: operator.lt, ast.LtE: operator.le,
}  # fmt: skip


def evaluate(sql: str, columns: Mapping[str, Floats]) -> Value:
    """The value of an expression in each row.

    Parameters
    ----------
    sql
        From `monitoring.catalogue`.
    columns
        Shape (N,) each, NaN where there is no value.

    Raises
    ------
    NotImplementedError
        Where the expression uses what is not known here.

    Examples
    --------
    >>> columns = {"a": np.array([4.0, np.nan, 1.0]), "b": np.array([2.0, 1.0, 0.0])}
    >>> evaluate("a / nullif(b, 0)", columns).tolist()
    [2.0, nan, nan]
    >>> evaluate("a IS NOT NULL AND b > 0", columns).tolist()
    [True, False, False]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return _value(_parsed(sql), columns)


@lru_cache(maxsize=256)
def _parsed(sql: str) -> ast.expr:
    text = re.sub(r"(\w+) IS NOT NULL", r"known(\1)", sql).replace(" AND ", " and ")
    return ast.parse(text, mode="eval").body


def _value(node: ast.expr, columns: Mapping[str, Floats]) -> Value:  # noqa: PLR0911 - one for each form
    match node:
        case ast.Constant(value=float() | int() as number):
            return float(number)
        case ast.Name(id="TRUE"):
            return True
        case ast.Name(id="NULL"):
            return np.nan
        case ast.Name(id=name):
            return columns[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            return _ARITHMETIC[type(op)](_value(left, columns), _value(right, columns))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
            return _COMPARISONS[type(op)](_value(left, columns), _value(right, columns))
        case ast.BoolOp(op=ast.And(), values=values):
            return np.logical_and.reduce([_value(value, columns) for value in values])
        case ast.Call(func=ast.Name(id="known"), args=[one]):
            return ~np.isnan(_value(one, columns))
        case ast.Call(func=ast.Name(id="nullif"), args=[one, other]):
            first, second = _value(one, columns), _value(other, columns)
            return np.where(first == second, np.nan, first) if np.any(first == second) else first
    raise NotImplementedError(f"no meaning is known for {ast.unparse(node)}")
