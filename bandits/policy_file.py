"""A policy of the user's own, as a table: which creative would have been shown with what share, and to whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from bandits.context import context_columns
from bandits.rewards import Floats
from measurement.errors import InputError

_FIXED = ("experiment_id", "arm_id", "share")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFile:
    """Rows of ``arm_id`` and ``share``; ``experiment_id`` where there are several; further columns are context.

    Attributes
    ----------
    name
        Of the file, for messages.
    table
        The rows; shares are numbers, everything else text. An empty experiment holds for all of them.

    Examples
    --------
    >>> file = PolicyFile.of(pd.DataFrame({"arm_id": ["a", "b"], "share": [3, 1]}), "policy.csv")
    >>> file.shares("x", ("a", "b", "c"), pd.DataFrame({"arm_id": ["a", "b"]}))[0].tolist()
    [0.75, 0.25, 0.0]
    """

    name: str
    table: pd.DataFrame

    @classmethod
    def of(cls, table: pd.DataFrame, name: str) -> Self:
        """From a table as it was read.

        Raises
        ------
        InputError
            If a column is missing or a share is negative or no number.
        """
        for column in ("arm_id", "share"):
            if column not in table.columns:
                raise InputError.of(
                    f"a policy needs the column '{column}'", "Give it arm_id and share, one row a creative", file=name,
                    column=column, value=", ".join(map(str, table.columns)),
                )  # fmt: skip
        share = pd.to_numeric(table["share"].astype(str).str.replace(",", "."), errors="coerce")
        wrong = np.flatnonzero(~(share >= 0).to_numpy())
        if len(wrong) or table.empty:
            raise InputError.of(
                "a share is negative or no number" if len(table) else "the policy has no rows", "Write e.g. 0.25",
                file=name, column="share", line=int(wrong[0]) + 2 if len(wrong) else None,
                value=table["share"].iloc[wrong[0]] if len(wrong) else None,
            )  # fmt: skip
        text = table.drop(columns="share").astype("str").apply(lambda column: column.fillna("").str.strip())
        return cls(name=name, table=text.assign(share=share.astype(float)))

    def shares(self, experiment: str, arms: tuple[str, ...], decisions: pd.DataFrame) -> Floats | None:
        """Probabilities for each decision, shape (n, arms), rows sum to 1; ``None`` where the policy has no word on it.

        Raises
        ------
        InputError
            If a creative is not known, or there is no share for the context of a decision.
        """
        table = self.table
        if "experiment_id" in table.columns:
            table = table[table["experiment_id"].isin([experiment, ""])]
            if table.empty:
                return None
        unknown = sorted(set(table["arm_id"]) - set(arms))
        if unknown and "experiment_id" not in table.columns and not set(table["arm_id"]) & set(arms):
            return None
        if unknown:
            raise InputError.of(
                f"the policy shows a creative that '{experiment}' does not have", f"Use: {', '.join(arms)}"[:300],
                file=self.name, column="arm_id", value=unknown[0],
            )  # fmt: skip
        columns = [column for column in table.columns if column not in _FIXED]
        if not columns:
            return np.tile(self._normal(table, arms), (len(decisions), 1))
        known = context_columns(decisions)
        missing = [column for column in columns if column not in known.columns]
        if missing:
            raise InputError.of(
                f"the decisions have no context '{missing[0]}'", f"Use: {', '.join(known.columns) or 'none'}",
                file=self.name, column=missing[0],
            )  # fmt: skip
        return self._by_context(table, arms, known, columns)

    def _by_context(
        self, table: pd.DataFrame, arms: tuple[str, ...], known: pd.DataFrame, columns: list[str]
    ) -> Floats:
        wanted = {_key(key): self._normal(rows, arms) for key, rows in table.groupby(columns)}
        found = np.empty((len(known), len(arms)))
        for key, where in known.groupby(columns).indices.items():
            if _key(key) not in wanted:
                told = ", ".join(f"{name} = {value}" for name, value in zip(columns, _key(key), strict=True))
                raise InputError.of(
                    "the policy does not say what to show in a context of the log", f"Add rows for {told}",
                    file=self.name, column=columns[0], value=_key(key)[0],
                )  # fmt: skip
            found[where] = wanted[_key(key)]
        return found

    def _normal(self, table: pd.DataFrame, arms: tuple[str, ...]) -> Floats:
        by_arm = table.groupby("arm_id")["share"].sum().reindex(list(arms)).fillna(0.0).to_numpy(dtype=float)
        if by_arm.sum() <= 0:
            raise InputError.of("the shares of a policy are all 0", "Give a creative a share", file=self.name)
        return np.asarray(by_arm / by_arm.sum())


def _key(key: object) -> tuple[object, ...]:
    return key if isinstance(key, tuple) else (key,)
