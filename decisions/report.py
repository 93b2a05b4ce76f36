"""The report: one HTML file that needs no network, no script and prints well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from decisions import sentences
from decisions.charts import BudgetRow, IntervalRow, budget_chart, interval_chart
from decisions.document import WeekDecision
from decisions.labels import label
from decisions.recommendation import Stability
from measurement.wording import Wording


def render_report(decision: WeekDecision, words: Wording, stability: Stability) -> str:
    """``report.html`` as text."""
    pages = Environment(
        loader=PackageLoader("decisions", "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    checks = [_check(check, words) for check in decision.checks]
    order = {"failed": 0, "hint": 1}
    budget = [
        BudgetRow(name=label(line.channel), current=line.current, proposed=line.proposed) for line in decision.channels
    ]
    marginal = [
        IntervalRow(
            name=label(line.channel),
            value=line.move.marginal_roas.value,
            lower=line.move.marginal_roas.interval.lower,
            upper=line.move.marginal_roas.interval.upper,
        )
        for line in decision.channels
    ]
    marginal.sort(key=lambda row: -row.value)
    return pages.get_template("report.html.j2").render(
        decision=decision,
        language=words.language,
        w=words,
        t=words.text,
        label=label,
        headline=sentences.headline(decision, words),
        lead=sentences.lead(decision, words),
        loss=sentences.chance(decision.chance_of_loss, words),
        level=words.percent(decision.gain.interval.level),
        # Marked safe in the template: the charts escape every text they hold themselves.
        budget_svg=budget_chart(budget, words, words.text("section.chart_budget")),
        marginal_svg=interval_chart(marginal, words, words.text("section.chart_marginal")),
        next_test=sentences.next_test(decision, words),
        creatives=sentences.creatives(decision, words),
        content=sentences.content(decision, words),
        methods=sentences.methods(decision, words, stability),
        shown=sorted((check for check in checks if check["word"] in order), key=lambda check: order[check["word"]]),
        passed=words.number(sum(check["word"] == "passed" for check in checks), digits=0),
        failed=[check for check in checks if check["word"] == "failed"],
    )


def _check(check: Mapping[str, Any], words: Wording) -> dict[str, str]:
    passed = bool(check["passed"])
    return {
        "name": sentences.check_name(str(check["name"]), words),
        "word": "passed" if passed else "failed" if check.get("blocking", True) else "hint",
        "value": _written(check.get("value"), words),
        "limit": _written(check.get("limit"), words),
        "remedy": "" if passed else sentences.remedy(check, words),
    }


def _written(value: object, words: Wording) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–" if value is None else str(value)
    size = abs(value)
    digits = 0 if float(value).is_integer() or size >= 1000 else 4 if size < 1 else 3
    return words.number(float(value), digits=digits)
