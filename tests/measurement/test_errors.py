"""Problems name their place and remedy; errors carry all of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from measurement.checks import Check, healthy
from measurement.errors import GateError, InputError, LiftwerkError, Problem, shorten


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "wrong. Mend it."),
        ({"file": "a.csv"}, "a.csv: wrong. Mend it."),
        ({"file": "a.csv", "line": 7}, "a.csv:7: wrong. Mend it."),
        ({"file": "a.csv", "line": 7, "column": "tv"}, "a.csv:7, 'tv': wrong. Mend it."),
        ({"column": "tv", "value": "-3"}, "'tv': wrong (found: -3). Mend it."),
        ({"remedy": "Did you mean 'tv'?"}, "wrong. Did you mean 'tv'?"),
    ],
)
def test_a_problem_reads_as_a_sentence(fields: dict[str, object], text: str) -> None:
    assert str(Problem(**{"message": "wrong", "remedy": "Mend it", **fields})) == text


def test_a_problem_survives_json() -> None:
    problem = Problem(message="wrong", remedy="Mend it", file="a.csv", line=7, severity="warning")
    assert Problem(**problem.to_dict()) == problem


def test_errors_say_all_problems_and_their_exit_status() -> None:
    problems = [Problem(message=f"fault {index}", remedy="Mend it") for index in range(3)]
    error = InputError(problems)
    assert str(error).splitlines() == [str(problem) for problem in problems]
    assert (LiftwerkError.exit_status, InputError.exit_status, GateError.exit_status) == (1, 2, 3)
    with pytest.raises(ValueError, match="at least one problem"):
        InputError([])
    assert isinstance(InputError.of("wrong", "Mend it", value=range(100)), InputError)


@given(st.text(max_size=300), st.integers(min_value=2, max_value=100))
def test_values_are_shortened_to_one_line(value: str, limit: int) -> None:
    text = shorten(value, limit)
    assert len(text) <= limit
    assert "\n" not in text
    assert text.rstrip("…") in " ".join(value.split())


def test_only_blocking_checks_make_a_run_unhealthy() -> None:
    hint = Check(name="hint", passed=False, value=2.0, limit=1.0, remedy="Look", blocking=False)
    gate = Check(name="gate", passed=False, value=2.0, limit=1.0, remedy="Stop")
    assert healthy([])
    assert healthy([hint])
    assert not healthy([hint, gate])
    assert gate.to_dict()["remedy"] == "Stop"
