"""One call of the command line: its options, its workspace, its screen, its exit status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.faults import INTERRUPTED, report_bug, report_error
from jobs.screen import Screen
from measurement.errors import LiftwerkError

if TYPE_CHECKING:
    from measurement.workspace import Workspace

SETTINGS = "liftwerk.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What every command is given.

    Attributes
    ----------
    folder
        Folder named by ``--workspace``, ``None`` for the nearest one.
    seed
        Seed of everything random.
    screen
        Where to write.
    """

    folder: Path | None
    seed: int
    screen: Screen

    def workspace(self) -> Workspace:
        """The workspace, with an export that was interrupted half-way put right first."""
        from decisions.publish import heal
        from measurement.workspace import Workspace

        workspace = Workspace.open(self.folder if self.folder is not None else nearest_workspace(Path.cwd()))
        heal(workspace.exports)
        return workspace


def nearest_workspace(start: Path) -> Path:
    """``start`` or its nearest parent that holds ``liftwerk.toml``; ``start`` where none does."""
    for folder in (start, *start.parents):
        if (folder / SETTINGS).is_file():
            return folder
    return start


def guarded(screen: Screen, work: Callable[[], int]) -> int:
    """Run a command's work; errors become messages and exit statuses (see the public contract)."""
    try:
        return work()
    except LiftwerkError as error:
        return report_error(error, screen)
    except KeyboardInterrupt:
        screen.say("Stopped. Nothing half-done was kept.")
        screen.result({"status": "interrupted", "exit_status": INTERRUPTED})
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the last line of defence: users never see a traceback
        return report_bug(error, screen)
