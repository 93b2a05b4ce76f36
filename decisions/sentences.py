"""The decision in words, in the language of the workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from decisions.document import WeekDecision
from decisions.labels import label
from decisions.recommendation import Stability
from decisions.rule_words import rule_in_words
from measurement.plans import Decision
from measurement.wording import LANGUAGES, Wording, load_wording

_RULES_SHOWN = 8
#: Locale whose numbers go with a language that is not the workspace's own.
_LOCALES = {"en": "en_GB", "de": "de_DE"}


def wordings(locale: str, currency: str) -> dict[str, Wording]:
    """One wording a language; the workspace's own language in its own locale."""
    own = load_wording("decisions", locale, currency)
    return {
        language: own if language == own.language else load_wording("decisions", _LOCALES[language], currency)
        for language in LANGUAGES
    }


def reason(decision: Decision, words: Wording) -> str:
    """The rule that fired, with its numbers."""
    facts = decision.facts
    money = {
        name: words.money(float(facts[name]))
        for name in ("before", "after", "change", "gain", "lower", "upper", "cost")
    }
    return words.text(
        f"rule.{decision.rule}",
        **money,
        chance=chance(float(facts["chance"]), words),
        level=words.percent(float(facts["level"])),
    )


def chance(value: float, words: Wording) -> str:
    """A probability that is never shown as impossible or certain: no number of draws proves that."""
    if value < 0.01:
        return f"<\N{NO-BREAK SPACE}{words.percent(0.01)}"
    if value > 0.99:
        return f">\N{NO-BREAK SPACE}{words.percent(0.99)}"
    return words.percent(value)


def headline(decision: WeekDecision, words: Wording) -> str:
    """What to do, in a line."""
    return words.text(f"headline.{decision.state}", amount=words.money(decision.moved))


def lead(decision: WeekDecision, words: Wording) -> str:
    """What it should bring and how sure that is."""
    ends = decision.gain.interval
    text = words.text(
        f"lead.{decision.state}",
        gain=words.money(decision.gain.value, signed=True),
        lower=words.money(ends.lower),
        upper=words.money(ends.upper),
        level=words.percent(ends.level),
        loss=chance(decision.chance_of_loss, words),
    )
    if decision.healthy and abs(decision.total_proposed - decision.total_current) >= 0.005:
        before, after = words.money(decision.total_current), words.money(decision.total_proposed)
        text += " " + words.text("lead.total", before=before, after=after)
    return text


def next_test(decision: WeekDecision, words: Wording) -> str:
    """The experiment worth most."""
    test = decision.next_test
    if test is None:
        return words.text("text.no_next_test")
    text = words.text("text.next_test", channel=label(str(test["channel"])))
    if isinstance(test.get("value"), int | float):
        facts = {"value": words.money(float(test["value"])), "weeks": words.number(float(test["weeks"]), digits=0)}
        design = test.get("design")
        if design:
            facts |= {
                "geos": ", ".join(map(str, design["treated"])),
                "test_weeks": words.number(float(design["weeks"]), digits=0),
                "cost": words.money(float(test["cost"])),
            }
        text += " " + words.text(f"text.next_test_{design['kind'] if design else 'value'}", **facts)
    return text


def creatives(decision: WeekDecision, words: Wording) -> list[str]:
    """Creatives to stop, and creatives that tired."""
    if "creatives" in decision.unsound:
        return [words.text("text.unsound")]
    if decision.creatives is None:
        return []
    lines = [_creative(item, words) for item in decision.creatives]
    return lines or [words.text("text.no_creatives")]


def _creative(item: Mapping[str, Any], words: Wording) -> str:
    names = {"experiment": item["experiment"], "creative": item["creative"]}
    if item["rule"] == "beaten":
        return words.text(
            "text.creative_stop", leader=item["leader"], chance=chance(float(item["p_best"]), words), **names
        )
    if item.get("since"):
        return words.text(
            "text.creative_fatigue", since=words.date(date.fromisoformat(str(item["since"])[:10])), **names
        )
    return words.text("text.creative_undated", **names)


def content(decision: WeekDecision, words: Wording) -> list[str]:
    """Verdicts on canaries and the number of alerts."""
    if "content" in decision.unsound:
        return [words.text("text.unsound")]
    if decision.canaries is None:
        return []
    verdict = str(decision.canaries.get("verdict", "not_enough_data"))
    stopped = list(decision.canaries.get("stopped", ()))
    lines = [
        words.text("text.canary_stop", pipeline=f"{test['team']} / {test['pipeline']}", kpi=label(str(test["kpi"])))
        for test in stopped
    ]
    if not lines:
        lines = [words.text(f"text.canary_{'continue' if verdict == 'continue' else 'not_enough_data'}")]
    return [*lines, words.text("text.alerts", count=words.number(decision.alerts, digits=0))]


def check_name(name: str, words: Wording) -> str:
    """A check in words; its id as a label where the catalogue has none."""
    return words.messages.get(f"check.{name}", label(name))


def _binding(rules: Sequence[object], words: Wording) -> str:
    """The rules in words; a plan by geo may be held back by a hundred, which no one reads."""
    shown = "; ".join(rule_in_words(str(rule), words) for rule in rules[:_RULES_SHOWN])
    more = len(rules) - _RULES_SHOWN
    return shown + (words.text("text.more_rules", count=more) if more > 0 else "")


def remedy(check: Mapping[str, Any], words: Wording) -> str:
    """What to do about a check: artifacts say it in English, with names; other languages have their own sentence."""
    own = str(check.get("remedy", ""))
    return own if words.language == "en" else words.messages.get(f"remedy.{check['name']}", own)


def methods(decision: WeekDecision, words: Wording, stability: Stability) -> list[str]:
    """How the decision was made, a sentence a step."""
    plan = decision.plan
    rules = _binding(plan["binding"], words)
    lines = [
        words.text("text.method_mix"),
        words.text("text.method_plan", level=words.percent(decision.gain.interval.level)),
        words.text(
            "text.optimum",
            value=words.money(plan["value"]),
            bound=words.money(plan["upper_bound"]),
            gap=words.percent(plan["gap"], digits=3),
        ),
        words.text("text.binding", rules=rules) if rules else words.text("text.nothing_binding"),
        words.text(
            "text.method_hold",
            chance=words.percent(stability.chance),
            cost=words.percent(stability.switching_cost),
            small=words.percent(stability.smallest_change),
        ),
        words.text("text.method_grade"),
    ]
    if decision.audit:
        lines.append(words.text("text.audit", line=decision.audit["line"], hash=decision.audit["hash"]))
    return lines
