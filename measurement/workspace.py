"""The workspace: a folder with ``liftwerk.toml``."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from measurement.errors import InputError, Problem, shorten
from measurement.settings import PLACED, SETTINGS_FILE, Settings, known_keys
from measurement.settings_section import one_of
from measurement.toml_files import read_toml


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """An opened workspace.

    Attributes
    ----------
    root
        The folder.
    settings
        Its parsed ``liftwerk.toml``.
    file
        The settings file itself.
    """

    root: Path
    settings: Settings
    file: Path

    @classmethod
    def open(cls, path: str | Path) -> Workspace:
        """Read ``liftwerk.toml`` in ``path`` (a folder, or the file itself).

        Raises
        ------
        InputError
            Every setting that is wrong, each with its line and remedy.
        """
        given = Path(path)
        file = given / SETTINGS_FILE if given.is_dir() else given
        if not file.is_file():
            raise InputError.of(
                f"there is no {SETTINGS_FILE} here",
                "Run `liftwerk init DIR` for a sample workspace, or pass --workspace DIR",
                file=str(file),
            )
        return cls(root=file.parent.resolve(), settings=read_settings(file), file=file.resolve())

    def path(self, relative: str) -> Path:
        """A path of ``liftwerk.toml``, relative to the workspace."""
        return self.root / relative

    def setting_line(self, setting: str) -> int | None:
        """Line of ``liftwerk.toml`` on which a dotted setting stands, e.g. ``"panel.channels.tv.spend"``."""
        return line_of_setting(self.file.read_text(encoding="utf-8-sig"), setting.split("."))

    @property
    def runs(self) -> Path:
        """Folder of the run store."""
        return self.root / "runs"

    @property
    def exports(self) -> Path:
        """Folder of the weekly exports."""
        return self.root / "exports"

    @property
    def audit_log(self) -> Path:
        """The append-only log."""
        return self.root / "audit" / "log.jsonl"


def read_settings(file: Path) -> Settings:
    """Parse and validate a settings file; see `Workspace.open`."""
    tree, text = read_toml(file, "the settings are")
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise InputError([_setting_problem(file.name, text, dict(detail)) for detail in error.errors()]) from error


def _setting_problem(file: str, text: str, detail: dict[str, Any]) -> Problem:
    """A pydantic error in the words of `Problem`."""
    keys = [str(key) for key in detail["loc"] if not str(key).startswith("function-")]
    placed = detail["ctx"] if detail["type"] == PLACED else {}
    keys = str(placed["place"]).split(".") if placed.get("place") else keys
    keys += [str(placed["key"])] if placed.get("key") else []
    field = ".".join(keys)
    message, remedy = str(detail["msg"]).removeprefix("Value error, "), "Correct this setting"
    remedy = str(placed.get("remedy", remedy))
    if detail["type"] == "extra_forbidden":
        message = f"'{keys[-1]}' is not a setting liftwerk knows"
        near = difflib.get_close_matches(keys[-1], known_keys(), 1)
        remedy = (
            f"Did you mean '{near[0]}'? Otherwise remove it"
            if near
            else "Remove it, or see the list of settings in the documentation"
        )
    elif detail["type"] == "literal_error":
        remedy = one_of(str(detail["input"]), re.findall(r"'([^']*)'", str(detail["ctx"]["expected"])))
    elif detail["type"] == "missing":
        message, remedy = f"'{field}' is missing", f"Add {keys[-1]} = … to [{'.'.join(keys[:-1]) or 'the file'}]"
    value = "" if detail["type"] == "missing" or isinstance(detail["input"], dict) else shorten(detail["input"])
    value = str(placed.get("value") or value)
    return Problem(
        message=message[0].lower() + message[1:],
        remedy=remedy,
        file=file,
        line=line_of_setting(text, keys),
        column=field,
        value=value,
    )


def line_of_setting(text: str, keys: list[str]) -> int | None:
    r"""Line of TOML text on which a dotted key stands, else that of the table that should hold it.

    Numbers among the keys count the entries of an array of tables: ``["lift_tests", "1", "geos"]``.

    Examples
    --------
    >>> line_of_setting("[a]\nx = 1\n[[b]]\ny = 1\n[[b]]\ny = 2\n", ["b", "1", "y"])
    6
    """
    entry = next((int(key) for key in keys if key.isdigit()), 0)
    first = next((place for place, key in enumerate(keys) if key.isdigit()), len(keys) - 1)
    table, whole = ("".join(".".join(part).split()) for part in (keys[:first], keys))  # as titles below: no blanks
    name = keys[-1] if keys else ""
    inside, seen, header_line, title = not table, -1, None, ""
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]", line)
        if header:
            title = re.sub(r"[\"'\s]", "", header[1])
            seen += title == table
            inside = title == table and seen >= entry
            if (inside or title == whole) and header_line is None:
                header_line = number
        elif inside and re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=", line):
            return number
        elif "=" in line and ".".join([title, _key_of(line)]).removeprefix(".") == whole:
            return number  # a dotted key in a table above: objectives.error_rate under [content]
    if header_line is None and len(keys) > 1:
        return line_of_setting(text, keys[:-1])  # a key of an inline table stands on the line of the table
    return header_line


def _key_of(line: str) -> str:
    """What stands before the first ``=`` of a line of TOML, without quotes and blanks."""
    return re.sub(r"[\"'\s]", "", line.partition("=")[0])
