"""An action of whoever is signed in now: a page drawn for an approver is no permission."""

from __future__ import annotations

import contextlib

from app.identity import current_person
from app.scene import Scene, workspace_folder
from decisions.people import Person
from decisions.refusal import Refusal
from decisions.review import Review
from decisions.standing import Standing
from measurement.errors import LiftwerkError
from measurement.workspace import Workspace


def acting() -> tuple[Workspace, Person]:
    """Workspace and person, read anew at every action; raises `Refusal` where nobody is signed in."""
    workspace = Workspace.open(workspace_folder())
    person = current_person(workspace)
    if person is None:
        raise Refusal.by("sign_in")
    return workspace, person


def put_right(scene: Scene, standing: Standing | None) -> None:
    """The approved files, where a server that was stopped between the log and the files left others than the log says.

    What is written follows from the log alone, so it does not matter who looks. A refusal is not the reader's fault:
    the page shows where the week stands, and whoever acts next is told.
    """
    review = Review.of(scene.workspace)
    if standing is not None and not review.in_place(standing):
        with contextlib.suppress(LiftwerkError, OSError):
            review.settled(standing.week)


def in_words(scene: Scene, error: LiftwerkError) -> str:
    """What an action that failed tells; refusals speak the page's language."""
    return error.sentence(scene.decided) if isinstance(error, Refusal) else str(error)
