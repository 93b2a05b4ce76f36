"""One package on one task, in its own environment: ``python work.py PACKAGE TASK ARMS STEPS SEED`` prints JSON.

Tasks: ``beta`` (yes-or-no rewards without context) and ``linear`` (20 features). Needs numpy and the package.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np

FEATURES = 20


def world(task, arms, steps, seed):
    """Contexts, and the rewards of every arm at every step."""
    rng = np.random.default_rng(seed)
    contexts = rng.normal(size=(steps, FEATURES)) / np.sqrt(FEATURES)
    if task == "beta":
        return contexts, (rng.random((steps, arms)) < rng.uniform(0.01, 0.1, arms)).astype(float)
    return contexts, contexts @ rng.normal(size=(FEATURES, arms)) + 0.5 * rng.normal(size=(steps, arms))


def ours(task, arms, seed):
    names = [str(arm) for arm in range(arms)]
    if task == "beta":
        from bandits.stepwise import StepwiseThompson

        warm, policy = StepwiseThompson(names, seed=seed), StepwiseThompson(names, seed=seed)
        warm.learn(warm.choose(), 1.0)  # compiles
        return (lambda _context: policy.choose()), (lambda _context, arm, reward: policy.learn(arm, reward))
    from bandits.stepwise_contextual import StepwiseContextual

    start, state = (StepwiseContextual(names, FEATURES, noise=0.5, seed=seed) for _ in range(2))
    start.learn(start.choose(np.ones(FEATURES)), 1.0)  # compiles
    return state.choose, (lambda _context, arm, reward: state.learn(arm, reward))


def replay(task, contexts, rewards, seed):
    """The whole sequence in one compiled call, as simulations and replays run it."""
    from bandits.stepwise import StepwiseThompson

    names = [str(arm) for arm in range(rewards.shape[1])]
    if task == "beta":
        StepwiseThompson(names, seed=seed).replay(rewards[:2])  # compiles
        policy = StepwiseThompson(names, seed=seed)
        began = time.process_time()
        chosen = policy.replay(rewards)
    else:
        from bandits.contextual import ContextualThompson

        rng = np.random.default_rng(seed)
        start = ContextualThompson.empty(names, FEATURES, noise=0.5)
        start.replay(contexts[:2], rewards[:2], rng)  # compiles
        began = time.process_time()
        chosen = start.replay(contexts, rewards, rng)[1]
    seconds = time.process_time() - began
    earned = rewards[np.arange(len(rewards)), chosen].mean()
    return {"us_a_step": seconds / len(rewards) * 1e6, "mean_reward": float(earned), "steps": len(rewards)}


def mabwiser(task, arms, seed):
    from mabwiser.mab import MAB, LearningPolicy

    rule = LearningPolicy.ThompsonSampling() if task == "beta" else LearningPolicy.LinTS(alpha=0.5, l2_lambda=1.0)
    mab = MAB(arms=list(range(arms)), learning_policy=rule, seed=seed)
    if task == "beta":
        mab.fit(decisions=list(range(arms)), rewards=[0] * arms)
        return (lambda _context: mab.predict()), (lambda _context, arm, reward: mab.partial_fit([arm], [reward]))
    mab.fit(decisions=list(range(arms)), rewards=[0.0] * arms, contexts=np.zeros((arms, FEATURES)))
    return (
        lambda context: mab.predict(context[None]),
        lambda context, arm, reward: mab.partial_fit([arm], [reward], context[None]),
    )


def vowpal_wabbit(task, arms, seed):
    import vowpalwabbit

    # VW has no Thompson sampling: a bag of 5 bootstrapped models is its nearest
    workspace = vowpalwabbit.Workspace(f"--cb_explore {arms} --bag 5 --quiet --random_seed {seed}")
    rng = np.random.default_rng(seed)
    drawn = {}

    def text(context):
        if task == "beta":
            return "| constant"
        return "| " + " ".join(f"x{place}:{value:.6f}" for place, value in enumerate(context))

    def choose(context):
        shares = np.asarray(workspace.predict(text(context)))
        arm = min(int(np.searchsorted(np.cumsum(shares), rng.random())), arms - 1)
        drawn["share"] = shares[arm]
        return arm

    def learn(context, arm, reward):
        workspace.learn(f"{arm + 1}:{-reward:.6f}:{drawn['share']:.6f} {text(context)}")

    return choose, learn


def main():
    package, task, arms, steps, seed = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
    contexts, rewards = world(task, arms, steps, seed)
    if package == "ours_replay":
        print(json.dumps(replay(task, contexts, rewards, seed)))
        return
    choose, learn = globals()[package](task, arms, seed)
    earned = 0.0
    began = time.process_time()
    for context, possible in zip(contexts, rewards, strict=True):
        arm = int(choose(context))
        learn(context, arm, possible[arm])
        earned += possible[arm]
    seconds = time.process_time() - began
    print(json.dumps({"us_a_step": seconds / steps * 1e6, "mean_reward": earned / steps, "steps": steps}))


if __name__ == "__main__":
    main()
