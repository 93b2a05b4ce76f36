"""Reading what jobs wrote: tables and documents of a run, with errors a person can act on."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from measurement.errors import InputError, LiftwerkError

#: Folders with other names are drafts of a job at work.
_WEEK = re.compile(r"\d{4}-W\d{2}")
DATE_COLUMNS = ("date", "day")


def read_table(file: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A CSV or Parquet artifact with at least ``columns``; date columns parsed.

    Parameters
    ----------
    file
        Artifact of a run or an export.
    columns
        Columns the page needs; others may be there too.

    Raises
    ------
    InputError
        Where the file is missing, unreadable or lacks a column: names the file and what to run again.
    """
    try:
        if file.suffix == ".parquet":
            import pyarrow.parquet as pq

            # Only the columns asked for: posterior draws lie in the same file and are not for the screen.
            names = set(pq.read_schema(file).names)
            table = pd.read_parquet(file, columns=[name for name in columns if name in names])
        else:
            table = pd.read_csv(file)
    except FileNotFoundError as missing:
        raise _broken(file, "a file of this run is missing") from missing
    except (OSError, ValueError) as unreadable:
        raise _broken(file, "a file of this run cannot be read", str(unreadable)) from unreadable
    absent = [name for name in columns if name not in table.columns]
    if absent:
        raise _broken(file, "a file of this run lacks columns", ", ".join(absent))
    for name in DATE_COLUMNS:
        if name in table.columns and not pd.api.types.is_datetime64_any_dtype(table[name]):
            table[name] = pd.to_datetime(table[name], errors="coerce")
    return table


def read_document(file: Path) -> Mapping[str, Any]:
    """A JSON artifact.

    Raises
    ------
    InputError
        Where the file is missing or not a JSON object.
    """
    try:
        tree = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as missing:
        raise _broken(file, "a file of this run is missing") from missing
    except (OSError, ValueError) as unreadable:
        raise _broken(file, "a file of this run cannot be read", str(unreadable)) from unreadable
    if not isinstance(tree, dict):
        raise _broken(file, "a file of this run does not hold what it should", type(tree).__name__)
    return tree


def export_weeks(exports: Path) -> list[str]:
    """ISO weeks with a complete decision, oldest first."""
    if not exports.is_dir():
        return []
    weeks = (folder for folder in exports.iterdir() if _WEEK.fullmatch(folder.name))
    return sorted(folder.name for folder in weeks if (folder / "decision.json").is_file())


def _broken(file: Path, message: str, value: str = "") -> LiftwerkError:
    return InputError.of(
        message,
        "Run the job again; artifacts are never edited by hand",
        file=f"{file.parent.parent.name}/{file.parent.name}/{file.name}",
        value=value,
    )
