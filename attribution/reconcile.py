"""Credit beside proof: what lift tests and the media mix model say of the credit on the paths.

Credit of a channel is conversions that met it, not conversions it caused. Where an incremental estimate exists, its
ratio to the credit is a calibration factor (`attribution.factors` has the model): measured factors are shrunk towards
their group as far as their error warrants, untested channels take the group's, with the wider interval that this
deserves. What no channel earns is the "not incremental" bucket: people who would have bought anyway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from attribution.factors import LogFactors, Measured, log_factors
from measurement.errors import InputError
from measurement.estimates import Estimate

NOT_INCREMENTAL = "(not incremental)"
#: Draws behind the intervals.
_DRAWS = 8_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What is known of a channel's incremental value, in the unit and over the time of the credit.

    Attributes
    ----------
    channel
        Name as on the paths.
    incremental
        Value caused, with interval.
    source
        ``"geo_lift"``, ``"mmm"`` or another short id.
    """

    channel: str
    incremental: Estimate
    source: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """Calibration factors.

    Attributes
    ----------
    table
        One row a channel and one for `NOT_INCREMENTAL`: channel, credit, credit_lower, credit_upper, proof,
        proof_lower, proof_upper, source, factor, factor_lower, factor_upper, calibrated, calibrated_lower,
        calibrated_upper, level, disagrees.
    spread
        τ: standard deviation of log factors between channels.
    """

    table: pd.DataFrame
    spread: float

    @property
    def factors(self) -> dict[str, float]:
        """Channel → factor."""
        rows = self.table[self.table["channel"] != NOT_INCREMENTAL]
        return dict(zip(rows["channel"], rows["factor"], strict=True))

    def warnings(self) -> list[str]:
        """One sentence for each channel where credit and proof disagree beyond their intervals."""
        rows = self.table[self.table["disagrees"]]
        return [
            f"{row['channel']}: credit {row['credit']:,.0f} "
            f"({row['credit_lower']:,.0f} to {row['credit_upper']:,.0f}), "
            f"but {row['source']} finds {row['proof']:,.0f} ({row['proof_lower']:,.0f} to {row['proof_upper']:,.0f})"
            for row in rows.to_dict("records")
        ]


def reconcile(
    credit: pd.DataFrame,
    proofs: Sequence[Proof],
    *,
    total: float,
    groups: Mapping[str, str] | None = None,
    level: float = 0.9,
    seed: int = 0,
) -> Calibration:
    """Hold credit against proof and calibrate it.

    Parameters
    ----------
    credit
        One method's credit: ``channel``, ``value``, ``lower``, ``upper`` (of the value, at ``level``).
    proofs
        Any number, several for a channel are pooled by their precision.
    total
        All value there is to explain, e.g. of all conversions; the bucket is what the channels leave of it.
    groups
        Channel → group whose factors resemble each other; left out, all are one group.
    level
        Of the intervals returned.
    seed
        Of the draws behind the intervals of the calibrated credit and of the bucket.

    Raises
    ------
    InputError
        Without proof, or for proof of a channel that earns no credit at all.

    Examples
    --------
    >>> from measurement.estimates import Interval
    >>> credit = pd.DataFrame({"channel": ["a", "b"], "value": [100., 50.], "lower": [90., 40.], "upper": [110., 60.]})
    >>> lift = Estimate(value=40., interval=Interval(lower=30., upper=50., level=.9, kind="confidence"), unit="EUR",
    ...                 method="geo lift")
    >>> found = reconcile(credit, [Proof(channel="a", incremental=lift, source="geo_lift")], total=150.)
    >>> found.table["channel"].tolist(), found.table["disagrees"].tolist()
    (['a', 'b', '(not incremental)'], [True, False, False])
    """
    known = credit.set_index("channel")
    pooled = _pooled(proofs, known)
    names = list(known.index)
    group = np.unique([(groups or {}).get(name, "") for name in names], return_inverse=True)[1]
    place = np.array([place for place, name in enumerate(names) if name in pooled])
    given = known["value"].to_numpy(dtype=float)
    found = np.array([pooled[names[each]][:2] for each in place])
    measured = Measured(place=place, value=found[:, 0] / given[place], error=found[:, 1] / given[place])
    half = (known["upper"] - known["lower"]).to_numpy(dtype=float) / (2 * norm.ppf((1 + level) / 2))
    credit_error = np.divide(half, given, out=np.ones(len(given)), where=given > 0)
    posterior = log_factors(measured, group=group, credit_error=np.clip(credit_error, 0.0, 1.0))
    return Calibration(
        table=_report(known, pooled, posterior, total=total, level=level, seed=seed), spread=posterior.spread
    )


