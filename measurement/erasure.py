"""Taking a person out of what files hold: tables by row, JSON by entry, text by word.

Every function here takes content and gives it back without the person, with how much was taken out; `erase` applies
one to a file, through whatever it is compressed with. Files are replaced as a whole, so a reader sees the old or the
new one.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from measurement.packing import unpacked
from measurement.person import Person, link_of
from measurement.store import write_atomically

#: Content → content without the person, and how many rows, entries or words were taken out.
Eraser = Callable[[bytes], tuple[bytes, int]]
#: JSON value → the value without the person (``None`` for nothing left), and how much was taken out.
Prune = Callable[[Any], tuple[Any, int]]
LINES = frozenset((".jsonl", ".ndjson"))
_REMOVED = "[removed]"
_BROKEN = (ValueError, RecursionError)


def erase(path: Path, work: Eraser, *, write: bool = True) -> int:
    """Apply an eraser to a file, also a compressed one; returns how much was, or would be, taken out."""
    raw = path.read_bytes()
    new, count = _inside(raw, work)
    if count and write:
        write_atomically(path, new)
    return count


def _inside(raw: bytes, work: Eraser) -> tuple[bytes, int]:
    packed = unpacked(raw)
    if packed is None:
        return work(raw)
    new, count = _inside(packed.content, work)
    return (packed.pack(new) if count else raw), count


def erased_parquet(raw: bytes, person: Person) -> tuple[bytes, int]:
    """Without the person's rows."""
    table = pq.read_table(pa.BufferReader(raw))
    theirs = _rows_of(table, person)
    count = sum(theirs)
    told = b"\n".join(part for pair in (table.schema.metadata or {}).items() for part in pair)
    in_footer = person.words is not None and person.words.search(told.decode("utf-8", errors="replace")) is not None
    if not count and not in_footer:
        return raw, 0
    mask = pa.array(theirs, pa.bool_())
    person.link(table.select([n for n in table.column_names if link_of(n)]).filter(mask).to_pylist())
    left = table.filter(pc.invert(mask))
    sink = io.BytesIO()
    pq.write_table(left.replace_schema_metadata(None) if in_footer else left, sink, compression="zstd")
    return sink.getvalue(), count + in_footer


def _rows_of(table: pa.Table, person: Person) -> list[bool]:
    theirs = [False] * len(table)
    for name in table.column_names:
        for place in _places(table.column(name), name, person):
            theirs[place] = True
    return theirs


def _places(column: pa.ChunkedArray, name: str, person: Person) -> Iterator[int]:
    """Rows in which a column names the person, or ties the row to one of theirs."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_temporal(kind) or pa.types.is_boolean(kind):
        return
    if pa.types.is_nested(kind):  # lists and structures: every value for itself
        yield from (place for place, value in enumerate(column.to_pylist()) if person.named_in_tree(value, name))
        return
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_string_view(kind):
        column = column.cast(pa.large_binary()) if not pa.types.is_string_view(kind) else column.cast(pa.string())
    known = person.linked.get(link_of(name) or "", set())
    # a column has far fewer different values than rows
    for value in pc.unique(column).to_pylist():
        text = value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value
        if value is not None and (str(text) in known or person.named_by(name, text)):
            yield from pc.indices_nonzero(pc.equal(column, value)).to_pylist()


def erased_table(raw: bytes, person: Person) -> tuple[bytes, int]:
    """A CSV without the person's records; every other byte stays as it was."""
    text, encoding = _decoded(raw)
    records = list(_records(text))
    if not records:
        return raw, 0
    delimiter = max(",;\t|", key=records[0].count)
    header = next(csv.reader([records[0].strip().lstrip("\ufeff")], delimiter=delimiter), [])
    kept, removed, renamed = [records[0]], [], 0
    if any(person.named_by(cell, cell) for cell in header):
        kept[0], renamed = person.pattern.subn(_REMOVED, records[0])
    for record in records[1:]:
        cells = next(csv.reader(io.StringIO(record), delimiter=delimiter), [])
        row = dict(zip(header, cells, strict=False))
        beyond = cells[len(header) :]
        if _names(row, person) or person.owns(row) or any(person.named_in(cell) for cell in beyond):
            removed.append(row)
        else:
            kept.append(record)
    person.link(removed)
    count = len(removed) + renamed
    return ("".join(kept).encode(encoding, errors="surrogateescape") if count else raw), count


def _names(row: dict[str, str], person: Person) -> bool:
    return any(person.named_by(column, cell) for column, cell in row.items())


def _records(text: str) -> Iterable[str]:
    """Lines, joined where a quoted cell runs over several."""
    held = ""
    for line in io.StringIO(text, newline=""):
        held += line
        if held.count('"') % 2 == 0:
            yield held
            held = ""
    if held:
        yield held


def erased_lines(raw: bytes, prune: Prune, worth: Callable[[str], bool] = bool) -> tuple[bytes, int]:
    """JSON lines, or one JSON document, pruned.

    Parameters
    ----------
    raw
        The content.
    prune
        Takes the person out of one value.
    worth
        Whether a line is to be looked at.
    """
    try:
        whole = json.loads(raw)
    except _BROKEN:
        return _pruned_lines(raw, prune, worth)
    left, count = prune(whole)
    if not count:
        return raw, 0
    return (b"" if left is None else json.dumps(left, ensure_ascii=False).encode() + b"\n"), count


