"""Names of budget rules in words: artifacts carry them in English with ids and plain numbers, people read sentences.

A name that no pattern knows is shown as it is: rules of a later version are not lost, only not translated.
"""

from __future__ import annotations

import re

from budget_optimizer.clash import Clash, Step
from decisions.labels import label
from measurement.wording import Wording

_MONEY = r"(?P<money>[\d,]+(?:\.\d+)?)"
_SHARE = r"(?P<share>[\d.e+-]+)%"
_PATTERNS: tuple[tuple[str, str], ...] = tuple(
    (key, pattern)
    for key, pattern in (
        ("total_reserve", rf"total budget {_MONEY} \(of which (?P<rest>[\d,.]+) in reserve\)"),
        ("total_least_reserve", rf"total budget at least {_MONEY} \(of which (?P<rest>[\d,.]+) in reserve\)"),
        ("total_most_reserve", rf"total budget at most {_MONEY} \(of which (?P<rest>[\d,.]+) in reserve\)"),
        ("total", rf"total budget {_MONEY}"),
        ("total_least", rf"total budget at least {_MONEY}"),
        ("total_most", rf"total budget at most {_MONEY}"),
        ("no_jump", rf"no channel changes by more than {_SHARE}"),
        ("change_least", rf"(?P<cell>.+) changes by at most {_SHARE} \(at least {_MONEY}\)"),
        ("change_most", rf"(?P<cell>.+) changes by at most {_SHARE} \(at most {_MONEY}\)"),
        ("change", rf"(?P<cell>.+) changes by at most {_SHARE}"),
        ("off_today", rf"(?P<cell>.+) has no spend today \(at (?:least|most) {_MONEY}\)"),
        ("zero_or_least", rf"(?P<cell>.+) zero or at least {_MONEY}"),
        ("roas_plan", r"ROAS of the plan at least (?P<number>[\d.e+-]+)"),
        ("roas", r"ROAS of (?P<cell>.+) at least (?P<number>[\d.e+-]+)"),
        ("cost_plan", rf"cost per outcome of the plan at most {_MONEY}"),
        ("cost", rf"cost per outcome of (?P<cell>.+) at most {_MONEY}"),
        ("active_of", r"at most (?P<count>\d+) active channels of (?P<cell>.+)"),
        ("active", r"at most (?P<count>\d+) active channels"),
        ("curve_from", rf"curve of (?P<cell>.+) is known from {_MONEY}"),
        ("share_least", rf"(?P<cell>.+) at least {_SHARE} of the total"),
        ("share_most", rf"(?P<cell>.+) at most {_SHARE} of the total"),
        ("fixed", rf"(?P<cell>.+) fixed at {_MONEY}"),
        ("least", rf"(?P<cell>.+) at least {_MONEY}"),
        ("most", rf"(?P<cell>.+) at most {_MONEY}"),
    )
)
_COMPILED = tuple((key, re.compile(pattern)) for key, pattern in _PATTERNS)


def rule_in_words(name: str, words: Wording) -> str:
    """A rule's name in the language and with the number formats of ``words`` (the catalogue of this room).

    Examples
    --------
    >>> from measurement.wording import load_wording
    >>> rule_in_words("out_of_home at most 63,000", load_wording("decisions", "de_DE", "EUR")).replace("\u00a0", " ")
    'Out of home höchstens 63.000 €'
    """
    plain = re.sub(r" \(\d+\)$", "", name)
    for key, pattern in _COMPILED:
        found = pattern.fullmatch(plain)
        if found is None:
            continue
        parts = {part: _written(part, text, words) for part, text in found.groupdict().items()}
        return words.text(f"budget_rule.{key}", **parts)
    return name


def clash_in_words(clash: Clash, words: Wording) -> tuple[str, str]:
    """Which rules cannot hold together, and what to change, a sentence each in the language of ``words``."""
    names = [
        words.text("clash.family", rule=rule_in_words(name, words), count=count)
        if count > 1
        else rule_in_words(name, words)
        for name, count in clash.short
    ]
    steps = words.text("clash.and").join(_step(step, words) for step in clash.steps)
    mend = words.text("clash.mend", steps=steps) if steps else words.text("clash.loosen_one")
    return words.text("clash.rules", rules="; ".join(names)), mend


def _step(step: Step, words: Wording) -> str:
    amount = words.money(step.amount, digits=0 if abs(step.amount) >= 100 else 2)
    return words.text(f"clash.{step.verb}", rule=rule_in_words(step.rule, words), amount=amount)


def _written(part: str, text: str, words: Wording) -> str:
    if part in ("money", "rest"):
        amount = float(text.replace(",", ""))
        return words.money(amount, digits=0 if amount == round(amount) else 2)
    if part == "share":
        share = float(text) / 100
        return words.percent(share, digits=0 if abs(share * 100 - round(share * 100)) < 1e-9 else 1)
    if part == "number":
        return words.number(float(text))
    return text if part == "count" else _cell(text, words)


def _cell(text: str, words: Wording) -> str:
    """``tv in Hamburg`` or ``tv + radio`` as people write them."""
    if " + " in text:
        return " + ".join(label(one) for one in text.split(" + "))
    channel, _, geo = text.partition(" in ")
    return words.text("budget_rule.cell", channel=label(channel), geo=label(geo)) if geo else label(text)
