"""What the panel alone says of a fit: whether anything could be learnt, whatever the posterior looks like.

A channel that never varies, or only ever together with others, leaves the likelihood flat in some direction: the
posterior there is the prior, or an accident of the baseline's form, and no convergence diagnostic can tell. A lift test
on a channel is knowledge of its own, so a tested channel counts as known here.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.checks import Check
from mmm.calibration import LiftDesign
from mmm.collinearity import inflation
from mmm.design import Design
from mmm.outliers import OUTCOME, outlier_table

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: Standard deviation of a channel's media within geos, relative to their mean, below which it never varies.
LEAST_VARIATION = 0.01
#: Variance inflation from which a channel cannot be told from a mix of others (R² = 0.999), and from which it is hard.
INSEPARABLE, HARD = 1000.0, 10.0
#: Weeks below which season, level and media of one geo cannot be told apart; several geos tell media apart sooner.
LEAST_WEEKS_ONE_GEO, LEAST_WEEKS = 52, 26
#: An outcome this many times its usual value, or its inverse, is a slip or an event that needs a column of its own.
OUTLIER_TIMES = 8.0
#: A zero outcome is an outage where the geo's outcome otherwise stays within a robust spread of a third of its median.
STEADY = 1.0 / 3.0


def panel_checks(design: Design, lifts: LiftDesign) -> list[Check]:
    """Judge the panel. All but ``collinear_channels`` block: where nothing can be known, no fit is healthy.

    Parameters
    ----------
    design
        The panel as the model sees it.
    lifts
        Tests that speak for their channels.
    """
    tested = np.isin(np.arange(len(design.media_names)), lifts.place[:, 1])
    alone = inflation_of_media(design, tested)
    constant = varies(design) < LEAST_VARIATION
    lost = (constant & ~tested) | (alone >= INSEPARABLE)
    return [
        Check(
            name="constant_channels",
            passed=not (constant & ~tested).any(),
            value=_names(design, constant & ~tested),
            limit=LEAST_VARIATION,
            remedy="Their spend never changes, so the data hold nothing about them: vary it, or run a lift test",
        ),
        Check(
            name="inseparable_channels",
            passed=not (alone >= INSEPARABLE).any(),
            value=_names(design, alone >= INSEPARABLE),
            limit=INSEPARABLE,
            remedy="They move exactly with others: join them to one channel, vary one alone, or run a lift test",
        ),
        Check(
            name="collinear_channels",
            passed=not ((alone >= HARD) & ~lost).any(),
            value=_names(design, (alone >= HARD) & ~lost) or _largest(alone[~lost]),
            limit=HARD,
            remedy="Nine tenths of their movement is that of other columns: expect wide intervals, or run a lift test",
            blocking=False,
        ),
        _history(design),
        *_outcome_checks(design),
    ]


def varies(design: Design) -> FloatArray:
    """Standard deviation of each medium within geos over its mean, shape (C,)."""
    media = delivered(design)
    return np.asarray(media.std(axis=2).mean(axis=0) / np.maximum(media.mean(axis=(0, 2)), 1e-300), dtype=np.float64)


def delivered(design: Design) -> FloatArray:
    """Scaled media of the panel itself, frequency times reach where that is known, shape (G, C, T)."""
    first = design.lags - 1
    return np.asarray(design.media[:, :, first:] * design.reach[:, :, first:], dtype=np.float64)


def inflation_of_media(design: Design, known: BoolArray) -> FloatArray:
    """Variance inflation of each medium, shape (C,), given the other media and the fixed columns of the baseline.

    Geo means are removed. ``known`` media (C,), which lift tests speak for, are left out on both sides and get 1, as
    do constant ones. The knots are left out: between two of them every movement of a single geo could be theirs.
    """
    media = np.moveaxis(delivered(design), 1, 2)
    open_ = np.flatnonzero(~known & (varies(design) >= LEAST_VARIATION))
    fixed = (design.shared.group < 0) & (np.array(design.shared.names) != "level")
    columns = np.concatenate([media[:, :, open_], design.shared.values[:, :, fixed]], axis=2)
    centred = (columns - columns.mean(axis=1, keepdims=True)).reshape(-1, columns.shape[2])
    result = np.ones(media.shape[2])
    result[open_] = np.nan_to_num(inflation(centred)[: len(open_)], nan=1.0, posinf=np.inf)
    return result


def _names(design: Design, which: BoolArray) -> str | None:
    return ", ".join(name for name, yes in zip(design.media_names, which, strict=True) if yes) or None


def _largest(values: FloatArray) -> float | None:
    return round(float(values.max()), 2) if len(values) else None


def _history(design: Design) -> Check:
    weeks = design.periods * design.panel.days_per_period // 7
    least = LEAST_WEEKS_ONE_GEO if design.geos == 1 else LEAST_WEEKS
    return Check(
        name="history",
        passed=weeks >= least,
        value=weeks,
        limit=least,
        remedy="Too short to tell media from season and level: add history, or split the outcome by geo",
    )


def _outcome_checks(design: Design) -> list[Check]:
    """Outages and slips in the outcome that no column of the panel accounts for."""
    panel = design.panel
    marked = marked_periods(design)
    outages = outage_periods(design) & ~marked
    far = outlier_table(panel)
    far = far[(far["subject"] == OUTCOME) & ((far["times"] > OUTLIER_TIMES) | (far["times"] < 1.0 / OUTLIER_TIMES))]
    rows = sorted(zip(far["geo"], far["date"], strict=True), key=lambda pair: (panel.geos.index(pair[0]), pair[1]))
    slips = [pair for pair in rows if not marked[panel.geos.index(pair[0]), panel.dates.get_loc(pair[1])]]
    places = np.argwhere(outages)
    dark = [(panel.geos[geo], panel.dates[time]) for geo, time in places]
    return [
        Check(
            name="zero_outcome",
            passed=not dark,
            value=_places(dark),
            limit=0,
            remedy="Outcome drops to zero: mend the data, or mark closures in a control, and fit again",
        ),
        Check(
            name="outcome_outliers",
            passed=not slips,
            value=_places(slips),
            limit=OUTLIER_TIMES,
            remedy="Outcome is many times its usual value: correct it, or mark the event in a control, and fit again",
        ),
    ]


def outage_periods(design: Design) -> BoolArray:
    """Where the outcome is zero in a geo whose outcome otherwise is steady, shape (G, T)."""
    outcome = design.outcome
    middle = np.median(outcome, axis=1, keepdims=True)
    spread = 1.4826 * np.median(np.abs(outcome - middle), axis=1, keepdims=True)
    return np.asarray((outcome <= 0.0) & (middle > 0.0) & (spread < STEADY * middle), dtype=np.bool_)


def marked_periods(design: Design) -> BoolArray:
    """Periods that a control, treatment or holiday sets apart, shape (G, T).

    Such a column is off its own median there, and at its median in at least four periods of five.
    """
    panel, geos = design.panel, design.geos
    holidays = np.broadcast_to(panel.holidays.to_numpy()[None], (geos, *panel.holidays.shape))
    columns = np.concatenate([panel.data["control"].to_numpy(), panel.data["treatment"].to_numpy(), holidays], axis=2)
    off = ~np.isclose(columns, np.median(columns, axis=1, keepdims=True))
    rare = off.mean(axis=1, keepdims=True) <= 0.2
    return np.asarray((off & rare).any(axis=2), dtype=np.bool_)


def _places(found: list[tuple[str, pd.Timestamp]]) -> str | int:
    """A few of the geo-periods by name, and how many more."""
    if not found:
        return 0
    named = ", ".join(f"{geo} {date:%Y-%m-%d}" for geo, date in found[:3])
    return named if len(found) <= 3 else f"{named} and {len(found) - 3} more"
