"""How often each arm is shown, by what is believed of the arms: one place for the library and for the service."""

from __future__ import annotations

from typing import Literal

import numpy as np

from bandits.foresight import Learnt, foresighted, usable_share
from bandits.propensity import Better, best_arm, top_two, with_floor
from bandits.rewards import Floats

Sampling = Literal["thompson", "top_two", "foresight"]


def sampled_shares(
    posteriors: Learnt,
    sampling: Sampling,
    *,
    floor: float,
    better: Better = "higher",
    p_best: Floats | None = None,
    pending: Floats | None = None,
    decided: float = 0.0,
    horizon: int | None = None,
) -> Floats:
    """Propensities of a sampling rule, the floor included, shape (arms,).

    Parameters
    ----------
    sampling
        ``"thompson"``: P(best). ``"top_two"``: also the runner-up. ``"foresight"``: see `bandits.foresight`.
    p_best
        Where it is known already.
    pending, decided, horizon
        For ``"foresight"``: by arm the decisions whose reward is under way, decisions made, decisions planned.

    Examples
    --------
    >>> from bandits.rewards import BetaBernoulli
    >>> sampled_shares(BetaBernoulli.empty(("a", "b")), "thompson", floor=0.1).tolist()
    [0.5, 0.5]
    """
    if sampling == "foresight":
        waiting = np.zeros(len(posteriors.arms)) if pending is None else pending
        share = usable_share(decided=decided, pending=float(waiting.sum()), horizon=horizon)
        return with_floor(foresighted(posteriors, waiting, share, better=better), floor)
    known = best_arm(posteriors, better=better).p_best if p_best is None else p_best
    return shares_of_best(known, floor, runner_up=sampling == "top_two")


def shares_of_best(p_best: Floats, floor: float, *, runner_up: bool) -> Floats:
    """Shares that follow from P(best) alone, the floor included: P(best) itself, or with the ``runner_up``."""
    return with_floor(top_two(p_best) if runner_up else p_best, floor)
