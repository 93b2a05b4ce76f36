"""Credit within a channel: how a channel's credit divides among its campaigns.

Lift proves a channel's sum, not its parts. Each touch on the path of a buyer earns an equal part (the linear rule); a
campaign's share of its channel's parts, times the channel's credit and its calibration factor, is its calibrated
credit. Campaigns that fewer than k buyers support go into one row, `OTHER`, of k buyers or more, or are left out.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from attribution.journeys import JourneyOptions, build_paths, person_numbers
from attribution.paths import IntArray
from attribution.published import supporters, withheld
from attribution.rules import rule_credit, shares

OTHER = "(other)"
NONE = "(no campaign)"
_MARK = "\x1f"


def campaign_shares(touchpoints: pd.DataFrame, people: IntArray, *, options: JourneyOptions, k: int) -> pd.DataFrame:
    """Share of each campaign in its channel's credit: ``channel``, ``campaign``, ``share`` (sums to 1 by channel).

    Parameters
    ----------
    touchpoints
        With a column ``campaign``.
    people
        Numbers of the people released (`attribution.journeys.person_numbers`).
    options
        As the paths of the report were built.
    k
        Fewest buyers behind a row.
    """
    inside = np.isin(person_numbers(touchpoints["unit_id"].to_numpy(dtype=object)), people)
    rows = touchpoints[inside]
    told = rows["campaign"].astype(object).where(rows["campaign"].notna(), NONE).astype(str)
    label = rows["channel"].astype(object).where(rows["channel"].notna(), "") + _MARK + told
    table = build_paths(rows.assign(channel=label.where(rows["kind"] != "conversion")), options)
    credit = rule_credit(table, shares(table, "linear"))[:, 0]
    supports = supporters(table, "linear")
    parts = pd.DataFrame([name.split(_MARK, 1) for name in table.channels], columns=["channel", "campaign"])
    found = []
    for channel, group in parts.groupby("channel", sort=True):
        places = group.index.to_numpy()
        total = credit[places].sum()
        if total <= 0:
            continue
        hidden = withheld(supports[:, places], k)
        found += [
            {"channel": channel, "campaign": parts["campaign"][place], "share": credit[place] / total}
            for place in places[~hidden]
        ]
        if supports[:, places[hidden]].any(axis=1).sum() >= k:
            found.append({"channel": channel, "campaign": OTHER, "share": credit[places[hidden]].sum() / total})
    return pd.DataFrame(found, columns=["channel", "campaign", "share"])


def campaign_credit(parts: pd.DataFrame, channels: pd.DataFrame) -> pd.DataFrame:
    """Credit and calibrated credit of campaigns.

    Parameters
    ----------
    parts
        From `campaign_shares`.
    channels
        Rows of ``reconcile.csv``: ``channel``, ``credit`` and, where there was proof, ``calibrated``,
        ``calibrated_lower``, ``calibrated_upper``.

    Examples
    --------
    >>> parts = pd.DataFrame({"channel": ["a", "a"], "campaign": ["x", "y"], "share": [.25, .75]})
    >>> rows = pd.DataFrame({"channel": ["a"], "credit": [100.], "calibrated": [40.]})
    >>> campaign_credit(parts, rows)["calibrated"].tolist()
    [10.0, 30.0]
    """
    joined = parts.merge(channels, on="channel", how="inner")
    names = [name for name in ("credit", "calibrated", "calibrated_lower", "calibrated_upper") if name in joined]
    return pd.concat([joined[["channel", "campaign", "share"]], joined[names].mul(joined["share"], axis=0)], axis=1)
