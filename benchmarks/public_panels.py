"""The two public data sets of the media mix benchmarks, as panels and as plain arrays.

Robyn's simulated weekly data (national) and Meridian's ``geo_all_channels`` (40 geos), read from a folder that has both
files; nothing is fetched.
"""

from __future__ import annotations

import numpy as np
import pandas as pd


def robyn_panel(folder):
    """National, 208 weeks, 5 paid channels, a competitor control, a newsletter."""
    from measurement.panel import Panel

    table = pd.read_csv(folder / "robyn_simulated_weekly.csv", parse_dates=["DATE"])
    spend = ["tv_S", "ooh_S", "print_S", "facebook_S", "search_S"]
    exposure = ["tv_S", "ooh_S", "print_S", "facebook_I", "search_clicks_P"]
    return Panel.from_arrays(
        outcome=table["revenue"].to_numpy()[None],
        dates=pd.DatetimeIndex(table["DATE"].to_numpy()),
        spend=table[spend].to_numpy()[None],
        exposure=table[exposure].to_numpy()[None],
        channels=["tv", "ooh", "print", "facebook", "search"],
        control=table[["competitor_sales_B"]].to_numpy()[None],
        controls=["competitor_sales"],
        organic=table[["newsletter"]].to_numpy()[None],
        organics=["newsletter"],
    )


def meridian_panel(folder):
    """40 geos, 156 weeks, 5 paid channels, controls, promotion, organic media; conversions × revenue each."""
    from measurement.panel import Panel

    table = pd.read_csv(folder / "meridian_geo_all_channels.csv", parse_dates=["time"], index_col=0)
    geos = sorted(table["geo"].unique(), key=lambda name: int(name[3:]))
    table["geo"] = pd.Categorical(table["geo"], geos)
    table = table.sort_values(["geo", "time"])
    dates = pd.DatetimeIndex(table["time"].unique())

    def block(columns):
        return np.stack([table[name].to_numpy(dtype=float).reshape(len(geos), -1) for name in columns], axis=2)

    names = [f"Channel{index}" for index in range(5)]
    controls = ["competitor_sales_control", "sentiment_score_control", "Promo"]
    return Panel.from_arrays(
        outcome=block(["conversions"])[..., 0],
        value_per_unit=block(["revenue_per_conversion"])[..., 0],
        outcome_kind="units",
        dates=dates,
        geos=geos,
        spend=block([f"{name}_spend" for name in names]),
        exposure=block([f"{name}_impression" for name in names]),
        channels=names,
        control=block(controls),
        controls=controls,
        organic=block(["Organic_channel0_impression"]),
        organics=["organic"],
        population=block(["population"])[:, 0, 0],
    )


PANELS = {"robyn": robyn_panel, "meridian": meridian_panel}


def panel_arrays(panel):
    """What another package needs to read the same panel: name → array, (geo, period[, column]) as in `Panel`."""
    arrays = ("outcome", "value_per_unit", "spend", "exposure", "control", "organic", "population")
    names = {"geos": panel.geos, "channels": panel.channels, "controls": panel.controls, "organics": panel.organic}
    return {
        **{name: np.asarray(panel.data[name].values, dtype=np.float64) for name in arrays},
        **{name: np.array(list(values), dtype=str) for name, values in names.items()},
        "dates": np.array([date.strftime("%Y-%m-%d") for date in panel.dates], dtype=str),
        "outcome_kind": np.array(panel.outcome_kind),
    }
