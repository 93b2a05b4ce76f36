"""Clashes: the set that is named is infeasible, minimal, and the mend mends it."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from budget_cases import hill_curves

from budget_optimizer.allocator import Allocator, Model, known_range
from budget_optimizer.constraints import (
    Bounds,
    Fixed,
    Group,
    MaxActive,
    MaxChange,
    MinIfActive,
    TargetRoas,
    TotalBudget,
    compile_rules,
)
from budget_optimizer.infeasible import find_clash
from budget_optimizer.objective import Goal
from budget_optimizer.search import Effort
from measurement.errors import InputError


def possible(curves, rows) -> bool:
    model = Model(curves, rows, Goal())
    return not model.clash and model.search(Effort(gap=1e6)).spend is not None


def planted(seed: int):
    """Rules with one clash planted among harmless ones, of eight kinds."""
    rng = np.random.default_rng([23, seed])
    curves = hill_curves(rng, int(rng.integers(4, 12)), points=30)
    names, today = curves.channels, curves.observed_spend
    total = float(today.sum())
    harmless = [Bounds(n, 0.0, 3 * total) for n in names] + [Group(names[:2], "all of it", maximum=5 * total)]
    a, b, c = (names[i] for i in rng.choice(len(names), 3, replace=False))
    clash = [
        [TotalBudget(total), Bounds(a, 0.6 * total), Bounds(b, 0.5 * total)],
        [TotalBudget(total), Fixed(a, 0.8 * total), Group((b, c), "pair", minimum=0.4 * total)],
        [TotalBudget(2 * total), MaxChange(0.2)],
        [TotalBudget(total), Group((a, b), "pair", max_share=0.1), Bounds(a, 0.2 * total)],
        [TotalBudget(total), Bounds(a, 0.1 * total, 0.3 * total), MinIfActive(a, 0.5 * total)],
        [TotalBudget(total), MaxActive(1), Bounds(a, 0.1 * total), Bounds(b, 0.1 * total)],
        [TotalBudget(total), TargetRoas(1e3)],
        [TotalBudget(total), Group((a,), "one", min_share=0.7), Group((b, c), "two", min_share=0.5)],
    ][seed % 8]
    return curves, [*harmless, *clash]


@pytest.mark.parametrize("seed", [*range(16), *(pytest.param(s, marks=pytest.mark.slow) for s in range(16, 50))])
def test_the_planted_clash_is_found_and_minimal(seed):
    curves, rules = planted(seed)
    rows = compile_rules(rules, curves)
    clash = find_clash(curves, rows)
    chosen = [row for row in [*known_range(curves), *rows] if row.name in clash.rules]
    assert len(chosen) == len(clash.rules) >= 2
    assert not possible(curves, chosen)
    for left_out in chosen:
        assert possible(curves, [row for row in chosen if row is not left_out]), left_out.name


@pytest.mark.parametrize("seed", range(8))
def test_the_mend_mends(seed):
    curves, rules = planted(seed)
    rows = compile_rules(rules, curves)
    mend = find_clash(curves, rows).mend
    assert mend
    slack = 1e-6 * float(curves.observed_spend.sum())

    def loosened(share: float):
        changed = []
        for row in rows:
            amount = mend.get(row.name, 0.0) * share + slack * (row.name in mend)
            if row.equal and amount:
                changed += [replace(row, limit=row.limit + amount, equal=False)]
                flip = {cell: -size for cell, size in row.spend.items()}
                changed += [replace(row, spend=flip, limit=-row.limit + amount, equal=False)]
            else:
                changed.append(replace(row, limit=row.limit + amount))
        return changed

    assert possible(curves, loosened(1.0))
    assert not possible(curves, loosened(0.98))


def test_the_error_names_the_rules_and_the_mend_in_one_sentence():
    curves, rules = planted(0)
    with pytest.raises(InputError) as caught:
        Allocator(rules).allocate(curves)
    text = str(caught.value)
    assert caught.value.exit_status == 2
    assert "total budget" in text
    assert text.count("at least") == 2
    assert re.search(r"cheapest mend: (raise|lower|loosen) '.+' by [\d,.]+", text)
    assert "all of it" not in text


def test_many_rows_of_one_rule_are_named_together():
    curves = hill_curves(np.random.default_rng(1), 9, points=20)
    total = 2 * float(curves.observed_spend.sum())
    with pytest.raises(InputError) as caught:
        Allocator([TotalBudget(total), MaxChange(0.2)]).allocate(curves)
    text = str(caught.value)
    assert "no channel changes by more than 20% (9 channels)" in text
    assert "The cheapest mend: lower 'total budget" in text


def test_a_roas_out_of_reach_is_named_with_its_shortfall():
    curves, rules = planted(6)
    with pytest.raises(InputError, match=r"lower the target 'ROAS of the plan at least 1000' .it falls short by"):
        Allocator(rules).allocate(curves)
