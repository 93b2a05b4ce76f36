"""What may leave the house: no cell of fewer than k people, and no person between two successive reports.

Two rules act on people, before any credit is worked out, so that every method and every table inherits them.

1. *Small channels.* A person who met a channel that fewer than k admitted people met is left out, until every channel
   that remains was met by at least k people. Nothing is merged into an "other" row: a rest of one person would be a
   row about one person.
2. *Successive reports.* A release remembers a keyed digest of every person it rests on. In the next one the people who
   differ (new, gone, or with other journeys) are counted by channel. Newcomers on a channel where fewer than k people
   differ wait. Where people are gone or changed and fewer than k differ on one of their channels, nothing new is
   released and the last report stands.

Guaranteed: every published channel rests on k people or more; two successive reports are identical, or differ by k
people or more in every channel that differs at all. So a channel that one person met never shows, and its coming or
going changes nothing. Published transition counts are multiples of k, cut down, and the probabilities follow from them.

Not guaranteed: k-anonymity protects against readers of reports, not against one who knows k − 1 of the k people; a
chain of many reports may tell more than two; nothing here hides that a *group* of k did something all alike. Whoever
needs protection against any side knowledge needs noise: `noisy_counts` gives ε-differential privacy, for counts only.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attribution.paths import FloatArray, IntArray, PathTable
from measurement.errors import InputError

DEFAULT_K = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ledger:
    """Who a release rests on: kept beside the runs, never published, dropped when a person is forgotten.

    Attributes
    ----------
    table
        One row a person and channel: ``digest`` (keyed, of the person's id and journeys), ``channel``.
    """

    table: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Release:
    """What `release` decided.

    Attributes
    ----------
    paths
        Paths of the admitted people; ``None`` where the last report stands.
    ledger
        To keep for the next release.
    people, waiting
        Admitted people, and people left out or waiting.
    """

    paths: PathTable | None
    ledger: Ledger
    people: int
    waiting: int


def release(table: PathTable, *, key: bytes, k: int = DEFAULT_K, previous: Ledger | None = None) -> Release:
    """Admit people under the two rules of this module.

    Parameters
    ----------
    table
        Paths that name people.
    key
        Secret of the workspace, 16 bytes or more: without it a digest cannot be traced to an id.
    k
        Smallest group that may be published, 2 or more.
    previous
        Ledger of the last release, ``None`` for the first.

    Raises
    ------
    InputError
        For paths without people, a small ``k``, a short key, or where nobody can be admitted.
    """
    if table.people is None:
        raise InputError.of("these paths name no people", "Build them from touchpoints", column="people")
    if k < 2 or len(key) < 16:
        raise InputError.of(
            "privacy needs groups of 2 or more and a key of 16 bytes or more", "Use k = 10", column="k", value=k
        )
    numbers, person = np.unique(table.people, return_inverse=True)
    person = person.astype(np.int64).ravel()
    met = _met(table, person, len(numbers))
    digest = _digests(table, person, len(numbers), key)
    old = previous.table if previous is not None else pd.DataFrame({"digest": [], "channel": []})
    stays = np.isin(digest, old["digest"].unique())
    if previous is not None:
        admitted = _next(met, digest, stays, old, table.channels, k)
        if admitted is None:
            return Release(
                paths=None, ledger=previous, people=int(old["digest"].nunique()), waiting=int((~stays).sum())
            )
    else:
        admitted = _crowded(met, np.ones(len(numbers), dtype=bool), k)
    if not admitted.any():
        raise InputError.of("no channel was met by enough people to be published", "Widen the time range", value=k)
    rows, columns = np.nonzero(met & admitted[:, None])
    ledger = Ledger(
        table=pd.DataFrame({"digest": digest[rows], "channel": np.array(table.channels, dtype=object)[columns]})
    )
    paths = only_met(table.where(admitted[person]))
    return Release(paths=paths, ledger=ledger, people=int(admitted.sum()), waiting=int(len(numbers) - admitted.sum()))


def only_met(table: PathTable) -> PathTable:
    """The table without channels that nobody met."""
    used = np.unique(table.touches)
    rank = np.zeros(len(table.channels), dtype=np.int16)
    rank[used] = np.arange(len(used))
    return PathTable(
        channels=tuple(table.channels[place] for place in used),
        offsets=table.offsets,
        touches=rank[table.touches],
        conversions=table.conversions,
        nulls=table.nulls,
        value=table.value,
        bucket=table.bucket,
        ages=table.ages,
        people=table.people,
        cost=np.zeros(len(used)),
    )


def _crowded(met: NDArray[np.bool_], start: NDArray[np.bool_], k: int) -> NDArray[np.bool_]:
    """The largest part of ``start`` in which every channel is met by nobody or by k people or more."""
    admitted = start.copy()
    while True:
        count = met[admitted].sum(axis=0)
        rare = (count > 0) & (count < k)
        if not rare.any():
            return admitted
        admitted &= ~(met & rare).any(axis=1)


def _next(
    met: NDArray[np.bool_],
    digest: IntArray,
    stays: NDArray[np.bool_],
    old: pd.DataFrame,
    channels: tuple[str, ...],
    k: int,
) -> NDArray[np.bool_] | None:
    """Who is admitted after an earlier release; ``None`` where its report must stand."""
    gone = old[~old["digest"].isin(digest)]
    left = gone.groupby("channel").size()
    leaving = np.array([int(left.get(name, 0)) for name in channels])
    vanished = left[~left.index.isin(channels)]
    newcomers = ~stays
    while True:
        admitted = stays | newcomers
        differ = met[newcomers].sum(axis=0) + leaving
        small = (differ > 0) & (differ < k)
        count = met[admitted].sum(axis=0)
        rare = (count > 0) & (count < k)
        blocked = small | rare
        waiting = newcomers & (met & blocked).any(axis=1)
        if waiting.any():
            newcomers &= ~waiting
            continue
        # What is left of a small difference are people gone or changed: only an unchanged report hides them.
        return None if blocked.any() or (vanished < k).any() else admitted


def _met(table: PathTable, person: IntArray, people: int) -> NDArray[np.bool_]:
    """Which channels each person met, shape (people, C)."""
    met = np.zeros((people, len(table.channels)), dtype=bool)
    met[person[table.owner()], table.touches] = True
    return met


def _digests(table: PathTable, person: IntArray, people: int, key: bytes) -> IntArray:
    """Keyed 63-bit digest of each person's number and journeys; changes with any touch or conversion."""
    if table.people is None:
        raise AssertionError("checked by release")
    names = np.array(table.channels, dtype=object)
    hashes = [hashlib.blake2b(digest_size=8, key=key[:64]) for _ in range(people)]
    for row in np.argsort(person, kind="stable"):
        steps = slice(int(table.offsets[row]), int(table.offsets[row + 1]))
        line = "\x1f".join(names[table.touches[steps]])
        line += (
            f"\x1e{table.people[row]}\x1e{table.conversions[row]:g}\x1e{table.nulls[row]:g}\x1e{table.value[row]:.6g}"
        )
        hashes[person[row]].update(line.encode() + b"\n")
    return np.array([int.from_bytes(each.digest(), "big") >> 1 for each in hashes], dtype=np.int64)


def publishable_transitions(transitions: pd.DataFrame, *, k: int = DEFAULT_K) -> pd.DataFrame:
    """Transition counts cut down to multiples of k, with the probabilities of what remains.

    A person takes a step more than once only by coming back to it, so that k steps may be of fewer than k people;
    `person_transitions` counts people instead and is what a report should pass in.
    """
    frame = transitions.assign(count=(transitions["count"] // k) * k)
    frame = frame[frame["count"] > 0].reset_index(drop=True)
    frame["probability"] = frame["count"] / frame.groupby("from")["count"].transform("sum")
    return frame


def person_transitions(table: PathTable) -> pd.DataFrame:
    """How many people took each step at least once: ``from``, ``to``, ``count``."""
    if table.people is None:
        raise InputError.of("these paths name no people", "Build them from touchpoints", column="people")
    names = np.array([*table.channels, "(start)", "(conversion)", "(end)"], dtype=object)
    width = len(table.channels)
    person = np.unique(table.people, return_inverse=True)[1].astype(np.int64).ravel()
    touches = table.touches.astype(np.int64)
    before = np.concatenate([[width], touches[:-1]])
    before[table.offsets[:-1]] = width
    owner, last = table.owner(), touches[table.offsets[1:] - 1]
    parts = [np.column_stack([person[owner], before, touches])]
    for place, happened in ((width + 1, table.conversions > 0), (width + 2, table.nulls > 0)):
        parts.append(np.column_stack([person, last, np.full(table.count, place)])[happened])
    steps = np.unique(np.concatenate(parts), axis=0)[:, 1:]
    found, count = np.unique(steps, axis=0, return_counts=True)
    frame = pd.DataFrame({"from": names[found[:, 0]], "to": names[found[:, 1]], "count": count.astype(float)})
    return frame.sort_values(["from", "to"], ignore_index=True)


def noisy_counts(counts: FloatArray, *, epsilon: float, per_person: int, seed: int | None) -> IntArray:
    """Counts with two-sided geometric noise: ε-differential privacy of the whole vector.

    Parameters
    ----------
    counts
        Whole numbers, e.g. conversions by first or last touch, any shape.
    epsilon
        Privacy budget of this one table; budgets of several tables and of successive reports add up.
    per_person
        Most that one person can add to all cells together. The caller must have cut people down to that.
    seed
        ``None`` takes entropy from the system, as a publication must; a number is for tests: whoever knows it can take
        the noise off.

    Returns
    -------
    Whole numbers, same shape; may be negative, on purpose (Ghosh, Roughgarden & Sundararajan 2012).

    Raises
    ------
    InputError
        For fractions, or parameters out of range.
    """
    if not epsilon > 0 or per_person < 1:
        raise InputError.of("noise needs ε above 0 and per_person of 1 or more", "Use ε = 1", value=epsilon)
    whole = np.rint(counts)
    if not np.allclose(whole, counts, atol=1e-9):
        raise InputError.of("noise is for whole counts only", "Use first- or last-touch conversions", column="counts")
    rng = np.random.default_rng(seed)
    chance = 1.0 - np.exp(-epsilon / per_person)
    noise = rng.geometric(chance, np.shape(counts)) - rng.geometric(chance, np.shape(counts))
    return whole.astype(np.int64) + noise
