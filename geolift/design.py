"""Planning a geo test: which geos to treat, what the test can detect, what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import pandas as pd

from geolift.candidates import Pool, SetRules, candidate_sets
from geolift.certified import CertifiedSet, certified_sets
from geolift.data_order import in_data_order
from geolift.design_study import Effort, GeoDesign, PowerStudy, TestPrice
from geolift.power_curves import EFFECTS
from geolift.test_plan import Kind
from measurement.errors import InputError
from measurement.panel import Panel
from measurement.progress import Progress, silent


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCertificate:
    """The best-matched treated set of its size, and the bound that proves it; see `geolift.certified.CertifiedSet`."""

    treated: tuple[str, ...]
    imbalance: float
    bound: float
    certified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GeoDesigns:
    """Ranked designs of one request.

    Attributes
    ----------
    designs
        Best first: by MDE, then cost, then imbalance; sets that reject without any lift in more than ``2α`` of the
        windows come last, whatever their MDE.
    channel, kind, weeks
        As requested.
    effects
        Lifts of the power curves (positive; a go-dark test loses them).
    tests
        Number of simulated tests behind the table.
    exhaustive
        Whether every set that obeys the rules was screened.
    certificates
        Where it was not, and a certified search was asked for: the best-matched set of each size with its bound. They
        are ranked among the others.
    reliability, stretch
        How MDEs were corrected, because chosen sets look sharper than they are: see
        `geolift.power_curves.Curves.settled_mde`.
    fresh_aa_rejection
        Mean share of the windows kept out of the choice in which the test rejects without any lift: about α where
        choosing did no harm.
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
    reliability: float
    stretch: float
    fresh_aa_rejection: float
    seed: int
    certificates: tuple[SetCertificate, ...] = ()
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
                "chosen_aa_rejection": self.fresh_aa_rejection,
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
    the readout rejects "no effect" at ``alpha`` when the lift is put in. Sets are chosen by older windows; newer ones,
    kept apart, say how much of their sharpness was luck, and MDEs are corrected accordingly.
    """
    rules = rules or SetRules()
    rules = replace(
        rules,
        must_include=tuple(dict.fromkeys((*rules.must_include, *must_include))),
        must_exclude=tuple(dict.fromkeys((*rules.must_exclude, *must_exclude))),
    )
    _check_request(panel, channel=channel, weeks=weeks, alpha=alpha, power=power, change=change)
    effort = effort or Effort()
    panel = panel.select(geos=in_data_order(panel, panel.geos))
    study = PowerStudy(panel=panel, post=weeks * 7 // panel.days_per_period, kind=kind, alpha=alpha, effort=effort)
    pool = _pool(study, rules)
    chosen, exhaustive, certificates = _searched(study, pool, progress)
    sets = pool.sets(_kept(study, pool, chosen, certificates))
    progress(0.4, "simulating tests in past windows")
    curves = study.curves(sets)
    progress(0.9, "pricing and ranking")
    price = TestPrice(panel=panel, channel=channel, weeks=weeks, kind=kind, change=change, cost_per_unit=cost_per_unit)
    settled = curves.settled_mde(power)
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
        reliability=settled.reliability,
        stretch=settled.stretch,
        fresh_aa_rejection=float(curves.fresh[:, 0].mean()),
        certificates=_certificates(panel, certificates),
        options={"budget": budget, "change": change, "target": target, "sets_screened": len(chosen), **asdict(effort)},
    )


def _searched(
    study: PowerStudy, pool: Pool, progress: Progress
) -> tuple[list[tuple[int, ...]], bool, list[CertifiedSet]]:
    """The sets that were looked at, whether they are all there are, and what was proven of those that match best."""
    effort = study.effort
    progress(0.05, "listing sets of geos")
    chosen, exhaustive = candidate_sets(pool, most=effort.exhaustive, beam=effort.beam, score=study.screen)
    if exhaustive or effort.certify_seconds <= 0:
        return chosen, exhaustive, []
    progress(0.2, "proving which sets match best")
    sizes = pool.rules.sizes_for(study.panel.geos)
    return chosen, exhaustive, certified_sets(study.outcome, pool, sizes, seconds=effort.certify_seconds)


def _certificates(panel: Panel, found: list[CertifiedSet]) -> tuple[SetCertificate, ...]:
    return tuple(
        SetCertificate(
            treated=tuple(sorted(panel.geos[place] for place in one.treated)),
            imbalance=one.imbalance,
            bound=one.bound,
            certified=one.certified,
        )
        for one in found
    )


def _pool(study: PowerStudy, rules: SetRules) -> Pool:
    outcome = study.outcome
    return Pool(
        geos=study.panel.geos,
        outcome_share=outcome.sum(axis=1) / outcome.sum(),
        donors=np.ptp(outcome, axis=1) > 0,
        rules=rules,
    )


def study_of(panel: Panel, designs: GeoDesigns, rules: SetRules) -> tuple[PowerStudy, Pool]:
    """The study and the pool of a finished request, to measure other sets the same way."""
    post = designs.weeks * 7 // panel.days_per_period
    effort = Effort(look_backs=int(str(designs.options["look_backs"])))
    study = PowerStudy(panel=panel, post=post, kind=designs.kind, alpha=designs.alpha, effort=effort)
    return study, _pool(study, rules)


def _kept(
    study: PowerStudy, pool: Pool, chosen: list[tuple[int, ...]], certificates: list[CertifiedSet]
) -> list[tuple[int, ...]]:
    """The sharpest sets of the screening, and whatever the certified search found."""
    keep = study.effort.keep
    if len(chosen) > keep:
        order = np.argsort(study.screen(pool.sets(chosen)), kind="stable")[:keep]
        chosen = [chosen[place] for place in np.sort(order)]
    proven = [one.treated for one in certificates if one.treated not in chosen and pool.keeps(one.treated)]
    return [*chosen, *proven]


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
