"""The allocator beside the optimisers of other tools, on seeded random instances; speed, clashes, shadow prices.

Run: python benchmarks/budget_bench.py [--instances 200] [--only peers speed duals clashes tests]
Every method gets the same piecewise-linear curves and rules and is valued on them; CPU seconds of one thread.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import optimize

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "budget_optimizer"))

from budget_cases import Case, hill_curves, instance

from budget_optimizer.allocator import Allocator
from budget_optimizer.constraints import Bounds, TotalBudget, compile_rules
from budget_optimizer.flighting import Calendar, plan_flight
from budget_optimizer.infeasible import find_clash
from budget_optimizer.next_test import next_test
from budget_optimizer.solver import cvxpy

SECTIONS = ("peers", "speed", "duals", "clashes")


class Local:
    """A case as local solvers see it: smooth curves with gradient, ends of every channel, everything near 1."""

    def __init__(self, case: Case) -> None:
        self.case = case
        today = case.curves.observed_spend
        self.low, self.high = np.zeros(len(today)), np.full(len(today), case.total)
        for rule in case.rules:
            if isinstance(rule, Bounds):
                index = case.curves.channels.index(rule.channel)
                self.low[index], self.high[index] = rule.minimum, rule.maximum
        self.unit = case.total / len(today)
        self.value_unit = case.smooth(today)

    def negative(self, x: np.ndarray) -> float:
        return -self.case.smooth(np.maximum(x, 0.0) * self.unit) / self.value_unit

    def gradient(self, x: np.ndarray) -> np.ndarray:
        spend = np.maximum(x * self.unit, 1e-9)
        ratio = (spend / self.case.half) ** self.case.slope
        slope = self.case.top * self.case.slope * ratio / (spend * (1 + ratio) ** 2)
        return -slope * self.unit / self.value_unit

    def slsqp(self, start: np.ndarray) -> np.ndarray:
        bounds = list(zip(self.low / self.unit, self.high / self.unit, strict=True))
        total = {"type": "eq", "fun": lambda x: x.sum() - len(x), "jac": np.ones_like}
        found = optimize.minimize(
            self.negative, start / self.unit, jac=self.gradient, method="SLSQP", bounds=bounds, constraints=[total],
            options={"maxiter": 1000, "ftol": 1e-12},
        )  # fmt: skip
        return self.repaired(found.x * self.unit)

    def starts(self, count: int, rng: np.random.Generator) -> list[np.ndarray]:
        equal = self.repaired(np.full(len(self.low), self.unit))
        random = [self.repaired(s * self.case.total) for s in rng.dirichlet(np.ones(len(self.low)), count - 1)]
        return [equal, *random]

    def repaired(self, spend: np.ndarray) -> np.ndarray:
        """Within the ends and on the total: a method is not blamed for rounding."""
        spend = np.clip(spend, self.low, self.high)
        for _ in range(60):
            missing = self.case.total - spend.sum()
            if abs(missing) <= 1e-12 * self.case.total:
                break
            room = self.high - spend if missing > 0 else spend - self.low
            spend = spend + missing * room / max(room.sum(), abs(missing))
        return spend


def augmented_lagrangian(local: Local) -> np.ndarray:
    """Robyn's way: an augmented Lagrangian on the total around SLSQP with bounds, from an equal split."""
    n = len(local.low)
    bounds = list(zip(local.low / local.unit, local.high / local.unit, strict=True))
    x, multiplier, penalty = np.clip(np.ones(n), *np.array(bounds).T), 0.0, 10.0
    for _ in range(15):

        def merit(x: np.ndarray, m: float = multiplier, p: float = penalty) -> float:
            gap = x.sum() - n
            return local.negative(x) + m * gap + p / 2 * gap**2

        def slope(x: np.ndarray, m: float = multiplier, p: float = penalty) -> np.ndarray:
            return local.gradient(x) + m + p * (x.sum() - n)

        x = optimize.minimize(merit, x, jac=slope, method="SLSQP", bounds=bounds, options={"maxiter": 300}).x
        if abs(x.sum() - n) < 1e-8 * n:
            break
        multiplier += penalty * (x.sum() - n)
        penalty *= 2
    return local.repaired(x * local.unit)


