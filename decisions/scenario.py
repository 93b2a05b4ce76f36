"""What if: the best budget under other wishes, with its proof, in a fraction of a second."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from budget_optimizer.allocator import Allocator
from budget_optimizer.written_rules import rules_from_settings
from decisions.amounts import to_cents, total_of
from decisions.recommendation import Risk
from measurement.curves import ResponseCurves
from measurement.plans import Allocation
from measurement.settings import BudgetSection, FixedRule

#: A page waits for its plan: afterwards the best so far is shown with its honest gap.
SECONDS = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What is tried out; the rules of ``[budget]`` hold besides.

    Attributes
    ----------
    total
        Money a week.
    risk
        Appetite for risk.
    max_change
        Largest change of a channel against today, ``None`` for any.
    kept
        Channels that stay as they are today.
    """

    total: float
    risk: Risk
    max_change: float | None
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The best plan under some wishes.

    Attributes
    ----------
    allocation
        The plan with its certificate.
    current, proposed
        Money a week by channel, to the cent.
    seconds
        The search took.
    """

    allocation: Allocation
    current: Mapping[str, float]
    proposed: Mapping[str, float]
    seconds: float


def try_out(curves: ResponseCurves, budget: BudgetSection, wishes: Wishes) -> Outcome:
    """The certified best plan for ``wishes``.

    Raises
    ------
    InputError
        The wishes and the rules of ``[budget]`` exclude each other: names the smallest set that does.
    """
    started = time.perf_counter()
    today = {channel: float(curves.observed_spend[list(at)].sum()) for channel, at in curves.members.items()}
    fixed = tuple(FixedRule(kind="fixed", channel=name, value=today[name]) for name in wishes.kept)
    section = budget.model_copy(
        update={
            "total": wishes.total,
            "total_min": None,
            "total_max": None,
            "risk": wishes.risk,
            "max_change": wishes.max_change,
            "rules": (*budget.rules, *fixed),
        }
    )
    allocation = Allocator(rules_from_settings(section, curves), risk=wishes.risk, time_limit=SECONDS).allocate(curves)
    cells = curves.cells
    spent = {channel: sum(allocation.spend[cells[c]] for c in at) for channel, at in curves.members.items()}
    return Outcome(
        allocation=allocation,
        current=to_cents(today),
        proposed=to_cents(spent, total_of([sum(spent.values())])),
        seconds=time.perf_counter() - started,
    )


def warm_up() -> None:
    """Solve a tiny plan, so that the first person who tries something out does not wait for compilation."""
    import numpy as np

    curves = ResponseCurves(
        channels=("a", "b"),
        spend=np.array([[0.0, 50.0, 100.0], [0.0, 50.0, 100.0]]),
        outcome=np.array([[[0.0, 200.0, 250.0], [0.0, 20.0, 180.0]]]),
        observed_spend=np.array([50.0, 50.0]),
        currency="EUR",
    )
    wishes = Wishes(total=100.0, risk="balanced", max_change=0.5)
    try_out(curves, BudgetSection(), wishes)
