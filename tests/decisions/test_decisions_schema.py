"""``decision.json`` is what its schema says, and the schema is not a sieve."""

from __future__ import annotations

import copy
import json

import pytest

from decisions.export import write_export
from decisions.recommendation import Stability
from decisions.schemas import decision_schema

jsonschema = pytest.importorskip("jsonschema")


@pytest.fixture(scope="module")
def validator():
    kind = jsonschema.Draft202012Validator
    kind.check_schema(decision_schema())
    return kind(decision_schema())


@pytest.mark.parametrize("which", ["decision", "blocked"])
def test_an_exported_decision_meets_the_schema(validator, request, tmp_path, which):
    folder = write_export(request.getfixturevalue(which), tmp_path, Stability())
    assert not list(validator.iter_errors(json.loads((folder / "decision.json").read_text(encoding="utf-8"))))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda tree: tree.pop("week"),
        lambda tree: tree.update(week="2026-48"),
        lambda tree: tree.update(state="maybe"),
        lambda tree: tree.update(chance_of_loss=1.2),
        lambda tree: tree["channels"][0].update(proposed=-1),
        lambda tree: tree["channels"][0].update(grade="certain"),
        lambda tree: tree["channels"][0]["reasons"].pop("de"),
        lambda tree: tree["gain"].pop("level"),
        lambda tree: tree["audit"].update(hash="x"),
        lambda tree: tree.update(state="do_not_act", status="healthy"),
    ],
)
def test_what_is_wrong_does_not_pass(validator, decision, spoil):
    tree = copy.deepcopy(json.loads(json.dumps(decision.to_dict(), default=str)))
    assert validator.is_valid(tree)
    spoil(tree)
    assert not validator.is_valid(tree)