def greedy_grid(local: Local, steps: int = 1000) -> np.ndarray:
    """Meridian's way: jump to the grid point of best incremental ROAS until one does not fit."""
    step = local.case.total / steps
    curves, n = local.case.curves, len(local.low)
    levels = [np.arange(local.low[c], local.high[c] + 1e-9 * step, step) for c in range(n)]
    values = [np.interp(levels[c], curves.spend[c], curves.mean()[c]) for c in range(n)]
    at = [0] * n

    def steepest(c: int) -> tuple[float, int]:
        rest = slice(at[c] + 1, None)
        if at[c] + 1 >= len(levels[c]):
            return -np.inf, at[c]
        slopes = (values[c][rest] - values[c][at[c]]) / (levels[c][rest] - levels[c][at[c]])
        best = int(slopes.argmax())
        return float(slopes[best]), at[c] + 1 + best

    offers = [steepest(c) for c in range(n)]
    spent = float(local.low.sum())
    while True:
        c = max(range(n), key=lambda c: offers[c][0])
        rise = levels[c][offers[c][1]] - levels[c][at[c]]
        if not np.isfinite(offers[c][0]) or spent + rise > local.case.total * (1 + 1e-9):
            return np.array([levels[c][at[c]] for c in range(n)])
        spent, at[c] = spent + rise, offers[c][1]
        offers[c] = steepest(c)


