"""What a test cost: spend against business as usual, and whether it moved as planned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geolift.test_plan import GeoTest
from measurement.panel import Panel

FloatArray = NDArray[np.float64]
#: Weeks before the test from which usual spend is read.
USUAL_WEEKS = 8
#: A donor whose spend changed by more than this factor against the other donors was treated by mistake.
TOUCHED = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSpend:
    """Spend of the tested channel in all treated geos together, money over the days of changed spend.

    Attributes
    ----------
    incremental
        Actual minus business as usual: what the readout divides by.
    actual, usual
        From the panel, ``None`` where the panel does not hold the channel.
    source
        ``"test file"``, ``"panel"`` or ``"unknown"``.
    rule
        How it was worked out, one sentence.
    touched
        Donors whose spend changed too.
    """

    __test__ = False  # not a test case, whatever its name looks like

    incremental: float | None
    actual: float | None
    usual: float | None
    source: str
    rule: str
    touched: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """The fields as plain JSON values."""
        return {
            "incremental": self.incremental,
            "actual": self.actual,
            "usual": self.usual,
            "source": self.source,
            "rule": self.rule,
            "touched_donors": list(self.touched),
        }


def test_spend(panel: Panel, test: GeoTest) -> TestSpend:
    """Spend of a test, from its file or, where that is silent, from the panel.

    Business as usual is the treated geos' spend in the eight weeks before the test, moved by the factor by which
    the donors' spend moved from those weeks to the test: a national budget change is then not taken for the test.
    Where the donors spent nothing it is the treated geos' own spend before. For a ``new`` channel it is zero.
    """
    if test.channel not in panel.channels:
        return TestSpend(
            incremental=test.incremental_spend,
            actual=None,
            usual=None,
            source="unknown" if test.incremental_spend is None else "test file",
            rule="The panel holds no spend of this channel"
            + ("." if test.incremental_spend is None else "; taken from the test file."),
        )
    before, during = _periods(panel, test)
    spend = panel.data["spend"].sel(channel=test.channel)
    donors = [geo for geo in panel.geos if geo not in test.treated and geo not in test.exclude]
    treated_rows = np.asarray(spend.sel(geo=list(test.treated)).to_numpy(), dtype=np.float64)
    donor_rows = np.asarray(spend.sel(geo=donors).to_numpy(), dtype=np.float64)
    actual = float(treated_rows[:, during].sum())
    usual, rule = _usual(treated_rows.sum(axis=0), donor_rows.sum(axis=0), before, during, kind=test.kind)
    stated = test.incremental_spend
    return TestSpend(
        incremental=actual - usual if stated is None else stated,
        actual=actual,
        usual=usual,
        source="panel" if stated is None else "test file",
        rule=rule if stated is None else "Taken from the test file.",
        touched=_touched(donors, donor_rows, before, during),
    )


test_spend.__test__ = False  # type: ignore[attr-defined]  # pytest would take its name for a test


def _periods(panel: Panel, test: GeoTest) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Periods of usual spend before the test, and periods of changed spend (no cool-down)."""
    days = np.timedelta64(panel.days_per_period - 1, "D")
    first = panel.dates.to_numpy().astype("datetime64[D]")
    during = (first + days >= np.datetime64(test.start)) & (first <= np.datetime64(test.end))
    start = int(np.flatnonzero(during)[0])
    before = np.zeros(len(first), dtype=np.bool_)
    before[max(0, start - USUAL_WEEKS * 7 // panel.days_per_period) : start] = True
    return before, during


def _usual(
    treated: FloatArray, donors: FloatArray, before: NDArray[np.bool_], during: NDArray[np.bool_], *, kind: str
) -> tuple[float, str]:
    if kind == "new":
        return 0.0, "A new channel: business as usual is no spend."
    own = float(treated[before].mean()) * int(during.sum())
    if donors[before].sum() <= 0:
        return own, "Business as usual is the treated geos' spend of the eight weeks before the test."
    factor = float(donors[during].mean() / donors[before].mean())
    return own * factor, (
        "Business as usual is the treated geos' spend of the eight weeks before the test, moved as the donors' "
        f"spend moved (factor {factor:.3f})."
    )


def _touched(
    names: list[str], rows: FloatArray, before: NDArray[np.bool_], during: NDArray[np.bool_]
) -> tuple[str, ...]:
    """Donors whose spend ratio stands apart from the median donor's by more than `TOUCHED` either way."""
    old, new = rows[:, before].mean(axis=1), rows[:, during].mean(axis=1)
    active = (old > 0) | (new > 0)
    if active.sum() < 3:
        return ()
    floor = 1e-6 * max(float(old[active].max()), float(new[active].max()))
    ratio = np.log((new + floor) / (old + floor))
    apart = np.abs(ratio - np.median(ratio[active])) > np.log(TOUCHED)
    return tuple(name for name, flag in zip(names, apart & active, strict=True) if flag)
