"""What liftwerk advises: an allocation of money, and one decision per subject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from measurement.checks import Check
from measurement.estimates import Estimate

Action = Literal["scale", "cut", "hold", "test", "stop"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """A budget with the proof of how good it is. All money a week, in ``currency``.

    Attributes
    ----------
    spend
        Proposed spend by channel.
    current
        Today's spend by channel.
    expected_outcome
        Posterior mean outcome of the proposal.
    upper_bound
        No allocation that meets the rules can do better than this.
    gap
        ``(upper_bound − value) / |upper_bound|``.
    marginal_roas
        Outcome of the next euro by channel, posterior mean.
    binding
        Names of the rules that hold the plan back.
    shadow_prices
        Outcome gained per unit that a rule is loosened, by rule name.
    gain
        Outcome of the proposal minus that of today's spend, with interval.
    chance_of_loss
        Posterior probability that the proposal earns less than today's spend.
    currency
        ISO code.
    objective
        What was maximised, in words; ``value`` is its value at the proposal. ``upper_bound`` and ``gap`` are about
        ``value``, which equals ``expected_outcome`` unless the plan weighs risk or profit.
    checks
        What may stand against acting on the plan: its certificate, money beyond the known part of a curve.
    """

    spend: Mapping[str, float]
    current: Mapping[str, float]
    expected_outcome: float
    upper_bound: float
    gap: float
    marginal_roas: Mapping[str, float]
    binding: tuple[str, ...]
    shadow_prices: Mapping[str, float]
    gain: Estimate
    chance_of_loss: float
    currency: str
    objective: str = "expected outcome"
    value: float | None = None
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision on one subject, in a form that can be put into words in any language.

    Attributes
    ----------
    subject
        Channel, creative or pipeline concerned.
    action
        ``scale``, ``cut``, ``hold``, ``test`` or ``stop``.
    change
        Money a week to move (positive: more), in the workspace's currency.
    rule
        Id of the rule that fired; its sentence lives in the wording catalogues.
    facts
        The numbers and names the sentence quotes.
    reason
        The sentence in English.
    evidence
        Run ids and methods it rests on.
    decided_at
        UTC.
    """

    subject: str
    action: Action
    change: float
    rule: str
    reason: str
    evidence: tuple[str, ...]
    decided_at: datetime
    facts: Mapping[str, float | str] = field(default_factory=dict)
