"""Counters in Prometheus' text format, added up over the workers of one service."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

_FAMILY_END = re.compile(r"(_bucket|_sum|_count)?({.*)?$", re.DOTALL)
#: Upper ends of the latency buckets, seconds.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_HELP = {
    "liftwerk_requests_total": ("counter", "Requests by path and status"),
    "liftwerk_decisions_total": ("counter", "Decisions answered, all of them logged"),
    "liftwerk_rewards_total": ("counter", "Rewards by what became of them"),
    "liftwerk_log_batches_total": ("counter", "Transactions of the decision log"),
    "liftwerk_log_waiting": ("gauge", "Rows that wait to be logged"),
    "liftwerk_workers": ("gauge", "Workers that report"),
    "liftwerk_policy_version": ("gauge", "Policy version served, by experiment"),
    "liftwerk_decide_seconds": ("histogram", "Time from the request for a decision to its answer"),
}


class Metrics:
    """What one worker counted since it started.

    Parameters
    ----------
    folder
        Where workers leave their counts for each other; ``None``: this worker is alone.
    name
        Of this worker's file.
    """

    def __init__(self, folder: Path | None = None, name: str = "0") -> None:
        self._file = None if folder is None else folder / f"worker-{name}.json"
        self._folder = folder
        self.counts: Counter[str] = Counter()
        self._latency = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0

    def decided(self, seconds: float) -> None:
        """A decision was answered after ``seconds``."""
        self._latency[bisect_left(BUCKETS, seconds)] += 1
        self._seconds += seconds

    def answered(self, path: str, status: int) -> None:
        """A request was answered."""
        self.counts[_request(path, status)] += 1

    def rewarded(self, outcome: str) -> None:
        """A reward was handled."""
        self.counts[f'liftwerk_rewards_total{{outcome="{outcome}"}}'] += 1

    def leave(self, gauges: Mapping[str, float]) -> None:
        """Write the counts for the other workers."""
        if self._file is not None:
            beside = self._file.with_suffix(".new")
            beside.write_text(json.dumps(self._all(gauges)), encoding="utf-8")
            beside.replace(self._file)

    def exposition(self, gauges: Mapping[str, float], versions: Mapping[str, int]) -> bytes:
        """The page of ``/metrics``: every worker's counts added up, the policy versions this worker serves."""
        total: Counter[str] = Counter(self._all(gauges))
        total["liftwerk_workers"] = 1
        for file in self._folder.glob("worker-*.json") if self._folder else ():
            if file != self._file:
                try:
                    total.update(json.loads(file.read_text(encoding="utf-8")))
                except (OSError, ValueError):
                    continue  # another worker is starting or has just gone
                total["liftwerk_workers"] += 1
        for name, version in versions.items():
            total[f'liftwerk_policy_version{{experiment="{label_value(name)}"}}'] = version
        lines = []
        for family, (kind, text) in _HELP.items():
            members = [key for key in total if _FAMILY_END.sub("", key) == family]
            if members:
                lines += [f"# HELP {family} {text}", f"# TYPE {family} {kind}"]
                lines += [f"{key} {total[key]:.17g}" for key in members]
        return ("\n".join(lines) + "\n").encode()

    def _all(self, gauges: Mapping[str, float]) -> dict[str, float]:
        found: dict[str, float] = dict(sorted(self.counts.items()))
        found["liftwerk_decisions_total"] = sum(self._latency)
        found.update(gauges)
        running = 0
        for upper, count in zip((*map(str, BUCKETS), "+Inf"), self._latency, strict=True):
            running += count
            found[f'liftwerk_decide_seconds_bucket{{le="{upper}"}}'] = running
        found["liftwerk_decide_seconds_sum"] = self._seconds
        found["liftwerk_decide_seconds_count"] = running
        return found


@lru_cache(maxsize=256)
def _request(path: str, status: int) -> str:
    return f'liftwerk_requests_total{{path="{path}",status="{status}"}}'


def label_value(text: str) -> str:
    """A text as the value of a label."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
