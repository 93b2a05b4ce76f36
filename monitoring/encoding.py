"""Columns of Parquet files as codes and numbers."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
UNKNOWN = "(unknown)"
#: Codes of rows, and their names in alphabetical order.
Names = tuple[NDArray[np.integer[Any]], list[str]]
_LONG = 512
#: Codes up to here fit 16 bits.
_SHORT = 65_536
#: Digits of which a 64-bit number holds all, and the largest whole number up to which floats hold all.
_DIGITS, _EXACT = 18, 1 << 53
_ODD = np.uint64(0x9E3779B97F4A7C15)
_SCREEN = np.uint64((1 << 20) - 1)
#: Texts hashed at a time: what is worked on stays in the processor's cache.
_BLOCK = 16_384
#: Masks of the first 0, 1, … 8 bytes of a word, the lowest first.
_FIRST_BYTES = np.array([(1 << (8 * count)) - 1 for count in range(9)], dtype=np.uint64)


def codes_of(column: pa.Array, missing: str = UNKNOWN) -> Names:
    """Codes and their names in alphabetical order, so that the larger code is the later name."""
    if pa.types.is_null(column.type):
        return np.zeros(len(column), dtype=np.uint16), [missing]
    one = column if pa.types.is_dictionary(column.type) else _as_text(column).dictionary_encode()
    found = one.dictionary.to_pylist()
    names = [missing if name is None else str(name) for name in found]
    code = one.indices
    if code.null_count:
        code = pc.fill_null(code.cast(pa.int32()), len(names))
        names.append(missing)
    ordered = sorted(set(names))
    at = {name: place for place, name in enumerate(ordered)}
    rank = np.array([at[name] for name in names], dtype=np.uint16 if len(ordered) <= _SHORT else np.int64)
    return rank.take(code.to_numpy(), mode="clip"), ordered


def renamed(names: list[str], everywhere: dict[str, int]) -> Ints:
    """The number of each name among all those met so far; new ones are added."""
    return np.array([everywhere.setdefault(name, len(everywhere)) for name in names], dtype=np.int64)


def floats_of(some: pa.RecordBatch, name: str) -> Floats:
    """A column of numbers, NaN where it has none or is not there."""
    if name not in some.schema.names:
        return np.full(len(some), np.nan)
    column = some.column(name)
    if pa.types.is_decimal(column.type):
        return _rounded(column)
    if column.null_count or pa.types.is_null(column.type):
        column = column.cast(pa.float64(), safe=False)
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def _rounded(column: pa.Array) -> Floats:
    """Decimals as the nearest floats, which Arrow's own conversion misses by a last digit."""
    if pa.types.is_decimal256(column.type) or column.type.precision > _DIGITS or column.type.scale > _DIGITS:
        found = [np.nan if value is None else float(value) for value in column.to_pylist()]
        return np.array(found, dtype=np.float64)
    wide = column.cast(pa.decimal128(_DIGITS, column.type.scale))
    words = np.frombuffer(wide.buffers()[1], dtype="<i8")[2 * wide.offset : 2 * (wide.offset + len(wide)) : 2]
    if len(words) and max(int(words.max()), -int(words.min())) > _EXACT:
        return np.array([np.nan if value is None else float(value) for value in column.to_pylist()], dtype=np.float64)
    values: Floats = words / 10.0**column.type.scale
    if column.null_count:
        values[~column.is_valid().to_numpy(zero_copy_only=False)] = np.nan
    return values


def in_one(column: pa.ChunkedArray) -> pa.Array:
    """The column as one array, copied only where it lies in several."""
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _as_text(column: pa.Array) -> pa.Array:
    plain = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    return column if plain else column.cast(pa.large_string())


def hashes_of(texts: pa.Array) -> NDArray[np.uint64]:
    """64 bits of hash of each text, none of them missing: eight bytes at a time over all texts at once.

    Whole numbers have the hash of their digits.

    Examples
    --------
    >>> one, other, again = hashes_of(pa.array(["o1", "o2", "o1"])).tolist()
    >>> one == again != other
    True
    """
    if not len(texts):
        return np.empty(0, dtype=np.uint64)
    if pa.types.is_dictionary(texts.type):
        return np.asarray(hashes_of(texts.dictionary).take(texts.indices.to_numpy()))
    texts = _as_text(texts)
    _, ends, content = texts.buffers()
    wide = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    bounds = np.frombuffer(ends, dtype=wide)[texts.offset : texts.offset + len(texts) + 1]
    first, last = int(bounds[0]), int(bounds[-1])
    data = np.zeros(last - first + 8, dtype=np.uint8)
    data[:-8] = np.frombuffer(content or b"", dtype=np.uint8)[first:last]
    length = np.diff(bounds)
    size = int(length[0])
    if size and size <= _LONG and (length == size).all():
        return _same_length(data, size, len(texts))
    words: NDArray[np.uint64] = np.ndarray((len(data) - 7,), dtype="<u8", buffer=data, strides=(1,))
    found = np.empty(len(texts), dtype=np.uint64)
    for row in range(0, len(texts), _BLOCK):
        begin = bounds[:-1][row : row + _BLOCK].astype(np.int64) - first
        found[row : row + _BLOCK] = _hashed(words, begin, length[row : row + _BLOCK].astype(np.int64))
    for row in np.flatnonzero(length > _LONG).tolist() if length.max() > _LONG else ():
        text = data[bounds[row] - first : bounds[row + 1] - first].tobytes()
        found[row] = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
    return found


def _same_length(data: NDArray[np.uint8], size: int, rows: int) -> NDArray[np.uint64]:
    """Hashes of texts that are all of one length, as ids of one kind are: their words lie at equal distances."""
    found = np.empty(rows, dtype=np.uint64)
    starts = [*range(0, size - 7, 8), *([max(size - 8, 0)] if size % 8 else [])]
    for row in range(0, rows, _BLOCK):
        some = min(_BLOCK, rows - row)
        state = np.full(some, _SEEDS[size])
        for start in starts:
            word = np.ndarray((some,), dtype="<u8", buffer=data, offset=row * size + start, strides=(size,))
            state = _stirred(state, word if size >= 8 else word & _FIRST_BYTES[size])
        found[row : row + some] = mixed(state)
    return found


def _hashed(words: NDArray[np.uint64], begin: Ints, length: Ints) -> NDArray[np.uint64]:
    """Hashes of the texts of a block; ``words``: the eight bytes from each place on.

    The last word of a text overlaps the one before it where the length is no multiple of eight.
    """
    state = _SEEDS[np.minimum(length, _LONG)]
    shortest, longest = int(length.min()), min(int(length.max()), _LONG)
    for read in range(0, longest - 7, 8):
        if shortest >= read + 8:
            state = _stirred(state, words[begin + read])
        else:
            rows = np.flatnonzero(length >= read + 8)
            state[rows] = _stirred(state[rows], words[begin[rows] + read])
    last = words[begin + np.maximum(length - 8, 0)]
    if shortest < 8:
        last &= _FIRST_BYTES.take(np.minimum(length, 8))
    return mixed(np.where(length % 8, _stirred(state, last), state))


def _stirred(state: NDArray[np.uint64], word: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The next word into the state: for a given word no two states become one, nor two words for a given state."""
    state = (state ^ word) * _ODD
    state ^= state >> np.uint64(32)
    return state


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


#: What the hash of a text of each length starts from.
_SEEDS = mixed(np.arange(_LONG + 1, dtype=np.uint64))


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
