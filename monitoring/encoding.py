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
#: Bytes of a text that Arrow's view of it holds, and those of them that stand beside its length.
_INLINE, _FIRST = 12, 4
#: What every hash starts from.
_SEED = np.uint64(0x243F6A8885A308D3)


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
    kind = np.uint16 if len(ordered) <= _SHORT else np.int64
    if names == ordered:
        return code.to_numpy().astype(kind, copy=False), ordered
    at = {name: place for place, name in enumerate(ordered)}
    return np.array([at[name] for name in names], dtype=kind).take(code.to_numpy(), mode="clip"), ordered


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

    A text of up to twelve bytes is two words with its length, a longer one its length and words whose last overlaps the
    one before it. Whole numbers have the hash of their digits.

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
    bounds, data = _content(texts)
    length = np.diff(bounds)
    size, longest = int(length[0]), int(length.max())
    if _FIRST <= size <= _LONG and (length == size).all():
        return _same_length(data, size, len(texts))
    found = np.empty(len(texts), dtype=np.uint64)
    views = _views(texts) if length.min() <= _INLINE else None
    for row in range(0, len(texts), _BLOCK):
        here = slice(row, row + _BLOCK)
        if views is not None and longest <= _INLINE:
            state = _stirred(_stirred(_SEED, views[here, 0]), views[here, 1])
        else:
            view = None if views is None else views[here]
            state = _by_words(data, bounds[row : row + _BLOCK + 1].astype(np.int64), view)
        found[here] = _finished(state)
    for row in np.flatnonzero(length > _LONG).tolist() if longest > _LONG else ():
        text = data[bounds[row] : bounds[row + 1]].tobytes()
        found[row] = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
    return found


def _content(texts: pa.Array) -> tuple[NDArray[np.integer[Any]], NDArray[np.uint8]]:
    """Where each text begins and the last ends, and all their bytes with eight more behind them."""
    _, ends, content = texts.buffers()
    wide = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    bounds: NDArray[Any] = np.frombuffer(ends, dtype=wide)[texts.offset : texts.offset + len(texts) + 1]
    first, last = int(bounds[0]), int(bounds[-1])
    data = np.zeros(last - first + 8, dtype=np.uint8)
    data[:-8] = np.frombuffer(content or b"", dtype=np.uint8)[first:last]
    return bounds - first if first else bounds, data


def _views(texts: pa.Array) -> NDArray[np.uint64]:
    """Arrow's views, shape (N, 2): length and content of a text of up to twelve bytes, the rest zeros."""
    views = np.frombuffer(texts.cast(pa.string_view()).buffers()[1], dtype="<u8")
    return views.reshape(-1, 2)[-len(texts) :]


def _same_length(data: NDArray[np.uint8], size: int, rows: int) -> NDArray[np.uint64]:
    """Hashes of texts that are all of one length, as ids of one kind are: their words lie at equal distances."""
    found = np.empty(rows, dtype=np.uint64)

    def words(row: int, start: int, kind: str = "<u8") -> NDArray[Any]:
        return np.ndarray((min(_BLOCK, rows - row),), kind, data, row * size + start, (size,))

    for row in range(0, rows, _BLOCK):
        if size <= _INLINE:  # as a view has it
            first = (words(row, 0, "<u4").astype(np.uint64) << np.uint64(32)) | np.uint64(size)
            rest = words(row, _FIRST) & np.uint64((1 << 8 * (size - _FIRST)) - 1)
            state = _stirred(_stirred(_SEED, first), rest)
        else:
            state = _stirred(_SEED, np.full(min(_BLOCK, rows - row), size, dtype=np.uint64))
            for start in (*range(0, size - 8, 8), size - 8):
                state = _stirred(state, words(row, start))
        found[row : row + _BLOCK] = _finished(state)
    return found


def _by_words(data: NDArray[np.uint8], bounds: Ints, views: NDArray[np.uint64] | None) -> NDArray[np.uint64]:
    """States of the texts of a block, not all of which fit into a view; those of as many words go together."""
    # the eight bytes from any place on
    words: NDArray[np.uint64] = np.ndarray((len(data) - 7,), dtype="<u8", buffer=data, strides=(1,))
    begin, last, length = bounds[:-1], bounds[1:] - 8, np.diff(bounds)
    count = (np.minimum(length, _LONG) + 7) >> 3
    count *= length > _INLINE
    state = np.empty(len(length), dtype=np.uint64)
    for many in range(int(count.min()), int(count.max()) + 1):
        rows = np.flatnonzero(count == many)
        if not many and views is not None:
            state[rows] = _stirred(_stirred(_SEED, views[rows, 0]), views[rows, 1])
        elif len(rows):
            some, first = _stirred(_SEED, length[rows].view(np.uint64)), begin[rows]
            for start in range(0, 8 * many - 8, 8):
                some = _stirred(some, words[first + start])
            state[rows] = _stirred(some, words[last[rows]])
    return state


def _stirred(state: NDArray[np.uint64] | np.uint64, word: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The next word into the state: for a given word no two states become one, nor two words for a given state."""
    state = (state ^ word) * _ODD
    state ^= state >> np.uint64(32)
    return state


def _finished(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Leading and trailing bits hang on every bit of the last word too."""
    state *= np.uint64(0xBF58476D1CE4E5B9)
    state ^= state >> np.uint64(29)
    state *= np.uint64(0x94D049BB133111EB)
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
