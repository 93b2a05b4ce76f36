"""A model as judge, calibrated on people's labels: how often it is right, and the rate behind its verdicts.

The judge flags an output with a hallucination with probability *se* (sensitivity), and one without with probability
1 - *sp* (specificity). The share it flags is therefore not the rate (Rogan and Gladen 1978). The rate of a group has a
posterior: people's labels in the group count as they are, verdicts on the others as binomial with
rate × se + (1 - rate) × (1 - sp), and se and sp have the beta posteriors of all pairs of verdict and label. Labels are
taken to be given without regard to the verdict; a check compares.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from measurement.checks import Check
from monitoring.catalogue import CORRECTED
from monitoring.intervals import Floats, wilson
from monitoring.tables import ALL

if TYPE_CHECKING:
    import duckdb

CALIBRATION_COLUMNS = (
    "judge_version", "judged", "flagged_share", "labels", "flagged_share_labelled", "agreement", "agreement_lower",
    "agreement_upper", "kappa", "sensitivity", "sensitivity_lower", "sensitivity_upper", "specificity",
    "specificity_lower", "specificity_upper", "level",
)  # fmt: skip
#: Pairs of verdict and label below which a judge counts as not calibrated.
MINIMUM_LABELS = 20
#: Draws of sensitivity and specificity, points of a rate's grid, groups computed at once.
_DRAWS, _POINTS, _CHUNK = 32, 64, 128
_KEYS = ("day", "team", "model")
_RANDOM_P = 1e-3
#: Counts of a group and judge version: pairs by (label, verdict), verdicts without a label, labels.
_COUNTS = ("tp", "fn", "fp", "tn", "alone", "alone_flagged", "labelled", "labelled_bad")


def judged_counts(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Counts by day, team, model and judge version; ``judge_version`` is ``""`` where no judge looked.

    The newest verdict of the judge and the newest label of a person count, for one ``span_id`` or ``output_id``.
    """
    counts: pd.DataFrame = connection.sql(
        """WITH newest AS (
             SELECT coalesce(span_id, output_id) AS item, source, CAST(value >= 0.5 AS INTEGER) AS bad,
                    coalesce(judge_version, '(unknown)') AS version FROM gen_score_raw
             WHERE name = 'hallucination' AND value IS NOT NULL AND source IN ('human', 'llm_judge')
               AND (span_id IS NOT NULL OR output_id IS NOT NULL)
             QUALIFY row_number() OVER (PARTITION BY item, source ORDER BY scored_ts DESC NULLS LAST,
                                        judge_version DESC NULLS LAST, value DESC) = 1),
           items AS (
             SELECT item, max(bad) FILTER (WHERE source = 'llm_judge') AS judge,
                    max(bad) FILTER (WHERE source = 'human') AS human,
                    coalesce(max(version) FILTER (WHERE source = 'llm_judge'), '') AS judged_by
             FROM newest GROUP BY item)
           SELECT s.day, s.team, s.model, judged_by AS judge_version,
                  count(*) FILTER (WHERE human = 1 AND judge = 1) AS tp,
                  count(*) FILTER (WHERE human = 1 AND judge = 0) AS fn,
                  count(*) FILTER (WHERE human = 0 AND judge = 1) AS fp,
                  count(*) FILTER (WHERE human = 0 AND judge = 0) AS tn,
                  count(*) FILTER (WHERE human IS NULL) AS alone,
                  count(*) FILTER (WHERE human IS NULL AND judge = 1) AS alone_flagged,
                  count(human) AS labelled, count(*) FILTER (WHERE human = 1) AS labelled_bad
           FROM items JOIN scores s ON item = coalesce(s.span_id, s.output_id) AND s.name = 'hallucination'
           WHERE s.day IS NOT NULL GROUP BY ALL ORDER BY ALL"""
    ).df()
    return counts


def calibration(counts: pd.DataFrame, *, level: float) -> pd.DataFrame:
    """How often each version of the judge agrees with people: `CALIBRATION_COLUMNS`, one row a version.

    Examples
    --------
    >>> counts = pd.DataFrame([("v1", 18, 2, 5, 75, 100, 20, 100, 20)], columns=["judge_version", *_COUNTS])
    >>> table = calibration(counts, level=0.95)
    >>> table[["agreement", "kappa", "sensitivity", "specificity"]].round(3).to_numpy().tolist()
    [[0.93, 0.793, 0.9, 0.938]]
    """
    rows = []
    for version, part in counts[counts["judge_version"] != ""].groupby("judge_version", sort=True):
        sums = {name: float(part[name].sum()) for name in _COUNTS}
        tp, fn, fp, tn = (sums[name] for name in ("tp", "fn", "fp", "tn"))
        labels, judged = tp + fn + fp + tn, tp + fn + fp + tn + sums["alone"]
        flagged = tp + fp
        chance = (flagged * (tp + fn) + (labels - flagged) * (fp + tn)) / max(labels, 1.0) ** 2
        agreement = (tp + tn) / labels if labels else np.nan
        row = {
            "judge_version": str(version), "judged": int(judged), "labels": int(labels), "level": level,
            "flagged_share": (flagged + sums["alone_flagged"]) / judged if judged else np.nan,
            "flagged_share_labelled": flagged / labels if labels else np.nan,
            "kappa": (agreement - chance) / (1.0 - chance) if chance < 1.0 else np.nan,
        }  # fmt: skip
        for name, hits, n in (
            ("agreement", tp + tn, labels),
            ("sensitivity", tp, tp + fn),
            ("specificity", tn, tn + fp),
        ):
            ends = wilson(np.array([hits]), np.array([n]), level) if n else (np.array([np.nan]),) * 2
            row |= {name: hits / n if n else np.nan, f"{name}_lower": ends[0][0], f"{name}_upper": ends[1][0]}
        rows.append(row)
    return pd.DataFrame(rows, columns=list(CALIBRATION_COLUMNS))


