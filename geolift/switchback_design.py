"""Planning a switchback test on a panel: block lengths and washouts tried in past windows, and a drawn schedule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.switchback import draw_schedule
from experiments.switchback_power import SwitchbackPower, switchback_power
from geolift.test_plan import Kind
from measurement.errors import InputError
from measurement.panel import Panel
from measurement.progress import Progress, silent

FloatArray = NDArray[np.float64]
#: Block lengths tried, in periods.
BLOCKS = {"week": (1, 2, 3, 4), "day": (2, 4, 7, 14)}
#: Share of an effect that the carry-over may eat before a plan is ranked behind all others.
MOST_BIAS = 0.1
USUAL_WEEKS = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SwitchbackDesigns:
    """Plans, the best first, and the schedule of the best.

    Attributes
    ----------
    plans
        By whether carry-over eats less than `MOST_BIAS` of the effect, then by MDE.
    schedule
        Columns geo, start, end, counted_from, on: one row a geo and block, as ``schedule.csv``.
    channel, kind, weeks, geos
        As requested.
    incremental_spend
        Money that the test moves in all geos together, actual minus usual; ``None`` where it cannot be known.
    usual_outcome
        Outcome of the geos over half of the test: the time in which the channel is changed.
    """

    plans: tuple[SwitchbackPower, ...]
    schedule: pd.DataFrame
    channel: str
    kind: Kind
    weeks: int
    geos: tuple[str, ...]
    incremental_spend: float | None
    usual_outcome: float

    def table(self) -> pd.DataFrame:
        """The columns of ``designs.csv``, with the plan's block and washout (periods) besides."""
        rows = []
        for rank, plan in enumerate(self.plans, start=1):
            money = None if plan.mde is None else plan.mde * self.usual_outcome
            spend = self.incremental_spend
            rows.append(
                {
                    "rank": rank,
                    "treated": ";".join(self.geos),
                    "weeks": self.weeks,
                    "mde": plan.mde,
                    "power_at_target": None if plan.mde is None else np.interp(plan.mde, plan.effects, plan.power),
                    "holdout_share": 0.5,
                    "incremental_spend": spend,
                    "imbalance": None,
                    "kind": self.kind,
                    "aa_rejection": plan.power[0],
                    "mde_outcome": money,
                    "detectable_iroas": money / abs(spend) if money is not None and spend else None,
                    "block": plan.block,
                    "washout": plan.washout,
                    "carry_over_bias": plan.bias,
                }
            )
        return pd.DataFrame(rows)

    def power_curves(self) -> pd.DataFrame:
        """Columns rank, effect, power."""
        rows = [
            {"rank": rank, "effect": effect, "power": power}
            for rank, plan in enumerate(self.plans, start=1)
            for effect, power in zip(plan.effects, plan.power, strict=True)
        ]
        return pd.DataFrame(rows)


def design_switchback(  # noqa: PLR0913 - a request; every argument after weeks has a default
    panel: Panel,
    *,
    channel: str,
    weeks: int,
    kind: Kind = "scale_up",
    change: float = 1.0,
    geos: tuple[str, ...] = (),
    carry_over: float = 0.3,
    alpha: float = 0.1,
    power: float = 0.8,
    seed: int = 0,
    progress: Progress = silent,
) -> SwitchbackDesigns:
    """Plan a switchback test: every geo switches, at times drawn at random.

    Parameters
    ----------
    panel
        History without tests.
    channel, weeks, kind, change
        As for `geolift.design.design_geo_test`; the test starts in the period after the panel's last.
    geos
        Who takes part; left out, every geo.
    carry_over
        Share of an effect that lasts into the next week.
    seed
        Of the simulations and of the schedule.

    Raises
    ------
    InputError
        Where the history is too short, or no plan allows enough schedules for ``alpha``.
    """
    chosen = geos or panel.geos
    unknown = sorted(set(chosen) - set(panel.geos))
    if unknown:
        raise InputError.of(f"'{unknown[0]}' is not a geo of the panel", "Check the spelling", column="geos")
    if not 0 <= carry_over < 1:
        raise InputError.of("carry_over must lie between 0 and 1", "Use 0.3", column="carry_over", value=carry_over)
    rows = [panel.geos.index(geo) for geo in chosen]
    history = panel.outcome_value[rows]
    periods = weeks * 7 // panel.days_per_period
    kept = carry_over ** (panel.days_per_period / 7)
    simulate = partial(switchback_power, history, periods=periods, carry_over=kept, alpha=alpha, power=power, seed=seed)
    shapes = [(block, wash) for block in BLOCKS[panel.period] for wash in sorted({0, max(block // 4, 1), block // 2})]
    plans = _simulated(shapes, periods, simulate, progress)
    if not plans:
        raise InputError.of(f"{weeks} weeks hold no pair of blocks", "Plan a longer test", column="weeks", value=weeks)
    ranked = sorted(plans, key=lambda plan: (plan.bias < -MOST_BIAS, plan.mde is None, plan.mde or 0.0, plan.block))
    half = history[:, -_recent(panel) :].mean(axis=1).sum() * periods / 2
    return SwitchbackDesigns(
        plans=tuple(ranked),
        schedule=_schedule(panel, chosen, ranked[0], periods, seed),
        channel=channel,
        kind=kind,
        weeks=weeks,
        geos=tuple(chosen),
        incremental_spend=_spend(panel, channel, rows, periods, kind, change),
        usual_outcome=float(half),
    )


def _simulated(
    shapes: list[tuple[int, int]], periods: int, simulate: Callable[..., SwitchbackPower], progress: Progress
) -> list[SwitchbackPower]:
    """Every plan of a block and a washout that the test can hold; raises the first refusal where all were refused."""
    plans, refusals = [], []
    for number, (block, washout) in enumerate(shapes):
        progress(0.9 * number / len(shapes), f"simulating blocks of {block}, washout {washout}")
        if washout >= block or periods < 2 * block:
            continue
        try:
            plans.append(simulate(block=block, washout=washout))
        except InputError as error:
            refusals.append(error)
    if refusals and not plans:
        raise refusals[0]
    return plans


def _recent(panel: Panel) -> int:
    return USUAL_WEEKS * 7 // panel.days_per_period


def _spend(panel: Panel, channel: str, rows: list[int], periods: int, kind: Kind, change: float) -> float | None:
    if channel not in panel.channels:
        return None
    spend = np.asarray(panel.data["spend"].sel(channel=channel).to_numpy(), dtype=np.float64)[rows]
    usual = float(spend[:, -_recent(panel) :].mean(axis=1).sum()) * periods / 2
    return -usual if kind == "go_dark" else change * usual


def _schedule(panel: Panel, geos: tuple[str, ...], best: SwitchbackPower, periods: int, seed: int) -> pd.DataFrame:
    plan = draw_schedule(len(geos), periods, block=best.block, washout=best.washout, seed=seed)
    days = panel.days_per_period
    first = panel.dates[-1] + pd.Timedelta(days=days)
    rows = []
    for geo, active in zip(geos, plan.on, strict=True):
        for number, on in enumerate(active):
            start = first + pd.Timedelta(days=number * best.block * days)
            rows.append(
                {
                    "geo": geo,
                    "start": start.date(),
                    "end": (start + pd.Timedelta(days=best.block * days - 1)).date(),
                    "counted_from": (start + pd.Timedelta(days=best.washout * days)).date(),
                    "on": bool(on),
                }
            )
    return pd.DataFrame(rows)
