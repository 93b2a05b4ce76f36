"""The JSON schema of ``decision.json``: what scripts may rely on."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

DECISION = "decision-1.schema.json"


def decision_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of ``decision.json``; fields may be added to the document, none is taken away.

    Examples
    --------
    >>> decision_schema()["properties"]["schema"]["const"]
    'liftwerk.decision/1'
    """
    text = (resources.files("decisions") / "schema_files" / DECISION).read_text(encoding="utf-8")
    return dict(json.loads(text))