def _pruned_lines(content: bytes, prune: Prune, worth: Callable[[str], bool]) -> tuple[bytes, int]:
    kept, count = [], 0
    for line in content.splitlines(keepends=True):
        text = line.decode("utf-8", errors="replace")
        if not worth(text):
            kept.append(line)
            continue
        try:
            left, found = prune(json.loads(line))
        except _BROKEN:
            # what cannot be read is dropped where it names the person: nothing can be cut out of it
            left, found = prune(text)
            left = None
        if not found:
            kept.append(line)
        elif left is not None:
            kept.append(json.dumps(left, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        count += found
    return b"".join(kept), count


def erased_sheet(raw: bytes, person: Person) -> tuple[bytes, int]:
    """A workbook without the person's rows in any sheet."""
    import openpyxl

    book, count = openpyxl.load_workbook(io.BytesIO(raw)), 0
    for sheet in book.worksheets:
        header = [str(cell.value or "") for cell in sheet[1]] if sheet.max_row else []
        for number in range(sheet.max_row, 1, -1):
            cells = [cell.value for cell in sheet[number]]
            row = dict(zip(header, cells, strict=False))
            if any(person.named_by(*one) for one in zip(header, cells, strict=False)) or person.owns(row):
                person.link([row])
                sheet.delete_rows(number)
                count += 1
    if not count:
        return erased_archive(raw, person)
    stream = io.BytesIO()
    book.save(stream)
    rest, more = erased_archive(stream.getvalue(), person)
    return rest, count + more


def erased_archive(raw: bytes, person: Person) -> tuple[bytes, int]:
    """A zip archive, also a workbook of ours, with words replaced in what it holds as text."""
    stream, count = io.BytesIO(), 0
    with zipfile.ZipFile(io.BytesIO(raw)) as archive, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for entry in archive.infolist():
            new, found = _inside(archive.read(entry), partial(_erased_member, name=entry.filename, person=person))
            made.writestr(entry, new, compress_type=entry.compress_type)
            count += found
    return (stream.getvalue() if count else raw), count


def _erased_member(raw: bytes, *, name: str, person: Person) -> tuple[bytes, int]:
    if name.endswith((".csv", ".tsv")):
        return erased_table(raw, person)
    if raw[:4] == b"PAR1":
        return erased_parquet(raw, person)
    if name.endswith((".xml", ".rels")):
        return _erased_markup(raw, person)
    return erased_words(raw, person)


#: Text of an element, but for the numbers of cells and the places of shared strings.
_TEXT_NODE = re.compile(r"(?<=>)(?<!<v>)[^<>]+(?=</)")


def _erased_markup(raw: bytes, person: Person) -> tuple[bytes, int]:
    """XML of a workbook or a document: the text within it only, for the rest is what it is made of."""
    text, encoding = _decoded(raw)
    if person.words is None or not person.maybe_in(text):
        return raw, 0
    count = 0

    def without(node: re.Match[str]) -> str:
        nonlocal count
        new, found = person.words.subn(_REMOVED, node[0]) if person.words else (node[0], 0)
        count += found
        return new

    new = _TEXT_NODE.sub(without, text)
    return (new.encode(encoding) if count else raw), count


def erased_words(raw: bytes, person: Person) -> tuple[bytes, int]:
    """A text that is neither table nor JSON, with the person's name replaced; short numbers are counts there."""
    if raw[:4] == b"PK\3\4":
        return erased_archive(raw, person)
    if b"\0" in raw[:4096] and raw[:2] not in _UTF16:
        return raw, 0
    text, encoding = _decoded(raw)
    if person.words is None or not person.maybe_in(text):
        return raw, 0
    new, count = person.words.subn(_REMOVED, text)
    return new.encode(encoding, errors="surrogateescape"), count


def still_named(path: Path, person: Person) -> bool:
    """Whether a file's bytes, or what they unpack to, name the person."""
    words = person.words
    return words is not None and any(words.search(_decoded(one)[0]) for one in _contents(path.read_bytes()))


def _contents(raw: bytes) -> Iterator[bytes]:
    yield raw
    packed = unpacked(raw)
    if packed is not None:
        yield from _contents(packed.content)
    elif raw[:4] == b"PAR1":
        for column in pq.read_table(pa.BufferReader(raw)).columns:
            yield "\n".join(str(value) for value in pc.unique(_flat(column)).to_pylist()).encode()
    elif zipfile.is_zipfile(io.BytesIO(raw)):
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            for name in archive.namelist():
                yield from _contents(archive.read(name))


def _flat(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    return pa.array([str(one) for one in column.to_pylist()]) if pa.types.is_nested(column.type) else column


_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def _decoded(raw: bytes) -> tuple[str, str]:
    """Text and its encoding; Latin-1, which loses no byte, where it is no UTF-8."""
    if raw[:2] in _UTF16:
        encoding = _UTF16[raw[:2]]
        return raw.decode(encoding, errors="replace"), encoding
    try:
        return raw.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return raw.decode("latin-1"), "latin-1"
