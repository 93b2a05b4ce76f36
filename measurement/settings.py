"""The settings of ``liftwerk.toml`` as frozen data, table by table."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from babel import Locale, UnknownLocaleError
from pydantic import Field, field_validator, model_validator

from measurement.access_settings import AccessSection, CampaignSection, PlatformSection
from measurement.content_settings import (
    BurnAlertSection,
    CanarySection,
    ContentSection,
    ErrorBudgetSection,
    JoinSection,
)
from measurement.errors import InputError
from measurement.mmm_settings import (
    ChannelPrior,
    CoefficientPrior,
    MmmChannelSection,
    MmmSection,
    PositivePrior,
    SharePrior,
)
from measurement.panel_settings import ChannelSection, PanelSection, TreatmentSection
from measurement.settings_section import PLACED, Money, Section, Share, one_of, placed

SETTINGS_FILE = "liftwerk.toml"
#: One door: other rooms take every table from here.
__all__ = [
    "PLACED",
    "SETTINGS_FILE",
    "AccessSection",
    "BoundsRule",
    "BudgetRule",
    "BudgetSection",
    "BurnAlertSection",
    "CampaignSection",
    "CanarySection",
    "ChannelPrior",
    "ChannelSection",
    "CoefficientPrior",
    "ContentSection",
    "CreativesSection",
    "ErrorBudgetSection",
    "FixedRule",
    "GroupRule",
    "JoinSection",
    "JourneysSection",
    "LiftTestSection",
    "MaxActiveRule",
    "MinIfActiveRule",
    "MmmChannelSection",
    "MmmSection",
    "PanelSection",
    "PlatformSection",
    "PositivePrior",
    "ReserveRule",
    "Section",
    "Settings",
    "SharePrior",
    "TargetCpaRule",
    "TargetRoasRule",
    "TreatmentSection",
    "WorkspaceSection",
    "known_keys",
]


class WorkspaceSection(Section):
    """``[workspace]``."""

    name: str = "liftwerk"
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    locale: str = "en_GB"

    @field_validator("locale")
    @classmethod
    def _known_locale(cls, value: str) -> str:
        try:
            Locale.parse(value)
        except (UnknownLocaleError, ValueError) as unknown:
            raise ValueError("unknown locale; use for example de_DE, en_GB or en_US") from unknown
        return value


class LiftTestSection(Section):
    """``[[lift_tests]]``: a readout made elsewhere."""

    channel: str
    geos: tuple[str, ...] = ()
    start: dt.date
    end: dt.date
    incremental_outcome: float
    standard_error: Annotated[float, Field(gt=0)]
    incremental_spend: float
    measured_until: dt.date | None = None

    @model_validator(mode="after")
    def _ordered(self) -> LiftTestSection:
        if self.end < self.start:
            raise ValueError("end lies before start")
        if self.measured_until is not None and self.measured_until < self.end:
            raise ValueError("measured_until lies before end")
        return self


class BoundsRule(Section):
    """``min`` ≤ spend of ``channel`` ≤ ``max``, money a week."""

    kind: Literal["bounds"]
    channel: str
    min: Money = 0.0
    max: Money | None = None


class GroupRule(Section):
    """Sum over ``channels`` within ``min``/``max`` (money a week) and ``min_share``/``max_share`` of the total."""

    kind: Literal["group"]
    channels: Annotated[tuple[str, ...], Field(min_length=1)]
    name: str = ""
    min: Money | None = None
    max: Money | None = None
    min_share: Share | None = None
    max_share: Share | None = None


class MinIfActiveRule(Section):
    """Spend of ``channel`` is zero or at least ``min``."""

    kind: Literal["min_if_active"]
    channel: str
    min: Money


class TargetRoasRule(Section):
    """Expected outcome ≥ ``value`` × spend, of ``channel`` or (left out) of the whole plan."""

    kind: Literal["target_roas"]
    value: Annotated[float, Field(gt=0)]
    channel: str | None = None


class FixedRule(Section):
    """Spend of ``channel`` equals ``value``, money a week."""

    kind: Literal["fixed"]
    channel: str
    value: Money


class TargetCpaRule(Section):
    """Spend ≤ ``value`` × expected outcome, of ``channel`` or (left out) of the whole plan."""

    kind: Literal["target_cpa"]
    value: Annotated[float, Field(gt=0)]
    channel: str | None = None


class MaxActiveRule(Section):
    """At most ``count`` channels, of ``channels`` or (left out) of all, have any spend."""

    kind: Literal["max_active"]
    count: Annotated[int, Field(ge=0)]
    channels: tuple[str, ...] = ()


class ReserveRule(Section):
    """``value`` of the total is kept out of the channels, money a week, for tests."""

    kind: Literal["reserve"]
    value: Money


BudgetRule = Annotated[
    BoundsRule | GroupRule | MinIfActiveRule | TargetRoasRule | FixedRule | TargetCpaRule | MaxActiveRule | ReserveRule,
    Field(discriminator="kind"),
]


class BudgetSection(Section):
    """``[budget]``: money a week."""

    total: Annotated[float, Field(gt=0)] | None = None
    total_min: Money | None = None
    total_max: Annotated[float, Field(gt=0)] | None = None
    weeks: Annotated[int, Field(ge=1, le=52)] = 4
    max_change: Annotated[float, Field(gt=0, le=10)] | None = None
    risk: Literal["cautious", "balanced", "bold"] = "balanced"
    by_geo: bool = False
    rules: tuple[BudgetRule, ...] = ()

    @model_validator(mode="after")
    def _one_total(self) -> BudgetSection:
        if self.total is not None and (self.total_min is not None or self.total_max is not None):
            raise ValueError("give total, or total_min and total_max, not both")
        if self.total_min is not None and self.total_max is not None and self.total_min > self.total_max:
            raise ValueError("total_min is larger than total_max")
        return self


class CreativesSection(Section):
    """``[creatives]``."""

    decisions: str
    rewards: str
    better: Literal["higher", "lower"] = "higher"


class JourneysSection(Section):
    """``[journeys]``."""

    touchpoints: str
    lookback_days: float = Field(default=30.0, gt=0)
    gap_days: float = Field(default=30.0, gt=0)
    session_minutes: float = Field(default=30.0, ge=0)
    half_life_days: float = Field(default=7.0, gt=0)
    k: int = Field(default=10, ge=2)
    groups: dict[str, str] = Field(default_factory=dict)
    epsilon: float | None = Field(default=None, gt=0)
    largest_value: float | None = Field(default=None, gt=0)
    channels: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _public(self) -> JourneysSection:
        if self.epsilon is not None and (self.largest_value is None or not self.channels):
            raise ValueError("epsilon needs largest_value and channels: bounds that do not come from the data")
        if len(set(self.channels)) < len(self.channels):
            raise ValueError("channels names one twice")
        return self


class Settings(Section):
    """All of ``liftwerk.toml``."""

    workspace: WorkspaceSection = WorkspaceSection()
    panel_section: PanelSection | None = Field(default=None, alias="panel")
    mmm: MmmSection = MmmSection()
    lift_tests: tuple[LiftTestSection, ...] = ()
    budget: BudgetSection | None = None
    creatives: CreativesSection | None = None
    journeys: JourneysSection | None = None
    content: ContentSection | None = None
    access: AccessSection = AccessSection()
    platforms: dict[str, PlatformSection] = Field(default_factory=dict)

    @property
    def panel(self) -> PanelSection:
        """The ``[panel]`` table.

        Raises
        ------
        InputError
            Where the file has none: a plan from curves needs no panel, every model does.
        """
        if self.panel_section is None:
            raise InputError.of(
                "'panel' is missing",
                "Add [panel] with file, date, outcome and the channels",
                file=SETTINGS_FILE,
                column="panel",
            )
        return self.panel_section

    @model_validator(mode="after")
    def _geos_exist(self) -> Settings:
        if self.budget is not None and self.budget.by_geo and self.panel_section is not None and not self.panel.geo:
            told, remedy = "the panel has no geos to plan by", "Name the geo column as panel.geo, or leave out by_geo"
            raise placed(told, remedy, place="budget.by_geo", value="true")
        return self

    @model_validator(mode="after")
    def _channels_exist(self) -> Settings:
        if self.panel_section is None:
            return self  # nothing to compare with: `plan --curves` checks the names against its curves
        known = set(self.panel_section.channels)
        named = [(f"lift_tests.{index}.channel", test.channel) for index, test in enumerate(self.lift_tests)]
        for index, rule in enumerate(self.budget.rules if self.budget else ()):
            field = "channels" if isinstance(rule, GroupRule | MaxActiveRule) else "channel"
            channels = (
                rule.channels if isinstance(rule, GroupRule | MaxActiveRule) else (getattr(rule, "channel", None),)
            )
            named += [(f"budget.rules.{index}.{field}", name) for name in channels if name is not None]
        for platform, section in self.platforms.items():
            named += [
                (f"platforms.{platform}.campaigns.{at}.channel", one.channel)
                for at, one in enumerate(section.campaigns)
            ]
        for place, name in named:
            if name not in known:
                told = "this channel is not under [panel.channels]"
                raise placed(told, one_of(name, known), place=place, value=name)
        self.mmm.check_names(known, set(self.panel_section.organic))
        return self


def known_keys() -> list[str]:
    """Every key a settings file may use, for did-you-mean."""
    fields = [pair for section in _all_sections(Section) for pair in section.model_fields.items()]
    return sorted({field.alias or name for name, field in fields})


def _all_sections(section: type[Section]) -> list[type[Section]]:
    below = [found for child in section.__subclasses__() for found in _all_sections(child)]
    return [*section.__subclasses__(), *below]
