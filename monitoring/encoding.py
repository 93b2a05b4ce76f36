"""Columns of Parquet files as codes and numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
UNKNOWN = "(unknown)"
#: Codes of rows, and their names in alphabetical order.
Names = tuple[Ints, list[str]]
_LONG = 512
_ODD = np.uint64(0x9E3779B97F4A7C15)
_SCREEN = np.uint64((1 << 20) - 1)
#: Texts hashed at a time: what is worked on stays in the processor's cache.
_BLOCK = 16_384
#: Masks of the first 0, 1, … 8 bytes of a word, the lowest first.
_FIRST_BYTES = np.array([(1 << (8 * count)) - 1 for count in range(9)], dtype=np.uint64)


def is_plain(schema: pa.Schema, needed: Sequence[str], numbers: Sequence[str], texts: Sequence[str]) -> bool:
    """Whether ``start_ts`` is a time, names are text and numbers are numbers, as far as the columns are there."""

    def fits(name: str) -> bool:
        kind = schema.field(name).type
        if name == "start_ts":
            return bool(pa.types.is_timestamp(kind))
        if name in numbers:
            return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))
        return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))

    there = [name for name in (*numbers, *texts) if name in schema.names]
    return all(name in schema.names for name in needed) and all(fits(name) for name in (*needed, *there))


def codes_of(column: pa.ChunkedArray, missing: str = UNKNOWN) -> Names:
    """Codes and their names in alphabetical order, so that the larger code is the later name."""
    one = dictionary_of(column)
    names = [str(name) for name in one.dictionary.to_pylist()]
    code = one.indices
    if code.null_count:
        code = pc.fill_null(code, len(names))
        names.append(missing)
    ordered = sorted(set(names))
    if ordered == names:
        return code.to_numpy().astype(np.int64), ordered
    at = {name: place for place, name in enumerate(ordered)}
    return np.array([at[name] for name in names], dtype=np.int64)[code.to_numpy()], ordered


def renamed(names: list[str], everywhere: dict[str, int]) -> Ints:
    """The number of each name among all those met so far; new ones are added."""
    return np.array([everywhere.setdefault(name, len(everywhere)) for name in names], dtype=np.int64)


def dictionary_of(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """A column of text as one array of codes and names."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    if encoded.num_chunks == 1:
        return encoded.chunk(0)
    one = encoded.unify_dictionaries().combine_chunks()
    return one.chunk(0) if isinstance(one, pa.ChunkedArray) else one


def floats_of(table: pa.Table, name: str) -> Floats:
    """A column of numbers, NaN where it has none or is not there."""
    if name not in table.column_names:
        return np.full(len(table), np.nan)
    column = table.column(name)
    values = column if column.type == pa.float64() else column.cast(pa.float64())
    return np.asarray(values.to_numpy(), dtype=np.float64)


def in_one(column: pa.ChunkedArray) -> pa.Array:
    """The column as one array, copied only where it lies in several."""
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def hashes_of(texts: pa.Array) -> NDArray[np.uint64]:
    """64 bits of hash of each text, none of them missing: eight bytes at a time over all texts at once.

    Examples
    --------
    >>> one, other, again = hashes_of(pa.array(["o1", "o2", "o1"])).tolist()
    >>> one == again != other
    True
    """
    if not len(texts):
        return np.empty(0, dtype=np.uint64)
    _, ends, content = texts.buffers()
    wide = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    bounds = np.frombuffer(ends, dtype=wide)[texts.offset : texts.offset + len(texts) + 1]
    data = np.zeros(int(bounds[-1] - bounds[0]) + 8, dtype=np.uint8)
    data[:-8] = np.frombuffer(content or b"", dtype=np.uint8)[bounds[0] : bounds[-1]]
    words: NDArray[np.uint64] = np.ndarray((len(data) - 7,), dtype="<u8", buffer=data, strides=(1,))
    found = np.empty(len(texts), dtype=np.uint64)
    for first in range(0, len(texts), _BLOCK):
        some = bounds[first : first + _BLOCK + 1].astype(np.int64) - int(bounds[0])
        found[first : first + _BLOCK] = _hashed(words, some[:-1], np.diff(some))
    length = np.diff(bounds)
    for row in np.flatnonzero(length > _LONG) if length.max() > _LONG else ():
        text = data[bounds[row] - bounds[0] : bounds[row + 1] - bounds[0]].tobytes()
        found[row] = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
    return found


def _hashed(words: NDArray[np.uint64], begin: Ints, length: Ints) -> NDArray[np.uint64]:
    """Hashes of the texts of a block; ``words``: the eight bytes from each place on."""
    found = mixed(length.astype(np.uint64) + np.uint64(1))
    shortest = int(length.min())
    for read in range(0, min(int(length.max()), _LONG), 8):
        if shortest >= read + 8:  # mostly: ids of one kind are of one length
            found = mixed(found ^ words[begin + read])
            continue
        rows = slice(None) if shortest > read else np.flatnonzero(length > read)
        within = _FIRST_BYTES[np.minimum(length[rows] - read, 8)]
        found[rows] = mixed(found[rows] ^ (words[begin[rows] + read] & within))
    return found


def mixed(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Every bit of the result hangs on every bit given (the finisher of SplitMix64, Steele et al. 2014)."""
    bits = bits + _ODD
    shifted = bits >> np.uint64(30)
    for factor, shift in ((0xBF58476D1CE4E5B9, 27), (0x94D049BB133111EB, 31)):
        bits ^= shifted
        bits *= np.uint64(factor)
        np.right_shift(bits, np.uint64(shift), out=shifted)
    bits ^= shifted
    return bits


class HashSet:
    """A set of hashes, with a table that tells of most others without a search that they are not among them.

    Parameters
    ----------
    hashes
        Ascending.

    Examples
    --------
    >>> HashSet(np.array([3, 9], dtype=np.uint64)).holds(np.array([9, 4], dtype=np.uint64)).tolist()
    [True, False]
    """

    def __init__(self, hashes: NDArray[np.uint64]) -> None:
        self._hashes = hashes
        self._table = np.zeros(int(_SCREEN) + 1, dtype=bool)
        self._table[hashes & _SCREEN] = True

    def holds(self, others: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which of ``others`` are in the set, shape as ``others``."""
        found: NDArray[np.bool_] = self._table[others & _SCREEN]
        maybe = others[found]
        place = np.minimum(np.searchsorted(self._hashes, maybe), len(self._hashes) - 1)
        found[found] = self._hashes[place] == maybe
        return found
