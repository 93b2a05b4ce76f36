"""What a lift test does to the media mix model: does its channel's ROAS become narrower and truer; is a wrong one seen?

    python benchmarks/mmm_lifts.py --markets 100 --jobs 2 --out build/lifts.jsonl

In every market one channel, drawn by chance (``--channel widest``: the one whose ROAS the model knows least), is
tested, with a standard error of 15% of the true lift. Designs: ``geo``: six weeks in half of the geos, no spend or
twice the spend by turns; the panel holds the test, so that the model learns from it even without the readout.
``holdout``: a national holdout study made elsewhere over six weeks; the panel knows nothing of it. Readings:

    none      the panel alone, without the readout
    right     readout = truth + its normal error
    wrong     readout = truth ± 3 standard errors of the test
    far       readout = truth ± 3 standard deviations of what the model without the test expects to read:
              its own uncertainty of the lift (taken as that of the channel's ROAS) and the test's error together

A readout can narrow an interval only so far: of two normal sources with standard deviations s (the model, relative to
the truth) and e (the test) the interval shrinks by 1 − 1/√(1 + s²/e²), which is 30% where s is just above e. "Possible"
is that figure, and the share narrower by 30% is given for all markets and for those where it is possible.

Every fit is one line of ``--out``; a study that was stopped goes on where it stood.
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import numpy as np
from mmm_studies import add_study_options, fitted_row, middle, run_study, settings, share, table
from mmm_worlds import SIZED, add_size_options, cases, sized_market

DESIGNS = ("geo", "holdout")
READINGS = ("none", "right", "wrong", "far")
WIDTH_OF_SD = 3.29  # a normal 90% interval spans so many standard deviations


def tested(case: dict):
    """Panel, study and truth of a case."""
    from simulation.geo_studies import run_geo_test
    from simulation.lift_studies import holdout_study

    seed, error = case["seed"], case["error"]
    market = sized_market(case, geo_tests=False)
    rng = np.random.default_rng([seed, 31])
    channel = case.get("channel", str(rng.choice(market.panel.channels)))
    if case["design"] == "geo":
        kind = "go_dark" if seed % 2 else "scale_up"
        one = run_geo_test(market, channel=channel, kind=kind, relative_error=error, seed=seed)
        return one.panel, one.study, one.truth
    spend = market.panel.data["spend"].sel(channel=channel).sum("geo").to_numpy()
    starts = np.arange(len(spend) // 2, len(spend) - 8)
    busy = [start for start in starts if (spend[start : start + 6] > 0).all()]
    # A channel that never runs six weeks on end is held out in the weeks in which it spends most.
    first = int(rng.choice(busy)) if busy else int(starts[np.argmax([spend[s : s + 6].sum() for s in starts])])
    study = holdout_study(
        market, channel=channel, first_week=first, weeks=6, cooldown=2, relative_error=error, seed=seed
    )
    return market.panel, study, market.truth


def study(case: dict) -> dict:
    """Fit one market with one reading of its test."""
    panel, lift, truth = tested(case)
    sign = 1.0 if np.random.default_rng([case["seed"], 32]).random() < 0.5 else -1.0
    if case["reading"] in ("wrong", "far"):
        sd = lift.standard_error
        if case["reading"] == "far":
            sd = float(np.hypot(sd, case["model_sd"] * abs(lift.true_incremental_outcome)))
        lift = lift.misread(sign * case["wrong_by"] * sd)
    lifts = [] if case["reading"] == "none" else [lift.estimate()]
    fitted, row = fitted_row(case, panel, "DE", lifts)
    conflict = [check for check in fitted.checks if check.name == "lift_conflict"]
    return row | {
        "channel": lift.channel,
        "true_roas": [truth["roas"][name] for name in row["channels"]],
        "kind_of_test": lift.kind,
        "true_lift": lift.true_incremental_outcome,
        "readout": lift.incremental_outcome,
        "conflict": any(not check.passed for check in conflict),
        "conflict_value": str(conflict[0].value) if conflict else "",
    }


def of_channel(row: dict, channel: str) -> dict[str, float]:
    """Values of a channel."""
    place = row["channels"].index(channel)
    return {name: row[name][place] for name in ("roas", "roas_lower", "roas_upper", "roas_median", "true_roas")}


def effect(none: dict, other: dict) -> dict[str, float]:
    """What a reading did to the channel's ROAS."""
    before, after = of_channel(none, other["channel"]), of_channel(other, other["channel"])
    truth = before["true_roas"]
    sd = (before["roas_upper"] - before["roas_lower"]) / WIDTH_OF_SD / truth
    narrower = 1.0 - (after["roas_upper"] - after["roas_lower"]) / (before["roas_upper"] - before["roas_lower"])
    off_before, off_after = abs(before["roas_median"] / truth - 1.0), abs(after["roas_median"] / truth - 1.0)
    return {
        "narrower": narrower,
        "possible": 1.0 - 1.0 / np.hypot(1.0, sd / other["case"]["error"]),
        "off_before": off_before,
        "off_after": off_after,
        "held": after["roas_lower"] <= truth <= after["roas_upper"],
    }


