"""Planning a geo test: which geos to treat, what the test can detect, what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geolift.candidates import Pool, SetRules, candidate_sets
from geolift.power import CandidateSets, look_back_ends, simulated_p_values
from geolift.test_plan import Kind
from geolift.weights import simplex_least_squares
from measurement.errors import InputError
from measurement.panel import Panel
from measurement.progress import Progress, silent

FloatArray = NDArray[np.float64]
#: Lifts tried in the full power analysis: by half a point to a quarter, then by one to a half.
EFFECTS = np.concatenate([np.arange(0.0, 0.25, 0.005), np.arange(0.25, 0.501, 0.01)]).round(3)
#: Lifts tried where thousands of sets are screened.
SCREEN = np.array([0.02, 0.05, 0.1, 0.2])
#: Weeks before the end of the panel from which usual spend and outcome are read.
USUAL_WEEKS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How hard to search.

    Attributes
    ----------
    look_backs
        Past windows behind every power figure.
    exhaustive
        Up to this many sets, all are screened.
    beam
        Above, this many of the best sets of each size are grown by one geo.
    keep
        Sets that get the full power analysis.
    """

    look_backs: int = 10
    exhaustive: int = 8000
    beam: int = 60
    keep: int = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class GeoDesign:
    """One treated set.

    Attributes
    ----------
    treated
        The geos.
    mde
        Minimum detectable effect: the smallest lift from which on the test is significant in at least the wanted
        share of past windows.
    power
        That share at the MDE.
    power_at_target
        Share at the target lift (at the MDE where no target was given).
    aa_rejection
        Share at no lift: an honest design stays near α.
    holdout_share
        Share of the outcome in untreated geos.
    incremental_spend
        Money the test moves, actual minus usual (negative for go-dark); ``None`` where it cannot be known.
    mde_outcome
        The MDE in money over the whole test.
    detectable_iroas
        Smallest iROAS the test can tell from zero: ``mde_outcome / |incremental_spend|``.
    imbalance
        Scaled L2 imbalance before the test: 0 perfect, 1 no better than a plain mean.
    curve
        Power at each lift of `GeoDesigns.effects`.
    """

    treated: tuple[str, ...]
    mde: float
    power: float
    power_at_target: float
    aa_rejection: float
    holdout_share: float
    incremental_spend: float | None
    mde_outcome: float
    detectable_iroas: float | None
    imbalance: float
    curve: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GeoDesigns:
    """Ranked designs of one request.

    Attributes
    ----------
    designs
        Best first: by MDE, then cost, then imbalance; sets that reject without any lift in more than ``2α`` of the
        windows (plus one window) come last, whatever their MDE.
    channel, kind, weeks
        As requested.
    effects
        Lifts of the power curves (positive; a go-dark test loses them).
    tests
        Number of simulated tests behind the table.
    exhaustive
        Whether every set that obeys the rules was screened.
    alpha, wanted_power, look_backs, seed, options
        How to repeat it.
    """

    designs: tuple[GeoDesign, ...]
    channel: str
    kind: Kind
    weeks: int
    effects: tuple[float, ...]
    tests: int
    exhaustive: bool
    alpha: float
    wanted_power: float
    look_backs: int
    seed: int
    options: Mapping[str, object] = field(default_factory=dict)

    def table(self) -> pd.DataFrame:
        """The columns of ``designs.csv``, one row a design; treated geos joined by ``;``."""
        rows = [
            {
                "rank": rank,
                "treated": ";".join(design.treated),
                "weeks": self.weeks,
                "mde": design.mde,
                "power_at_target": design.power_at_target,
                "holdout_share": design.holdout_share,
                "incremental_spend": design.incremental_spend,
                "imbalance": design.imbalance,
                "kind": self.kind,
                "power": design.power,
                "aa_rejection": design.aa_rejection,
                "mde_outcome": design.mde_outcome,
                "detectable_iroas": design.detectable_iroas,
            }
            for rank, design in enumerate(self.designs, start=1)
        ]
        return pd.DataFrame(rows)

    def power_curves(self) -> pd.DataFrame:
        """Columns rank, effect, power."""
        ranks = np.repeat(np.arange(1, len(self.designs) + 1), len(self.effects))
        power = np.array([design.curve for design in self.designs]).ravel()
        return pd.DataFrame({"rank": ranks, "effect": np.tile(self.effects, len(self.designs)), "power": power})


