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
# # The media mix model, step by step
#
# A market with known truth: eight regions, two years, four channels. We say what we believe, look at the data before
# spending time on them, take a preview, fit, let the gate judge, and ask the fit for returns, curves, a forecast and a
# what-if. At the end a lift test joins as a likelihood. Equations and priors are in docs/media_mix_model.md.

# %%
import os

import pandas as pd

from mmm.channel_spec import ChannelModel, Prior
from mmm.comparison import compare
from mmm.exploration import explore
from mmm.forecast import Future
from mmm.model import MMM
from mmm.spec import ModelSpec
from simulation.lift_studies import holdout_study
from simulation.market import simulate_market
from simulation.market_spec import market_spec

# Continuous integration runs this notebook with few draws; a reader leaves the variable unset.
few = int(os.environ.get("LIFTWERK_NOTEBOOK_DRAWS", "0"))
effort = {"draws": few, "tune": few, "chains": 2} if few else {}
market = simulate_market(5, market_spec(n_geos=8, n_weeks=104, n_channels=4))
panel = market.panel
panel.data

# %% [markdown]
# ## Before an hour is spent
#
# What can this panel teach at all? `remaining` is the share of each channel's prior standard deviation that the fit is
# expected to leave.

# %%
explore(panel).channels_table().round(2)

# %% [markdown]
# ## What we believe
#
# The specification is data. Video is allowed a longer carry-over than the rest; of search the business knows that a
# euro brings two to four. Everything else takes the defaults, which scale with the data.

# %%
spec = ModelSpec(
    channels={"video": ChannelModel(lags=30)},
    priors={"search": Prior(mean=3.0, sd=0.8)},
    holidays="DE",
    **effort,
)
print(spec.to_json())

# %% [markdown]
# ## A preview
#
# The posterior's mode and curvature, reweighted; k̂ says whether the weights can be trusted (below .7). A preview never
# becomes a decision.

# %%
preview = MMM(spec).preview(panel, seed=1)
print(preview.label)
preview.roas_table().round(2)

# %% [markdown]
# ## The fit, and whether it may be acted on

# %%
fitted = MMM(spec).fit(panel, seed=1)
print("may be acted on" if fitted.healthy else "do not act on this fit")
pd.DataFrame([check.to_dict() for check in fitted.checks])

# %% [markdown]
# ## Returns, beside the truth

# %%
channels = fitted.channels_table().set_index("channel")
channels.assign(true_roas=pd.Series(market.truth["roas"]))[["roas_lower", "roas", "roas_upper", "true_roas"]].round(2)

# %%
fitted.plot.prior_posterior()

# %%
fitted.plot.contributions()

# %%
fitted.plot.curves()

# %% [markdown]
# ## What if
#
# Outcome under one spend path minus that under another, carry-over included: video dark for the last eight weeks.

# %%
dark = panel.data["spend"].sel(channel="video").to_numpy().copy()
dark[:, -8:] = 0.0
fitted.incremental(None, {"video": dark}).table().round(2)

# %% [markdown]
# ## The weeks to come, with video doubled

# %%
usual = fitted.forecast(8, seed=2)
weekly = panel.current_spend()["video"]
more = fitted.forecast(Future(periods=8, spend={"video": 2.0 * weekly}), seed=2)
pd.DataFrame({"as it was": usual.national()["mean"], "video doubled": more.national()["mean"]}).round(0)

# %% [markdown]
# ## A lift test joins
#
# A holdout of video, read with a standard error of 15%. It becomes a likelihood on the model's own counterfactual of
# these weeks, and the comparison says what moved.

# %%
study = holdout_study(market, channel="video", first_week=60, weeks=6, cooldown=2, relative_error=0.15, seed=3)
tested = MMM(spec).fit(panel, [study.estimate()], seed=1)
print(f"video's true ROAS {market.truth['roas']['video']:.2f}")
for fit in (fitted, tested):
    roas = fit.roas()["video"]
    print(f"{roas.value:.2f} [{roas.interval.lower:.2f}, {roas.interval.upper:.2f}]")

# %%
for sentence in compare(fitted, tested).in_words():
    print(sentence)
