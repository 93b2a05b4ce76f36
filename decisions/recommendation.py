"""From an optimal plan to a decision per channel: scale, cut, hold or test, each by a rule that can be quoted.

The plan says what is best on average; whether a move is worth making is decided here. Money that moves to a channel
is compared, draw by draw, with what the same money earned where it is taken from (and the other way round), so that
every channel has its own gain and its own chance of a gain. A move that is too small, too uncertain, or does not pay
for the trouble of switching is held: liftwerk does not move money back and forth on noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from decisions.evidence import ChannelEvidence
from measurement.curves import ResponseCurves
from measurement.estimates import Estimate, Interval
from measurement.plans import Action, Allocation, Decision

FloatArray = NDArray[np.float64]
Risk = Literal["cautious", "balanced", "bold"]
#: Chance of a gain below which money stays where it is.
CHANCE_LEVELS: dict[str, float] = {"cautious": 0.8, "balanced": 0.7, "bold": 0.6}
LEVEL = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """When a move is not worth making.

    Attributes
    ----------
    smallest_change
        Moves below this share of a channel's spend are noise.
    switching_cost
        Work and learning phases cost this share of the money moved.
    chance
        Chance of a gain below which a channel is held.
    """

    smallest_change: float = 0.01
    switching_cost: float = 0.02
    chance: float = CHANCE_LEVELS["balanced"]

    @classmethod
    def of_risk(cls, risk: Risk) -> Stability:
        """The rule for the workspace's appetite for risk."""
        return cls(chance=CHANCE_LEVELS[risk])


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What a plan does to one channel.

    Attributes
    ----------
    channel
        Its name.
    current, proposed
        Money a week.
    outcome
        Change of the channel's own outcome a week.
    gain
        That change, less what the same money earns where it comes from (or plus what it earns where it goes).
    chance
        Posterior probability that ``gain`` is positive.
    marginal_roas
        Outcome of the next unit of money at the proposal.
    """

    channel: str
    current: float
    proposed: float
    outcome: Estimate
    gain: Estimate
    chance: float
    marginal_roas: Estimate

    @property
    def change(self) -> float:
        """Proposed less current, to the cent."""
        return round(self.proposed - self.current, 2)


def moves(allocation: Allocation, curves: ResponseCurves) -> tuple[Move, ...]:
    """Every channel's move with its own gain, in the order of the curves."""
    now = np.array([allocation.current[channel] for channel in curves.channels])
    then = np.array([allocation.spend[channel] for channel in curves.channels])
    change = then - now
    outcome = curves.outcome_at(then) - curves.outcome_at(now)
    elsewhere = _earned_elsewhere(outcome, change)
    gain = outcome - elsewhere * change
    slope = curves.marginal_at(then)
    return tuple(
        Move(
            channel=channel,
            current=float(now[c]),
            proposed=float(then[c]),
            outcome=_estimate(outcome[:, c], curves, allocation.currency),
            gain=_estimate(gain[:, c], curves, allocation.currency),
            chance=float((gain[:, c] > 0).mean()),
            marginal_roas=_estimate(slope[:, c], curves, "ratio"),
        )
        for c, channel in enumerate(curves.channels)
    )


def holds(plan: tuple[Move, ...], stability: Stability) -> dict[str, str]:
    """Channels that are not worth moving, with the rule that says so."""
    held: dict[str, str] = {}
    for move in plan:
        size = abs(move.change)
        if size < 0.01:
            continue
        if size < stability.smallest_change * max(move.current, move.proposed):
            held[move.channel] = "hold_small"
        elif move.chance < stability.chance:
            held[move.channel] = "hold_uncertain"
        elif move.gain.value < stability.switching_cost * size:
            held[move.channel] = "hold_cost"
    return held


def recommend(
    plan: tuple[Move, ...],
    *,
    held: Mapping[str, str],
    evidence: Mapping[str, ChannelEvidence],
    binding: tuple[str, ...],
    next_test: str,
    decided_at: datetime,
    healthy: bool,
    stability: Stability,
) -> tuple[Decision, ...]:
    """One decision a channel; the sentences of the rules lie in the wording catalogues."""
    return tuple(
        _decide(
            move,
            rule=_rule(move, held=held.get(move.channel, ""), binding=binding, test=next_test, healthy=healthy),
            evidence=evidence[move.channel],
            decided_at=decided_at,
            stability=stability,
        )
        for move in plan
    )


_ACTIONS: dict[str, Action] = {"scale": "scale", "cut": "cut", "test": "test"}


def _rule(move: Move, *, held: str, binding: tuple[str, ...], test: str, healthy: bool) -> str:
    if not healthy:
        return "gate_failed"
    if abs(move.change) < 0.01:
        if test == move.channel and held in ("", "hold_uncertain", "hold_cost"):
            return "test_uncertain"
        if held:
            return held
        return "hold_rule" if any(_names(rule, move.channel) for rule in binding) else "hold_best"
    if held:
        return "scale_needed" if move.change > 0 else "cut_needed"
    return "scale_gain" if move.change > 0 else "cut_gain"


def _names(rule: str, channel: str) -> bool:
    """Whether a binding rule is about this channel."""
    return rule.startswith(f"{channel} ")


def _decide(
    move: Move, *, rule: str, evidence: ChannelEvidence, decided_at: datetime, stability: Stability
) -> Decision:
    kind = rule.split("_", maxsplit=1)[0]
    facts: dict[str, float | str] = {
        "change": abs(move.change),
        "percent": abs(move.change) / move.current if move.current > 0 else 0.0,
        "outcome": abs(move.outcome.value),
        "gain": move.gain.value,
        "lower": move.gain.interval.lower,
        "upper": move.gain.interval.upper,
        "chance": move.chance,
        "level": stability.chance,
        "marginal": move.marginal_roas.value,
        "cost": stability.switching_cost * abs(move.change),
        "channel": move.channel,
    }
    return Decision(
        subject=move.channel,
        action=_ACTIONS.get(kind, "hold"),
        change=move.change,
        rule=rule,
        reason="",
        evidence=evidence.sources,
        decided_at=decided_at,
        facts=facts,
    )


def _earned_elsewhere(outcome: FloatArray, change: FloatArray) -> FloatArray:
    """Outcome per unit of money at the other end of each move, shape (D, C).

    For a channel that gets more it is what the cut channels lose a unit, for one that is cut what the others gain a
    unit; zero where there is no other end (a budget that grows or shrinks as a whole).
    """
    up, down = change > 0, change < 0
    gained = outcome[:, up].sum(axis=1) / change[up].sum() if up.any() else np.zeros(len(outcome))
    lost = outcome[:, down].sum(axis=1) / change[down].sum() if down.any() else np.zeros(len(outcome))
    return np.where(up, lost[:, None], gained[:, None])


def _estimate(draws: FloatArray, curves: ResponseCurves, unit: str) -> Estimate:
    lower, upper = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    value = float(draws.mean())
    return Estimate(
        value=value,
        interval=Interval(lower=min(float(lower), value), upper=max(float(upper), value), level=LEVEL, kind="credible"),
        unit=unit,
        method="response curves, posterior mean",
        run=curves.run,
    )
