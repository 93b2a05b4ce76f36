"""From an optimal plan to a decision per channel: scale, cut, hold or test, each by a rule that can be quoted.

The plan says what is best on average; whether a move is worth making is decided here. How large the budget is, is the
user's decision: a plan is held against today's mix at the plan's total. Money that moves to a channel is compared,
draw by draw, with what the same money earns where it is taken from (and the other way round), so that every channel
has its own gain and its own chance of a gain. A move that is too small, too uncertain, or does not pay
for the trouble of switching is held: liftwerk does not move money back and forth on noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from budget_optimizer.risk import RISK_LEVELS
from decisions.evidence import ChannelEvidence
from measurement.curves import ResponseCurves
from measurement.estimates import Estimate, Interval
from measurement.plans import Action, Allocation, Decision

FloatArray = NDArray[np.float64]
Risk = Literal["cautious", "balanced", "bold"]
LEVEL = 0.9
#: A total that differs by less than this share from today's counts as unchanged.
TOTAL_NOISE = 0.01
#: Shifts below this share of the budget are rounding.
DUST = 1e-9


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
    chance: float = RISK_LEVELS["balanced"].chance_needed

    @classmethod
    def of_risk(cls, risk: Risk) -> Stability:
        """The rule for the workspace's appetite for risk."""
        return cls(chance=RISK_LEVELS[risk].chance_needed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What a plan does to one channel.

    Attributes
    ----------
    channel
        Its name.
    current, proposed
        Money a week.
    share
        What the channel would get of the proposed total with today's mix.
    outcome
        Outcome a week of the proposal less that of ``share``.
    gain
        That difference, less what the same money earns where it comes from (or plus what it earns where it goes).
    chance
        Posterior probability that ``gain`` is positive.
    marginal_roas
        Outcome of the next unit of money at the proposal.
    regional
        Money that changes its geo within the channel, where the plan is by geo.
    """

    channel: str
    current: float
    proposed: float
    share: float
    outcome: Estimate
    gain: Estimate
    chance: float
    marginal_roas: Estimate
    regional: float = 0.0

    @property
    def change(self) -> float:
        """Proposed less current, to the cent."""
        return round(self.proposed - self.current, 2)

    @property
    def shift(self) -> float:
        """Proposed less the channel's share of today's mix: what is decided about the channel itself."""
        return self.proposed - self.share

    @property
    def size(self) -> float:
        """Money that is moved: into or out of the channel, and between its geos."""
        return abs(self.shift) + self.regional


def total_changes(plan: tuple[Move, ...]) -> bool:
    """Whether the budget as a whole grows or shrinks by more than noise, so that standing still moves money too."""
    now, then = sum(move.current for move in plan), sum(move.proposed for move in plan)
    return abs(then - now) >= TOTAL_NOISE * max(now, then)


def moves(allocation: Allocation, curves: ResponseCurves) -> tuple[Move, ...]:
    """Every channel's move with its own gain, over all its geos, channels in the order of the curves."""
    now = np.array([allocation.current[cell] for cell in curves.cells])
    then = np.array([allocation.spend[cell] for cell in curves.cells])
    share = now * (then.sum() / now.sum()) if now.sum() > 0 else then
    shift = np.where(np.abs(then - share) < DUST * then.sum(), 0.0, then - share)
    at = curves.members.values()
    outcome = _by_channel(curves.outcome_at(share + shift) - curves.outcome_at(share), at)
    either = _by_channel(np.maximum(shift, 0.0), at), _by_channel(np.maximum(-shift, 0.0), at)
    shift = _by_channel(shift, at)
    gain = outcome - _earned_elsewhere(outcome, shift) * shift
    slope = curves.marginal_at(then)
    return tuple(
        Move(
            channel=channel,
            current=float(now[list(cells)].sum()),
            proposed=float(then[list(cells)].sum()),
            share=float(share[list(cells)].sum()),
            outcome=_estimate(outcome[:, c], curves, allocation.currency),
            gain=_estimate(gain[:, c], curves, allocation.currency),
            chance=float((gain[:, c] > 0).mean()),
            marginal_roas=_estimate(_weighted(slope[:, list(cells)], then[list(cells)]), curves, "ratio"),
            regional=float(min(either[0][c], either[1][c])),
        )
        for c, (channel, cells) in enumerate(curves.members.items())
    )


def _by_channel(values: FloatArray, at: Iterable[tuple[int, ...]]) -> FloatArray:
    """Sums over the cells of every channel, along the last axis."""
    return np.stack([values[..., list(cells)].sum(axis=-1) for cells in at], axis=-1)


def _weighted(slope: FloatArray, spend: FloatArray) -> FloatArray:
    """The next unit of money spread over a channel's cells as its spend is, shape (D,)."""
    weights = spend / spend.sum() if spend.sum() > 0 else np.full(len(spend), 1.0 / len(spend))
    return np.asarray(slope @ weights, dtype=np.float64)


def holds(plan: tuple[Move, ...], stability: Stability) -> dict[str, str]:
    """Channels that are not worth moving, with the rule that says so."""
    held: dict[str, str] = {}
    for move in plan:
        size = move.size
        if size < 0.01:
            continue
        if size < stability.smallest_change * max(move.share, move.proposed):
            held[move.channel] = "hold_small"
        elif move.chance < stability.chance:
            held[move.channel] = "hold_uncertain"
        elif move.gain.value < stability.switching_cost * size:
            held[move.channel] = "hold_cost"
    return held


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the rules look at besides the moves.

    Attributes
    ----------
    held
        Channels that are not worth moving, with the rule that says so.
    rejected
        The moves that were not worth making: what the sentence about a held channel quotes.
    evidence
        What is known of each channel.
    binding
        Names of the rules that hold the plan back.
    next_test
        Channel worth testing next, ``""`` where none is.
    decided_at
        UTC.
    healthy
        Whether no gate failed.
    stability
        When a move is not worth making.
    """

    held: Mapping[str, str]
    rejected: Mapping[str, Move]
    evidence: Mapping[str, ChannelEvidence]
    binding: tuple[str, ...]
    next_test: str
    decided_at: datetime
    healthy: bool
    stability: Stability


def recommend(plan: tuple[Move, ...], context: Context) -> tuple[Decision, ...]:
    """One decision a channel; the sentences of the rules lie in the wording catalogues."""
    changes = total_changes(plan)
    return tuple(_decide(move, _rule(move, context, total_changes=changes), context) for move in plan)


def _rule(move: Move, context: Context, *, total_changes: bool) -> str:
    held = context.held.get(move.channel, "")
    if not context.healthy:
        return "gate_failed"
    if abs(move.change) < 0.01:
        return _still_rule(move, held, context)
    if total_changes:
        return _share_rule(move, held)
    return ("scale" if move.change > 0 else "cut") + ("_needed" if held else "_gain")


def _still_rule(move: Move, held: str, context: Context) -> str:
    """Why a channel stays where it is."""
    if context.next_test == move.channel and held in ("", "hold_uncertain", "hold_cost"):
        return "test_uncertain"
    fixed = any(_names(rule, move.channel) for rule in context.binding)
    return held or ("hold_rule" if fixed else "hold_best")


def _share_rule(move: Move, held: str) -> str:
    """Where the budget grows or shrinks as a whole, it is the channel's share that is decided."""
    noise = TOTAL_NOISE * max(move.share, move.proposed)
    if abs(move.shift) <= noise:
        return "share_kept"
    if held:
        return "share_needed"
    return "share_up" if move.shift > 0 else "share_down"


def _names(rule: str, channel: str) -> bool:
    """Whether a binding rule is about this channel."""
    return rule.startswith(f"{channel} ")


def _decide(move: Move, rule: str, context: Context) -> Decision:
    quoted = context.rejected.get(move.channel, move) if context.held.get(move.channel) else move
    size = quoted.size
    facts: dict[str, float | str] = {
        "channel": move.channel,
        "before": move.current,
        "after": move.proposed,
        "change": abs(move.change),
        "gain": quoted.gain.value,
        "lower": quoted.gain.interval.lower,
        "upper": quoted.gain.interval.upper,
        "chance": quoted.chance,
        "level": context.stability.chance,
        "cost": context.stability.switching_cost * size,
        "marginal": move.marginal_roas.value,
    }
    return Decision(
        subject=move.channel,
        action=_action(move, rule),
        change=move.change,
        rule=rule,
        reason="",
        evidence=context.evidence[move.channel].sources,
        decided_at=context.decided_at,
        facts=facts,
    )


def _action(move: Move, rule: str) -> Action:
    kind = rule.split("_", maxsplit=1)[0]
    if kind in ("scale", "cut", "share"):
        return "scale" if move.change > 0 else "cut"
    return "test" if kind == "test" else "hold"


def _earned_elsewhere(outcome: FloatArray, change: FloatArray) -> FloatArray:
    """Outcome per unit of money at the other end of each move, shape (D, C).

    For a channel that gets more it is what the cut channels lose a unit, for one that is cut what the others gain a
    unit; zero where nothing is shifted.
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
