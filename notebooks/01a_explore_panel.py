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
# # Before a fit: what can these data teach?
#
# A media mix model always gives an answer. Whether the answer comes from the data or from the prior is decided before
# the fit, by how the money was spent. This notebook looks at a panel the way `liftwerk check --deep` does: in seconds,
# with a remedy for each finding. First the sample workspace, then the same panel spoilt on purpose.

# %%
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pandas as pd

from measurement.panel import Panel
from measurement.workspace import Workspace
from mmm.exploration import explore
from mmm.exploration_figures import (
    correlation_figure,
    cost_figure,
    information_figure,
    level_figure,
    outlier_figure,
    share_figure,
)
from mmm.spec import ModelSpec
from sample_data import copy_sample

folder = Path(mkdtemp()) / "nordwind"
copy_sample(folder)
workspace = Workspace.open(folder)
panel = Panel.read(folder)
found = explore(panel, ModelSpec.from_settings(workspace.settings.mmm))
found.channels_table().round(2)

# %% [markdown]
# ## The findings
#
# None of them blocks. A *warning* means that a fit would mislead or say nothing; a *hint* is good to know.

# %%
columns = ["severity", "subject", "sentence", "remedy"]
pd.DataFrame([finding.to_dict() for finding in found.findings])[columns]

# %% [markdown]
# ## How much will the data say about each channel?
#
# The model is linearised at the centre of its priors; carry-over, saturation, geo effects and a wandering baseline are
# unknown. What is left is Gaussian, and its posterior covariance is plain linear algebra. A bar at 1 means that the fit
# would hand the prior back. `test_sd` is the standard error, relative to the return, of a lift test that would halve
# what stays unknown.

# %%
information_figure(found)

# %%
found.identifiability.table.round(2)

# %% [markdown]
# The noise of a geo and week, and how far the baseline moves from knot to knot, are the only two numbers that the
# forecast takes from the outcome.

# %%
print(f"noise {found.identifiability.noise:.1%} of a geo's mean outcome")
print(f"baseline moves by {found.identifiability.wander:.1%} a step")

# %% [markdown]
# ## Which channels move together?
#
# A model of many geos learns neither from a geo's level nor from what all geos do in the same week. Correlations are
# therefore taken of a channel's *own variation*, with both removed.

# %%
correlation_figure(found)

# %%
found.inflation.round(2)

# %% [markdown]
# ## How low and how high did each channel go?
#
# Where the lowest four weeks stay far above zero, what a channel brings in all is the curve's guess.

# %%
level_figure(found)

# %% [markdown]
# ## What did the money buy?
#
# Exposures of two channels are different things, so shares are compared over geos within a channel; and what one
# exposure cost over time.

# %%
share_figure(found)

# %%
cost_figure(found)

# %% [markdown]
# ## Values far from usual

# %%
outlier_figure(found)

# %% [markdown]
# ## The same panel, spoilt
#
# Radio is bought as a fixed share of television, a slip of the decimal sign is made in Bayern, and the counting of
# clicks changes in the middle. All three are found, and the forecast says what the first one costs: television and
# radio can no longer be told apart.

# %%
spoilt = panel.data.copy(deep=True)
rng = np.random.default_rng(7)
wobble = rng.lognormal(0.0, 0.05, (panel.data.sizes["geo"], panel.data.sizes["date"]))
tv, radio = (panel.channels.index(name) for name in ("tv", "radio"))
for name in ("spend", "exposure"):
    spoilt[name][..., radio] = 0.3 * panel.data["spend"][..., tv] * wobble
spoilt["outcome"][list(panel.geos).index("Bayern"), 100] *= 10.0
spoilt["exposure"][:, 65:, panel.channels.index("search")] *= 1.8
again = explore(Panel(data=spoilt, currency=panel.currency, period=panel.period))
told = pd.DataFrame([finding.to_dict() for finding in again.findings])
told[told["severity"] == "warning"][columns]

# %%
before, after = (one.identifiability.table.set_index("channel")["expected_sd"] for one in (found, again))
pd.DataFrame({"before": before, "spoilt": after}).round(2)

# %% [markdown]
# Findings speak German too, with German numbers and dates.

# %%
for finding in explore(panel, locale="de_DE").findings:
    print(f"{finding.subject}: {finding.sentence}")