def design_geo_test(  # noqa: PLR0913 - a request; every argument after weeks has a default
    panel: Panel,
    *,
    channel: str,
    weeks: int,
    budget: float | None = None,
    alpha: float = 0.1,
    power: float = 0.8,
    must_include: tuple[str, ...] = (),
    must_exclude: tuple[str, ...] = (),
    rules: SetRules | None = None,
    kind: Kind = "scale_up",
    change: float = 1.0,
    cost_per_unit: float | None = None,
    target: float | None = None,
    top: int = 20,
    effort: Effort | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> GeoDesigns:
    """Rank the sets of geos that could be treated.

    Parameters
    ----------
    panel
        History without tests.
    channel
        What would be tested; its spend prices the test where the panel holds it.
    weeks
        Length of the test.
    budget
        Largest amount of money the test may move (in size); dearer designs are left out.
    alpha, power
        Level of the two-sided test and wanted share of detected lifts.
    must_include, must_exclude, rules
        Business rules; the first two join those of ``rules``.
    kind
        ``"go_dark"`` switches the channel off in the treated geos, the others raise its spend there.
    change
        Rise of spend as a share of the usual; 1 doubles it. Without meaning for go-dark.
    cost_per_unit
        Cost of one unit (or one unit of money) of incremental outcome. Where given, the test costs what its MDE
        costs; else it costs ``change`` × usual spend.
    target
        Lift to report power at.
    top
        Number of designs returned.

    Returns
    -------
    GeoDesigns

    Raises
    ------
    InputError
        Where no set obeys the rules, none is within the budget, none can see a lift of 50%, or history is short.

    Notes
    -----
    Every power figure is the share of past windows, refitted weights and all, in which the block conformal test of
    the readout rejects "no effect" at ``alpha`` when the lift is put in.
    """
    rules = rules or SetRules()
    rules = replace(
        rules,
        must_include=tuple(dict.fromkeys((*rules.must_include, *must_include))),
        must_exclude=tuple(dict.fromkeys((*rules.must_exclude, *must_exclude))),
    )
    _check_request(panel, channel=channel, weeks=weeks, alpha=alpha, power=power, change=change)
    effort = effort or Effort()
    study = _Study(panel=panel, post=weeks * 7 // panel.days_per_period, kind=kind, alpha=alpha, effort=effort)
    pool = Pool(
        geos=panel.geos,
        outcome_share=study.outcome.sum(axis=1) / study.outcome.sum(),
        donors=np.ptp(study.outcome, axis=1) > 0,
        rules=rules,
    )
    progress(0.05, "listing sets of geos")
    chosen, exhaustive = candidate_sets(pool, most=effort.exhaustive, beam=effort.beam, score=study.screen)
    sets = pool.sets(chosen)
    if len(chosen) > effort.keep:
        sets = sets.take(np.sort(np.argsort(study.screen(sets), kind="stable")[: effort.keep]).astype(np.intp))
    progress(0.4, "simulating tests in past windows")
    curves = study.curves(sets)
    progress(0.9, "pricing and ranking")
    price = _Price(panel=panel, channel=channel, weeks=weeks, kind=kind, change=change, cost_per_unit=cost_per_unit)
    designs = study.designs(sets, curves, pool, price, wanted=power, target=target)
    ranked = _within_budget(designs, budget)
    return GeoDesigns(
        designs=tuple(ranked[:top]),
        channel=channel,
        kind=kind,
        weeks=weeks,
        effects=tuple(EFFECTS.tolist()),
        tests=study.count(len(chosen) if exhaustive else 0, len(sets.members)),
        exhaustive=exhaustive,
        alpha=alpha,
        wanted_power=power,
        look_backs=len(study.ends),
        seed=seed,
        options={"budget": budget, "change": change, "target": target, "sets_screened": len(chosen), **asdict(effort)},
    )


def _check_request(panel: Panel, *, channel: str, weeks: int, alpha: float, power: float, change: float) -> None:
    faults = [
        (weeks < 1, "weeks", weeks, "a test lasts at least one week", "Use weeks ≥ 1"),
        (not 0 < alpha < 0.5, "alpha", alpha, "alpha must lie between 0 and 0.5", "Use 0.1"),
        (not 0 < power < 1, "power", power, "power must lie between 0 and 1", "Use 0.8"),
        (not change > 0, "change", change, "change must be positive", "Use 1.0 to double the spend"),
        (len(panel.geos) < 4, "geo", len(panel.geos), "a geo test needs at least four geos", "Bring data by geo"),
        (
            bool(panel.channels) and channel not in panel.channels,
            "channel",
            channel,
            f"'{channel}' is not a channel of the panel",
            f"Known: {', '.join(panel.channels)}",
        ),
    ]
    for wrong, column, value, message, remedy in faults:
        if wrong:
            raise InputError.of(message, remedy, column=column, value=value)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Price:
    """What a set costs to treat."""

    panel: Panel
    channel: str
    weeks: int
    kind: Kind
    change: float
    cost_per_unit: float | None

    def usual_outcome(self) -> FloatArray:
        """Outcome value of each geo over a test's length, from the last weeks, shape (G,)."""
        return self._usual(self.panel.outcome_value)

    def spend(self, members: NDArray[np.bool_], mde_outcome: float) -> float | None:
        """Money moved, negative for go-dark; ``None`` where neither a cost nor the channel's spend is known."""
        if self.cost_per_unit is not None:
            return self.cost_per_unit * mde_outcome * (-1.0 if self.kind == "go_dark" else 1.0)
        if self.channel not in self.panel.channels:
            return None
        rows = np.asarray(self.panel.data["spend"].sel(channel=self.channel).to_numpy(), dtype=np.float64)
        usual = float(self._usual(rows)[members].sum())
        return -usual if self.kind == "go_dark" else self.change * usual

    def _usual(self, rows: FloatArray) -> FloatArray:
        periods = USUAL_WEEKS * 7 // self.panel.days_per_period
        length = self.weeks * 7 // self.panel.days_per_period
        return np.asarray(rows[:, -periods:].mean(axis=1) * length, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Study:
    """The simulated tests of one request."""

    panel: Panel
    post: int
    kind: Kind
    alpha: float
    effort: Effort

    @property
    def outcome(self) -> FloatArray:
        return self.panel.outcome_value

    @property
    def ends(self) -> NDArray[np.intp]:
        return look_back_ends(len(self.panel.dates), self.post, look_backs=self.effort.look_backs)

    def screen(self, sets: CandidateSets) -> FloatArray:
        """Mean p-value over a few lifts of both signs and a few windows: lower is a sharper test."""
        ends = np.sort(self.ends[:: -max(1, len(self.ends) // 3)])
        both = np.concatenate([-SCREEN[::-1], SCREEN])
        found = simulated_p_values(self.outcome, sets, post=self.post, ends=ends, effects=both)
        return np.asarray(found.mean(axis=(1, 2)), dtype=np.float64)

    def curves(self, sets: CandidateSets) -> FloatArray:
        """Power at every lift of `EFFECTS`, shape (S, F): the mean over a lift and a loss of that size.

        Where a set's past windows lean to one side, lifts to that side seem easy to see; choosing the sharpest of
        many sets would then choose the most crooked ones. The mean over both signs takes that advantage away.
        """
        both = np.concatenate([-EFFECTS[:0:-1], EFFECTS])
        found = simulated_p_values(self.outcome, sets, post=self.post, ends=self.ends, effects=both)
        power = (found <= self.alpha + 1e-12).mean(axis=1)
        middle = len(EFFECTS) - 1
        return np.asarray((power[:, middle:] + power[:, middle::-1]) / 2, dtype=np.float64)

    def count(self, screened: int, kept: int) -> int:
        """Simulated tests of the screening and of the full analysis."""
        return screened * 8 * len(SCREEN) + kept * len(self.ends) * (2 * len(EFFECTS) - 1)

    def imbalance(self, sets: CandidateSets) -> FloatArray:
        """Scaled L2 imbalance over the whole history, shape (S,)."""
        centred = self.outcome - self.outcome.mean(axis=1, keepdims=True)
        target = (sets.members / sets.members.sum(axis=1, keepdims=True)) @ centred
        weights = simplex_least_squares(target, centred, allowed=sets.allowed).weights
        plain = (sets.allowed / sets.allowed.sum(axis=1, keepdims=True)) @ centred
        size = np.linalg.norm(target - plain, axis=1)
        return np.asarray(
            np.linalg.norm(target - weights @ centred, axis=1) / np.maximum(size, 1e-300), dtype=np.float64
        )

    def designs(
        self, sets: CandidateSets, curves: FloatArray, pool: Pool, price: _Price, *, wanted: float, target: float | None
    ) -> list[GeoDesign]:
        imbalance, usual = self.imbalance(sets), price.usual_outcome()
        designs = []
        for row, members in enumerate(sets.members):
            enough = curves[row] >= wanted - 1e-9
            # The MDE holds from here on: a lucky small lift below a gap in power does not count.
            first = len(enough) - int(np.argmin(enough[::-1])) if not enough.all() else 0
            first = max(first, 1)
            if first >= len(EFFECTS):
                continue
            mde = float(EFFECTS[first])
            money = mde * float(usual[members].sum())
            spend = price.spend(members, money)
            designs.append(
                GeoDesign(
                    treated=tuple(geo for geo, inside in zip(pool.geos, members, strict=True) if inside),
                    mde=mde,
                    power=float(curves[row, first]),
                    power_at_target=float(np.interp(mde if target is None else abs(target), EFFECTS, curves[row])),
                    aa_rejection=float(curves[row, 0]),
                    holdout_share=1 - float(pool.outcome_share[members].sum()),
                    incremental_spend=spend,
                    mde_outcome=money,
                    detectable_iroas=money / abs(spend) if spend else None,
                    imbalance=float(imbalance[row]),
                    curve=tuple(curves[row].tolist()),
                )
            )
        if not designs:
            raise InputError.of(
                f"no set of geos can detect a lift of {EFFECTS[-1]:.0%} with power {wanted:.0%}",
                "Plan a longer test, allow more treated geos, or lower the power",
                column="weeks",
                value=price.weeks,
            )
        crooked = 2 * self.alpha + 1 / len(self.ends)
        return sorted(
            designs,
            key=lambda d: (
                d.aa_rejection > crooked + 1e-9,
                d.mde,
                abs(d.incremental_spend or 0.0),
                d.imbalance,
                d.treated,
            ),
        )


def _within_budget(designs: list[GeoDesign], budget: float | None) -> list[GeoDesign]:
    if budget is None:
        return designs
    kept = [design for design in designs if design.incremental_spend is None or abs(design.incremental_spend) <= budget]
    if not kept:
        cheapest = min(abs(design.incremental_spend or 0.0) for design in designs)
        raise InputError.of(
            f"no design fits the budget; the cheapest moves {cheapest:,.0f}",
            "Raise the budget, shorten the test, or lower `change`",
            column="budget",
            value=budget,
        )
    return kept
