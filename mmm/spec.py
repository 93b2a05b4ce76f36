"""What the media mix model is, as data: frozen, from settings or Python, round-trips to JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, cast

from measurement.errors import InputError
from measurement.settings import MmmSection
from mmm.channel_spec import (
    ADSTOCKS,
    ORDERS,
    SATURATIONS,
    AdstockKind,
    ChannelModel,
    Order,
    Prior,
    PriorKind,
    SaturationKind,
    at_least,
    one_of,
)

Engine = Literal["collapsed", "pymc"]
Noise = Literal["normal", "student_t"]
Baseline = Literal["auto", "knots", "hsgp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """The model and how it is sampled.

    Attributes
    ----------
    adstock, saturation, order, lags
        Form of every channel that has none of its own in ``channels``; ``lags`` is the length of the carry-over in
        periods, this period included: at the default a channel that keeps .8 from week to week loses 1% of its effect.
    channels
        By channel or organic medium: what differs from the above, see `ChannelModel`.
    priors
        By channel or organic medium: what is believed of it before seeing the data, see `Prior`; those left out take
        the default, which scales with the data.
    media_share
        Share of the outcome that all paid channels together explain, prior median; sets the default ROAS prior.
    effect_log_sd
        Standard deviation of log ROAS in the default prior (1.0: a factor 5 up or down at 90%).
    group_correlation
        Prior correlation of log effects within a group of channels (`ChannelModel.group`).
    noise, degrees
        ``"normal"``, or ``"student_t"`` with so many degrees of freedom; each geo has a scale of its own.
    baseline
        Form of the level that wanders over time: ``"knots"`` (random walk of splines), ``"hsgp"`` (Hilbert-space
        Gaussian process), or ``"auto"``: the better of the two by out-of-sample score, see `mmm.selection`.
    knot_every
        Periods between the knots of the wandering level.
    harmonics
        Pairs of sine and cosine of the yearly season.
    shocks
        Whether all geos share an unexplained deviation in each period; ``None``: where there is more than one geo.
    geo_drift
        Periods between the knots of a geo's own slow drift; 0 for none; ``None``: 26 where there are several geos.
    geo_controls
        Whether geos respond differently to controls, pooled; ``None``: where there are several geos.
    holidays
        Country code for named holidays where the panel brings none, ``None`` for none.
    lift_ageing
        Factor a year by which a lift test's standard error grows with its distance from the panel's end; ``None``:
        tests keep their weight.
    draws, tune, chains
        Sampling effort.
    target_accept
        Of NUTS.
    engine
        ``"collapsed"`` (linear part integrated out) or ``"pymc"`` (the readable reference).

    Examples
    --------
    >>> priors = {"tv": Prior(mean=1.5, sd=0.5)}
    >>> spec = ModelSpec(saturation="tanh", priors=priors, channels={"tv": ChannelModel(lags=30)})
    >>> ModelSpec.from_json(spec.to_json()) == spec
    True
    """

    adstock: AdstockKind = "geometric"
    saturation: SaturationKind = "hill"
    order: Order = "adstock_first"
    lags: int = 20
    channels: Mapping[str, ChannelModel] = field(default_factory=dict)
    priors: Mapping[str, Prior] = field(default_factory=dict)
    media_share: float = 0.25
    effect_log_sd: float = 1.0
    group_correlation: float = 0.6
    noise: Noise = "normal"
    degrees: float = 4.0
    baseline: Baseline = "knots"
    knot_every: int = 4
    harmonics: int = 3
    shocks: bool | None = None
    geo_drift: int | None = None
    geo_controls: bool | None = None
    holidays: str | None = None
    lift_ageing: float | None = None
    draws: int = 400
    tune: int = 100
    chains: int = 4
    target_accept: float = 0.75
    engine: Engine = "collapsed"

    def __post_init__(self) -> None:
        one_of("mmm.adstock", self.adstock, ADSTOCKS)
        one_of("mmm.saturation", self.saturation, SATURATIONS)
        one_of("mmm.order", self.order, ORDERS)
        one_of("mmm.noise", self.noise, ("normal", "student_t"))
        one_of("mmm.baseline", self.baseline, ("auto", "knots", "hsgp"))
        one_of("mmm.engine", self.engine, ("collapsed", "pymc"))
        for name, least in (
            ("lags", 1),
            ("knot_every", 1),
            ("harmonics", 0),
            ("draws", 10),
            ("tune", 10),
            ("chains", 2),
        ):
            at_least(f"mmm.{name}", getattr(self, name), least)
        at_least("mmm.degrees", self.degrees, 1)
        at_least("mmm.lift_ageing", 1.0 if self.lift_ageing is None else self.lift_ageing, 1)
        at_least("mmm.geo_drift", self.geo_drift or 0, 0)
        for name in ("media_share", "target_accept"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise InputError.of("must lie between 0 and 1", "Pass 0.25 for 25%", column=f"mmm.{name}", value=value)
        if not 0 <= self.group_correlation < 1:
            raise InputError.of(
                "must lie from 0 to below 1", "Pass 0.6", column="mmm.group_correlation", value=self.group_correlation
            )

    @classmethod
    def from_settings(cls, section: MmmSection) -> ModelSpec:
        """The specification that ``[mmm]`` of a workspace describes; what it leaves out takes the default."""
        given = section.model_dump(exclude={"channels", "priors"}, exclude_none=True)
        channels = {name: ChannelModel(**own.model_dump()) for name, own in section.channels.items()}
        priors = {}
        for name, prior in section.priors.items():
            found = getattr(prior, prior.kind)
            priors[name] = Prior(mean=found.mean, sd=found.sd, kind=cast("PriorKind", prior.kind))
        return cls(channels=channels, priors=priors, **given)

    def channel(self, name: str) -> ChannelModel:
        """The whole form of one channel or organic medium: its own choices, the specification's for the rest."""
        own = self.channels.get(name, ChannelModel())
        return ChannelModel(
            adstock=own.adstock or self.adstock,
            saturation=own.saturation or self.saturation,
            order=own.order or self.order,
            lags=own.lags or self.lags,
            varying=own.varying,
            group=own.group,
        )

    def window(self, name: str) -> int:
        """Periods over which a channel or organic medium works, its own included; 1 without carry-over."""
        form = self.channel(name)
        return 1 if form.adstock == "none" else form.lags or self.lags

    def longest_lags(self, names: tuple[str, ...]) -> int:
        """The longest carry-over among some channels."""
        return max((self.channel(name).lags or 1 for name in names), default=self.lags)

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        values["channels"] = {name: asdict(channel) for name, channel in self.channels.items()}
        values["priors"] = {name: asdict(prior) for name, prior in self.priors.items()}
        return values

    def to_json(self) -> str:
        """The fields as JSON text."""
        return json.dumps(self.to_dict(), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelSpec:
        """The inverse of `to_json`."""
        values = json.loads(text)
        values["channels"] = {name: ChannelModel(**item) for name, item in values.get("channels", {}).items()}
        values["priors"] = {name: Prior(**item) for name, item in values.get("priors", {}).items()}
        return cls(**values)
