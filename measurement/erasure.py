"""Taking a person out of files: tables by row, JSON by entry, text by word.

A name is found where it stands by itself: ``u1`` is not in ``u10``, nor ``anna`` in ``anna@example.org``. Files are
replaced as a whole, so a reader sees the old or the new one.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from measurement.store import write_atomically, write_parquet

LINES = frozenset((".jsonl", ".ndjson"))
#: Columns by which rows of other tables belong to a person's rows.
LINKS = ("decision_id", "trace_id", "span_id")
_REMOVED = "[removed]"


@dataclass(slots=True)
class Person:
    """Whom to forget.

    Attributes
    ----------
    names
        The id, and the pseudonyms that stand for it.
    linked
        Column of `LINKS` → values found in the person's own rows so far.
    """

    names: frozenset[str]
    linked: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in LINKS})
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        # longer names first; as JSON may write them, too
        written = {
            form
            for name in self.names
            for form in (name, json.dumps(name)[1:-1], json.dumps(name, ensure_ascii=False)[1:-1])
        }
        either = "|".join(re.escape(name) for name in sorted(written, key=len, reverse=True))
        self.pattern = re.compile(
            rf"(?<![A-Za-z0-9_])(?<![A-Za-z0-9_][@.\-])(?:{either})(?![A-Za-z0-9_])(?![@.\-][A-Za-z0-9_])"
        )

    def named_in(self, text: str) -> bool:
        """Whether the person is named in a text."""
        return any(name in text for name in self.names) and self.pattern.search(text) is not None

    def owns(self, row: Mapping[str, Any]) -> bool:
        """Whether a row belongs to one of the person's own rows."""
        return any(
            str(row[name]) in known for name, known in self.linked.items() if known and row.get(name) is not None
        )

    def link(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Remember what ties other rows to these."""
        for row in rows:
            for name in LINKS:
                value = row.get(name)
                if value is not None and value == value:  # noqa: PLR0124 - NaN is no id
                    self.linked[name].add(str(value))


def erase_parquet(path: Path, person: Person) -> int:
    """Remove the person's rows; returns how many."""
    table = pq.read_table(path)
    theirs = _rows_of(table, person)
    count = sum(theirs)
    if count:
        mask = pa.array(theirs)
        person.link(table.select([n for n in LINKS if n in table.column_names]).filter(mask).to_pylist())
        write_parquet(path, table.filter(pc.invert(mask)))
    return int(count)


def _rows_of(table: pa.Table, person: Person) -> list[bool]:
    theirs = [False] * len(table)
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        known = person.linked.get(name, set())
        if not _is_text(column.type) and not known:
            continue
        # a column has far fewer different values than rows
        for value in pc.unique(column).to_pylist():
            text = str(value)
            if value is not None and (text in known or person.named_in(text)):
                for place in pc.indices_nonzero(pc.equal(column, value)).to_pylist():
                    theirs[place] = True
    return theirs


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def erase_table_text(path: Path, person: Person) -> int:
    """Remove the person's records from a CSV; every other byte stays as it was."""
    import csv

    text = path.read_bytes().decode("utf-8", errors="surrogateescape")
    records = list(_records(text))
    if not records:
        return 0
    delimiter = max(",;\t|", key=records[0].count)
    header = next(csv.reader([records[0].strip().lstrip("\ufeff")], delimiter=delimiter))
    kept, removed = [records[0]], []
    for record in records[1:]:
        cells = next(csv.reader(io.StringIO(record), delimiter=delimiter), [])
        row = dict(zip(header, cells, strict=False))
        if person.named_in(record) or person.owns(row):
            removed.append(row)
        else:
            kept.append(record)
    if removed:
        person.link(removed)
        write_atomically(path, "".join(kept).encode("utf-8", errors="surrogateescape"))
    return len(removed)


def _records(text: str) -> Iterable[str]:
    """Lines, joined where a quoted cell runs over several."""
    held = ""
    for line in text.splitlines(keepends=True):
        held += line
        if held.count('"') % 2 == 0:
            yield held
            held = ""
    if held:
        yield held


def erase_json_lines(path: Path, prune: Callable[[Any], tuple[Any, int]]) -> int:
    """Rewrite a file of JSON lines, or one JSON document, also compressed.

    Parameters
    ----------
    path
        The file.
    prune
        Value → value without the person (``None`` for nothing left), and how much was taken out.
    """
    packed = path.suffix == ".gz"
    content = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
    try:
        whole = json.loads(content)
    except ValueError:
        pieces, count = _pruned_lines(content, prune)
    else:
        left, count = prune(whole)
        pieces = b"" if left is None else json.dumps(left, ensure_ascii=False).encode() + b"\n"
    if count:
        write_atomically(path, gzip.compress(pieces) if packed else pieces)
    return count


def _pruned_lines(content: bytes, prune: Callable[[Any], tuple[Any, int]]) -> tuple[bytes, int]:
    kept, count = [], 0
    for line in content.splitlines(keepends=True):
        try:
            tree = json.loads(line)
        except ValueError:
            # what cannot be read is dropped where it names the person: nothing can be cut out of it
            left, found = prune(line.decode("utf-8", errors="replace"))
            kept += [line] if not found else []
        else:
            left, found = prune(tree)
            if not found:
                kept.append(line)
            elif left is not None:
                kept.append(json.dumps(left, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        count += found
    return b"".join(kept), count


def erase_sheet(path: Path, person: Person) -> int:
    """Remove the person's rows from every sheet of a workbook."""
    import openpyxl

    book, count = openpyxl.load_workbook(path), 0
    for sheet in book.worksheets:
        for number in range(sheet.max_row, 1, -1):
            if any(cell.value is not None and person.named_in(str(cell.value)) for cell in sheet[number]):
                sheet.delete_rows(number)
                count += 1
    if count:
        stream = io.BytesIO()
        book.save(stream)
        write_atomically(path, stream.getvalue())
    return count


def erase_words(path: Path, person: Person) -> int:
    """Replace the person's name in a text that is neither table nor JSON."""
    text = path.read_bytes().decode("utf-8", errors="surrogateescape")
    if not person.named_in(text):
        return 0
    new, count = person.pattern.subn(_REMOVED, text)
    write_atomically(path, new.encode("utf-8", errors="surrogateescape"))
    return count


def still_named(path: Path, person: Person) -> bool:
    """Whether a file's bytes, or what they unpack to, name the person."""
    return any(person.named_in(content.decode("utf-8", errors="replace")) for content in _contents(path))


def _contents(path: Path) -> Iterable[bytes]:
    raw = path.read_bytes()
    yield raw
    if path.suffix == ".gz":
        yield gzip.decompress(raw)
    elif path.suffix == ".parquet":
        table = pq.read_table(path)
        for name in table.column_names:
            column = table.column(name)
            if _is_text(column.type) or pa.types.is_dictionary(column.type):
                yield "\n".join(str(value) for value in pc.unique(column).to_pylist()).encode()
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield archive.read(name)