def corrected_rates(counts: pd.DataFrame, *, level: float) -> pd.DataFrame:
    """The corrected rate by day, team and model with totals: columns of ``kpis.csv`` up to ``n``.

    A group in which nothing but an uncalibrated judge looked has no row.
    """
    columns = [*_KEYS, "kpi", "value", "lower", "upper", "n"]
    if counts.empty:
        return pd.DataFrame(columns=columns)
    per_version = counts.groupby("judge_version")[list(_COUNTS)].sum()
    labels = per_version["tp"] + per_version["fn"] + per_version["fp"] + per_version["tn"]
    versions = [name for name in per_version.index if name and labels[name] >= MINIMUM_LABELS]
    wide = _with_totals(counts, versions)
    seen = wide["labelled"].to_numpy().ravel() + wide["alone"].to_numpy().reshape(len(wide), -1).sum(axis=1)
    wide, seen = wide[seen > 0], seen[seen > 0]
    posteriors = [
        corrected_posterior(
            wide["labelled_bad"].to_numpy()[at], wide["labelled"].to_numpy()[at],
            wide["flagged"].to_numpy()[at], wide["alone"].to_numpy()[at], per_version.loc[versions], level,
        )
        for at in (slice(start, start + _CHUNK) for start in range(0, len(wide), _CHUNK))
    ]  # fmt: skip
    value, lower, upper = np.concatenate(posteriors, axis=1) if posteriors else np.zeros((3, 0))
    table: pd.DataFrame = wide.index.to_frame(index=False).assign(
        kpi=CORRECTED.kpi.id, value=value, lower=lower, upper=upper,
        n=seen.astype(int),
    )[columns]  # fmt: skip
    return table


def _with_totals(counts: pd.DataFrame, versions: list[str]) -> pd.DataFrame:
    """Index day, team, model; two columns of labels, and for each version its verdicts without a label."""
    parts = []
    for keep in (_KEYS, ("day", "team"), ("day", "model"), ("day",)):
        one = counts.assign(**{name: ALL for name in _KEYS if name not in keep})
        labels = one.groupby(list(_KEYS))[["labelled", "labelled_bad"]].sum()
        table = {("labelled", ""): labels["labelled"], ("labelled_bad", ""): labels["labelled_bad"]}
        for version in versions:
            own = one[one["judge_version"] == version].groupby(list(_KEYS))[["alone", "alone_flagged"]].sum()
            own = own.reindex(labels.index, fill_value=0)
            table |= {("alone", version): own["alone"], ("flagged", version): own["alone_flagged"]}
        parts.append(pd.DataFrame(table))
    wide = pd.concat(parts).astype(float)
    if not versions:
        wide[("alone", "none")] = wide[("flagged", "none")] = 0.0
    return wide


def corrected_posterior(
    bad: Floats, labelled: Floats, flagged: Floats, alone: Floats, pairs: pd.DataFrame, level: float
) -> Floats:
    """Median and ends of the posterior of each group's rate, shape (3, groups).

    Parameters
    ----------
    bad, labelled
        People's labels: hallucinations and all, shape (groups,) or (groups, 1).
    flagged, alone
        Verdicts on outputs without a label: flagged and all, shape (groups, versions).
    pairs
        One row a version: tp, fn, fp, tn over all groups.
    level
        Of the equal-tailed interval.

    Notes
    -----
    Priors: Jeffreys' for the rate, uniform for sensitivity and specificity. They are integrated over by a fixed
    quasi-random set (Sobol), the rate over a grid that is drawn again where the posterior lies.
    """
    bad, labelled = bad.reshape(len(alone)), labelled.reshape(len(alone))
    catch, alarm = _draws(pairs)
    # Jeffreys' prior is flat in the angle arcsin √rate
    grid = np.tile(np.linspace(0.0, 0.5 * np.pi, _POINTS), (len(alone), 1))
    coarse = _log_posterior(grid, bad, labelled, flagged, alone, (catch, alarm))
    ends = coarse[:, [0, -1]]
    grid = _closer(grid, coarse)
    log = _log_posterior(grid, bad, labelled, flagged, alone, (catch, alarm))
    weight = np.exp(log - log.max(axis=1, keepdims=True))
    # trapezoids between grid points, cumulated to a distribution function
    step = np.diff(grid, axis=1) * 0.5 * (weight[:, 1:] + weight[:, :-1])
    share = np.concatenate([np.zeros((len(grid), 1)), np.cumsum(step, axis=1)], axis=1)
    share /= share[:, -1:]
    tail = 0.5 * (1.0 - level)
    angle = [[np.interp(p, share[i], grid[i]) for i in range(len(grid))] for p in (0.5, tail, 1.0 - tail)]
    found = np.sin(angle) ** 2
    # an equal-tailed interval never holds 0 or 1: they belong to it where the likelihood does not speak against them
    near = 2.0 * (log.max(axis=1, keepdims=True) - ends) < special.ndtri(1.0 - tail) ** 2
    return np.stack([found[0], np.where(near[:, 0], 0.0, found[1]), np.where(near[:, 1], 1.0, found[2])])


