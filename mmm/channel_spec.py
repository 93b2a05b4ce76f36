"""What is assumed of one media channel: its form, and what is believed of it before seeing the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from measurement.errors import InputError

AdstockKind = Literal["geometric", "delayed", "weibull", "none"]
SaturationKind = Literal["hill", "logistic", "michaelis_menten", "tanh", "none"]
Order = Literal["adstock_first", "saturation_first"]
PriorKind = Literal["roas", "marginal_roas", "share", "coefficient"]

ADSTOCKS: tuple[AdstockKind, ...] = ("geometric", "delayed", "weibull", "none")
SATURATIONS: tuple[SaturationKind, ...] = ("hill", "logistic", "michaelis_menten", "tanh", "none")
ORDERS: tuple[Order, ...] = ("adstock_first", "saturation_first")
PRIOR_KINDS: tuple[PriorKind, ...] = ("roas", "marginal_roas", "share", "coefficient")


def one_of(field_name: str, value: object, allowed: tuple[str, ...]) -> None:
    """Refuse a value that is not among the allowed ones."""
    if value not in allowed:
        raise InputError.of("unknown choice", f"Use one of {', '.join(allowed)}", column=field_name, value=value)


def at_least(field_name: str, value: float, least: float) -> None:
    """Refuse a value below the least."""
    if value < least:
        raise InputError.of("too small", f"Use at least {least}", column=field_name, value=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What the user believes of a channel before seeing the data: mean and standard deviation of a positive quantity.

    Attributes
    ----------
    mean, sd
        In the unit of ``kind``; the prior is the log-normal with these moments.
    kind
        ``roas``: outcome value per unit of spend, whole panel. ``marginal_roas``: per unit of spend when all spend
        rises by 1%. ``share``: of the panel's whole outcome value. ``coefficient``: outcome value in a period of all
        geos at full saturation.
    """

    mean: float
    sd: float
    kind: PriorKind = "roas"

    def __post_init__(self) -> None:
        one_of("mmm.priors", self.kind, PRIOR_KINDS)
        if not (self.mean > 0 and self.sd > 0):
            raise InputError.of(
                "a prior needs a positive mean and a positive sd",
                f"Write {self.kind} = {{mean = 2.0, sd = 0.8}}",
                column="mmm.priors",
                value=f"mean {self.mean}, sd {self.sd}",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelModel:
    """Form of one channel or organic medium; ``None`` takes the specification's own.

    Attributes
    ----------
    adstock, saturation
        Families; ``"none"`` for no carry-over, or a straight line.
    order
        Which comes first. Channels with reach and frequency always saturate (in frequency) first.
    lags
        Length of the carry-over in periods, this period included.
    varying
        Whether the effect may vary over time.
    group
        Channels of one group have correlated priors.
    """

    adstock: AdstockKind | None = None
    saturation: SaturationKind | None = None
    order: Order | None = None
    lags: int | None = None
    varying: bool = False
    group: str | None = None

    def __post_init__(self) -> None:
        if self.adstock is not None:
            one_of("mmm.channels.adstock", self.adstock, ADSTOCKS)
        if self.saturation is not None:
            one_of("mmm.channels.saturation", self.saturation, SATURATIONS)
        if self.order is not None:
            one_of("mmm.channels.order", self.order, ORDERS)
        at_least("mmm.channels.lags", 1 if self.lags is None else self.lags, 1)
