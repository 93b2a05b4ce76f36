"""Who a report rests on, in digests: what one release must remember so that the next one gives nobody away."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attribution.journeys import person_numbers
from attribution.paths import IntArray, PathTable
from measurement.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ledger:
    """Who a release rests on: kept beside the runs, never published.

    Attributes
    ----------
    table
        One row a person and channel: ``person`` (keyed digest of the id), ``digest`` (keyed, of the id and all
        events), ``channel``.
    report_is_gone
        Whether the report was removed, as somebody in it has been forgotten: it cannot stand any longer.
    """

    table: pd.DataFrame
    report_is_gone: bool = False

    def without(self, unit_ids: Iterable[str], key: bytes) -> Ledger:
        """The ledger after people have been forgotten: their rows say "somebody", under numbers drawn at random.

        The rows themselves stay: the next report must differ from the last one by k people or more, and they are what
        it differs by. Nothing leads from them to a person, with the key or without.
        """
        numbers = person_numbers(np.array(sorted(unit_ids), dtype=object))
        found = self.table["person"].isin(_keyed(numbers, key)).to_numpy()
        table = self.table.copy()
        for person in table.loc[found, "person"].unique():
            # Of the system's entropy: a number that could be made again would be a pseudonym.
            table.loc[table["person"] == person, ["person", "digest"]] = secrets.randbits(63), secrets.randbits(63)
        return replace(self, table=table, report_is_gone=True)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class People:
    """The people of a table of paths.

    Attributes
    ----------
    channels
        Names, C of them.
    of_path
        Place of each path's person, shape (P,).
    person, digest
        Keyed digests of the id, and of the id and all events, shape (N,).
    met
        Which channels each person met, shape (N, C).
    """

    channels: tuple[str, ...]
    of_path: IntArray
    person: IntArray
    digest: IntArray
    met: NDArray[np.bool_]

    def ledger(self, admitted: NDArray[np.bool_]) -> Ledger:
        """Ledger of a release that rests on the people ``admitted``, shape (N,)."""
        rows, columns = np.nonzero(self.met & admitted[:, None])
        names = np.array(self.channels, dtype=object)[columns]
        return Ledger(table=pd.DataFrame({"person": self.person[rows], "digest": self.digest[rows], "channel": names}))


def everybody(table: PathTable, key: bytes, trace: IntArray | None) -> People:
    """The people behind the paths; see `attribution.privacy.release`."""
    if table.people is None:
        raise InputError.of("these paths name no people", "Build them from touchpoints", column="people")
    numbers, place = np.unique(table.people, return_inverse=True)
    of_path = place.astype(np.int64).ravel()
    met = np.zeros((len(numbers), len(table.channels)), dtype=bool)
    met[of_path[table.owner()], table.touches] = True
    return People(
        channels=table.channels,
        of_path=of_path,
        person=_keyed(numbers, key),
        digest=_digests(table, of_path, len(numbers), key, trace),
        met=met,
    )


def _keyed(numbers: IntArray, key: bytes) -> IntArray:
    """Keyed 63-bit digest of each number."""
    told = (hashlib.blake2b(f"person {number}".encode(), digest_size=8, key=key[:64]) for number in numbers)
    return np.array([int.from_bytes(each.digest(), "big") >> 1 for each in told], dtype=np.int64)


def _digests(table: PathTable, person: IntArray, people: int, key: bytes, trace: IntArray | None) -> IntArray:
    """Keyed 63-bit digest of each person's number, journeys and events; changes with any of them."""
    if table.people is None:
        raise AssertionError("checked by everybody")
    names = np.array(table.channels, dtype=object)
    marks = np.zeros(table.count, dtype=np.int64) if trace is None else trace
    hashes = [hashlib.blake2b(digest_size=8, key=key[:64]) for _ in range(people)]
    for row in np.argsort(person, kind="stable"):
        steps = slice(int(table.offsets[row]), int(table.offsets[row + 1]))
        line = "\x1f".join(names[table.touches[steps]])
        line += f"\x1e{table.people[row]}\x1e{table.conversions[row]:g}\x1e{table.nulls[row]:g}"
        line += f"\x1e{table.value[row]:.6g}\x1e{marks[row]}"
        hashes[person[row]].update(line.encode() + b"\n")
    return np.array([int.from_bytes(each.digest(), "big") >> 1 for each in hashes], dtype=np.int64)
