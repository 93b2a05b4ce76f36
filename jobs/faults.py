"""What the command line says and returns when something goes wrong: never a traceback on the screen."""

from __future__ import annotations

import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from jobs.screen import Screen
from measurement.errors import LiftwerkError, Problem

#: Exit status after Ctrl-C, as shells expect it.
INTERRUPTED = 130
BUG = 1


def report_error(error: LiftwerkError, screen: Screen) -> int:
    """Show every problem with its place and remedy; the exit status of the error."""
    show_problems(error.problems, screen)
    screen.result({"status": "error", "exit_status": error.exit_status, "problems": as_rows(error.problems)})
    return error.exit_status


def report_bug(error: BaseException, screen: Screen) -> int:
    """Keep the traceback in a file and say where it is; exit status 1."""
    file = _keep(error)
    screen.say(
        f"[bold red]This is a bug in liftwerk[/]: {type(error).__name__} while running {screen.escape(screen.command)}."
    )
    screen.say("Nothing half-done was kept. Please report it in the project's issue tracker with this file:")
    screen.say(f"  {screen.escape(str(file))}")
    screen.result({"status": "bug", "exit_status": BUG, "error": type(error).__name__, "log": str(file)})
    return BUG


def show_problems(problems: Sequence[Problem], screen: Screen) -> None:
    """Problems on stderr, errors first, one paragraph each."""
    for problem in sorted(problems, key=lambda one: one.severity != "error"):
        colour, word = ("red", "error") if problem.severity == "error" else ("yellow", "warning")
        place = f"{problem.place}: " if problem.place else ""
        found = f" (found: {problem.value})" if problem.value else ""
        screen.say(f"[bold {colour}]{word}[/] {screen.escape(f'{place}{problem.message}{found}.')}")
        screen.say(f"      → {screen.escape(problem.remedy)}.")


def as_rows(problems: Sequence[Problem]) -> list[dict[str, str | int | None]]:
    """Problems as plain JSON values."""
    return [problem.to_dict() for problem in problems]


def _keep(error: BaseException) -> Path:
    """Write the traceback into a file of its own in the system's folder for temporary files."""
    text = "".join(traceback.format_exception(error))
    with tempfile.NamedTemporaryFile(
        "w", prefix=f"liftwerk-{time.strftime('%Y%m%d-%H%M%S')}-", suffix=".log", delete=False, encoding="utf-8"
    ) as stream:
        stream.write(text)
    return Path(stream.name)
