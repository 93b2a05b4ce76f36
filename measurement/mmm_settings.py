"""``[mmm]``: the media mix model's shape and what the business knows of its channels."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from measurement.settings_section import Section, one_of, placed

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
OpenShare = Annotated[float, Field(gt=0, lt=1)]
Lags = Annotated[int, Field(ge=1, le=52)]
Order = Literal["adstock_first", "saturation_first"]


class PositivePrior(Section):
    """``{mean = 2.0, sd = 0.8}`` of a quantity above zero: a ROAS or a marginal ROAS."""

    mean: Positive
    sd: Positive


class SharePrior(Section):
    """``{mean = 0.1, sd = 0.04}`` of a share of the outcome, 0.1 for 10%."""

    mean: OpenShare
    sd: OpenShare


class CoefficientPrior(Section):
    """``{mean = 40000.0, sd = 15000.0}`` of the outcome value in a period of all geos at full saturation."""

    mean: Positive
    sd: Positive


class ChannelPrior(Section):
    """``[mmm.priors.NAME]``: what is known of a channel, in exactly one way."""

    roas: PositivePrior | None = None
    marginal_roas: PositivePrior | None = None
    share: SharePrior | None = None
    coefficient: CoefficientPrior | None = None

    @property
    def kind(self) -> str:
        """Which of the four ways is used."""
        return next(iter(self._given()))

    def _given(self) -> list[str]:
        return [name for name in type(self).model_fields if getattr(self, name) is not None]

    @model_validator(mode="after")
    def _exactly_one(self) -> ChannelPrior:
        given = self._given()
        if not given:
            raise placed("the prior says nothing", "Write for example roas = {mean = 2.0, sd = 0.8}")
        if len(given) > 1:
            told = "a channel's prior is told in more than one way"
            raise placed(told, f"Keep one of {', '.join(given)} and remove the others", key=given[1])
        return self


class MmmChannelSection(Section):
    """``[mmm.channels.NAME]``: where a paid channel or an organic medium departs from the rest; left out, it does not.

    Channels of one ``group`` share a pooled prior; ``varying`` lets the effect change over time.
    """

    adstock: Literal["geometric", "delayed", "weibull", "none"] | None = None
    saturation: Literal["hill", "logistic", "michaelis_menten", "tanh", "none"] | None = None
    order: Order | None = None
    lags: Lags | None = None
    varying: bool = False
    group: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _lags_need_carry_over(self) -> MmmChannelSection:
        if self.adstock == "none" and self.lags is not None:
            raise placed(
                "without adstock there is no carry-over to bound", "Remove lags, or name an adstock", key="lags"
            )
        return self


class MmmSection(Section):
    """``[mmm]``. What is left out (``None``) the model decides from the data."""

    adstock: Literal["geometric", "delayed", "weibull"] = "geometric"
    saturation: Literal["hill", "logistic", "michaelis_menten", "tanh"] = "hill"
    order: Order = "adstock_first"
    lags: Lags | None = None
    noise: Literal["normal", "student_t"] = "normal"
    baseline: Literal["auto", "knots", "hsgp"] = "knots"
    knot_every: Annotated[int, Field(ge=1)] | None = None
    harmonics: Annotated[int, Field(ge=0, le=20)] | None = None
    shocks: bool | None = None
    geo_controls: bool | None = None
    media_share: OpenShare | None = None
    lift_ageing: Annotated[float, Field(ge=1, allow_inf_nan=False)] | None = None
    channels: dict[str, MmmChannelSection] = Field(default_factory=dict)
    priors: dict[str, ChannelPrior] = Field(default_factory=dict)
    engine: Literal["collapsed", "pymc"] = "collapsed"
    draws: Annotated[int, Field(ge=50)] | None = None
    tune: Annotated[int, Field(ge=50)] | None = None
    chains: Annotated[int, Field(ge=2)] | None = None
    target_accept: OpenShare | None = None

    @model_validator(mode="after")
    def _knots_need_a_baseline_of_knots(self) -> MmmSection:
        if self.baseline == "hsgp" and self.knot_every is not None:
            raise placed(
                'baseline = "hsgp" has no knots', 'Remove knot_every, or set baseline = "knots"', key="knot_every"
            )
        return self

    @model_validator(mode="after")
    def _groups_have_members(self) -> MmmSection:
        groups = [channel.group for channel in self.channels.values() if channel.group is not None]
        for name, channel in self.channels.items():
            if channel.group is not None and groups.count(channel.group) == 1:
                others = set(groups) - {channel.group}
                near = one_of(channel.group, others)
                raise placed(
                    "no other channel is in this group, so there is nothing to pool",
                    near if near.startswith("Did") else "Give another channel the same group, or remove it",
                    place=f"mmm.channels.{name}.group",
                    value=channel.group,
                )
        return self

    def check_names(self, paid: set[str], organic: set[str]) -> None:
        """Channels and priors must be of media the panel has; an organic medium has no ROAS.

        Parameters
        ----------
        paid, organic
            Names under ``[panel.channels]`` and in ``panel.organic``.
        """
        named = [(f"mmm.channels.{name}", name) for name in self.channels]
        named += [(f"mmm.priors.{name}", name) for name in self.priors]
        for place, name in named:
            if name not in paid | organic:
                told = "this channel is not under [panel.channels], nor is it in panel.organic"
                raise placed(told, one_of(name, paid | organic), place=place, value=name)
        for name, prior in self.priors.items():
            if name not in paid and prior.kind in {"roas", "marginal_roas"}:
                raise placed(
                    "an organic medium costs nothing, so it has no return on spend",
                    "Use share or coefficient instead",
                    place=f"mmm.priors.{name}.{prior.kind}",
                    value=name,
                )
