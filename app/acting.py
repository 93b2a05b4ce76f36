"""An action of whoever is signed in now: a page drawn for an approver is no permission."""

from __future__ import annotations

from app.identity import current_person
from app.scene import Scene, workspace_folder
from decisions.people import Person
from decisions.refusal import Refusal
from measurement.errors import LiftwerkError
from measurement.workspace import Workspace


def acting() -> tuple[Workspace, Person]:
    """Workspace and person, read anew at every action; raises `Refusal` where nobody is signed in."""
    workspace = Workspace.open(workspace_folder())
    person = current_person(workspace)
    if person is None:
        raise Refusal.by("sign_in")
    return workspace, person


def in_words(scene: Scene, error: LiftwerkError) -> str:
    """What an action that failed tells; refusals speak the page's language."""
    return error.sentence(scene.decided) if isinstance(error, Refusal) else str(error)
