"""How often to reach people: outcome against mean frequency at the same number of impressions.

Impressions are held at their recent mean a week in every geo, and so, at the same price an impression, is the money:
a higher frequency reaches fewer people more often. Steady state, as for the response curves. Where a response rises
steeply at first (a Hill slope above 1) the best frequency lies inside; where every further contact brings less than the
one before, it is the lowest there is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.errors import InputError
from mmm.contributions import quantiles
from mmm.design import Design
from mmm.media_response import Draws, saturation_kind
from mmm.response import RECENT_WEEKS
from mmm.spec import ModelSpec
from mmm.spend_path import usual_frequency
from mmm.transforms import saturate

FloatArray = NDArray[np.float64]
POINTS = 80
#: The grid reaches this multiple of the highest mean frequency seen in a period.
REACH = 2.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrequencyCurves:
    """Outcome a week by mean frequency. D draws, R channels whose reach is known, F frequencies; money.

    Attributes
    ----------
    channels, currency
        Names and money.
    frequency
        Shape (R, F): contacts a person reached, a period.
    outcome
        Shape (D, R, F).
    current
        Shape (R,): recent mean frequency.
    """

    channels: tuple[str, ...]
    currency: str
    frequency: FloatArray
    outcome: FloatArray
    current: FloatArray

    @property
    def best(self) -> FloatArray:
        """Frequency with the highest outcome in each draw, shape (D, R)."""
        place = self.outcome.argmax(axis=2)
        return np.stack([self.frequency[row][place[:, row]] for row in range(len(self.channels))], axis=1)

    def curves(self, level: float = 0.9) -> pd.DataFrame:
        """Columns channel, frequency, mean, lower, upper (money a week)."""
        frames = []
        for row, name in enumerate(self.channels):
            drawn = self.outcome[:, row]
            lower, upper = quantiles(drawn, level)
            frames.append(
                pd.DataFrame(
                    {
                        "channel": name,
                        "frequency": self.frequency[row],
                        "mean": drawn.mean(axis=0),
                        "lower": lower,
                        "upper": upper,
                    }
                )
            )
        return pd.concat(frames, ignore_index=True)

    def table(self, level: float = 0.9) -> pd.DataFrame:
        """One row a channel.

        Columns: channel, current (frequency), optimal (of the expected outcome), optimal_lower, optimal_upper (of the
        draws' own optima), gain (expected outcome there over that at the current frequency, less one), at_edge (share
        of draws whose optimum is the lowest or highest frequency looked at), level.
        """
        best = self.best
        lower, upper = quantiles(best, level)
        rows = []
        for row, name in enumerate(self.channels):
            mean, grid = self.outcome[:, row].mean(axis=0), self.frequency[row]
            now = float(np.interp(self.current[row], grid, mean))
            edge = (best[:, row] <= grid[0]) | (best[:, row] >= grid[-1])
            rows.append(
                {
                    "channel": name,
                    "current": self.current[row],
                    "optimal": grid[mean.argmax()],
                    "optimal_lower": lower[row],
                    "optimal_upper": upper[row],
                    "gain": mean.max() / now - 1.0,
                    "at_edge": edge.mean(),
                    "level": level,
                }
            )
        return pd.DataFrame(rows)


def frequency_curves(draws: Draws, design: Design, spec: ModelSpec) -> FrequencyCurves:
    """Outcome by frequency for every channel whose reach is known.

    Raises
    ------
    InputError
        Where no channel's reach is known.
    """
    panel = design.panel
    if not panel.reach_channels:
        raise InputError.of(
            "no channel of the panel has reach and frequency",
            "Name the columns reach and frequency under [panel.channels.NAME]",
            column="panel.channels",
        )
    per_week, first = 7 // panel.days_per_period, design.lags - 1
    recent = min(RECENT_WEEKS * per_week, design.periods)
    money = design.money[:, -recent:].mean(axis=1) * per_week
    grids, outcomes, current = [], [], []
    for name in panel.reach_channels:
        channel = panel.channels.index(name)
        often, people = design.media[:, channel, first:], design.reach[:, channel, first:]
        contacts = (often * people)[:, -recent:].mean(axis=1)
        contacts = contacts if contacts.any() else (often * people).mean(axis=1)
        unit = design.media_unit[:, channel]
        grid = np.linspace(1.0, max(2.0, REACH * float((often * unit[:, None]).max())), POINTS)
        outcomes.append(_outcome(draws, spec, channel, name, money[:, None] * contacts[:, None], grid / unit[:, None]))
        grids.append(grid)
        usual = usual_frequency(design, channel, recent=True) * unit
        current.append(float(np.average(usual, weights=contacts * design.reach_unit[:, channel])))
    return FrequencyCurves(
        channels=panel.reach_channels,
        currency=panel.currency,
        frequency=np.stack(grids),
        outcome=np.stack(outcomes, axis=1),
        current=np.array(current),
    )


def _outcome(
    draws: Draws, spec: ModelSpec, channel: int, name: str, worth: FloatArray, often: FloatArray
) -> FloatArray:
    """Outcome a week of all geos, (D, F), from money × scaled contacts (G, 1) and scaled frequency (G, F)."""
    shape, kind = draws.saturation[:, channel, None, :], saturation_kind(spec, name)
    course = draws.course[:, channel, -RECENT_WEEKS:].mean(axis=1)[:, None]
    total = np.zeros((len(draws), often.shape[1]))
    for geo in range(len(often)):
        response = saturate(kind, np.broadcast_to(often[geo], total.shape), shape)
        total += draws.effect[:, geo, channel, None] * response * worth[geo] / often[geo]
    return np.asarray(total * course, dtype=np.float64)
