"""GeoLift's own market selection, for those who move from it and want the same ranking.

Candidate sets are each market with its most correlated ones; one look-back at the end of the history by default;
the unrestricted conformal test with ``Σ|residual|``; and GeoLift's rank, the mean of three dense ranks (MDE, power,
distance between the detected and the injected lift). For a new test prefer `geolift.design.design_geo_test`, which
searches far more sets and counts power over many windows with a test that is honest under serial dependence.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from geolift.permutation import random_orders
from geolift.power import CandidateSets, simulated_p_values
from geolift.weights import simplex_least_squares
from measurement.errors import InputError
from measurement.panel import Panel

FloatArray = NDArray[np.float64]


def geolift_market_selection(  # noqa: PLR0913 - GeoLift's own arguments
    panel: Panel,
    *,
    sizes: Sequence[int],
    periods: Sequence[int],
    effects: Sequence[float],
    cost_per_unit: float = 1.0,
    budget: float | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    alpha: float = 0.1,
    look_backs: int = 1,
    draws: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Reproduce ``GeoLiftMarketSelection`` (fixed effects, no augmentation, correlation matching, two-sided).

    Returns
    -------
    pandas.DataFrame
        Columns rank, treated (joined by ``;``), periods, mde, power, scaled_l2, investment, detected_lift,
        lift_error, holdout_share; sorted by rank, then by name.

    Raises
    ------
    InputError
        Where no set holds the included markets, none reaches power 0.8, or none fits the budget.
    """
    outcome = panel.outcome_value
    names = panel.geos
    chosen = correlated_sets(outcome, names, sizes=sizes, include=include, exclude=exclude)
    rows: list[dict[str, float | str]] = []
    for post in periods:
        rows += _power_rows(
            outcome,
            names,
            chosen,
            post,
            np.asarray(effects, dtype=np.float64),
            look_backs,
            alpha,
            cost_per_unit,
            draws,
            seed,
        )
    if not rows:
        raise InputError.of("no set of markets reaches a power of 0.8", "Try longer tests or larger effects")
    table = pd.DataFrame(rows)
    table["rank"] = _rank(table)
    if budget is not None:
        table = table[table["investment"].abs() < abs(budget)]
        if table.empty:
            raise InputError.of("no set of markets fits the budget", "Raise the budget", column="budget", value=budget)
        table["rank"] = rankdata(table["rank"], method="min")
    return table.sort_values(["rank", "treated"], ignore_index=True)[["rank", *(c for c in table if c != "rank")]]


def correlated_sets(
    outcome: FloatArray, names: Sequence[str], *, sizes: Sequence[int], include: Sequence[str], exclude: Sequence[str]
) -> list[tuple[int, ...]]:
    """Each market (``exclude`` left out) with its ``size − 1`` most correlated ones, where they hold ``include``."""
    free = [place for place, name in enumerate(names) if name not in exclude]
    correlation = np.asarray(np.corrcoef(outcome[free]), dtype=np.float64)
    needed = {names.index(name) for name in include}
    chosen: dict[tuple[int, ...], None] = {}
    for size in sizes:
        for row, place in enumerate(free):
            order = np.argsort(-correlation[row], kind="stable")
            near = [free[other] for other in order if other != row][: size - 1]
            members = tuple(sorted((place, *near)))
            if needed <= set(members):
                chosen[members] = None
    if not chosen:
        raise InputError.of(
            "no set of correlated markets holds the included ones",
            "Include fewer markets, or allow more sizes",
            column="include",
            value=", ".join(include),
        )
    return list(chosen)


def _power_rows(
    outcome: FloatArray,
    names: Sequence[str],
    chosen: list[tuple[int, ...]],
    post: int,
    effects: FloatArray,
    look_backs: int,
    alpha: float,
    cost_per_unit: float,
    draws: int,
    seed: int,
) -> list[dict[str, float | str]]:
    """The rows of one test length that reach power 0.8 at some effect other than zero."""
    members = np.zeros((len(chosen), len(names)), dtype=np.bool_)
    for row, places in enumerate(chosen):
        members[row, list(places)] = True
    sets = CandidateSets(members=members, allowed=~members)
    ends = outcome.shape[1] - np.arange(look_backs, dtype=np.intp)
    significant = np.zeros((len(chosen), len(effects)))
    base, treated = np.zeros((look_backs, len(chosen))), np.zeros((look_backs, len(chosen)))
    imbalance = np.zeros((look_backs, len(chosen)))
    for back, end in enumerate(ends):
        orders = random_orders(int(end), post, draws=draws, seed=seed)
        window = np.array([end], dtype=np.intp)
        found = simulated_p_values(outcome, sets, post=post, ends=window, effects=effects, orders=orders)
        significant += found[:, 0] < alpha
        treated[back], base[back], imbalance[back] = _pre_fits(outcome[:, :end], sets, post)
    power = significant / look_backs
    rows: list[dict[str, float | str]] = []
    for row, places in enumerate(chosen):
        able = [place for place in range(len(effects)) if power[row, place] > 0.8]
        if not able:
            continue
        best = min(able, key=lambda place: (abs(effects[place]), effects[place] < 0))
        effect = float(effects[best])
        if effect == 0:  # significant without any effect: GeoLift drops the set
            continue
        lift = float(np.mean((treated[:, row] * (1 + effect) - base[:, row]) / base[:, row]))
        spent = float(np.mean(treated[:, row])) * len(places)
        rows.append(
            {
                "treated": ";".join(sorted(names[place] for place in places)),
                "periods": post,
                "mde": effect,
                "power": float(power[row, best]),
                "scaled_l2": float(imbalance[:, row].mean()),
                "investment": cost_per_unit * spent * effect,
                "detected_lift": lift,
                "lift_error": round(abs(lift - effect), 3),
                "holdout_share": 1 - float(outcome[list(places)].sum() / outcome.sum()),
            }
        )
    return rows


def _pre_fits(outcome: FloatArray, sets: CandidateSets, post: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Observed and counterfactual totals of each set's mean over the window, and the scaled L2 imbalance before."""
    pre = outcome.shape[1] - post
    share = sets.members / sets.members.sum(axis=1, keepdims=True)
    levels = outcome[:, :pre].mean(axis=1, keepdims=True)
    centred = outcome - levels
    target = share @ centred
    weights = simplex_least_squares(target[:, :pre], centred[:, :pre], allowed=sets.allowed).weights
    plain = (sets.allowed / sets.allowed.sum(axis=1, keepdims=True)) @ centred
    fitted = share @ levels + weights @ centred
    l2 = np.linalg.norm(target[:, :pre] - (weights @ centred)[:, :pre], axis=1)
    scaled = l2 / np.linalg.norm(target[:, :pre] - plain[:, :pre], axis=1)
    return (share @ outcome)[:, pre:].sum(axis=1), fitted[:, pre:].sum(axis=1), scaled


def _rank(table: pd.DataFrame) -> NDArray[np.float64]:
    """GeoLift's rank: the mean of the dense ranks of |MDE|, power and lift error, ties sharing the smallest."""
    parts = [
        rankdata(table["mde"].abs(), method="dense"),
        rankdata(table["power"], method="dense"),
        rankdata(table["lift_error"], method="dense"),
    ]
    return np.asarray(rankdata(np.mean(parts, axis=0), method="min"), dtype=np.float64)
