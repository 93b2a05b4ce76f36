"""What a log knows of the context of its decisions, as columns."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.errors import InputError

#: Columns of ``creative_decisions`` that are no context.
_KNOWN = ("decision_id", "ts", "experiment_id", "unit_id", "arm_id", "propensity", "policy_version", "context")
#: More segments than that are no segments but ids.
MOST_SEGMENTS = 50


def context_columns(decisions: pd.DataFrame) -> pd.DataFrame:
    """Every context column as text (missing: empty), in the order of the decisions.

    Columns beyond those of the contract are context, and so are the fields of the JSON objects in a column ``context``,
    as ``liftwerk serve`` logs them.

    Examples
    --------
    >>> log = pd.DataFrame({"arm_id": ["a", "b"], "context": ['{"device": "mobile"}', None], "hour": [8, 9]})
    >>> context_columns(log).to_dict("list")
    {'hour': ['8', '9'], 'device': ['mobile', '']}
    """
    found = decisions[[column for column in decisions.columns if column not in _KNOWN]].reset_index(drop=True)
    if "context" in decisions.columns:
        fields = [_fields(text) for text in decisions["context"]]
        inside = pd.DataFrame(fields, index=found.index)
        found = pd.concat([found, inside[[name for name in inside.columns if name not in found.columns]]], axis=1)
    return found.map(_text)


def segments(decisions: pd.DataFrame, columns: Sequence[str]) -> tuple[NDArray[np.int64], pd.DataFrame]:
    """Number of each decision's segment, shape (n,), and the values of ``columns`` of every segment.

    Raises
    ------
    InputError
        If the log has no such column, or there are too many segments to tell apart.
    """
    known = context_columns(decisions)
    for column in columns:
        if column not in known.columns:
            raise InputError.of(
                f"the decisions have no context '{column}'",
                f"Use one of: {', '.join(known.columns) or '(they have none)'}", file="creative_decisions",
                column=column,
            )  # fmt: skip
    groups = known[list(columns)].groupby(list(columns), sort=True)
    number = np.asarray(groups.ngroup().to_numpy(), dtype=np.int64)
    values = known[list(columns)].assign(segment=number).drop_duplicates("segment").sort_values("segment")
    if len(values) > MOST_SEGMENTS:
        raise InputError.of(
            f"'{', '.join(columns)}' splits the log into {len(values)} segments",
            f"Use a context with at most {MOST_SEGMENTS} values", file="creative_decisions", column=columns[0],
        )  # fmt: skip
    return number, values[list(columns)].reset_index(drop=True)


def _fields(text: object) -> dict[str, object]:
    if not isinstance(text, str) or not text.startswith("{"):
        return {}
    try:
        fields = json.loads(text)
    except ValueError:
        return {}
    return {str(name): value for name, value in fields.items() if not isinstance(value, dict | list)}


def _text(value: object) -> str:
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
