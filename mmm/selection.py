"""Which baseline? The form of the wandering level, its knots, shocks and geo drift, by out-of-sample score.

The log evidence of a model is the sum of its one-step-ahead log predictive scores,
``log p(y) = Σ_t log p(y_t | y_1 … y_{t−1})``: it judges every period by what was known before it, so a baseline that is
too free pays for it. It is computed for the collapsed model by Laplace's approximation at the mode: one optimisation
and 2n gradients a candidate, no sampling, where time-slice cross-validation needs a fit a slice.

The search goes one choice at a time: form and knot spacing first, then shocks, then geo drift, each kept where it
scores higher; what the specification fixes is left alone.

References
----------
Dawid (1984), The prequential approach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from measurement.estimates import LiftEstimate
from measurement.panel import Panel
from mmm.baseline import DRIFT_EVERY
from mmm.calibration import lift_design
from mmm.collapsed import kernel_data
from mmm.design import build_design
from mmm.laplace import laplace_frame, log_evidence
from mmm.parameters import parameters
from mmm.spec import Baseline, ModelSpec

#: Forms and knot spacings (in weeks) that compete.
FORMS: tuple[Baseline, ...] = ("knots", "hsgp")
SPACINGS = (2, 4, 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A candidate and its score.

    Attributes
    ----------
    baseline, knot_every, shocks, geo_drift
        As in `ModelSpec`.
    log_score
        Sum of one-step-ahead log scores of the scaled outcome (and of the lift tests' readouts).
    """

    baseline: Baseline
    knot_every: int
    shocks: bool
    geo_drift: int
    log_score: float


def choose_baseline(
    panel: Panel, spec: ModelSpec, lifts: Sequence[LiftEstimate] = ()
) -> tuple[ModelSpec, tuple[Score, ...]]:
    """The specification with the best baseline, and the scores of all candidates, best first.

    Costs up to eight modes and their curvatures: about a tenth of the gradients of one fit each.

    Parameters
    ----------
    panel, spec, lifts
        As for a fit. Shocks and geo drift are tried where the specification leaves them open and geos are several.
    """
    several = len(panel.geos) > 1
    base = replace(
        spec,
        shocks=several if spec.shocks is None else spec.shocks and several,
        geo_drift=(DRIFT_EVERY if several else 0) if spec.geo_drift is None else spec.geo_drift,
    )
    per_week = 7 // panel.days_per_period
    scores = [
        _score(panel, replace(base, baseline=form, knot_every=per_week * spacing), lifts)
        for form in FORMS
        for spacing in SPACINGS
    ]
    if several and spec.shocks is None:
        scores.append(_score(panel, replace(_best(scores, base), shocks=not base.shocks), lifts))
    if several and spec.geo_drift is None:
        scores.append(_score(panel, replace(_best(scores, base), geo_drift=0), lifts))
    ranked = tuple(sorted(scores, key=lambda score: -score.log_score))
    return _best(scores, base), ranked


def chosen_spec(
    panel: Panel, spec: ModelSpec, lifts: Sequence[LiftEstimate] = ()
) -> tuple[ModelSpec, tuple[Score, ...]]:
    """A specification that names its baseline: chosen where it says ``auto``, itself (and no scores) where not."""
    return choose_baseline(panel, spec, lifts) if spec.baseline == "auto" else (spec, ())


def score_table(scores: Sequence[Score]) -> pd.DataFrame:
    """Candidates, best first: the fields of `Score`, and ``behind``, how far behind the best."""
    table = pd.DataFrame([{name: getattr(score, name) for name in Score.__slots__} for score in scores])
    return table.assign(behind=table["log_score"].max() - table["log_score"])


def log_score(panel: Panel, spec: ModelSpec, lifts: Sequence[LiftEstimate] = ()) -> float:
    """Sum of one-step-ahead log scores of a specification whose baseline is not ``auto``."""
    design = build_design(panel, spec)
    data = kernel_data(design, parameters(design, spec), spec, lift_design(design, lifts, ageing=spec.lift_ageing))
    return log_evidence(data, laplace_frame(data))


def _score(panel: Panel, spec: ModelSpec, lifts: Sequence[LiftEstimate]) -> Score:
    return Score(
        baseline=spec.baseline,
        knot_every=spec.knot_every,
        shocks=bool(spec.shocks),
        geo_drift=int(spec.geo_drift or 0),
        log_score=log_score(panel, spec, lifts),
    )


def _best(scores: Sequence[Score], base: ModelSpec) -> ModelSpec:
    best = max(scores, key=lambda score: score.log_score)
    return replace(
        base,
        baseline=best.baseline,
        knot_every=best.knot_every,
        shocks=best.shocks,
        geo_drift=best.geo_drift,
    )