def _draws(pairs: pd.DataFrame) -> tuple[Floats, Floats]:
    """Sensitivity and false-alarm rate of each version, shape (draws, versions)."""
    if pairs.empty:
        return np.ones((1, 1)), np.zeros((1, 1))
    points = _stats().qmc.Sobol(2 * len(pairs), scramble=False).random(_DRAWS) + 0.5 / _DRAWS
    tp, fn, fp, tn = (pairs[name].to_numpy(dtype=float) for name in ("tp", "fn", "fp", "tn"))
    return (
        special.betaincinv(tp + 1.0, fn + 1.0, points[:, : len(pairs)]),
        special.betaincinv(fp + 1.0, tn + 1.0, points[:, len(pairs) :]),
    )


def _log_posterior(
    grid: Floats, bad: Floats, labelled: Floats, flagged: Floats, alone: Floats, judge: tuple[Floats, Floats]
) -> Floats:
    """Log posterior density at each angle of the grid, shape (groups, points)."""
    catch, alarm = judge
    rate = np.clip(np.sin(grid) ** 2, 1e-12, 1.0 - 1e-12)
    own = bad[:, None] * np.log(rate) + (labelled - bad)[:, None] * np.log1p(-rate)
    by_draw = np.zeros((len(catch), *grid.shape))
    for version in range(alone.shape[1]):
        shown = rate * catch[:, version, None, None] + (1.0 - rate) * alarm[:, version, None, None]
        shown = np.clip(shown, 1e-12, 1.0 - 1e-12)
        hits, n = flagged[:, version, None], alone[:, version, None]
        by_draw += hits * np.log(shown) + (n - hits) * np.log1p(-shown)
    return np.asarray(own + special.logsumexp(by_draw, axis=0) - np.log(len(catch)))


def _closer(grid: Floats, log: Floats) -> Floats:
    """A grid of as many points over the part where the density is not negligible."""
    near = log > log.max(axis=1, keepdims=True) - 16.0
    last = grid.shape[1] - 1
    first: NDArray[np.int64] = np.maximum(near.argmax(axis=1) - 1, 0)
    end: NDArray[np.int64] = np.minimum(last - near[:, ::-1].argmax(axis=1) + 1, last)
    row = np.arange(len(grid))
    return np.linspace(grid[row, first], grid[row, end], grid.shape[1], axis=1)


def judge_checks(table: pd.DataFrame) -> tuple[Check, ...]:
    """Whether the judge is calibrated, and whether labels were given without regard to its verdict."""
    few = int(table["labels"].min()) if len(table) else None
    odd = [_chosen(row) for row in table.to_dict("records")] if len(table) else []
    p = min(odd, default=1.0)
    return (
        Check(
            name="judge_calibrated", passed=few is None or few >= MINIMUM_LABELS, value=few, limit=MINIMUM_LABELS,
            remedy="Have people label outputs of this judge version: without labels its rate cannot be corrected",
            blocking=False,
        ),
        Check(
            name="labels_at_random", passed=p >= _RANDOM_P, value=p, limit=_RANDOM_P,
            remedy="Label outputs at random: people saw other outputs than the judge, so the correction is off",
            blocking=False,
        ),
    )  # fmt: skip


def _chosen(row: Mapping[Hashable, float]) -> float:
    """P-value that labelled and other outputs are flagged alike."""
    labels, judged = row["labels"], row["judged"]
    rest = judged - labels
    if labels < MINIMUM_LABELS or rest < MINIMUM_LABELS:
        return 1.0
    flagged = row["flagged_share_labelled"] * labels
    others = row["flagged_share"] * judged - flagged
    table = [[flagged, labels - flagged], [others, rest - others]]
    return float(_stats().fisher_exact(np.rint(table)).pvalue) if min(map(min, table)) >= 0 else 1.0


def _stats() -> ModuleType:
    """SciPy's distributions: their import takes two seconds, and few workspaces have judges."""
    from scipy import stats

    return stats