def report(rows: list[dict]) -> None:
    """One line a kind and design."""
    found: dict[tuple, dict[str, dict]] = defaultdict(dict)
    for row in rows:
        case = row["case"]
        found[case["kind"], case["design"], case["seed"]][case["reading"]] = row
    lines = []
    for kind, design in dict.fromkeys(key[:2] for key in found):
        markets = [readings for key, readings in found.items() if key[:2] == (kind, design) and "none" in readings]
        right = [effect(one["none"], one["right"]) for one in markets if "right" in one]
        able = [one for one in right if one["possible"] >= 0.3]
        clear = [one for one in right if one["off_before"] > 0.1]
        alarm = {
            reading: share([[one[reading]["conflict"]] for one in markets if reading in one]) for reading in READINGS
        }
        lines.append(
            [
                kind,
                design,
                str(len(right)),
                middle((one["narrower"] for one in right), ".0%"),
                middle((one["possible"] for one in right), ".0%"),
                share([[one["narrower"] >= 0.3] for one in right]),
                share([[one["narrower"] >= 0.3] for one in able]) + f" of {len(able)}",
                share([[one["off_after"] < one["off_before"]] for one in right]),
                share([[one["off_after"] < one["off_before"]] for one in clear]) + f" of {len(clear)}",
                f"{middle(one['off_before'] for one in right)} → {middle(one['off_after'] for one in right)}",
                share([[one["held"]] for one in right]),
                alarm["right"],
                alarm["wrong"],
                alarm["far"],
                f"{sum(row['healthy'] for one in markets for row in one.values())} of {sum(map(len, markets))}",
            ]
        )
    columns = [
        "kind",
        "design",
        "markets",
        "narrower by",
        "possible",
        "by 30%",
        "where possible",
        "median truer",
        "where > 10% off",
    ]
    columns += ["error of median", "truth in 90%", "alarm, right", "alarm, 3 se off", "alarm, far off", "healthy"]
    table(columns, lines)


def all_cases(arguments, readings: list[str], channels: dict[tuple, str] | None = None) -> list[dict]:
    """Cases of these readings of all designs; ``channels``: the channel to test by kind and seed."""
    found = []
    for market in cases(arguments):
        case = market | settings(arguments) | {"error": arguments.error}
        if channels is not None:
            if (market["kind"], market["seed"]) not in channels:
                continue  # its first fit failed
            case["channel"] = channels[market["kind"], market["seed"]]
        for design in arguments.designs.split(","):
            for reading in readings:
                wrong = {} if reading in ("none", "right") else {"wrong_by": arguments.wrong_by}
                found.append(case | {"design": design, "reading": reading} | wrong)
    return found


def widest_channels(arguments) -> dict[tuple, str]:
    """By kind and seed the channel whose ROAS interval without a test is widest, relative to its truth."""
    given = settings(arguments) | {"error": arguments.error, "design": "holdout", "reading": "none"}
    found = {}
    for row in run_study(study, [market | given for market in cases(arguments)], arguments):
        ends = zip(row["roas_lower"], row["roas_upper"], row["true_roas"], strict=True)
        widest = int(np.argmax([(upper - lower) / true for lower, upper, true in ends]))
        found[row["case"]["kind"], row["case"]["seed"]] = row["channels"][widest]
    return found


def far_cases(arguments, rows: list[dict]) -> list[dict]:
    """Cases of the reading that rests on the fit without the test."""
    found = []
    for row in rows:
        if row["case"]["reading"] == "none":
            one = of_channel(row, row["case"].get("channel", row["channel"]))
            sd = (one["roas_upper"] - one["roas_lower"]) / WIDTH_OF_SD / one["true_roas"]
            more = {"reading": "far", "wrong_by": arguments.wrong_by, "model_sd": round(sd, 4)}
            found.append(row["case"] | more)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_size_options(parser, markets=100, kinds="plain")
    add_study_options(parser, out="build/mmm_lifts.jsonl")
    parser.add_argument("--channel", choices=["random", "widest"], default="random", help="which one is tested")
    parser.add_argument("--designs", default=",".join(DESIGNS))
    parser.add_argument("--readings", default=",".join(READINGS), help="none is always fitted")
    parser.add_argument("--error", type=float, default=0.15, help="standard error over the true lift")
    parser.add_argument("--wrong-by", type=float, default=3.0, help="how far wrong tests are off")
    arguments = parser.parse_args()
    strangers = (set(arguments.designs.split(",")) - set(DESIGNS)) | (
        set(arguments.readings.split(",")) - set(READINGS)
    )
    if strangers or not set(arguments.kinds.split(",")) <= {*SIZED, "sized"}:
        raise SystemExit(f"designs are {DESIGNS}, readings {READINGS}, kinds {', '.join(SIZED)}")
    readings = [name for name in ("none", "right", "wrong") if name in (*arguments.readings.split(","), "none")]
    channels = widest_channels(arguments) if arguments.channel == "widest" else None
    todo = all_cases(arguments, readings, channels)
    rows = run_study(study, todo, arguments)
    if "far" in arguments.readings.split(","):
        more = far_cases(arguments, rows)
        todo += more
        rows += run_study(study, more, arguments)
    if rows:
        report(rows)
    if len(rows) < len(todo) and not arguments.report_only:
        raise SystemExit(f"{len(todo) - len(rows)} of {len(todo)} fits are missing")


if __name__ == "__main__":
    main()