def _pooled(proofs: Sequence[Proof], known: pd.DataFrame) -> dict[str, tuple[float, float, str]]:
    """Incremental value, standard error and source by channel."""
    if not proofs:
        raise InputError.of("there is nothing to hold the credit against", "Read a geo test or fit the mix model first")
    found: dict[str, list[tuple[float, float, str]]] = {}
    for proof in proofs:
        if proof.channel not in known.index or not (known["value"] > 0)[proof.channel]:
            raise InputError.of(
                "a channel with proof earns no credit on the paths",
                "Use the same channel names on paths and in tests",
                column="channel",
                value=proof.channel,
            )
        interval = proof.incremental.interval
        error = interval.width / (2 * norm.ppf((1 + interval.level) / 2))
        if not (np.isfinite(error) and error > 0):
            continue  # an unbounded interval proves nothing
        found.setdefault(proof.channel, []).append((proof.incremental.value, float(error), proof.source))
    if not found:
        raise InputError.of("no proof has a bounded interval", "Run a longer or larger test", column="interval")
    pooled = {}
    for channel, each in found.items():
        precision = np.array([1 / error**2 for _, error, _ in each])
        value = float(precision @ np.array([value for value, _, _ in each]) / precision.sum())
        pooled[channel] = value, float(precision.sum() ** -0.5), " + ".join(sorted({source for *_, source in each}))
    return pooled


def _report(
    known: pd.DataFrame,
    pooled: Mapping[str, tuple[float, float, str]],
    posterior: LogFactors,
    *,
    total: float,
    level: float,
    seed: int,
) -> pd.DataFrame:
    """The table of `Calibration`."""
    value = known["value"].to_numpy(dtype=float)
    drawn = np.exp(posterior.draws(_DRAWS, seed=seed))
    factors = np.exp(posterior.centre())
    lower, upper = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    normal = norm.ppf((1 + level) / 2)
    rows = []
    for place, name in enumerate(known.index):
        credit = known.loc[name]
        proof, error, source = pooled.get(name, (np.nan, np.nan, ""))
        low, high = proof - normal * error, proof + normal * error
        factor, factor_low, factor_high = factors[place], lower[place], upper[place]
        rows.append(
            {
                "channel": name,
                "credit": value[place],
                "credit_lower": credit["lower"],
                "credit_upper": credit["upper"],
                "proof": proof,
                "proof_lower": low,
                "proof_upper": high,
                "source": source,
                "factor": factor,
                "factor_lower": factor_low,
                "factor_upper": factor_high,
                "calibrated": factor * value[place],
                "calibrated_lower": factor_low * value[place],
                "calibrated_upper": factor_high * value[place],
                "level": level,
                "disagrees": bool(low > credit["upper"] or high < credit["lower"]),
            }
        )
    left = np.maximum(total - drawn @ value, 0.0)
    ends = np.quantile(left, [(1 - level) / 2, (1 + level) / 2])
    rest = max(total - sum(row["calibrated"] for row in rows), 0.0)
    rows.append(
        {
            "channel": NOT_INCREMENTAL,
            "source": "",
            "calibrated": rest,
            "calibrated_lower": min(ends[0], rest),
            "calibrated_upper": max(ends[1], rest),
            "level": level,
            "disagrees": False,
        }
    )
    return pd.DataFrame(rows)
