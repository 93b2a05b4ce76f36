"""What a readout says in words: the rule that fired, its facts, and one English sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scipy.stats import norm

#: What to do with a test that has not ended.
RUNNING = {
    "go_on": "Nothing speaks against going on.",
    "stop_harm": "Stop it: the outcome moves against the channel by more than chance explains.",
    "stop_lift": "A lift shows already; it may be stopped, or run on for a sharper figure.",
    "finished": "All planned periods are in.",
}
#: Power at which "the test could have seen" is meant.
POWER = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The reading of a test.

    Attributes
    ----------
    rule
        ``"lift"``, ``"loss"`` (the outcome moved against the channel), ``"no_lift"`` or ``"not_enough_data"``.
    facts
        The numbers behind the sentence, for catalogues in other languages.
    sentence
        English, one sentence.
    """

    rule: str
    facts: Mapping[str, float | str]
    sentence: str

    def to_dict(self) -> dict[str, object]:
        """The fields as plain JSON values."""
        return {"rule": self.rule, "facts": dict(self.facts), "sentence": self.sentence}


def detectable_lift(standard_error: float, counterfactual: float, *, alpha: float, power: float = POWER) -> float:
    """Smallest lift a two-sided test sees with ``power``, as a share of the counterfactual outcome."""
    factor = float(norm.ppf(1 - alpha / 2) + norm.ppf(power))
    return factor * standard_error / abs(counterfactual)


def judge(
    *,
    channel: str,
    kind: str,
    currency: str,
    value: float,
    lower: float,
    upper: float,
    level: float,
    p_value: float,
    detectable: float,
    unread: str | None = None,
) -> Verdict:
    """The rule that fires for a readout.

    ``value``, ``lower``, ``upper`` are the incremental outcome in money (negative when a go-dark test lost sales),
    ``detectable`` the share that would have been seen, ``unread`` why there is nothing to read: ``"not_enough_data"``,
    or the rule of a test that has not ended (`geolift.sequential`).
    """
    facts: dict[str, float | str] = {
        "channel": channel,
        "value": value,
        "lower": lower,
        "upper": upper,
        "level": level,
        "p_value": p_value,
        "detectable_lift": detectable,
        "currency": currency,
    }
    interval = f"({level:.0%} interval {lower:,.0f} to {upper:,.0f})"
    sign = -1.0 if kind == "go_dark" else 1.0
    if unread is not None:
        rule, sentence = "not_enough_data", f"Not enough data to read the {channel} test."
        if unread in RUNNING:
            facts["running"] = unread
            sentence = f"The {channel} test is still running. {RUNNING[unread]}"
    elif lower <= 0 <= upper:
        rule = "no_lift"
        sentence = f"No lift of {channel} detected: the test could have seen {detectable:.1%} or more {interval}."
    elif sign * value > 0 and kind == "go_dark":
        rule, sentence = "lift", f"Without {channel}, {-value:,.0f} {currency} were lost {interval}."
    elif sign * value > 0:
        rule, sentence = "lift", f"{channel} brought {value:,.0f} {currency} more {interval}."
    else:
        rule = "loss"
        sentence = f"The outcome moved against {channel}: {value:,.0f} {currency} {interval}; check the test."
    return Verdict(rule=rule, facts=facts, sentence=sentence)
