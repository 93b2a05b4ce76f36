"""What a spoiler is, and how it edits a workspace: the panel as rows of text, settings by table and key."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What one of the problems reported must contain.

    Attributes
    ----------
    place
        Fragment of ``Problem.place`` (file, line, column).
    remedy
        Fragment of ``Problem.remedy``.
    """

    place: str
    remedy: str


Spoiler = Callable[[Path, np.random.Generator], "Expected | None"]
SPOILERS: dict[str, Spoiler] = {}
SETTINGS = "liftwerk.toml"


def spoiler(function: Spoiler) -> Spoiler:
    """Register a spoiler under its name."""
    SPOILERS[function.__name__] = function  # type: ignore[attr-defined]
    return function


class PanelFile:
    """The panel of a workspace as rows of text."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings = tomllib.loads((root / SETTINGS).read_text(encoding="utf-8"))
        self.panel = self.settings["panel"]
        self.name: str = self.panel["file"]
        text = (root / self.name).read_text(encoding="utf-8-sig")
        self.delimiter = max(";,\t", key=text.split("\n", 1)[0].count)
        self.header, *self.rows = list(csv.reader(io.StringIO(text), delimiter=self.delimiter))

    date = property(lambda self: self.panel["date"])
    geo = property(lambda self: self.panel.get("geo"))
    outcome = property(lambda self: self.panel["outcome"])

    @property
    def channel(self) -> str:
        return next(iter(self.panel["channels"]))

    @property
    def spend(self) -> str:
        return self.panel["channels"][self.channel]["spend"]

    @property
    def with_exposure(self) -> tuple[str, str] | None:
        pairs = [(section["spend"], section.get("exposure")) for section in self.panel["channels"].values()]
        return next(((spend, exposure) for spend, exposure in pairs if exposure and exposure != spend), None)

    def at(self, column: str) -> int:
        return self.header.index(column)

    def pick(self, rng: np.random.Generator) -> int:
        """A row in the middle of the file."""
        return int(rng.integers(len(self.rows) // 4, 3 * len(self.rows) // 4))

    def get(self, row: int, column: str) -> str:
        return self.rows[row][self.at(column)]

    def set(self, row: int, column: str, value: str) -> str:
        """Write a cell and return its place as a problem names it."""
        self.rows[row][self.at(column)] = value
        return f"{self.name}:{row + 2}, '{column}'"

    def set_all(self, column: str, value: str | Callable[[str], str]) -> str:
        for row in self.rows:
            row[self.at(column)] = value if isinstance(value, str) else value(row[self.at(column)])
        return f"{self.name}, '{column}'"

    def text(self) -> str:
        stream = io.StringIO()
        csv.writer(stream, delimiter=self.delimiter, lineterminator="\n").writerows([self.header, *self.rows])
        return stream.getvalue()

    def save(self) -> None:
        (self.root / self.name).write_text(self.text(), encoding="utf-8")

    def dates(self) -> list[str]:
        return sorted({row[self.at(self.date)] for row in self.rows})

    def keep(self, wanted: Callable[[str, str], bool]) -> None:
        """Keep rows by (geo, date)."""
        geo = (lambda row: row[self.at(self.geo)]) if self.geo else (lambda row: "")
        self.rows = [row for row in self.rows if wanted(geo(row), row[self.at(self.date)])]


def spoil_cell(
    root: Path, rng: np.random.Generator, column: Callable[[PanelFile], str], value: str, remedy: str
) -> Expected:
    panel = PanelFile(root)
    place = panel.set(panel.pick(rng), column(panel), value)
    panel.save()
    return Expected(place=place, remedy=remedy)


def set_setting(root: Path, table: str, key: str, value: str) -> int:
    """Set ``key = value`` in ``[table]`` (replacing it) and return its line."""
    lines = (root / SETTINGS).read_text(encoding="utf-8").splitlines()
    header = next(index for index, line in enumerate(lines) if line.startswith(f"[{table}]"))
    end = next((index for index in range(header + 1, len(lines)) if lines[index].startswith("[")), len(lines))
    body = [line for line in lines[header + 1 : end] if not re.match(rf"{key}\s*=", line)]
    lines[header:end] = [lines[header], f"{key} = {value}", *body]
    (root / SETTINGS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return header + 2


def append_settings(root: Path, text: str) -> int:
    """Append to the settings and return the line on which the text starts."""
    known = (root / SETTINGS).read_text(encoding="utf-8").rstrip("\n") + "\n"
    (root / SETTINGS).write_text(known + text, encoding="utf-8")
    return known.count("\n") + 1
