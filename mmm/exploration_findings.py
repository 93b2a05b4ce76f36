"""From the tables of an exploration to what a marketer should know: limits, sentences, remedies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from measurement.wording import Wording
from mmm.exploration import Exploration
from mmm.finding import Finding, FindingSeverity
from mmm.outliers import OUTCOME, Z_LIMIT

#: Weeks below which a panel is short, and below which it is much too short.
FEW_WEEKS, TOO_FEW_WEEKS = 104, 52
#: Relative spread of spend within geos below which it counts as constant.
LEAST_VARIATION = 0.05
#: Days on air below which a channel was hardly there.
LEAST_DAYS_ON_AIR = 56
#: A four-week spend this low, relative to usual, shows the way down to zero.
LOW_ENOUGH = 0.3
#: Robust standard deviations from which on an outlier is more than a hint.
FAR_Z = 8.0
COPY, COLLINEAR, INFLATED, CONFUSED = 0.999, 0.8, 10.0, 0.6
FOLLOWS_SEASON = 0.7
#: Share of a channel's variance within geos that must be its own for the geos to add anything.
OWN_SHARE = 0.05
#: Factors of cost per exposure over time and between geos, and standard errors of a jump.
COST_CHANGE, COST_BETWEEN_GEOS, JUMP_Z = 1.3, 2.0, 5.0
#: Share of money without exposure, or of exposure without money, that is worth a word.
UNMATCHED = 0.02, 0.05
#: Expected over prior standard deviation of log ROAS.
LITTLE, SOME = 0.8, 0.5
PANEL = "panel"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Book:
    """Takes findings down in words."""

    words: Wording
    taken: list[Finding] = field(default_factory=list)

    def add(
        self,
        name: str,
        subject: str,
        value: float,
        limit: float,
        severity: FindingSeverity = "hint",
        /,  # a sentence may have a field of the same name
        **facts: object,
    ) -> None:
        self.taken.append(
            Finding(
                name=name,
                subject=subject,
                value=float(value),
                limit=float(limit),
                sentence=self.words.text(f"finding.{name}.says", **facts),
                remedy=self.words.text(f"finding.{name}.do", **facts),
                severity=severity,
            )
        )

    def day(self, value: object) -> str:
        return self.words.date(pd.Timestamp(str(value)).date())


def findings_of(found: Exploration, words: Wording) -> tuple[Finding, ...]:
    """Everything worth a word, warnings first, then by name and subject.

    Parameters
    ----------
    found
        The tables.
    words
        The catalogue of this room.
    """
    book = _Book(words=words)
    for rule in _RULES:
        rule(found, book)
    return tuple(sorted(book.taken, key=lambda one: (one.severity != "warning", _ORDER.index(one.name), one.subject)))


def _length(found: Exploration, book: _Book) -> None:
    panel = found.panel
    weeks = len(panel.dates) * panel.days_per_period / 7
    if weeks < FEW_WEEKS:
        severity: FindingSeverity = "warning" if weeks < TOO_FEW_WEEKS else "hint"
        book.add("too_few_periods", PANEL, weeks, FEW_WEEKS, severity, weeks=book.words.number(weeks, digits=0))
    if len(panel.geos) == 1:
        book.add("one_geo", PANEL, 1, 2)


def _gaps(found: Exploration, book: _Book) -> None:
    panel = found.panel
    steps = np.diff(panel.dates.to_numpy()).astype("timedelta64[D]").astype(int)
    missing = np.maximum(np.rint(steps / panel.days_per_period).astype(int) - 1, 0)
    if missing.any():
        date = book.day(panel.dates[int(np.argmax(missing > 0))])
        book.add("gap", PANEL, missing.sum(), 0, "warning", count=int(missing.sum()), date=date)


def _zeros(found: Exploration, book: _Book) -> None:
    empty = found.panel.data["outcome"].to_numpy() <= 0
    if not empty.any():
        return
    run = np.zeros(empty.shape, dtype=int)  # length of the stretch that ends here
    for place in range(empty.shape[1]):
        run[:, place] = np.where(empty[:, place], 1 + (run[:, place - 1] if place else 0), 0)
    geo, end = np.unravel_index(int(np.argmax(run)), run.shape)
    longest = int(run[geo, end])
    book.add(
        "zero_outcome",
        OUTCOME,
        float(empty.mean()),
        0,
        "warning" if empty.mean() > 0.01 else "hint",
        count=int(empty.sum()),
        run=longest,
        date=book.day(found.panel.dates[int(end) - longest + 1]),
        geo=found.panel.geos[int(geo)],
    )


def _outliers(found: Exploration, book: _Book) -> None:
    for subject, part in found.outliers.groupby("subject", sort=False):
        first = part.iloc[0]
        facts = {"times": book.words.number(first["times"], digits=1), "when": _when(found, part, book)}
        name = "outcome_outlier" if subject == OUTCOME else "spend_outlier"
        severity: FindingSeverity = "warning" if abs(first["z"]) >= FAR_Z else "hint"
        book.add(name, str(subject), abs(first["z"]), Z_LIMIT, severity, count=len(part), **facts)


def _when(found: Exploration, part: pd.DataFrame, book: _Book) -> str:
    """Date and place of the farthest outlier, with the geos that were off on the same date."""
    first = part.iloc[0]
    others = int((part["date"] == first["date"]).sum()) - 1
    if len(found.panel.geos) == 1:
        return book.day(first["date"])
    key = "when.one_geo" if not others else "when.more_geos"
    return book.words.text(key, date=book.day(first["date"]), geo=first["geo"], count=others)


def _coverage(found: Exploration, book: _Book) -> None:
    words = book.words
    for row in found.coverage.to_dict("records"):
        channel, periods = str(row["channel"]), int(row["periods_on_air"])
        least = LEAST_DAYS_ON_AIR / found.panel.days_per_period
        if periods == 0:
            book.add("never_spent", channel, 0, 0, "warning")
        elif row["variation"] < LEAST_VARIATION:
            share = words.percent(row["variation"], digits=1)
            book.add("constant_spend", channel, row["variation"], LEAST_VARIATION, "warning", value=share)
        elif periods < least:
            book.add("rarely_on_air", channel, periods, least, value=periods)
        elif row["lowest"] > LOW_ENOUGH:
            book.add("never_low", channel, row["lowest"], LOW_ENOUGH, value=words.percent(row["lowest"]))


def _together(found: Exploration, book: _Book) -> None:
    paired = set()
    for row in found.correlations.to_dict("records"):
        facts = {"first": row["channel"], "second": row["other"], "value": book.words.number(row["own_variation"])}
        subject = f"{row['channel']} + {row['other']}"
        if abs(row["within_geos"]) >= COPY:
            book.add("duplicated", subject, row["within_geos"], COPY, "warning", **facts)
        elif abs(row["own_variation"]) >= COLLINEAR:
            book.add("collinear", subject, row["own_variation"], COLLINEAR, "warning", **facts)
        else:
            continue
        paired |= {row["channel"], row["other"]}
    for row in found.inflation.to_dict("records"):
        if len(found.panel.geos) > 1 and row["own_share"] < OWN_SHARE:
            share = book.words.percent(row["own_share"], digits=1)
            book.add("same_everywhere", row["channel"], row["own_share"], OWN_SHARE, value=share)
        if row["own_variation"] >= INFLATED and row["channel"] not in paired:
            value = book.words.number(row["own_variation"], digits=1)
            book.add("inflated", row["channel"], row["own_variation"], INFLATED, value=value)
    _confused(found, book, paired)


def _confused(found: Exploration, book: _Book, paired: set[str]) -> None:
    """Pairs that the fit would confuse although their spend alone does not show it; each pair once."""
    if found.identifiability is None:
        return
    told: set[frozenset[str]] = set()
    for row in found.identifiability.table.to_dict("records"):
        pair = frozenset((str(row["channel"]), str(row["partner"])))
        if abs(row["partner_correlation"]) >= CONFUSED and not pair <= paired and pair not in told:
            facts = {"other": row["partner"], "value": book.words.number(row["partner_correlation"])}
            book.add("will_be_confused", row["channel"], row["partner_correlation"], -CONFUSED, **facts)
            told.add(pair)


def _season(found: Exploration, book: _Book) -> None:
    for row in found.season.to_dict("records"):
        if abs(row["correlation"]) >= FOLLOWS_SEASON:
            value = book.words.number(row["correlation"])
            book.add("follows_season", row["channel"], row["correlation"], FOLLOWS_SEASON, "warning", value=value)


def _costs(found: Exploration, book: _Book) -> None:
    limit = float(np.log(COST_CHANGE))
    for row in found.cost_changes.to_dict("records"):
        if abs(row["jump"]) >= limit and row["jump_z"] >= JUMP_Z:
            facts = {"change": _change(row["jump"], book.words), "date": book.day(row["jump_date"])}
            book.add("cost_jump", row["channel"], np.exp(row["jump"]), COST_CHANGE, **facts)
        elif abs(row["drift"]) >= limit and row["drift_lower"] * row["drift_upper"] > 0:
            change = _change(row["drift"], book.words)
            book.add("cost_drift", row["channel"], np.exp(row["drift"]), COST_CHANGE, change=change)
    for channel, part in found.shares.dropna().groupby("channel", sort=False):
        worst = max(part.to_dict("records"), key=lambda row: abs(np.log(row["relative_cost"])))
        times = float(worst["relative_cost"])
        if abs(np.log(times)) >= np.log(COST_BETWEEN_GEOS):
            facts = {"geo": worst["geo"], "value": book.words.number(times, digits=1)}
            book.add("uneven_cost", str(channel), times, COST_BETWEEN_GEOS, **facts)


def _change(log_ratio: float, words: Wording) -> str:
    change = float(np.expm1(log_ratio))
    return words.text("change.dearer" if change > 0 else "change.cheaper", value=words.percent(abs(change)))


def _unmatched(found: Exploration, book: _Book) -> None:
    spend, exposure = found.panel.data["spend"].to_numpy(), found.panel.data["exposure"].to_numpy()
    for place, channel in enumerate(found.panel.channels):
        money, bought = spend[..., place], exposure[..., place]
        cases = (
            ("spend_without_exposure", money, bought, UNMATCHED[0]),
            ("exposure_without_spend", bought, money, UNMATCHED[1]),
        )
        for name, amount, other, limit in cases:
            share = float(amount[other <= 0].sum() / amount.sum()) if amount.sum() > 0 and other.sum() > 0 else 0.0
            if share > limit:
                book.add(name, channel, share, limit, "warning", value=book.words.percent(share))


def _information(found: Exploration, book: _Book) -> None:
    unspent = [finding.subject for finding in book.taken if finding.name == "never_spent"]
    told = {channel for channel in unspent if (found.panel.data["spend"].sel(channel=channel) == 0).all()}
    for problem in found.refusals:
        geo = f"{problem.column}: " if problem.column in found.panel.geos else ""
        subject = OUTCOME if geo else problem.column if problem.column in found.panel.channels else PANEL
        message = f"{geo}{problem.message}{f' ({problem.value})' if problem.value else ''}"
        if subject not in told:
            book.add("model_refuses", subject, np.nan, np.nan, "warning", message=message, remedy=problem.remedy)
    if found.identifiability is None:
        return
    words, national = book.words, len(found.panel.geos) == 1
    for row in found.identifiability.table.to_dict("records"):
        if row["ratio"] < SOME:
            continue
        error = words.percent(row["test_sd"])
        test = words.text("remedy.national" if national else "remedy.geo_test", error=error, channel=row["channel"])
        facts = {"factor": _factor(row["expected_sd"], words), "before": _factor(row["prior_sd"], words), "test": test}
        if row["ratio"] >= LITTLE:
            book.add("little_information", row["channel"], row["ratio"], LITTLE, "warning", **facts)
        else:
            book.add("some_information", row["channel"], row["ratio"], SOME, **facts)


def _factor(log_sd: float, words: Wording) -> str:
    """Half the width of the 90% interval, as a factor."""
    return words.number(float(np.exp(1.645 * log_sd)), digits=1)


_RULES: tuple[Callable[[Exploration, _Book], None], ...] = (
    _length,
    _gaps,
    _zeros,
    _outliers,
    _coverage,
    _together,
    _season,
    _costs,
    _unmatched,
    _information,
)
#: What to read first.
_ORDER = (
    "model_refuses",
    "too_few_periods",
    "gap",
    "zero_outcome",
    "never_spent",
    "duplicated",
    "constant_spend",
    "collinear",
    "little_information",
    "follows_season",
    "outcome_outlier",
    "spend_outlier",
    "spend_without_exposure",
    "exposure_without_spend",
    "same_everywhere",
    "some_information",
    "will_be_confused",
    "inflated",
    "never_low",
    "rarely_on_air",
    "cost_jump",
    "cost_drift",
    "uneven_cost",
    "one_geo",
)
