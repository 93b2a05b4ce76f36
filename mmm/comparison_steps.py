"""Why two fits differ, by fitting in between: first the new settings, then the new lift tests, then the new data."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.progress import Progress, silent
from mmm.comparison import changes_between
from mmm.fitted import FittedMMM
from mmm.model import MMM

FloatArray = NDArray[np.float64]


def explain_by_refits(before: FittedMMM, after: FittedMMM, *, progress: Progress = silent) -> pd.DataFrame:
    """Split the change of every channel's ROAS into what settings, lift tests and data did.

    Up to two fits are made, each with the later fit's seed: the old data with the new settings, then with the new lift
    tests too. A step that changes nothing costs nothing. The split depends on the order, as every split of joint
    effects does.

    Parameters
    ----------
    before, after
        The two fits.
    progress
        Told where the fits stand.

    Returns
    -------
    pandas.DataFrame
        One row a channel that both have: channel, by_settings, by_lifts, by_data; they add up to the change.
    """
    changes = changes_between(before, after)
    channels = [name for name in before.channels if name in after.channels]
    reached = _roas(before, channels)
    table = pd.DataFrame({"channel": channels})
    if changes.settings:
        middle = MMM(after.spec).fit(before.panel, before.lifts.lifts, seed=after.seed, progress=progress)
        table["by_settings"], reached = _roas(middle, channels) - reached, _roas(middle, channels)
    else:
        table["by_settings"] = 0.0
    if changes.added_lifts or changes.removed_lifts:
        middle = MMM(after.spec).fit(before.panel, after.lifts.lifts, seed=after.seed, progress=progress)
        table["by_lifts"], reached = _roas(middle, channels) - reached, _roas(middle, channels)
    else:
        table["by_lifts"] = 0.0
    table["by_data"] = _roas(after, channels) - reached
    return table


def _roas(fitted: FittedMMM, channels: list[str]) -> FloatArray:
    mean = fitted.roas_draws.mean(axis=0)
    return np.asarray([mean[fitted.channels.index(name)] for name in channels], dtype=np.float64)
