"""From a generated piece to its money: which models and prompt versions earn most for what they cost.

model call → output → creative variant → arm of a creative test → lift. Within an experiment and a day, decisions that
showed pieces of one generator are held against those that showed other pieces at the same time, each weighted by the
inverse of its propensity (Hájek's estimate), so that a policy that favours some creatives biases nothing. The
difference, over the decisions the generator had, is what it brought beyond the others. Days on which only one of them
was shown tell nothing and count neither for it nor as its cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from measurement.checks import Check
from monitoring.intervals import Floats

if TYPE_CHECKING:
    import duckdb

#: What creatives that no model call led to are called.
BY_HAND = "(not generated)"
UNKNOWN = "(unknown)"
GROUPINGS: Mapping[str, tuple[str, ...]] = {
    "model": ("model",),
    "prompt_version": ("prompt_version",),
    "model_and_prompt": ("model", "prompt_version"),
}
GENERATOR_COLUMNS = (
    "by", "rank", "model", "prompt_version", "variants", "experiments", "decisions", "lift", "lift_lower", "lift_upper",
    "incremental_revenue", "incremental_revenue_lower", "incremental_revenue_upper", "generation_cost", "media_cost",
    "per_euro", "per_euro_lower", "per_euro_upper", "level",
)  # fmt: skip
_SUMS = ("n", "w", "wy", "ww", "wwy", "wwyy", "media")


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRule:
    """What money a reward and a decision are worth.

    Attributes
    ----------
    value_per_reward
        Money of one unit of reward; left out, the average order value (``aov``) measured for the arm, its experiment or
        all; where none was measured, rewards are taken as money.
    media_cost_per_decision
        Money of showing a creative once; left out, the column ``cost`` of the decisions. Neither: media cost is
        unknown, and so is what a euro brings.
    """

    value_per_reward: float | None = None
    media_cost_per_decision: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorReport:
    """``table`` with `GENERATOR_COLUMNS`, best first within each ``by``; ``checks`` on what it rests on."""

    table: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(GENERATOR_COLUMNS)))
    checks: tuple[Check, ...] = ()


def rank_generators(
    connection: duckdb.DuckDBPyConnection,
    decisions: pd.DataFrame,
    rewards: pd.DataFrame,
    rule: JoinRule,
    *,
    level: float = 0.95,
) -> GeneratorReport:
    """Rank models, prompt versions and both together by incremental revenue per euro of generation and media.

    Parameters
    ----------
    connection
        From `monitoring.tables.open_tables`.
    decisions, rewards
        The logs of the creative tests, in the contract's columns.
    rule
        What rewards and decisions are worth.
    level
        Of the confidence intervals: normal, over independent decisions.
    """
    has_cost = "cost" in decisions.columns
    media_known = has_cost or rule.media_cost_per_decision is not None
    cells = _cells(connection, decisions, rewards, rule.media_cost_per_decision)
    variants = _variants(connection)
    made = cells["model"] != BY_HAND
    checks = [
        Check(
            name="creatives_joined", passed=bool(made.any()), value=float(cells.loc[made, "n"].sum()), limit=1.0,
            remedy="Name the creatives' arms in creative_variant: no decision showed a generated piece", blocking=False,
        ),
        Check(
            name="media_cost_known", passed=media_known, value=float(media_known), limit=1.0,
            remedy="Give decisions a cost, or set content.join.media_cost_per_decision", blocking=False,
        ),
    ]  # fmt: skip
    cells = _valued(connection, cells, rule.value_per_reward)
    rows = []
    nameless = cells["prompt_version"].isin([UNKNOWN, BY_HAND]).all()
    for by, keys in GROUPINGS.items():
        if nameless and "prompt_version" in keys:
            continue
        found = [_group(cells, variants, dict(zip(keys, one, strict=True)), level) for one in _groups(cells, keys)]
        kept = [row for row in found if row is not None]
        ranked = pd.DataFrame(kept, columns=list(GENERATOR_COLUMNS)).assign(by=by)
        if not media_known:
            ranked[["media_cost", "per_euro", "per_euro_lower", "per_euro_upper"]] = np.nan
        ranked = ranked.sort_values(["per_euro", "incremental_revenue"], ascending=False, ignore_index=True)
        rows.append(ranked.assign(rank=np.arange(1, len(ranked) + 1)))
    filled = [part for part in rows if len(part)] or rows[:1]
    return GeneratorReport(table=pd.concat(filled, ignore_index=True), checks=tuple(checks))


def _groups(cells: pd.DataFrame, keys: tuple[str, ...]) -> list[tuple[str, ...]]:
    known = cells[cells["model"] != BY_HAND]
    return [tuple(map(str, one)) for one in known[list(keys)].drop_duplicates().sort_values(list(keys)).to_numpy()]


_MADE = """CREATE OR REPLACE TEMP VIEW made_variants AS
  SELECT v.experiment_id, v.arm_id, v.variant_id, begun AS valid_from, m.model, m.prompt_version, m.cost,
         -- the next piece of an arm takes its place, whether or not somebody ended the one before
         least(coalesce(v.valid_to, TIMESTAMP 'infinity'), coalesce(lead(begun) OVER (
           PARTITION BY experiment_id, arm_id ORDER BY begun, variant_id), TIMESTAMP 'infinity')) AS valid_to
  FROM (SELECT *, coalesce(valid_from, TIMESTAMP '1970-01-01') AS begun FROM creative_variant_raw) v
  JOIN (SELECT output_id, max((coalesce(cost, 0), model))[2] AS model, sum(cost) AS cost,
               coalesce(max((coalesce(cost, 0), prompt_version)) FILTER (WHERE prompt_version IS NOT NULL)[2],
                        '(unknown)') AS prompt_version
        FROM calls WHERE output_id IN (SELECT output_id FROM creative_variant_raw) GROUP BY output_id) m
    USING (output_id)"""


def _variants(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    found: pd.DataFrame = connection.sql("SELECT * FROM made_variants").df()
    return found


def _cells(
    connection: duckdb.DuckDBPyConnection, decisions: pd.DataFrame, rewards: pd.DataFrame, media: float | None
) -> pd.DataFrame:
    """Weighted sums by experiment, day, arm and generator; weights are inverse propensities."""
    connection.execute(_MADE)
    connection.register("logged_decisions", decisions)
    connection.register("logged_rewards", rewards)
    cost = f"{float(media)!r}" if media is not None else "d.cost" if "cost" in decisions.columns else "0.0"
    # the rest is constant, and the cost a number or a column's name
    cells: pd.DataFrame = connection.sql(
        f"""SELECT d.experiment_id, CAST(d.ts AS DATE) AS day, d.arm_id, coalesce(v.model, '{BY_HAND}') AS model,
                   coalesce(v.prompt_version, '{BY_HAND}') AS prompt_version, count(*) AS n, sum(1.0 / propensity) AS w,
                   sum(coalesce(y, 0.0) / propensity) AS wy, sum(1.0 / propensity ** 2) AS ww,
                   sum(coalesce(y, 0.0) / propensity ** 2) AS wwy, sum((coalesce(y, 0.0) / propensity) ** 2) AS wwyy,
                   coalesce(sum({cost}), 0.0) AS media
            FROM logged_decisions d
            LEFT JOIN (SELECT decision_id, sum(value) AS y FROM logged_rewards GROUP BY decision_id) r
              USING (decision_id)
            LEFT JOIN made_variants v
              ON v.experiment_id = d.experiment_id AND v.arm_id = d.arm_id
             AND CAST(d.ts AS TIMESTAMP) >= v.valid_from AND CAST(d.ts AS TIMESTAMP) < v.valid_to
            GROUP BY ALL ORDER BY ALL"""  # noqa: S608
    ).df()
    return cells


def _valued(connection: duckdb.DuckDBPyConnection, cells: pd.DataFrame, value: float | None) -> pd.DataFrame:
    """Columns ``value`` and ``value_error``: money of a unit of reward, and its standard error."""
    if value is not None:
        return cells.assign(value=value, value_error=0.0)
    orders = connection.sql(
        """SELECT experiment_id, arm_id, value, greatest(coalesce(n, 1), 1) AS n,
                  coalesce((upper - lower) / (2 * 1.959964), 0) AS error
           FROM business_outcome_raw WHERE metric = 'aov' AND value IS NOT NULL"""
    ).df()
    if orders.empty:
        return cells.assign(value=1.0, value_error=0.0)

    def pooled(part: pd.DataFrame) -> tuple[float, float]:
        share = part["n"] / part["n"].sum()
        return float((share * part["value"]).sum()), float(np.sqrt((share**2 * part["error"] ** 2).sum()))

    whole = pooled(orders)
    by_experiment = {str(name): pooled(part) for name, part in orders.groupby("experiment_id")}
    by_arm = {(str(one), str(arm)): pooled(part) for (one, arm), part in orders.groupby(["experiment_id", "arm_id"])}
    found = [
        by_arm.get((str(one), str(arm)), by_experiment.get(str(one), whole))
        for one, arm in zip(cells["experiment_id"], cells["arm_id"], strict=True)
    ]
    return cells.assign(value=[one[0] for one in found], value_error=[one[1] for one in found])


def _group(
    cells: pd.DataFrame, variants: pd.DataFrame, group: Mapping[str, str], level: float
) -> dict[str, object] | None:
    """One row of the table; ``None`` where the generator was never shown beside another."""
    own = np.logical_and.reduce([cells[name] == value for name, value in group.items()])
    keys = ["experiment_id", "day"]
    mine = cells[own].groupby(keys)[list(_SUMS)].sum()
    worth = cells[own].groupby(keys)[["value", "value_error"]].mean()
    others = cells[~own].groupby(keys)[list(_SUMS)].sum()
    both = mine.index.intersection(others.index)
    if not len(both):
        return None
    mine, others, worth = mine.loc[both], others.loc[both], worth.loc[both]
    mean, error2 = _hajek(mine)
    other_mean, other_error2 = _hajek(others)
    n, value = mine["n"].to_numpy(dtype=float), worth["value"].to_numpy()
    more = n * (mean - other_mean)
    # money of what it brought and of what the others would have: their noise, and what is not known of the price
    own_noise, base_noise = (float((n**2 * value**2 * one).sum()) for one in (error2, other_error2))
    priced = float((more * worth["value_error"].to_numpy()).sum()) ** 2
    money, base = float((more * value).sum()), float((n * other_mean * value).sum())
    experiments = set(both.get_level_values(0))
    shown = cells[own & cells["experiment_id"].isin(experiments)][["experiment_id", "arm_id"]].drop_duplicates()
    used = variants.merge(shown, on=["experiment_id", "arm_id"])
    used = used[np.logical_and.reduce([used[name] == one for name, one in group.items()])]
    generation, media = float(used["cost"].sum()), float(mine["media"].sum())
    z = float(special.ndtri(0.5 + 0.5 * level))
    reach = z * np.sqrt(own_noise + base_noise + priced)
    ends = {"": 0.0, "_lower": -reach, "_upper": reach}
    lift = money / base if base > 0 else np.nan
    # a ratio of two noisy sums: the delta method
    lift_reach = z * np.sqrt(own_noise + (1.0 + lift) ** 2 * base_noise) / base if base > 0 else np.nan
    cost = generation + media
    return {
        "model": group.get("model", "(all)"),
        "prompt_version": group.get("prompt_version", "(all)"),
        "variants": len(used),
        "experiments": len(experiments),
        "decisions": int(n.sum()),
        "generation_cost": generation,
        "media_cost": media,
        "level": level,
        "lift": lift,
        "lift_lower": lift - lift_reach,
        "lift_upper": lift + lift_reach,
        **{f"incremental_revenue{end}": money + by for end, by in ends.items()},
        **{f"per_euro{end}": (money + by) / cost if cost > 0 else np.nan for end, by in ends.items()},
    }


def _hajek(sums: pd.DataFrame) -> tuple[Floats, Floats]:
    """Mean reward of each stratum, weighted by inverse propensity, and its squared standard error."""
    w, wy, ww, wwy, wwyy = (sums[name].to_numpy(dtype=float) for name in ("w", "wy", "ww", "wwy", "wwyy"))
    mean = wy / w
    return mean, np.maximum(wwyy - 2.0 * mean * wwy + mean**2 * ww, 0.0) / w**2
