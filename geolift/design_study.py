"""The simulated tests behind a design request: screening, power curves, price, and one row a treated set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geolift.candidates import Pool
from geolift.power import CandidateSets, look_back_ends, simulated_p_values
from geolift.power_curves import EFFECTS, Curves
from geolift.selection import choice_stretches
from geolift.test_plan import Kind
from geolift.weights import simplex_least_squares
from measurement.errors import InputError
from measurement.panel import Panel

FloatArray = NDArray[np.float64]
#: Lifts tried where thousands of sets are screened.
SCREEN = np.array([0.02, 0.05, 0.1, 0.2])
#: Fewest windows by which sets are chosen; where there are fewer to spare, none is kept apart.
LEAST_CHOOSING = 3
#: Weeks before the end of the panel from which usual spend and outcome are read.
USUAL_WEEKS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How hard to search.

    Attributes
    ----------
    look_backs
        Newest past windows kept out of the choice of sets; up to as many older ones choose. Every power figure rests
        on both together.
    exhaustive
        Up to this many sets, all are screened.
    beam
        Above, this many of the best sets of each size are grown by one geo.
    keep
        Sets that get the full power analysis.
    certify_seconds
        Where not every set can be screened: time for the program that finds the best-matched set of each size and
        proves it (`geolift.certified`); 0 does without.
    """

    look_backs: int = 10
    exhaustive: int = 8000
    beam: int = 60
    keep: int = 150
    certify_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GeoDesign:
    """One treated set.

    Attributes
    ----------
    treated
        The geos.
    mde
        Minimum detectable effect: the smallest lift from which on the test is significant in at least the wanted
        share of the windows that chose the sets, corrected by the windows kept apart (`Curves.settled_mde`)
        and by the widening that the readout gives to chosen geos.
    power
        Share of all windows at the MDE.
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TestPrice:
    """What a set costs to treat; see `geolift.design.design_geo_test` for the fields."""

    __test__ = False  # not a test case, whatever its name looks like

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
class PowerStudy:
    """The simulated tests of one request: ``post`` periods long, two-sided at ``alpha``."""

    panel: Panel
    post: int
    kind: Kind
    alpha: float
    effort: Effort

    @property
    def outcome(self) -> FloatArray:
        """Outcome value, shape (G, T)."""
        return self.panel.outcome_value

    @property
    def ends(self) -> NDArray[np.intp]:
        """Ends of all past windows, oldest first, shape (E,)."""
        return look_back_ends(len(self.panel.dates), self.post, look_backs=2 * self.effort.look_backs)

    @property
    def fresh(self) -> int:
        """Number of newest windows kept out of the choice of sets; 0 where history is too short to spare any."""
        spare = len(self.ends) - self.effort.look_backs
        return self.effort.look_backs if spare >= LEAST_CHOOSING else 0

    @property
    def choosing(self) -> NDArray[np.intp]:
        """Ends of the windows by which sets are chosen."""
        return self.ends[: len(self.ends) - self.fresh]

    def screen(self, sets: CandidateSets) -> FloatArray:
        """Mean p-value over a few lifts of both signs and a few windows: lower is a sharper test."""
        ends = np.sort(self.choosing[:: -max(1, len(self.choosing) // 3)])
        both = np.concatenate([-SCREEN[::-1], SCREEN])
        found = simulated_p_values(self.outcome, sets, post=self.post, ends=ends, effects=both)
        return np.asarray(found.mean(axis=(1, 2)), dtype=np.float64)

    def curves(self, sets: CandidateSets) -> Curves:
        """Power at every lift of `EFFECTS`: the mean over a lift and a loss of that size.

        Where a set's past windows lean to one side, lifts to that side seem easy to see; choosing the sharpest of
        many sets would then choose the most crooked ones. The mean over both signs takes that advantage away.
        """
        both = np.concatenate([-EFFECTS[:0:-1], EFFECTS])
        found = simulated_p_values(self.outcome, sets, post=self.post, ends=self.ends, effects=both)
        hits = found <= self.alpha + 1e-12
        middle = len(EFFECTS) - 1
        power = (hits[:, :, middle:].astype(np.float64) + hits[:, :, middle::-1]) / 2
        older = power[:, : len(self.choosing)].mean(axis=1)
        return Curves(
            choosing=older,
            fresh=power[:, len(self.choosing) :].mean(axis=1) if self.fresh else older,
            every=power.mean(axis=1),
        )

    def count(self, screened: int, kept: int) -> int:
        """Simulated tests of the screening and of the full analysis."""
        return screened * 8 * len(SCREEN) + kept * len(self.ends) * (2 * len(EFFECTS) - 1)

    def widening(self, sets: CandidateSets) -> FloatArray:
        """Factor by which the readout will widen each set's interval (`geolift.selection`), shape (S,)."""
        sizes = sets.members.sum(axis=1)
        factors = np.ones(len(sizes))
        for size in np.unique(sizes):
            rows = np.flatnonzero(sizes == size)
            members = np.array([np.flatnonzero(sets.members[row]) for row in rows], dtype=np.intp)
            factors[rows], _ = choice_stretches(self.outcome, members, seed=0)
        return factors

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
        self,
        sets: CandidateSets,
        curves: Curves,
        pool: Pool,
        price: TestPrice,
        *,
        wanted: float,
        target: float | None,
    ) -> list[GeoDesign]:
        """Every set that reaches the wanted power, best first."""
        imbalance, usual = self.imbalance(sets), price.usual_outcome()
        settled, widening = curves.settled_mde(wanted).mde, self.widening(sets)
        designs = []
        for row, members in enumerate(sets.members):
            if not np.isfinite(settled[row]):
                continue
            # The readout tests chosen geos with a widened interval: a lift looks smaller to it by that factor.
            wide = float(widening[row])
            mde = round(min(wide * float(settled[row]), float(EFFECTS[-1])), 4)
            money = mde * float(usual[members].sum())
            spend = price.spend(members, money)
            designs.append(
                GeoDesign(
                    treated=tuple(sorted(geo for geo, inside in zip(pool.geos, members, strict=True) if inside)),
                    mde=mde,
                    power=float(np.interp(mde / wide, EFFECTS, curves.every[row])),
                    power_at_target=float(np.interp(abs(target or mde) / wide, EFFECTS, curves.every[row])),
                    aa_rejection=float(curves.every[row, 0]),
                    holdout_share=1 - float(pool.outcome_share[members].sum()),
                    incremental_spend=spend,
                    mde_outcome=money,
                    detectable_iroas=money / abs(spend) if spend else None,
                    imbalance=float(imbalance[row]),
                    curve=tuple(np.interp(EFFECTS / wide, EFFECTS, curves.every[row]).tolist()),
                )
            )
        if not designs:
            raise InputError.of(
                f"no set of geos can detect a lift of {EFFECTS[-1]:.0%} with power {wanted:.0%}",
                "Plan a longer test, allow more treated geos, or lower the power",
                column="weeks",
                value=price.weeks,
            )
        return sorted(designs, key=self._order)

    def _order(self, design: GeoDesign) -> tuple[bool, float, float, float, tuple[str, ...]]:
        crooked = design.aa_rejection > 2 * self.alpha + 1e-9
        return crooked, design.mde, abs(design.incremental_spend or 0.0), design.imbalance, design.treated
