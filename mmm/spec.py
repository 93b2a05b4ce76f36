"""What the media mix model is, as data: frozen, from settings or Python, round-trips to JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from measurement.errors import InputError
from measurement.settings import MmmSection

AdstockKind = Literal["geometric", "delayed", "weibull"]
SaturationKind = Literal["hill", "logistic", "michaelis_menten", "tanh"]
Engine = Literal["collapsed", "pymc"]

ADSTOCKS: tuple[AdstockKind, ...] = ("geometric", "delayed", "weibull")
SATURATIONS: tuple[SaturationKind, ...] = ("hill", "logistic", "michaelis_menten", "tanh")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """Mean and standard deviation of a channel's ROAS as the user believes it, before seeing the data."""

    mean: float
    sd: float

    def __post_init__(self) -> None:
        if not (self.mean > 0 and self.sd > 0):
            raise InputError.of(
                "a ROAS prior needs a positive mean and a positive sd",
                "Write roas = {mean = 2.0, sd = 0.8}",
                column="mmm.priors",
                value=f"mean {self.mean}, sd {self.sd}",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """The model and how it is sampled.

    Attributes
    ----------
    adstock, saturation
        Shapes, the same family for every channel, parameters by channel.
    lags
        Length of the carry-over in periods, this period included.
    roas_priors
        By channel; channels left out take the default, which scales with the data.
    media_share
        Share of the outcome that all paid channels together explain, prior median; sets the default ROAS prior.
    roas_log_sd
        Standard deviation of log ROAS in the default prior (1.0: a factor 5 up or down at 90%).
    knot_every
        Periods between the knots of the time-varying baseline.
    harmonics
        Pairs of sine and cosine of the yearly season.
    shocks
        Whether all geos share an unexplained deviation in each period (needs more than one geo).
    holidays
        Country code, ``None`` for none.
    draws, tune, chains
        Sampling effort.
    target_accept
        Of NUTS.
    engine
        ``"collapsed"`` (linear part integrated out) or ``"pymc"`` (the readable reference).

    Examples
    --------
    >>> spec = ModelSpec(saturation="tanh", roas_priors={"tv": Prior(mean=1.5, sd=0.5)})
    >>> ModelSpec.from_json(spec.to_json()) == spec
    True
    """

    adstock: AdstockKind = "geometric"
    saturation: SaturationKind = "hill"
    lags: int = 10
    roas_priors: Mapping[str, Prior] = field(default_factory=dict)
    media_share: float = 0.25
    roas_log_sd: float = 1.0
    knot_every: int = 4
    harmonics: int = 3
    shocks: bool = False
    holidays: str | None = None
    draws: int = 400
    tune: int = 200
    chains: int = 4
    target_accept: float = 0.8
    engine: Engine = "collapsed"

    def __post_init__(self) -> None:
        _one_of("mmm.adstock", self.adstock, ADSTOCKS)
        _one_of("mmm.saturation", self.saturation, SATURATIONS)
        _one_of("mmm.engine", self.engine, ("collapsed", "pymc"))
        _at_least("mmm.lags", self.lags, 1)
        _at_least("mmm.knot_every", self.knot_every, 1)
        _at_least("mmm.harmonics", self.harmonics, 0)
        _at_least("mmm.draws", self.draws, 10)
        _at_least("mmm.tune", self.tune, 10)
        _at_least("mmm.chains", self.chains, 2)
        for name in ("media_share", "target_accept"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise InputError.of("must lie between 0 and 1", "Pass 0.25 for 25%", column=f"mmm.{name}", value=value)

    @classmethod
    def from_settings(cls, section: MmmSection, *, holidays: str | None = None) -> ModelSpec:
        """The specification that ``[mmm]`` of a workspace describes."""
        priors = {
            name: Prior(mean=prior.roas.mean, sd=prior.roas.sd)
            for name, prior in section.priors.items()
            if prior.roas is not None
        }
        return cls(
            adstock=section.adstock,
            saturation=section.saturation,
            roas_priors=priors,
            holidays=holidays,
            draws=section.draws,
            tune=section.tune,
            chains=section.chains,
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        values = asdict(self)
        values["roas_priors"] = {name: asdict(prior) for name, prior in self.roas_priors.items()}
        return values

    def to_json(self) -> str:
        """The fields as JSON text."""
        return json.dumps(self.to_dict(), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelSpec:
        """The inverse of `to_json`."""
        values = json.loads(text)
        values["roas_priors"] = {name: Prior(**prior) for name, prior in values.get("roas_priors", {}).items()}
        return cls(**values)


def _one_of(field_name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError.of("unknown choice", f"Use one of {', '.join(allowed)}", column=field_name, value=value)


def _at_least(field_name: str, value: int, least: int) -> None:
    if value < least:
        raise InputError.of("too small", f"Use at least {least}", column=field_name, value=value)
