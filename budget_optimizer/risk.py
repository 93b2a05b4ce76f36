"""Risk: the named levels as exact numbers, mean-CVaR, and plans that meet a ROAS with a stated probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from budget_optimizer.objective import Goal
from measurement.errors import InputError


@dataclass(frozen=True, slots=True)
class CVaR:
    """Weigh the mean of the worst ``share`` of posterior draws by ``weight``, the mean of all draws by the rest.

    Examples
    --------
    >>> goal_of(CVaR(0.1, weight=0.5)).tail
    0.5
    """

    share: float = 0.1
    weight: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLevel:
    """A named attitude to risk.

    Attributes
    ----------
    name
        ``"cautious"``, ``"balanced"`` or ``"bold"``.
    tail_weight, tail_share
        Weight of the mean over the worst ``tail_share`` of draws; the expected outcome has the rest.
    chance_needed
        Posterior chance of a gain a weekly move must have before it is proposed (`decisions.recommendation.Stability`).
    """

    name: str
    tail_weight: float
    tail_share: float
    chance_needed: float


#: ``plan`` maximises the expected outcome at ``balanced`` and ``bold``; they differ in how sure ``weekly`` must be
#: before it moves money. ``cautious`` weighs the worst tenth of what the model thinks possible as much as the mean.
RISK_LEVELS: Mapping[str, RiskLevel] = MappingProxyType(
    {
        "cautious": RiskLevel(name="cautious", tail_weight=0.5, tail_share=0.1, chance_needed=0.8),
        "balanced": RiskLevel(name="balanced", tail_weight=0.0, tail_share=0.1, chance_needed=0.7),
        "bold": RiskLevel(name="bold", tail_weight=0.0, tail_share=0.1, chance_needed=0.6),
    }
)


def goal_of(risk: RiskLevel | CVaR | Goal | str) -> Goal:
    """The goal that a risk level, its name, or a `CVaR` stands for; a `Goal` is returned as it is."""
    if isinstance(risk, Goal):
        return risk
    if isinstance(risk, str):
        if risk not in RISK_LEVELS:
            raise InputError.of(
                "unknown risk level", f"Use one of {', '.join(RISK_LEVELS)}", column="budget.risk", value=risk
            )
        risk = RISK_LEVELS[risk]
    if isinstance(risk, RiskLevel):
        risk = CVaR(risk.tail_share, risk.tail_weight)
    if risk.weight == 0:
        return Goal()
    share, weight = risk.share, risk.weight
    name = f"{100 * (1 - weight):g}% expected outcome, {100 * weight:g}% mean of the worst {100 * share:g}% of draws"
    return Goal(mean=1.0 - weight, tail=weight, tail_share=share, name=name)


RiskLike = RiskLevel | CVaR | Goal | str
Levels = Sequence[RiskLevel]
