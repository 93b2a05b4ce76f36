"""The kinds of market on which the media mix model is studied, each with its truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of market: ``form`` is the carry-over and saturation in it, ``beside`` what no ``ModelSpec`` describes."""

    name: str
    form: tuple[str, str] = ("geometric", "hill")
    beside: str = ""

    def well_specified(self, spec) -> bool:
        """Whether ``spec`` (a ModelSpec) is the model that the markets were drawn from."""
        saturation = "hill" if spec.saturation == "michaelis_menten" else spec.saturation
        return not self.beside and self.form == (spec.adstock, saturation)


@dataclass(frozen=True, kw_only=True)
class World:
    """A panel and what is true of it: ``truth`` holds roas, marginal_roas_recent, total_contribution."""

    panel: object
    truth: dict
    holidays: str | None


SIZED = {
    kind.name: kind
    for kind in (
        Kind(name="plain"),
        Kind(name="noisy"),
        Kind(name="wandering"),
        Kind(name="random_walk"),
        Kind(name="confounded_spend"),
        Kind(name="delayed_adstock", form=("delayed", "hill")),
        Kind(name="logistic_saturation", form=("geometric", "logistic")),
        Kind(name="geo_drift", beside="every geo wanders, and responds to promotions, in its own way"),
        Kind(name="mixed_forms", beside="forms differ between channels"),
        Kind(name="shocks", beside="unexplained events, heavy tails"),
        Kind(name="outliers", beside="heavy tails, outliers"),
        Kind(name="rough", form=("weibull", "tanh"), beside="events, heavy tails"),
    )
}
PUBLISHED = {
    kind.name: kind
    for kind in (
        Kind(name=f"recovery_{size}", beside="published generator: nothing spent before, effects relative to a maximum")
        for size in ("small", "growing", "medium", "large")
    )
}
KINDS = SIZED | PUBLISHED
#: Left out of "all": 50 regions and 30 channels take hours.
HEAVY = ("recovery_large",)


def chosen(names: str) -> list[str]:
    """Kinds named with commas between them; ``all``, ``sized`` and ``published`` are groups."""
    groups = {"all": [name for name in KINDS if name not in HEAVY], "sized": list(SIZED), "published": list(PUBLISHED)}
    found = [kind for name in names.split(",") for kind in groups.get(name, [name])]
    strangers = sorted(set(found) - set(KINDS))
    if strangers:
        raise SystemExit(f"unknown kind {', '.join(strangers)}: use {', '.join((*groups, *KINDS))}")
    return list(dict.fromkeys(found))


def sized_market(case: dict, *, geo_tests: bool = True):
    """The simulated market of a case (kind, seed, geos, weeks, channels, random_channels)."""
    from simulation.market import simulate_market
    from simulation.market_spec import market_spec

    spec = market_spec(
        case["kind"],
        n_geos=case["geos"],
        n_weeks=case["weeks"],
        n_channels=case["channels"],
        channel_seed=case["seed"] if case["random_channels"] else None,
        diverse=case.get("diverse", False),
    )
    return simulate_market(case["seed"], replace(spec, geo_tests=geo_tests))


def world(case: dict) -> World:
    """Panel and truth of a case; published sizes ignore its geos, weeks and channels."""
    if case["kind"] in SIZED:
        market = sized_market(case)
        return World(panel=market.panel, truth=market.truth, holidays="DE")
    from simulation.recovery_markets import simulate_recovery_market
    from simulation.recovery_spec import recovery_spec

    spec = recovery_spec(case["kind"].removeprefix("recovery_"), case["seed"])
    market = simulate_recovery_market(case["seed"], spec)
    return World(panel=market.panel, truth=market.truth, holidays=None)


def add_size_options(parser, *, markets: int, kinds: str) -> None:
    """Options that say which markets are drawn."""
    add = partial(parser.add_argument)
    add("--kinds", default=kinds, help="kinds with commas between them, or all, sized, published")
    add("--markets", type=int, default=markets, help="of each kind")
    add("--first-seed", type=int, default=101)
    add("--geos", type=int, default=12)
    add("--weeks", type=int, default=130)
    add("--channels", type=int, default=6)
    add("--fixed-channels", action="store_true", help="the sample's channels instead of channels drawn by market")
    add("--diverse-channels", action="store_true", help="channels drawn as widely as the model's priors")


def cases(arguments) -> list[dict]:
    """One case a market, all kinds of a seed before the next seed, so that a stopped study is balanced."""
    names = chosen(arguments.kinds)
    found = []
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.markets):
        for name in names:
            case = {"kind": name, "seed": seed}
            if name in SIZED:
                case |= {"geos": arguments.geos, "weeks": arguments.weeks, "channels": arguments.channels}
                case["random_channels"] = not arguments.fixed_channels
                if arguments.diverse_channels:
                    case["diverse"] = True
            found.append(case)
    return found
