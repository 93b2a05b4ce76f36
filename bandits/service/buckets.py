"""What the learner remembers of one experiment: counts by arm and span of time, finer the younger they are."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bandits.delay import DelayDistribution
from bandits.rewards import Floats

MINUTE, HOUR, DAY = 60, 3_600, 86_400
#: Seconds for which minutes and hours are told apart; evidence beyond that is kept by day.
KEPT = (3 * HOUR, 8 * DAY)
_US = 1_000_000
#: Delays kept to learn from, newest first.
_DELAYS = 5_000
#: Columns of a bucket.
SHOWN, HITS, TOTAL, SQUARES, LOGS, LOG_SQUARES = range(6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """Before ``day`` buckets are days, before ``hour`` hours, then minutes; seconds since 1970, whole days and hours.

    Examples
    --------
    >>> edges = Edges.at(20 * DAY + 50)
    >>> edges.start(DAY + 5), edges.start(18 * DAY + HOUR + 5), edges.start(20 * DAY + 61)
    (86400, 1558800, 1728060)
    """

    day: int = 0
    hour: int = 0

    @classmethod
    def at(cls, now: float, kept: tuple[int, int] = KEPT) -> Edges:
        """The edges that belong to the time ``now``; ``kept``: seconds for which minutes and hours are told apart."""
        minutes, hours = kept
        return cls(day=max(int(now - hours), 0) // DAY * DAY, hour=max(int(now - minutes), 0) // HOUR * HOUR)

    def length(self, start: int) -> int:
        """Seconds of the bucket that holds ``start``."""
        return DAY if start < self.day else HOUR if start < self.hour else MINUTE

    def start(self, second: int) -> int:
        """Start of the bucket that holds ``second``."""
        return second - second % self.length(second)


@dataclass(slots=True)
class Memory[Key: Hashable]:
    """Counts by arm, or by arm and kind of person, and bucket; and delays.

    Attributes
    ----------
    counts
        (arm, start of the bucket in seconds since 1970) → decisions, rewarded decisions, sum of rewards, of their
        squares, of the logarithms of positive rewards, and of those squared.
    delays
        Hours from decision to reward, and time of the decision in hours since 1970.
    edges
        Where buckets change their length.
    kept
        Seconds for which minutes and hours are told apart.

    Notes
    -----
    Minutes matter while rewards are under way, days are enough for the half-life of evidence. A year of ten arms is
    some 6,000 buckets; by the minute it would be five million.
    """

    counts: dict[tuple[Key, int], list[float]] = field(default_factory=dict)
    delays: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_DELAYS))
    edges: Edges = field(default_factory=Edges)
    kept: tuple[int, int] = KEPT

    def add_decisions(self, arm: Key, second: int, count: int) -> None:
        """``count`` decisions in the bucket that holds ``second``."""
        self._bucket(arm, second)[SHOWN] += count

    def add_reward(self, arm: Key, decided_us: int, came_us: int, value: float) -> None:
        """A reward of a decision; times in microseconds since 1970."""
        bucket = self._bucket(arm, decided_us // _US)
        bucket[TOTAL] += value
        bucket[SQUARES] += value**2
        if value == 0:
            return
        bucket[HITS] += 1.0
        if value > 0:
            logarithm = float(np.log(value))
            bucket[LOGS] += logarithm
            bucket[LOG_SQUARES] += logarithm**2
        self.delays.append((max(came_us - decided_us, 0) / _US / HOUR, decided_us / _US / HOUR))

    def fold(self, now: float) -> None:
        """Put minutes into hours and hours into days where they have become old enough."""
        edges = Edges.at(now, self.kept)
        # a clock that was set back does not split what was put together
        edges = Edges(day=max(edges.day, self.edges.day), hour=max(edges.hour, self.edges.hour))
        if edges == self.edges:
            return
        self.edges, before = edges, self.counts
        self.counts = {}
        for (arm, start), values in before.items():
            bucket = self._bucket(arm, start)
            for column, value in enumerate(values):
                bucket[column] += value

    def forget_oldest(self, most: int) -> None:
        """Keep at most ``most`` buckets: where there are more, the oldest fifth and what exceeds it go."""
        if len(self.counts) > most:
            newest = sorted(self.counts.items(), key=lambda one: one[0][1], reverse=True)
            self.counts = dict(newest[: most * 4 // 5])

    def table(self, arms: Sequence[Key], now: float = np.inf) -> tuple[NDArray[np.int64], Floats, Floats]:
        """The buckets of some arms: index of the arm and middle in seconds, shape (n,); counts, shape (n, 6).

        What lies beyond ``now`` (seconds since 1970) has not been yet: the middle is that of the part before it.
        """
        place = {name: number for number, name in enumerate(arms)}
        rows = [(place[arm], start, values) for (arm, start), values in self.counts.items() if arm in place]
        arm = np.array([row[0] for row in rows], dtype=np.int64)
        start = np.array([row[1] for row in rows], dtype=float)
        length = np.array([self.edges.length(row[1]) for row in rows], dtype=float)
        middle = start + np.clip(now - start, 0.0, length) / 2.0
        return arm, middle, np.array([row[2] for row in rows], dtype=float).reshape(len(rows), LOG_SQUARES + 1)

    def delay(self, now: float) -> DelayDistribution:
        """What the delays tell at ``now`` (seconds since 1970)."""
        if not self.delays:
            return DelayDistribution.at_once()
        late, decided = np.array(self.delays).T
        age = np.maximum(now / HOUR - decided, 0.0)
        return DelayDistribution.learn(np.minimum(late, age), age)

    def _bucket(self, arm: Key, second: int) -> list[float]:
        return self.counts.setdefault((arm, self.edges.start(second)), [0.0] * (LOG_SQUARES + 1))
