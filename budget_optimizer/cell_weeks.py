"""One cell over the weeks, solved exactly: how much when, at given prices of money.

With a price on every week's money the cells of a plan over weeks no longer compete, and one cell is a dynamic program
over its adstock. The value of the weeks to come is a piecewise-linear function of the stock they start with, whatever
the shape of the curve, so nothing is put on a grid: choosing a week's spend is a maximum over a window that slides
with the stock, and the maximum of a piecewise-linear function over a sliding window is piecewise linear again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from measurement.curves import FloatArray

IntArray = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Line:
    """A piecewise-linear function: values ``y`` at ``x``, both of shape (n,), ``x`` strictly increasing."""

    x: FloatArray
    y: FloatArray

    def at(self, where: FloatArray) -> FloatArray:
        """Values, held at its ends outside."""
        return np.asarray(np.interp(where, self.x, self.y), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellWeeks:
    """One cell's problem over W weeks and T weeks after them.

    Attributes
    ----------
    curve
        Steady-state response.
    season
        Factor on outcome, shape (W + T,).
    retention
        Share of adstock θ in [0, 1) that is left a week later; a week's stock is (1 − θ) · spend + θ · the stock
        before.
    before
        Stock of the week before the plan.
    low, high
        Ends of a week's spend, shape (W,).
    """

    curve: Line
    season: FloatArray
    retention: float
    before: float
    low: FloatArray
    high: FloatArray

    def stock(self, spend: FloatArray) -> FloatArray:
        """Stock by week, tail included, shape (W + T,)."""
        kept, level = [], self.before
        for week in range(len(self.season)):
            fresh = float(spend[week]) if week < len(spend) else 0.0
            level = (1 - self.retention) * fresh + self.retention * level
            kept.append(level)
        return np.array(kept)

    def value(self, spend: FloatArray) -> float:
        """Outcome of a spend path of shape (W,), tail included."""
        return float(self.season @ self.curve.at(self.stock(spend)))

    def best(self, prices: FloatArray) -> tuple[float, FloatArray]:
        """The largest outcome less money at ``prices``, shape (W,), and the spend path that attains it."""
        weeks, theta = len(self.low), self.retention
        least, most = self._reach()
        ahead = self._tail(least[weeks], most[weeks])
        steps: list[Line] = []
        for week in range(weeks - 1, -1, -1):
            slope = prices[week] / (1 - theta)
            step = self._step(ahead, week, slope, least[week + 1], most[week + 1])
            steps.append(step)
            if week == 0:
                break
            shift, length = (1 - theta) * self.low[week], (1 - theta) * (self.high[week] - self.low[week])
            if theta == 0.0:
                top = _window_max(step, np.array([shift]), length)
                ahead = Line(x=np.array([least[week], most[week] + 1e-9]), y=np.repeat(top, 2))
                continue
            window = sliding_max(step, length, theta * least[week] + shift, theta * most[week] + shift)
            stock = (window.x - shift) / theta
            ahead = Line(x=stock, y=window.y + slope * theta * stock)
        return self._walk(steps[::-1], prices)

    def _reach(self) -> tuple[FloatArray, FloatArray]:
        """Least and most stock that can be had before each week, and after the last, shape (W + 1,)."""
        theta = self.retention
        least, most = [self.before], [self.before]
        for low, high in zip(self.low, self.high, strict=True):
            least.append((1 - theta) * float(low) + theta * least[-1])
            most.append((1 - theta) * float(high) + theta * most[-1])
        return np.array(least), np.array(most)

    def _tail(self, least: float, most: float) -> Line:
        """Outcome of the weeks after the plan as a function of the stock at its end."""
        weeks, theta = len(self.low), self.retention
        powers = [theta ** (k + 1) for k in range(len(self.season) - weeks)]
        kinks = [self.curve.x / power for power in powers if power > 1e-12]
        x = _within(np.concatenate([*kinks, np.empty(0)]), least, most)
        factors = self.season[weeks:]
        y = np.zeros(len(x))
        for power, factor in zip(powers, factors, strict=True):
            y += factor * self.curve.at(power * x)
        return straightened(Line(x=x, y=y))

    def _step(self, ahead: Line, week: int, slope: float, least: float, most: float) -> Line:
        """What a stock is worth in this week and after it, less its price."""
        x = _within(np.concatenate([self.curve.x, ahead.x]), least, most)
        return straightened(Line(x=x, y=self.season[week] * self.curve.at(x) + ahead.at(x) - slope * x))

    def _walk(self, steps: list[Line], prices: FloatArray) -> tuple[float, FloatArray]:
        theta, level, spend = self.retention, self.before, []
        for week, step in enumerate(steps):
            start = theta * level + (1 - theta) * self.low[week]
            stop = theta * level + (1 - theta) * self.high[week]
            inside = step.x[(step.x > start) & (step.x < stop)]
            choice = np.concatenate([[start], inside, [stop]])
            after = float(choice[int(np.argmax(step.at(choice)))])
            spend.append(min(max((after - theta * level) / (1 - theta), self.low[week]), self.high[week]))
            level = after
        path = np.array(spend)
        start = theta * self.before
        first = _window_max(
            steps[0],
            np.array([start + (1 - theta) * self.low[0]]),
            (1 - theta) * (self.high[0] - self.low[0]),
        )
        return float(first[0] + prices[0] / (1 - theta) * start), path


def sliding_max(line: Line, length: float, start: float, stop: float) -> Line:
    """Maximum of ``line`` over [l, l + length] as a function of l in [start, stop], exactly.

    Between two places where an end of the window meets a kink, the maximum is that of three straight lines: the left
    end, the right end, and the highest kink between them. Their crossings are added.

    Examples
    --------
    >>> hill = Line(x=np.array([0.0, 1.0, 3.0]), y=np.array([0.0, 2.0, 0.0]))
    >>> found = sliding_max(hill, 1.0, 0.0, 2.0)
    >>> found.x.tolist(), found.y.tolist()
    ([0.0, 1.0, 2.0], [2.0, 2.0, 1.0])
    """
    places = _within(np.concatenate([line.x, line.x - length]), start, stop)
    if len(places) < 2:
        return Line(x=places, y=_window_max(line, places, length))
    a, b = places[:-1], places[1:]
    # the highest kink that stays inside the window all the way from a to b
    peak = _range_max(line.y, np.searchsorted(line.x, b - 1e-15), np.searchsorted(line.x, a + length + 1e-15, "right"))
    left, right = (line.at(a), line.at(b)), (line.at(a + length), line.at(b + length))
    ends = [(left, right), (left, (peak, peak)), (right, (peak, peak))]
    crossings = [_crossing(a, b, one, other) for one, other in ends]
    x = np.concatenate([places, *crossings])
    interval = np.concatenate([np.minimum(np.arange(len(places)), len(a) - 1), *[np.arange(len(a))] * 3])
    known = np.isfinite(x)
    x, interval = x[known], interval[known]
    y = np.maximum(np.maximum(line.at(x), line.at(x + length)), peak[interval])
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    fresh = np.r_[True, np.diff(x) > 1e-13 * max(1.0, abs(stop))]
    return straightened(Line(x=x[fresh], y=y[fresh]))


def straightened(line: Line) -> Line:
    """The same function without the points that lie on a straight line between their neighbours."""
    x, y = line.x, line.y
    if len(x) < 3:
        return line
    slope = np.diff(y) / np.diff(x)
    bend = np.abs(np.diff(slope)) > 1e-13 * max(1.0, float(np.abs(slope).max()))
    keep = np.r_[True, bend, True]
    return Line(x=x[keep], y=y[keep])


def _within(points: FloatArray, start: float, stop: float) -> FloatArray:
    """Sorted points strictly inside, and both ends (one where they coincide)."""
    inside = np.unique(points[(points > start) & (points < stop)])
    merged = np.concatenate([[start], inside, [stop]])
    tolerance = 1e-12 * max(1.0, abs(stop))
    keep = np.r_[True, np.diff(merged) > tolerance]
    merged = merged[keep]
    if len(merged) > 1 and merged[-1] != stop:
        merged[-1] = stop
    return np.asarray(merged if len(merged) > 1 else np.array([start, start + max(tolerance, 1e-9)]))


def _crossing(
    a: FloatArray, b: FloatArray, one: tuple[FloatArray, FloatArray], other: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """Where two straight lines over [a, b] cross, NaN where they do not."""
    known = np.isfinite(one[0]) & np.isfinite(other[0])  # a window without a kink has no highest one
    before = np.where(known, one[0], 0.0) - np.where(known, other[0], 0.0)
    after = np.where(known, one[1], 0.0) - np.where(known, other[1], 0.0)
    crosses = before * after < 0
    return np.where(crosses, a + (b - a) * before / np.where(crosses, before - after, 1.0), np.nan)


def _range_max(values: FloatArray, first: IntArray, stop: IntArray) -> FloatArray:
    """Maximum of ``values[first:stop]`` for many ranges (−∞ where empty), by a table of powers of two."""
    levels = [values]
    while 2 ** len(levels) <= len(values):
        last, half = levels[-1], 2 ** (len(levels) - 1)
        levels.append(np.maximum(last[:-half], last[half:]))
    result = np.full(len(first), -np.inf)
    size = stop - first
    filled = size > 0
    level = np.zeros(len(first), dtype=np.intp)
    level[filled] = np.floor(np.log2(size[filled])).astype(np.intp)
    for k, table in enumerate(levels):
        at = np.flatnonzero(filled & (level == k))
        result[at] = np.maximum(table[first[at]], table[stop[at] - 2**k])
    return result


def _window_max(line: Line, starts: FloatArray, length: float) -> FloatArray:
    """Maximum over [start, start + length] for each start."""
    first = np.searchsorted(line.x, starts)
    stop = np.searchsorted(line.x, starts + length, "right")
    return np.maximum(np.maximum(line.at(starts), line.at(starts + length)), _range_max(line.y, first, stop))