def cpu(work: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def compare(count: int, points: int) -> None:
    methods = ("liftwerk", "SLSQP, equal split", "SLSQP, best of 10", "AUGLAG + SLSQP", "greedy grid")
    value = {m: np.zeros(count) for m in methods}
    seconds = {m: np.zeros(count) for m in methods}
    unspent = np.zeros(count)
    bound, gap, kinds = np.zeros(count), np.zeros(count), []
    for seed in range(count):
        case = instance(seed, points)
        local = Local(case)
        rng = np.random.default_rng([99, seed])
        start = time.process_time()
        plan = Allocator(case.rules).allocate(case.curves)
        seconds["liftwerk"][seed] = time.process_time() - start
        bound[seed], gap[seed] = plan.upper_bound, plan.gap
        value["liftwerk"][seed] = plan.expected_outcome
        kinds.append(case.kind)

        def worth(spend: np.ndarray, case: Case = case) -> float:
            return float(case.curves.outcome_at(spend).sum())

        starts = local.starts(10, rng)
        runs = [cpu(lambda s=s, local=local: local.slsqp(s)) for s in starts]
        value[methods[1]][seed], seconds[methods[1]][seed] = worth(runs[0][0]), runs[0][1]
        value[methods[2]][seed] = max(worth(run[0]) for run in runs)
        seconds[methods[2]][seed] = sum(run[1] for run in runs)
        for method, work in ((methods[3], augmented_lagrangian), (methods[4], greedy_grid)):
            spend, seconds[method][seed] = cpu(lambda work=work, local=local: work(local))
            value[method][seed] = worth(spend)
            unspent[seed] = 1 - spend.sum() / case.total
    print(f"\n{count} instances, {points} points a curve\n")
    print("| method | misses by > 0.1% | by > 1% | worst | ties (within 1e-4) | median CPU | worst CPU |")
    print("|---|---|---|---|---|---|---|")
    best = value["liftwerk"]
    for m in methods:
        miss = 1 - value[m] / bound
        print(
            f"| {m} | {(miss > 1e-3).mean():.1%} | {(miss > 1e-2).mean():.1%} | {miss.max():.2%} "
            f"| {(np.abs(value[m] / best - 1) <= 1e-4).mean():.0%} "
            f"| {np.median(seconds[m]) * 1e3:.0f} ms | {seconds[m].max():.2f} s |"
        )
    print(f"\nlargest certified gap {gap.max():.1e}; largest excess of SLSQP from 10 starts over ours "
          f"{(value[methods[2]] / best - 1).max():.1e}")  # fmt: skip
    print(f"greedy grid leaves more than 0.1% of the money unspent in {(unspent > 1e-3).mean():.0%}")
    for kind in ("free", "wide", "tight"):
        chosen = np.array([k == kind for k in kinds])
        ties = {m: f"{(np.abs(value[m] / best - 1) <= 1e-4)[chosen].mean():.0%}" for m in methods[1:]}
        print(f"ties with {kind} bounds: {ties}")


def speed() -> None:
    rng = np.random.default_rng(1)
    print("\n| case | CPU, compile included | gap |\n|---|---|---|")

    def row(name: str, work: Callable[[], float]) -> None:
        start = time.process_time()
        gap = work()
        print(f"| {name} | {time.process_time() - start:.2f} s | {gap:.0e} |", flush=True)

    for name, cells, points, shape in (
        ("500 S-shaped cells", 500, 60, 1.0),
        ("500 S-shaped cells, 100 points", 500, 100, 1.0),
        ("2,000 concave cells", 2000, 60, 0.0),
    ):
        curves = hill_curves(rng, cells, points=points, s_shaped=shape)
        rules = [TotalBudget(float(curves.observed_spend.sum()))]
        row(name, lambda c=curves, r=rules: Allocator(r).allocate(c).gap)
    for shape in (0.0, 0.84):
        curves = hill_curves(rng, 10, points=60, s_shaped=shape, draws=4000)
        rules = [TotalBudget(float(curves.observed_spend.sum()))]
        name = f"mean-CVaR, 4,000 draws x 10 channels, {shape:.0%} S-shaped"
        row(name, lambda c=curves, r=rules: Allocator(r, risk="cautious").allocate(c).gap)
    for cells, shape, limit in ((100, 0.0, 60.0), (10, 1.0, 20.0), (100, 0.84, 20.0)):
        curves = hill_curves(rng, cells, points=60, s_shaped=shape)
        season = {c: 1 + 0.3 * np.sin(np.arange(13) / 2 + i) for i, c in enumerate(curves.channels)}
        kept = {c: float(rng.uniform(0.1, 0.7)) for c in curves.channels}
        calendar = Calendar(weeks=13, retention=kept, season=season)
        rules = [Bounds(c, 0.0, 2 * x) for c, x in zip(curves.channels, curves.observed_spend, strict=True)]
        total = 13 * float(curves.observed_spend.sum())
        row(
            f"flighting 13 weeks x {cells} cells, {shape:.0%} S-shaped (limit {limit:g} s)",
            lambda c=curves, k=calendar, r=rules, t=total, s=limit: (
                plan_flight(c, k, total=t, rules=r, time_limit=s).gap
            ),
        )
    curves = hill_curves(rng, 10, points=60, draws=1000)
    rules = [TotalBudget(float(curves.observed_spend.sum()))]
    row("EVSI of 10 channels, 1,000 draws", lambda: 0.0 if next_test(curves, rules) else 1.0)


def duals(count: int = 40) -> None:
    errors = []
    for seed in range(count):
        case = instance(seed, 80)
        plan = Allocator(case.rules, gap=1e-9).allocate(case.curves)
        step = 1e-6 * case.total
        price = sum(p for name, p in plan.shadow_prices.items() if name.startswith("total budget"))

        def best(total: float, case: Case = case) -> float:
            rules = [TotalBudget(total), *case.rules[1:]]
            return Allocator(rules, gap=1e-9).allocate(case.curves).expected_outcome

        up = (best(case.total + step) - plan.expected_outcome) / step
        down = (plan.expected_outcome - best(case.total - step)) / step
        outside = max(min(up, down) - price, price - max(up, down), 0.0)
        errors.append(outside / max(abs(up), abs(down), 1e-12))
    print(f"\nvalue of one more euro against one-sided finite differences, {count} instances: "
          f"outside their bracket by at most {max(errors):.1e} (relative)")  # fmt: skip


def clashes(count: int = 50) -> None:
    from test_budget_infeasible import planted, possible

    seconds, minimal = [], 0
    for seed in range(count):
        curves, rules = planted(seed)
        rows = compile_rules(rules, curves)
        start = time.process_time()
        clash = find_clash(curves, rows)
        seconds.append(time.process_time() - start)
        chosen = [row for row in rows if row.name in clash.rules]
        rest = [[row for row in chosen if row is not left] for left in chosen]
        minimal += not possible(curves, chosen) and all(possible(curves, r) for r in rest)
    print(f"\n{count} planted clashes: {minimal} true and minimal; CPU median {np.median(seconds):.2f} s, "
          f"worst {max(seconds):.2f} s")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=200)
    parser.add_argument("--points", type=int, default=400)
    parser.add_argument("--only", nargs="*", default=list(SECTIONS), choices=SECTIONS)
    options = parser.parse_args()
    cvxpy()  # its import is not part of a plan
    Allocator([TotalBudget(1.0)]).allocate(hill_curves(np.random.default_rng(0), 2))
    if "peers" in options.only:
        compare(options.instances, options.points)
    if "speed" in options.only:
        speed()
    if "duals" in options.only:
        duals()
    if "clashes" in options.only:
        clashes()


if __name__ == "__main__":
    main()
