"""Two fits side by side: what moved, by how much against what was known before, and why.

A return over the whole panel moves for two reasons: it is the return of other weeks, and the model believes otherwise
of the same weeks. Where both fits are at hand whole, the two are told apart by the return of the weeks that both have.
What changed between the fits (periods, geos, settings, lift tests) is listed; how much each of these did is known only
by fitting in between, which `mmm.comparison_steps` does where it is asked to.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.estimates import LiftEstimate
from measurement.wording import Wording, load_wording
from mmm.archive import SavedPosterior
from mmm.contributions import component_names, geo_parts, quantiles
from mmm.fitted import FittedMMM

FloatArray = NDArray[np.float64]
Side = FittedMMM | SavedPosterior
#: A channel moved clearly where its return moved by more than this share of its interval's width.
CLEARLY = 1.0 / 3.0
MEASURES = ("roas", "marginal_roas", "contribution")
#: Settings of effort, which change how well a posterior is known, not the posterior.
_EFFORT = frozenset({"draws", "tune", "chains", "target_accept", "engine"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What differs between two fits.

    Attributes
    ----------
    added_periods, removed_periods
        First days of periods that only the later, or only the earlier fit has; ``None`` where a side does not know its.
    added_channels, removed_channels
        Names.
    settings
        Setting → value before and after, as JSON.
    added_lifts, removed_lifts
        Lift tests that only one has; a test whose readout changed is in both. ``None`` where a side does not know its.
    """

    added_periods: tuple[pd.Timestamp, ...] | None
    removed_periods: tuple[pd.Timestamp, ...] | None
    added_channels: tuple[str, ...]
    removed_channels: tuple[str, ...]
    settings: Mapping[str, tuple[str, str]]
    added_lifts: tuple[str, ...] | None
    removed_lifts: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """What moved between two fits.

    Attributes
    ----------
    table
        One row a channel that both have. Columns: channel; for roas, marginal_roas and contribution NAME_before,
        NAME_after, NAME_change and NAME_moved (change over the mean width of the two intervals); clearly (whether the
        ROAS moved by more than `CLEARLY`); other_weeks and other_belief, which add up to roas_change, missing where a
        side is not at hand whole.
    changes
        What differs between the fits.
    level
        Of the intervals.
    """

    table: pd.DataFrame
    changes: Changes
    level: float

    def in_words(self, locale: str = "en_GB", currency: str = "EUR") -> tuple[str, ...]:
        """What changed, then what moved, one sentence each."""
        words = load_wording("mmm", locale, currency)
        moved = [_sentence(words, row) for row in self.table.to_dict("records") if row["clearly"]]
        quiet = words.text("comparison.nothing_moved")
        return (*_reasons(words, self.changes), *(moved or [quiet]))


def compare(before: Side, after: Side, *, level: float = 0.9) -> Comparison:
    """Compare two fits, or what was saved of them.

    Parameters
    ----------
    before, after
        Fits, or posteriors read by `mmm.archive.read_posterior`.
    level
        Of the intervals against which moves are held.
    """
    channels = [name for name in before.channels if name in after.channels]
    table = pd.DataFrame({"channel": channels})
    sides = [{name: _drawn(side, name, channels) for name in MEASURES} for side in (before, after)]
    for name in MEASURES:
        first, second = sides[0][name], sides[1][name]
        widths = [np.subtract(*quantiles(drawn, level)[::-1]) for drawn in (first, second)]
        table[f"{name}_before"], table[f"{name}_after"] = first.mean(axis=0), second.mean(axis=0)
        table[f"{name}_change"] = table[f"{name}_after"] - table[f"{name}_before"]
        table[f"{name}_moved"] = table[f"{name}_change"] / np.mean(widths, axis=0)
    table["clearly"] = table["roas_moved"].abs() > CLEARLY
    table["other_weeks"] = _other_weeks(before, after, channels)
    table["other_belief"] = table["roas_change"] - table["other_weeks"]
    return Comparison(table=table, changes=changes_between(before, after), level=level)


def changes_between(before: Side, after: Side) -> Changes:
    """What differs between two fits."""
    dates = [_dates(side) for side in (before, after)]
    known = len(dates[0]) > 0 and len(dates[1]) > 0
    lifts = [_lifts(side) for side in (before, after)]
    tests_known = all(isinstance(side, FittedMMM) or side.version >= 3 for side in (before, after))
    return Changes(
        added_periods=tuple(dates[1].difference(dates[0])) if known else None,
        removed_periods=tuple(dates[0].difference(dates[1])) if known else None,
        added_channels=tuple(name for name in after.channels if name not in before.channels),
        removed_channels=tuple(name for name in before.channels if name not in after.channels),
        settings=_settings(before, after),
        added_lifts=tuple(lift for lift in lifts[1] if lift not in lifts[0]) if tests_known else None,
        removed_lifts=tuple(lift for lift in lifts[0] if lift not in lifts[1]) if tests_known else None,
    )


