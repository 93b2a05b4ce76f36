"""Verdicts of people and judges, as the tracing tools record them → numbers."""

from __future__ import annotations

_WORDS = {
    "true": 1.0, "yes": 1.0, "pass": 1.0, "passed": 1.0, "flagged": 1.0, "hallucinated": 1.0,
    "false": 0.0, "no": 0.0, "fail": 0.0, "failed": 0.0, "factual": 0.0, "clean": 0.0,
}  # fmt: skip
_SOURCES = {
    "annotation": "human", "human": "human", "eval": "llm_judge", "llm_judge": "llm_judge", "ai_judge": "llm_judge",
    "llm": "llm_judge", "code": "rule", "rule": "rule", "api": "rule",
}  # fmt: skip


def numeric_score(value: object) -> float | None:
    """A verdict as a number; ``None`` where it is a word that says nothing of more or less.

    Examples
    --------
    >>> numeric_score(True), numeric_score("0.8"), numeric_score("pass"), numeric_score("blue")
    (1.0, 0.8, 1.0, None)
    """
    if value is None:
        return None
    if isinstance(value, bool | int | float):
        return float(value) if abs(value) < 1e18 else None
    text = str(value).strip().strip('"').lower()
    if text in _WORDS:
        return _WORDS[text]
    try:
        found = float(text)
    except ValueError:
        return None
    return found if abs(found) < 1e18 else None


def score_source(value: object) -> str:
    """``human``, ``llm_judge`` or ``rule``; what is not known counts as a rule.

    Examples
    --------
    >>> score_source("ANNOTATION"), score_source("EVAL"), score_source("SOMETHING")
    ('human', 'llm_judge', 'rule')
    """
    return _SOURCES.get(str(value).lower(), "rule")
