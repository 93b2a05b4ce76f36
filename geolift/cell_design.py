"""Several cells at once: disjoint treated sets that share their donors, chosen by a small certified program.

Doses or channels can be compared in one test only where every cell can see its own effect. Candidates come from the
ordinary design; a set-packing program picks those that are disjoint, keep the spill-over buffer between cells, hold the
wanted share of the outcome untreated and fit the budget, so that the dullest cell is as sharp as can be. The cells are
then measured anew, since no cell may be another's donor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from geolift.candidates import Pool, SetRules
from geolift.data_order import in_data_order
from geolift.design import GeoDesigns, design_geo_test, study_of
from geolift.design_study import GeoDesign
from geolift.mixed_integer import proven_bound, solve_mixed_integer
from geolift.power import CandidateSets
from geolift.power_curves import EFFECTS, smallest_seen
from measurement.errors import InputError
from measurement.panel import Panel

#: Weight of the sum of MDEs beside the largest one.
TIES = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class CellDesigns:
    """A multi-cell design.

    Attributes
    ----------
    cells
        One design a cell, the sharpest first; MDE and power with the other cells' geos kept out of the donors.
    goal, bound
        Largest MDE over the cells as chosen plus a ten-thousandth of their sum, and what no choice of the candidates
        undercuts: equal up to rounding.
    candidates
        Treated sets the program chose from.
    designs
        The single-cell designs they came from first.
    """

    cells: tuple[GeoDesign, ...]
    goal: float
    bound: float
    candidates: int
    designs: GeoDesigns

    def table(self) -> pd.DataFrame:
        """The columns of ``cells.csv``, one row a cell; treated geos joined by ``;``."""
        rows = [
            {
                "cell": f"cell_{number}",
                "treated": ";".join(design.treated),
                "weeks": self.designs.weeks,
                "mde": design.mde,
                "power": design.power,
                "aa_rejection": design.aa_rejection,
                "incremental_spend": design.incremental_spend,
                "mde_outcome": design.mde_outcome,
                "detectable_iroas": design.detectable_iroas,
                "holdout_share": design.holdout_share,
            }
            for number, design in enumerate(self.cells, start=1)
        ]
        return pd.DataFrame(rows)


def design_cells(
    panel: Panel,
    *,
    cells: int,
    rules: SetRules | None = None,
    budget: float | None = None,
    **request: Any,  # noqa: ANN401 - handed on
) -> CellDesigns:
    """Design a test of several cells.

    Parameters
    ----------
    cells
        How many, at least two.
    rules
        As for one cell; ``holdout_share`` is that of all cells together.
    budget
        Of all cells together.
    request
        As for `geolift.design.design_geo_test`.

    Raises
    ------
    InputError
        Where so many disjoint cells cannot be found.
    """
    rules = rules or SetRules()
    asked = dict(request)
    rules = replace(
        rules,
        must_include=(*rules.must_include, *asked.pop("must_include", ())),
        must_exclude=(*rules.must_exclude, *asked.pop("must_exclude", ())),
    )
    if not 2 <= cells <= len(panel.geos) // 3:
        raise InputError.of(
            f"{cells} cells do not fit {len(panel.geos)} geos",
            f"Use 2 to {len(panel.geos) // 3} cells; one cell is the ordinary design",
            column="cells",
            value=cells,
        )
    rounds = _candidates(panel, cells, rules, asked)
    found = list({design.treated: design for one in rounds for design in one.designs}.values())
    sound = [one for one in found if one.aa_rejection <= 2 * rounds[0].alpha + 1e-9]
    picked, bound = pack(sound if len(sound) >= cells else found, cells, rules, budget=budget)
    goal = max(design.mde for design in picked) + TIES * sum(design.mde for design in picked)
    measured = _apart(panel, picked, rules, rounds[0])
    return CellDesigns(
        cells=tuple(sorted(measured, key=lambda design: (design.mde, design.treated))),
        goal=goal,
        bound=bound,
        candidates=len(found),
        designs=rounds[0],
    )


def _candidates(panel: Panel, cells: int, rules: SetRules, request: dict[str, Any]) -> list[GeoDesigns]:
    """Designs over and over, each time without the geos of the best one before: disjoint sets exist then."""
    taken: tuple[str, ...] = ()
    rounds: list[GeoDesigns] = []
    for _ in range(cells):
        # Geos that must be treated lie in one cell; the others are looked for without them.
        included = () if rounds else rules.must_include
        without = replace(rules, must_include=included, must_exclude=(*rules.must_exclude, *taken))
        try:
            rounds.append(design_geo_test(panel, rules=without, top=10_000, **request))
        except InputError:
            if not rounds:
                raise
            break
        taken = (*taken, *rounds[-1].designs[0].treated)
    return rounds


def pack(
    designs: Sequence[GeoDesign], cells: int, rules: SetRules, *, budget: float | None = None
) -> tuple[list[GeoDesign], float]:
    """Disjoint designs whose largest MDE is smallest, ties by the sum of all, and the bound that proves it.

    The program minimises the largest MDE plus a ten-thousandth of their sum; the bound is on that.

    Raises
    ------
    InputError
        Where there are no such designs.
    """
    import cvxpy

    cp: Any = cvxpy  # its functions are not typed
    geos = sorted({geo for design in designs for geo in design.treated})
    inside = np.array([[geo in design.treated for geo in geos] for design in designs], dtype=np.float64)
    mde = np.array([design.mde for design in designs])
    share = np.array([1 - design.holdout_share for design in designs])
    cost = np.array([abs(design.incremental_spend or 0.0) for design in designs])
    picked, worst = cp.Variable(len(designs), boolean=True), cp.Variable(nonneg=True)
    held: list[Any] = [cp.sum(picked) == cells, inside.T @ picked <= 1, cp.multiply(mde, picked) <= worst]
    held.append(share @ picked <= 1 - rules.holdout_share[0])
    if budget is not None:
        held.append(cost @ picked <= budget)
    place = {geo: column for column, geo in enumerate(geos)}
    held += [inside[:, place[geo]] @ picked == 1 for geo in rules.must_include if geo in place]
    for one, others in rules.neighbours.items():
        for other in others:
            if one in place and other in place:
                either = np.maximum(inside[:, place[one]], inside[:, place[other]])
                held.append(either @ picked <= 1)
    problem = cp.Problem(cp.Minimize(worst + TIES * (mde @ picked)), held)
    if not solve_mixed_integer(problem, gap=1e-7):
        raise InputError.of(
            f"no {cells} disjoint cells obey the rules",
            "Ask for fewer cells, allow a smaller holdout share or a larger budget, or loosen the neighbours",
            column="cells",
            value=cells,
        )
    chosen = np.asarray(picked.value) > 0.5
    return [design for design, taken in zip(designs, chosen, strict=True) if taken], proven_bound(problem)


def _apart(panel: Panel, picked: list[GeoDesign], rules: SetRules, asked: GeoDesigns) -> list[GeoDesign]:
    """The cells measured anew without each other as donors: MDEs move by the factor by which raw ones do."""
    study, pool = study_of(panel.select(geos=in_data_order(panel, panel.geos)), asked, rules)
    sets = pool.sets([tuple(pool.geos.index(geo) for geo in design.treated) for design in picked])
    near = _near(pool, sets)
    apart = CandidateSets(members=sets.members, allowed=sets.allowed & ~sets.members.any(axis=0) & ~near)
    before, after = study.curves(sets).every, study.curves(apart).every
    old, new = smallest_seen(before, asked.wanted_power), smallest_seen(after, asked.wanted_power)
    holdout = sum(1 - design.holdout_share for design in picked)
    cells = []
    for row, design in enumerate(picked):
        factor = new[row] / old[row] if np.isfinite(old[row]) and np.isfinite(new[row]) else np.nan
        mde = float(min(design.mde * factor, EFFECTS[-1])) if np.isfinite(factor) else float(EFFECTS[-1])
        money = design.mde_outcome * mde / design.mde
        wide = design.mde / float(old[row]) if np.isfinite(old[row]) else 1.0
        cells.append(
            replace(
                design,
                mde=round(mde, 4),
                power=float(np.interp(mde / wide, EFFECTS, after[row])),
                aa_rejection=float(after[row, 0]),
                mde_outcome=money,
                detectable_iroas=money / abs(design.incremental_spend) if design.incremental_spend else None,
                holdout_share=1 - holdout,
                curve=tuple(np.interp(EFFECTS / wide, EFFECTS, after[row]).tolist()),
            )
        )
    return cells


def _near(pool: Pool, sets: CandidateSets) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Geos that are no donors for any cell, because they lie close to one, shape (G,)."""
    together = pool.sets([tuple(np.flatnonzero(sets.members.any(axis=0)).tolist())])
    return np.asarray(~together.allowed[0] & ~sets.members.any(axis=0) & pool.donors, dtype=np.bool_)