def _drawn(side: Side, measure: str, channels: list[str]) -> FloatArray:
    """Draws (D, C) of a measure for some channels."""
    whole = {"contribution": side.contribution, "marginal_roas": side.marginal}
    values = whole.get(measure)
    if values is None:
        values = side.roas_draws[None] if isinstance(side, FittedMMM) else side.roas
    keep = [side.channels.index(name) for name in channels]
    return np.asarray(values.reshape(-1, values.shape[-1])[:, keep], dtype=np.float64)


def _dates(side: Side) -> pd.DatetimeIndex:
    return side.panel.dates if isinstance(side, FittedMMM) else side.dates


def _lifts(side: Side) -> list[str]:
    """Lift tests in words that tell two apart."""
    tests: tuple[LiftEstimate, ...] = side.lifts.lifts if isinstance(side, FittedMMM) else side.lifts
    return [
        f"{test.channel} {test.start}/{test.end}: {test.incremental_outcome.value:.4g} ± {test.standard_error:.3g}"
        for test in tests
    ]


def _settings(before: Side, after: Side) -> dict[str, tuple[str, str]]:
    if before.spec is None or after.spec is None:
        return {}
    old, new = before.spec.to_dict(), after.spec.to_dict()
    return {
        name: (json.dumps(old[name]), json.dumps(new[name]))
        for name in old
        if name not in _EFFORT and old[name] != new[name]
    }


def _other_weeks(before: Side, after: Side, channels: list[str]) -> FloatArray:
    """Change of the ROAS that the fits themselves show for being about other weeks: all weeks less common ones."""
    if not (isinstance(before, FittedMMM) and isinstance(after, FittedMMM)):
        return np.full(len(channels), np.nan)
    common = before.panel.dates.intersection(after.panel.dates)
    if common.empty:
        return np.full(len(channels), np.nan)
    first, second = (_beyond(side, common, channels) for side in (before, after))
    return second - first


def _beyond(fitted: FittedMMM, common: pd.DatetimeIndex, channels: list[str]) -> FloatArray:
    """ROAS of all weeks less that of some weeks, posterior mean, (C,)."""
    draws, design = fitted.thinned(400), fitted.design
    inside = np.asarray(design.panel.dates.isin(common))
    named = component_names(design)
    brought = np.zeros((len(channels), design.periods))
    for geo in range(design.geos):
        parts = geo_parts(draws, design, fitted.spec, geo)
        brought += np.stack([parts[named[name]].mean(axis=0) for name in channels])
    keep = [fitted.channels.index(name) for name in channels]
    spend = design.panel.data["spend"].to_numpy().sum(axis=0).T[keep]
    some = spend[:, inside].sum(axis=1)
    whole = brought.sum(axis=1) / spend.sum(axis=1)
    part = np.divide(brought[:, inside].sum(axis=1), some, out=np.full(len(keep), np.nan), where=some > 0)
    return np.asarray(whole - part, dtype=np.float64)


def _reasons(words: Wording, changes: Changes) -> list[str]:
    """What differs, one sentence each."""
    found = []
    for key in ("added_periods", "removed_periods"):
        periods = getattr(changes, key)
        if periods:
            first, last = words.date(periods[0].date()), words.date(periods[-1].date())
            found.append(words.text(f"comparison.{key}", count=len(periods), first=first, last=last))
    if changes.added_periods is None:
        found.append(words.text("comparison.periods_unknown"))
    for name, (old, new) in changes.settings.items():
        found.append(words.text("comparison.setting", name=name, before=old, after=new))
    for key in ("added_channels", "removed_channels", "added_lifts", "removed_lifts"):
        found += [words.text(f"comparison.{key}", item=item) for item in getattr(changes, key) or ()]
    if changes.added_lifts is None:
        found.append(words.text("comparison.lifts_unknown"))
    return found or [words.text("comparison.same")]


def _sentence(words: Wording, row: Mapping[Hashable, object]) -> str:
    """One channel's move."""
    number = {str(name): float(str(value)) for name, value in row.items() if name not in {"channel", "clearly"}}
    facts = {
        "channel": row["channel"],
        "before": words.number(number["roas_before"]),
        "after": words.number(number["roas_after"]),
        "moved": words.percent(abs(number["roas_moved"])),
    }
    text = words.text("comparison.moved", **facts)
    if not np.isfinite(number["other_weeks"]):
        return text
    split = {name: words.number(number[name], signed=True) for name in ("other_weeks", "other_belief")}
    return f"{text} {words.text('comparison.split', **split)}"
