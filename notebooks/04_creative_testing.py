# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Creative testing: from a log of decisions to what to show next
#
# The log below is simulated, so the truth is known: which creative is best today, which one tires and since when.
# Rewards arrive days after the decision, every day has its own mood, and the delivery system was itself a bandit.

# %%
import numpy as np

from bandits.evaluation import LoggedDecisions, evaluate_policy
from bandits.hierarchy import pool_rates
from bandits.propensity import best_arm
from bandits.report import creative_report
from experiments.ab import ArmSummary, read_ab
from experiments.sample_ratio import sample_ratio
from experiments.sequential import compare_rates
from monitoring.fatigue import detect_fatigue
from simulation.creatives import simulate_creatives

log = simulate_creatives(7)
log.decisions.head()

# %% [markdown]
# ## Which is best, which tires, what next
#
# `p_best` is exact, not drawn. Decisions too young to have been rewarded count by the chance that their reward would
# have come.

# %%
report = creative_report(log.decisions, log.rewards, seed=7)
arms = report.arms(detect_fatigue(report.daily))
arms.drop(columns=["level", "lower", "upper"]).round(4)

# %%
{name: (log.truth["best_today"][name], stop.leader, stop.reason) for name, stop in report.stops.items()}

# %% [markdown]
# ## Kin: what a creative's attributes say before it is ever shown
#
# Creatives of one generator model or format are kin. How much that is worth is learnt, and a new creative starts from
# it.

# %%
attributes = {
    name: {"generator_model": arm["generator_model"], "format": arm["format"]}
    for name, arm in log.truth["arms"].items()
}
kin = pool_rates(
    tuple(arms["arm_id"]), arms["rewards"].to_numpy(float), arms["decisions"].to_numpy(float),
    {arm: attributes[arm] for arm in arms["arm_id"]},
)  # fmt: skip
kin.compare("generator_model").round(3)

# %%
some = attributes[arms["arm_id"].iloc[0]]
newcomers = kin.newcomers({"like the first": some, "of an unknown kind": {}})
dict(zip(newcomers.arms, newcomers.mean().round(4), strict=True)), best_arm(newcomers).p_best.round(2)

# %% [markdown]
# ## What would another policy have earned?
#
# The propensities in the log answer that without showing anything to anyone. Here: all arms alike, in one experiment.

# %%
name = arms["experiment_id"].iloc[0]
part = log.decisions[log.decisions["experiment_id"] == name]
value = part["decision_id"].map(log.rewards.groupby("decision_id")["value"].sum()).fillna(0.0)
names = sorted(part["arm_id"].unique())
even = evaluate_policy(
    LoggedDecisions(
        action=part["arm_id"].map({arm: place for place, arm in enumerate(names)}).to_numpy(np.int64),
        reward=value.to_numpy(float),
        propensity=part["propensity"].to_numpy(float),
        policy=np.full(len(names), 1 / len(names)),
    )
)
{
    "logged policy": round(float(value.mean()), 5),
    "all alike": round(even.estimate.value, 5),
    "95% interval": (round(even.estimate.interval.lower, 5), round(even.estimate.interval.upper, 5)),
    "worth decisions": round(even.effective_n),
}

# %% [markdown]
# ## A plain A/B test, read every day
#
# "Significant" is said only where the error is controlled at every look. An interval that holds for one planned look
# cries wolf when it is read every day.

# %%
rng = np.random.default_rng(7)
shown = np.full((14, 2), 4_000)
rewarded = rng.binomial(shown, [0.020, 0.025])
compare_rates(rewarded, shown)

# %%
both = [
    ArmSummary.of_sums(float(rewarded[:, arm].sum()), float(rewarded[:, arm].sum()), int(shown[:, arm].sum()))
    for arm in (0, 1)
]
reading = read_ab(*both, looks="any", tuned_n=50_000)
reading.verdict, reading.always_valid.interval, sample_ratio(shown.sum(axis=0), [1, 1]).check.passed
