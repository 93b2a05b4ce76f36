"""The page of path attribution: proven, unproven, with noise, in both languages."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from app.figures.canvas import Style
from app.figures.paths import credit_methods, path_flow
from app.theme import LIGHT
from jobs.attribute import run_attribute
from measurement.wording import load_wording
from measurement.workspace import Workspace
from sample_data import copy_sample

Draw = Callable[..., str]


def attributed(folder: Path, *replacements: tuple[str, str]) -> Path:
    """The sample with its paths attributed, after changes to its settings."""
    copy_sample(folder)
    file = folder / "liftwerk.toml"
    text = file.read_text("utf-8")
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    run_attribute(Workspace.open(folder), seed=7)
    return folder


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return attributed(tmp_path_factory.mktemp("paths") / "w")


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ("What the paths say", "credited too much", "not tested", "lift test", "Would have happened anyway")),
        ("de", ("Was die Pfade sagen", "zu viel gutgeschrieben", "nicht getestet", "Lift-Test", "9.000 Personen")),
    ],
)
def test_the_page_says_what_is_proven(open_page: Draw, proven: Path, language: str, expected: tuple[str, ...]) -> None:
    said = open_page(proven, "attribution", language)
    assert not [text for text in expected if text not in said]


def test_without_proof_it_warns(open_page: Draw, tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "sample_data" / "workspace" / "liftwerk.toml").read_text("utf-8")
    test = text[text.index("[[lift_tests]]") : text.index("[budget]")]
    said = open_page(attributed(tmp_path / "w", (test, "")), "attribution")
    assert "Nothing is proven yet" in said
    assert "Credit by method" in said


def test_a_report_with_noise_states_its_budget(open_page: Draw, tmp_path: Path) -> None:
    bounds = '[journeys]\nepsilon = 1.5\nlargest_value = 300.0\nchannels = ["search", "direct"]\n'
    said = open_page(attributed(tmp_path / "w", ("[journeys]\n", bounds)), "attribution")
    assert "ε = 1.5" in said
    assert "How people move" not in said


@pytest.mark.parametrize(("language", "title"), [("en", "Nothing here yet"), ("de", "Hier ist noch nichts")])
def test_an_empty_workspace_names_the_command(
    open_page: Draw, empty_workspace: Path, language: str, title: str
) -> None:
    said = open_page(empty_workspace, "attribution", language)
    assert title in said
    assert "liftwerk attribute" in said


def test_figures_hold_what_they_are_given() -> None:
    style = Style(palette=LIGHT, wording=load_wording("app", "en_GB", "EUR"))
    figure = credit_methods(
        {"First": [0.25, 0.75], "Last": [0.5, float("nan")]}, ["A", "B"], style, title="Share", text=str
    )
    marks = [trace for trace in figure.data if trace.mode == "markers"]
    assert [trace.x[0] for trace in marks] == [0.25, 0.5]
    steps = pd.DataFrame(
        {"step": [1, 1, 2], "from": ["a", "a", "b"], "to": ["b", "(end)", "(conversion)"], "count": [30, 10, 20]}
    )
    names = {"(conversion)": "Purchase", "(end)": "None", "(later)": "More"}
    sankey = path_flow(steps, style, names=names, title="Touch {}".format).data[0]
    label = list(sankey.node.label)
    links = {
        (label[one], label[two]): n
        for one, two, n in zip(sankey.link.source, sankey.link.target, sankey.link.value, strict=True)
    }
    assert links == {("A", "B"): 30, ("A", "None"): 10, ("B", "Purchase"): 20}
    assert json.loads(figure.to_json())["layout"]["showlegend"]
