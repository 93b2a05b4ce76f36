"""Money by campaign: what an approved budget is in the accounts where it is booked.

The file for Google Ads Editor uses the column headers that Google documents for CSV imports (``Campaign``,
``Campaign daily budget``, ``Campaign status``; support.google.com/google-ads/editor/answer/57747): a blank cell there
means "do not change", and a daily budget has to be above zero, so a campaign that gets nothing is paused instead.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from decisions.amounts import to_cents
from decisions.labels import neutral
from decisions.refusal import Refusal
from measurement.settings import PlatformSection

GOOGLE_ADS = "google_ads"
GOOGLE_COLUMNS = ("Campaign", "Campaign daily budget", "Campaign status")
DAYS = 7


def campaign_weeks(platform: PlatformSection, budget: Mapping[str, float]) -> dict[str, float]:
    """Money a week by campaign; the campaigns of a channel add up to the channel to the cent.

    Raises
    ------
    Refusal
        ``platform_channel``: the budget has no such channel.
    """
    found: dict[str, float] = {}
    for channel in dict.fromkeys(one.channel for one in platform.campaigns):
        if channel not in budget:
            raise Refusal.by("platform_channel", channel=channel)
        members = [one for one in platform.campaigns if one.channel == channel]
        parts = {
            one.name: budget[channel] * (one.share if one.share is not None else 1 / len(members)) for one in members
        }
        found |= to_cents(parts, budget[channel])
    return found


def campaign_days(platform: PlatformSection, budget: Mapping[str, float]) -> dict[str, float]:
    """One daily amount by campaign: seven days of a channel's campaigns never cost more than its week.

    A campaign has one amount for every day, so a week that seven does not divide cannot be met: what is left over is
    less than seven cents a channel, however many campaigns it has, and no amounts in whole cents come closer.
    """
    weeks = campaign_weeks(platform, budget)
    found: dict[str, float] = {}
    for channel in dict.fromkeys(one.channel for one in platform.campaigns):
        names = [one.name for one in platform.campaigns if one.channel == channel]
        day = round(budget[channel] * 100) // DAYS / 100
        found |= to_cents({name: weeks[name] / DAYS for name in names}, day)
    return {name: found[name] for name in weeks}


def campaign_amounts(platform: PlatformSection, budget: Mapping[str, float]) -> dict[str, float]:
    """Money by campaign in the platform's own period."""
    return campaign_days(platform, budget) if platform.period == "day" else campaign_weeks(platform, budget)


def write_google_ads(platform: PlatformSection, budget: Mapping[str, float], file: Path) -> None:
    """The file that Google Ads Editor imports: a row a campaign."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(GOOGLE_COLUMNS)
        for name, money in campaign_days(platform, budget).items():
            writer.writerow((neutral(name), f"{money:.2f}" if money > 0 else "", "" if money > 0 else "Paused"))
