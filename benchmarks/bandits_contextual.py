"""Contextual decisions as the service makes them: regret beside the same service without features, on a known stream.

Run: python benchmarks/bandits_contextual.py --runs 5 --decisions 20000

Decisions go through the served policy into an SQLite log, the learner reads it and publishes versions: all of the
service but HTTP. Clock and rewards are simulated; a look of the learner every 100 decisions.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from bandits.service.contextual import ContextualPolicy
from bandits.service.desk import id_at
from bandits.service.experiment import Experiment
from bandits.service.learner import Learner
from bandits.service.policy import ServedPolicy
from bandits.service.requests import DecideRequest
from bandits.service.sqlite_store import SqliteStore
from bandits.service.store import DecisionRow, RewardRow, decision_name

START = 1_795_000_000.0
FEATURES = {
    "device": {"type": "category", "levels": ["mobile", "desktop", "tablet"]},
    "customer": {"type": "flag"},
    "age": {"type": "number", "low": 18, "high": 78, "steps": 12},
}


def world(kind, rng):
    """Log-odds of a reward by arm for a person: (arms, coefficients of mobile, desktop, customer, age)."""
    arms = 5
    base = np.full(arms, -2.6) + rng.normal(0, 0.15, arms)
    taste = {
        "tastes differ": rng.normal(0, 0.6, (arms, 4)),
        "tastes differ a little": rng.normal(0, 0.25, (arms, 4)),
        "all alike": np.tile(rng.normal(0, 0.5, 4), (arms, 1)),
    }[kind]
    if kind == "all alike":
        base += np.linspace(0, 0.5, arms)
    return base, taste


def people(count, rng):
    device = rng.choice(3, count, p=(0.6, 0.3, 0.1))
    customer, age = rng.random(count) < 0.3, rng.uniform(18, 78, count)
    x = np.column_stack([device == 0, device == 1, customer, (age - 48) / 30])
    levels = FEATURES["device"]["levels"]
    contexts = [
        {"device": levels[d], "customer": bool(c), "age": round(float(a), 1)}
        for d, c, a in zip(device, customer, age, strict=True)
    ]
    return x.astype(float), contexts


def stream(kind, told, decisions, seed, *, batch=100, delay_h=0.0, folder=None):
    """Regret of one run in expected rewards, and of equal shares on the same people."""
    rng = np.random.default_rng(seed)
    base, taste = world(kind, rng)
    x, contexts = people(decisions, rng)
    chance = 1.0 / (1.0 + np.exp(-(base + x @ taste.T)))
    luck, wait = rng.random(decisions), rng.exponential(delay_h * 3600.0, decisions) if delay_h else np.ones(decisions)
    names = [f"arm{k}" for k in range(len(base))]
    spec = Experiment.parse(
        {"experiment_id": "e", "arms": names, "half_life_days": None, **({"features": FEATURES} if told else {})}
    )
    store = SqliteStore(Path(folder) / f"{seed}-{told}-{kind}-{delay_h}.sqlite")
    store.create(spec)
    learner, regret, late = Learner(store, settle_s=0.0), 0.0, []
    for start in range(0, decisions, batch):
        now = START + start / batch * 120.0
        policy = store.policy("e")
        served = ContextualPolicy(policy, spec, seed=seed) if told else ServedPolicy(policy, seed=seed)
        rows = []
        for number in range(start, min(start + batch, decisions)):
            at = now + (number - start) * 100.0 / batch
            request = DecideRequest("e", f"u{number}", json.dumps(contexts[number]), contexts[number])
            arm, propensity, _ = served.decide(request)
            k = names.index(arm)
            key = id_at(int(at * 1e3)) + number % 4096
            rows.append(
                DecisionRow(key, int(at * 1e6), "e", f"u{number}", arm, propensity, policy.version, request.context)
            )
            regret += chance[number].max() - chance[number, k]
            if luck[number] < chance[number, k]:
                late.append((at + wait[number], decision_name(key)))
        end = now + 115.0
        came = [one for one in late if one[0] <= end]
        late = [one for one in late if one[0] > end]
        store.write(rows, [RewardRow(name, int(t * 1e6), 1.0, int(t * 1e6)) for t, name in came])
        learner.step(end + 1.0)
    versions = store.policy("e").version
    store.close()
    return regret, float((chance.max(axis=1)[:, None] - chance).mean(axis=1).sum()), versions


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--decisions", type=int, default=20_000)
    parser.add_argument("--first-seed", type=int, default=0, help="0 to 5 were used to choose the prior's width")
    options = parser.parse_args()
    print("| people | delay | equal shares | without features | with features | versions | CPU-s a run |")
    print("|---|---|---|---|---|---|---|")
    for kind, delay in (
        ("tastes differ", 0.0), ("tastes differ", 1.0), ("tastes differ a little", 0.0), ("all alike", 0.0),
    ):  # fmt: skip
        begun = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            runs = {
                told: np.array(
                    [
                        stream(kind, told, options.decisions, s, delay_h=delay, folder=folder)
                        for s in range(options.first_seed, options.first_seed + options.runs)
                    ]
                )
                for told in (True, False)
            }
        cost = (time.process_time() - begun) / options.runs / 2
        table = (runs[True][:, 1], runs[False][:, 0], runs[True][:, 0])
        cells = [f"{row.mean():.0f} ± {row.std() / np.sqrt(len(row)):.0f}" for row in table]
        cells += [f"{runs[True][:, 2].mean():.0f}", f"{cost:.1f}"]
        print(f"| {kind} | {f'{delay:g} h' if delay else 'none'} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
