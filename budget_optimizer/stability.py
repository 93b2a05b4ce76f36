"""When a weekly plan is worth moving to: its gain must beat the cost of switching and be likely enough.

``plan`` always prints the optimum; ``weekly`` asks here whether to propose the move. Without such a rule a weekly
refresh chases its own sampling noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from budget_optimizer.risk import RISK_LEVELS
from budget_optimizer.rows import FloatArray
from measurement.errors import InputError

#: Share of the moved money that a switch costs in set-up and learning phases of the platforms, unless stated.
SWITCHING_SHARE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a move is worth it, with what a sentence about it quotes.

    Attributes
    ----------
    move
        True: propose the move; False: hold.
    rule
        Id of the rule that decided: ``"worth_moving"``, ``"gain_below_cost"`` or ``"chance_too_low"``.
    gain
        Expected gain over the horizon, money.
    cost
        Cost of switching over the horizon, money.
    chance
        Posterior chance that the gain beats the cost.
    chance_needed
        What ``chance`` had to reach.
    """

    move: bool
    rule: str
    gain: float
    cost: float
    chance: float
    chance_needed: float

    def facts(self) -> Mapping[str, float | str]:
        """The numbers as plain values."""
        return {
            "rule": self.rule,
            "gain": self.gain,
            "cost": self.cost,
            "chance": self.chance,
            "chance_needed": self.chance_needed,
        }


def switching_cost(current: FloatArray, proposed: FloatArray, share: float = SWITCHING_SHARE) -> float:
    """``share`` of the money that changes place, both arrays of shape (C,), in money a week moved once."""
    return float(share * np.abs(proposed - current).sum())


def worth_moving(gain: FloatArray, *, cost: float, weeks: int = 4, risk: str = "balanced") -> Verdict:
    """Whether a move with these possible gains is worth its switching cost.

    Parameters
    ----------
    gain
        Outcome of the proposal minus that of today's spend by posterior draw, money a week, shape (D,).
    cost
        Cost of switching, money, paid once.
    weeks
        For how long the plan is used.
    risk
        Sets the chance that is needed (`budget_optimizer.risk.RISK_LEVELS`).

    Examples
    --------
    >>> worth_moving(np.array([90.0, 110.0, 100.0]), cost=50.0).rule
    'worth_moving'
    >>> worth_moving(np.array([-90.0, 110.0, 100.0]), cost=50.0).rule
    'chance_too_low'
    >>> worth_moving(np.array([1.0, 2.0, 1.0]), cost=50.0).rule
    'gain_below_cost'
    """
    if risk not in RISK_LEVELS:
        raise InputError.of(
            "unknown risk level", f"Use one of {', '.join(RISK_LEVELS)}", column="budget.risk", value=risk
        )
    needed = RISK_LEVELS[risk].chance_needed
    over = gain * weeks
    expected, chance = float(over.mean()), float((over > cost).mean())
    enough = "worth_moving" if chance >= needed else "chance_too_low"
    rule = "gain_below_cost" if expected <= cost else enough
    return Verdict(
        move=rule == "worth_moving", rule=rule, gain=expected, cost=cost, chance=chance, chance_needed=needed
    )
