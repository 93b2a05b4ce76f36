"""What a command shows: tables for people or one JSON object on stdout, progress on stderr."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from decisions.plain import plain
from measurement.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 160
#: A cell's text; numbers are formatted by the command, which knows their unit.
Row = Sequence[str]


class Screen:
    """Where a command writes.

    Parameters
    ----------
    command
        Name of the command, for error messages.
    as_json
        One JSON object on stdout instead of tables.
    """

    def __init__(self, command: str, *, as_json: bool = False) -> None:
        self.command = command
        self.as_json = as_json
        self._written = False

    def title(self, text: str) -> None:
        """A headline above tables."""
        if not self.as_json:
            self._out().print(f"\n[bold]{self.escape(text)}[/]")

    def line(self, text: str) -> None:
        """One line of plain text on stdout, for people."""
        if not self.as_json:
            self._out().print(self.escape(text), soft_wrap=True)

    def table(self, header: Row, rows: Sequence[Row], *, right: Sequence[int] = ()) -> None:
        """A table on stdout; the columns numbered in ``right`` are aligned to the right."""
        if self.as_json:
            return
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
        for number, name in enumerate(header):
            table.add_column(name, justify="right" if number in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*(self.escape(cell) for cell in row))
        self._out().print(table)

    def result(self, tree: Mapping[str, object]) -> None:
        """The one JSON object of this call; nothing without ``--json``."""
        if self.as_json and not self._written:
            sys.stdout.write(json.dumps(plain(tree), ensure_ascii=False) + "\n")
            sys.stdout.flush()
            self._written = True

    def say(self, markup: str) -> None:
        """A message on stderr (rich markup; escape what users wrote with `escape`)."""
        self._err().print(markup, soft_wrap=True, highlight=False)

    @contextlib.contextmanager
    def progress(self) -> Iterator[Progress]:
        """A bar on stderr; where that is no terminal, one line a step."""
        console = self._err()
        if not console.is_terminal:
            yield _Lines(self)
            return
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with Bar(*columns, console=console, transient=True) as bar:
            task = bar.add_task(self.command, total=1.0)
            yield lambda done, doing: bar.update(task, completed=done, description=doing[:60])

    @staticmethod
    def escape(text: str) -> str:
        """Text without rich markup and control characters."""
        from rich.markup import escape

        return escape(
            "".join(
                letter if letter.isprintable() or letter in "\n\xa0\u202f" else "\N{REPLACEMENT CHARACTER}"
                for letter in text
            )
        )

    @staticmethod
    def _out() -> Console:
        from rich.console import Console

        # A pipe has no width: tables keep their lines whole there.
        return Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)

    @staticmethod
    def _err() -> Console:
        from rich.console import Console

        return Console(file=sys.stderr, highlight=False)


class _Lines:
    """Progress for logs: a line whenever the phrase changes."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._last = ""

    def __call__(self, done: float, doing: str) -> None:  # noqa: ARG002 - a log shows steps, not shares
        phrase = doing.split("…", maxsplit=1)[0].strip()
        if phrase not in (self._last, "done"):
            self._screen.say(self._screen.escape(f"· {phrase}"))
            self._last = phrase


def part(progress: Progress, start: float, stop: float) -> Progress:
    """Progress of a step that fills ``start`` to ``stop`` of the whole."""
    return lambda done, doing: progress(start + (stop - start) * min(max(done, 0.0), 1.0), doing)
