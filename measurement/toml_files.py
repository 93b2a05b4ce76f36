"""The one way a TOML file is read: UTF-8 with or without a byte order mark, and one message where it is not TOML."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from measurement.errors import InputError


def read_toml(file: Path, subject: str, *, named: str | None = None) -> tuple[dict[str, Any], str]:
    """A file's content, and its text, in which callers look for lines.

    Parameters
    ----------
    file
        An existing file.
    subject
        What a reader calls it, with its verb: ``"the settings are"``, ``"the test is"``.
    named
        Name of the file in messages; left out, its own.

    Raises
    ------
    InputError
        Where the file cannot be read, is not UTF-8 text or not valid TOML, with the line.
    """
    name = file.name if named is None else named
    try:
        text = file.read_bytes().decode("utf-8-sig")  # editors on Windows write a byte order mark
        return tomllib.loads(text), text
    except OSError as error:
        raise InputError.of(
            f"{subject} not readable: {error.strerror or error}", "Check the file's permissions", file=name
        ) from error
    except UnicodeDecodeError as error:
        raise InputError.of(
            f"{subject} not UTF-8 text", "Save the file as UTF-8", file=name, value=f"byte {error.start}"
        ) from error
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise InputError.of(
            f"{subject} not valid TOML: {str(error).split(' (at')[0]}",
            "Mend that line; text needs quotes, lists and tables need [brackets]",
            file=name,
            line=int(line[1]) if line else None,
        ) from error
