"""Journeys against the same definition in plain Python, on data made of edge cases."""

import numpy as np
import pandas as pd
import pytest

from attribution.journeys import JourneyOptions, build_paths
from measurement.errors import InputError

START = pd.Timestamp("2026-03-28", tz="UTC")
NAMES = np.array(
    ["search", "Search", "é-mail", "e\u0301-mail", "動画", "tv > radio", " pad ", "🛒", "10", "9"], dtype=object
)
OPTIONS = JourneyOptions(lookback_days=2.0, gap_days=3.0, session_minutes=30.0)


def edge_cases(seed):
    """Touches and purchases on a grid of times, so that ties and exact window edges are common; some rows twice."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(30, 200))
    # Multiples of 15 minutes and whole days: sessions, look-back and silence are hit to the microsecond.
    us = rng.choice([0, 1, 15, 30, 60], count) * 60_000_000 + rng.integers(0, 9, count) * 86_400_000_000
    us = us + rng.integers(-1, 2, count) * rng.integers(0, 2, count)
    bought = rng.random(count) < 0.2
    frame = pd.DataFrame(
        {
            "unit_id": rng.choice(["a", "A", "b ", "ü", "7"], count),
            "ts": START + pd.to_timedelta(us, unit="us"),
            "channel": np.where(bought, None, rng.choice(NAMES[: rng.integers(1, len(NAMES) + 1)], count)),
            "kind": np.where(bought, "conversion", rng.choice(["click", "impression"], count)),
            "value": np.where(bought, rng.choice([0.0, -5.0, 20.0, np.nan], count), 0.0),
            "cost": np.where(bought, np.nan, rng.choice([0.0, 0.5], count)),
        }
    )
    twice = frame.sample(frac=0.2, random_state=seed)
    return pd.concat([frame, twice]).sample(frac=1.0, random_state=seed + 1).reset_index(drop=True)


def reference(frame, options):
    """Journeys by the words of `attribution.journeys`, person by person, row by row."""
    day, minute = 86_400_000_000, 60_000_000
    found, bare = [], [0, 0.0]
    rows = frame.assign(us=(frame["ts"] - START) // pd.Timedelta(microseconds=1))
    for unit, own in rows.groupby("unit_id"):
        events = sorted(
            (row.us, row.kind == "conversion", row.channel or "", np.isnan(row.value), np.nan_to_num(row.value))
            for row in own.itertuples()
        )
        journeys, last = [[]], None
        for event in events:
            if last is not None and (last[1] or event[0] - last[0] > options.gap_days * day):
                journeys.append([])
            journeys[-1].append(event)
            last = event
        for journey in journeys:
            sale = journey[-1] if journey[-1][1] else None
            walk, before = [], None
            for us, sold, channel, *_ in journey:
                if sold or (sale and sale[0] - us > options.lookback_days * day):
                    continue
                if before is None or before[1] != channel or us - before[0] >= options.session_minutes * minute:
                    walk.append(channel)
                before = us, channel
            value = 0.0 if sale is None else sale[4]
            if walk:
                found.append((str(unit), tuple(walk), float(sale is not None), value))
            elif sale:
                bare = [bare[0] + 1, bare[1] + value]
    return found, bare


@pytest.mark.parametrize("options", [OPTIONS, JourneyOptions(lookback_days=1.0, gap_days=1.0, session_minutes=0.0)])
def test_journeys_are_those_of_the_definition(options):
    for seed in range(12):
        frame = edge_cases(seed)
        expected, bare = reference(frame, options)
        table = build_paths(frame, options)
        parts = zip(table.offsets[:-1], table.offsets[1:], table.conversions, table.value, strict=True)
        found = [(tuple(table.channels[i] for i in table.touches[a:b]), won, value) for a, b, won, value in parts]
        assert sorted(found) == sorted(each[1:] for each in expected), seed
        assert (table.untouched_conversions, table.untouched_value) == tuple(bare), seed


def test_the_zone_a_time_is_written_in_does_not_matter():
    frame = edge_cases(3)
    # The night in which clocks go forward lies within.
    for zone in ("Europe/Berlin", "America/New_York", "Asia/Kolkata"):
        other = build_paths(frame.assign(ts=frame["ts"].dt.tz_convert(zone)), OPTIONS)
        here = build_paths(frame, OPTIONS)
        assert other.touches.tolist() == here.touches.tolist()
        assert other.value.tolist() == here.value.tolist()
        np.testing.assert_array_equal(other.ages, here.ages)


def test_only_conversions_and_clocks_that_never_were_set_are_said_so():
    frame = edge_cases(1)
    with pytest.raises(InputError, match="before 1970"):
        build_paths(frame.assign(ts=frame["ts"] - pd.Timedelta(days=60 * 365)))
    with pytest.raises(InputError, match="no journey has a touch"):
        build_paths(frame[frame["kind"] == "conversion"])
