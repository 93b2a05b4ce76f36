"""What is known of a channel: every reading with its date and method, and how much it proves.

The media mix model calibrated on the tests is the estimate; the tests stand beside it, and where one disagrees with
the model this is said, not averaged away. Agreement is judged by the fit, which predicts each test before seeing it:
a test's iROAS is a marginal return and must not be held against the model's average one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from measurement.estimates import Estimate, LiftEstimate

Grade = Literal["experiment", "model", "assumption"]
#: A test proves something about today's channel for a year and a half; older ones still inform the model.
PROOF_DAYS = 548
#: An interval of the return that is wider than this many times its value rests on the prior, not on the data.
INFORMATIVE_WIDTH = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One method's answer to what a channel returns.

    Attributes
    ----------
    method
        ``"geo_test"`` (read by liftwerk), ``"lift_test"`` (made elsewhere), ``"media_mix_model"``, or
        ``"media_mix_model_without_tests"``: the same model on the same data, the lift tests left out.
    roas
        Outcome per unit of money, ``None`` for a test whose spend is unknown.
    until
        Last day of the data behind it.
    run
        Run id, ``""`` for tests made elsewhere.
    healthy
        Whether its own gates passed.
    expired
        Whether it is too old to prove anything (see `PROOF_DAYS`).
    agrees
        Whether the model's prediction of the test fits what was measured; ``None`` where the model did not say.
    """

    method: Literal["geo_test", "lift_test", "media_mix_model", "media_mix_model_without_tests"]
    roas: Estimate | None
    until: date
    run: str = ""
    healthy: bool = True
    expired: bool = False
    agrees: bool | None = None

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        return {
            "method": self.method,
            "roas": None if self.roas is None else self.roas.to_dict(),
            "until": self.until.isoformat(),
            "run": self.run,
            "healthy": self.healthy,
            "expired": self.expired,
            "agrees": self.agrees,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTest:
    """A lift test, whether its own gates passed, and whether the model's prediction of it held."""

    lift: LiftEstimate
    healthy: bool = True
    agrees: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelEvidence:
    """All readings of a channel, the model's first, and their grade."""

    channel: str
    grade: Grade
    readings: tuple[Reading, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """Method and run of every reading, for `measurement.plans.Decision.evidence`."""
        return tuple(f"{reading.method}:{reading.run}" if reading.run else reading.method for reading in self.readings)


def channel_evidence(
    channel: str,
    *,
    roas: Estimate | None,
    model_healthy: bool,
    tests: Sequence[KnownTest],
    today: date,
    untested: Estimate | None = None,
) -> ChannelEvidence:
    """Everything known of one channel.

    Parameters
    ----------
    channel
        Its name.
    roas
        The model's return, ``None`` where curves were brought from elsewhere.
    model_healthy
        Whether the model's gates passed.
    tests
        Every lift test; those of other channels are passed over.
    today
        Last day of the panel: the age of a test counts from there.
    untested
        The model's return without the lift tests, where it is known; shown for channels that were tested.
    """
    readings, known = [], [test for test in tests if test.lift.channel == channel]
    if roas is not None:
        readings.append(Reading(method="media_mix_model", roas=roas, until=today, run=roas.run, healthy=model_healthy))
    if untested is not None and any(test.healthy for test in known):
        readings.append(
            Reading(
                method="media_mix_model_without_tests",
                roas=untested,
                until=today,
                run=untested.run,
                healthy=model_healthy,
            )
        )
    of_tests = [_test_reading(test, today) for test in sorted(known, key=lambda one: one.lift.end, reverse=True)]
    readings += of_tests
    proven = any(reading.healthy and not reading.expired for reading in of_tests)
    grade: Grade = "experiment" if proven else "model" if _informative(roas) else "assumption"
    return ChannelEvidence(channel=channel, grade=grade, readings=tuple(readings))


def _test_reading(test: KnownTest, today: date) -> Reading:
    lift = test.lift
    return Reading(
        method="geo_test" if lift.run else "lift_test",
        roas=lift.iroas,
        until=lift.end,
        run=lift.run,
        healthy=test.healthy,
        expired=(today - lift.end).days > PROOF_DAYS,
        agrees=test.agrees,
    )


def _informative(roas: Estimate | None) -> bool:
    return roas is not None and roas.value > 0 and roas.interval.width <= INFORMATIVE_WIDTH * roas.value
