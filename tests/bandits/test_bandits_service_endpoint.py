"""The endpoint: what it answers, what it refuses, and that nothing is answered that is not in the log."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bandits.service.endpoint import Limits
from bandits.service.experiment import Experiment
from bandits.service.sqlite_store import SqliteStore
from bandits.service.store import StoreError
from tests.bandits.asgi_client import KEY, call, serving


def logged(folder: Path, table: str = "creative_decisions") -> list[sqlite3.Row]:
    connection = sqlite3.connect(folder / "log.sqlite")
    connection.row_factory = sqlite3.Row
    rows = connection.execute(f"SELECT * FROM {table}").fetchall()
    connection.close()
    return rows


def decide(app, unit: str = "u1", **more):
    return call(app, "/v1/decide", {"experiment_id": "e", "unit_id": unit, **more})


def test_every_answer_is_in_the_log_with_its_propensity(tmp_path):
    async def run():
        async with serving(tmp_path) as app:
            return await asyncio.gather(
                *[decide(app, f"u{number % 400}", context={"d": number}) for number in range(1000)]
            )

    answers = [answer.json for answer in asyncio.run(run())]
    rows = {row["decision_id"]: row for row in logged(tmp_path)}
    assert len(rows) == len(answers) == 1000
    for answer in answers:
        row = rows[answer["decision_id"]]
        assert (row["arm_id"], row["propensity"], row["policy_version"]) == (
            answer["arm_id"], answer["propensity"], str(answer["policy_version"]),
        )  # fmt: skip
    by_unit = Counter((row["unit_id"], row["arm_id"]) for row in rows.values())
    assert len(by_unit) == 400  # a unit keeps its arm within a version
    shares = Counter(arm for _, arm in by_unit)
    assert all(90 < shares[arm] < 180 for arm in "abc")


def test_the_propensities_are_those_of_the_draw(tmp_path):
    from bandits.service.policy import ArmState, Policy, ServedPolicy

    arms = tuple(
        ArmState(arm_id=name, propensity=share) for name, share in zip("abcd", (0.0, 0.7, 0.3, 0.0), strict=True)
    )
    served = ServedPolicy(Policy(experiment_id="e", version=4, arms=arms, reason="learned"), seed=3)
    drawn = Counter(served.choose(f"unit {number}") for number in range(20_000))
    assert set(drawn) == {1, 2}
    assert abs(drawn[1] / 20_000 - 0.7) < 0.015


def test_rewards_are_idempotent_and_never_lost(tmp_path):
    async def run():
        async with serving(tmp_path) as app:
            name = (await decide(app)).json["decision_id"]
            reward = {"decision_id": name, "value": 1}
            statuses = [
                (await call(app, "/v1/reward", body))
                for body in (
                    reward, reward, {**reward, "ts": 1.79e9}, {**reward, "value": 0}, {**reward, "value": 0.5},
                    {"decision_id": "nobody's", "value": 7}, {"decision_id": "f" * 16, "value": 1},
                )
            ]  # fmt: skip
            page = await call(app, "/metrics", method="GET", key=None)
            return [(one.status, one.json.get("status")) for one in statuses], page.body.decode()

    answers, page = asyncio.run(run())
    assert answers == [
        (200, "accepted"), (200, "duplicate"), (200, "duplicate"), (409, None), (422, None), (202, "unknown"),
        (202, "unknown"),
    ]  # fmt: skip
    assert len(logged(tmp_path, "creative_rewards")) == 1
    assert len(logged(tmp_path, "rewards")) == 3
    assert 'liftwerk_rewards_total{outcome="unknown"} 2' in page
    assert 'liftwerk_rewards_total{outcome="duplicate"} 2' in page


def test_amounts_may_come_several_times_by_their_own_time_and_late(tmp_path):
    spec = Experiment(experiment_id="e", arms=("a", "b"), reward="amount", window_hours=1.0)

    async def run():
        async with serving(tmp_path, experiment=spec) as app:
            name = (await decide(app)).json["decision_id"]
            import time

            now = time.time()
            bodies = [(now, 10.5), (now + 60, 4.0), (now + 60, 4.0), (now + 60, 5.0), (now + 7200, -2.0)]
            return [
                (await call(app, "/v1/reward", {"decision_id": name, "ts": ts, "value": value})).body
                for ts, value in bodies
            ]

    answers = asyncio.run(run())
    assert [b"accepted" in answers[0], b"accepted" in answers[1], b"duplicate" in answers[2]] == [True] * 3
    assert b"another reward" in answers[3]
    assert b"late" in answers[4]
    assert sorted(row["value"] for row in logged(tmp_path, "creative_rewards")) == [-2.0, 4.0, 10.5]


def test_registering_pausing_resuming_and_joining(tmp_path):
    async def run():
        async with serving(tmp_path) as app:
            spec = {"experiment_id": "new ✓", "arms": ["x", "y"], "sampling": "top_two"}
            first = await call(app, "/v1/experiments", spec)
            again = await call(app, "/v1/experiments", spec)
            other = await call(app, "/v1/experiments", {**spec, "arms": ["x", "z"]})
            assert [first.status, again.status, other.status] == [201, 200, 409]
            assert (await call(app, "/v1/experiments", {"experiment_id": "q", "arms": ["x", "x"]})).status == 422
            paused = (await call(app, "/v1/experiments/e/arms/b/pause")).json
            assert [arm["propensity"] for arm in paused["arms"]] == [0.5, 0.0, 0.5]
            shown = {(await decide(app, f"u{number}")).json["arm_id"] for number in range(200)}
            assert shown == {"a", "c"}
            await call(app, "/v1/experiments/e/arms/c/pause")
            last = await call(app, "/v1/experiments/e/arms/a/pause")
            assert last.status == 422
            assert "last running arm" in last.json["errors"][0]["message"]
            resumed = (await call(app, "/v1/experiments/e/arms/b/resume")).json
            assert sum(arm["propensity"] for arm in resumed["arms"]) == pytest.approx(1.0)
            assert resumed["arms"][1]["propensity"] == pytest.approx(0.01)
            joined = (await call(app, "/v1/experiments/e/arms", {"arm_id": "d"})).json
            assert joined["arms"][3]["propensity"] == pytest.approx(1 / 3)
            assert joined["version"] == 5
            described = (await call(app, "/v1/experiments/e", method="GET")).json
            assert described["policy"]["version"] == 5

    asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("/v1/decide", b"", 422, "body"),
        ("/v1/decide", b"[1]", 422, "body"),
        ("/v1/decide", b"[" * 9000, 422, "body"),
        ("/v1/decide", b'{"experiment_id":"e","unit_id":"\\ud800"}', 422, "unit_id"),
        ("/v1/decide", b'{"experiment_id":"e","unit_id":"\\u0000"}', 422, "unit_id"),
        ("/v1/decide", {"experiment_id": "e", "unit_id": 7}, 422, "unit_id"),
        ("/v1/decide", {"experiment_id": "e", "unit_id": "u", "context": {"a": {"b": 1}}}, 422, "context.a"),
        ("/v1/decide", b'{"experiment_id":"e","unit_id":"u","context":{"a":NaN}}', 422, "context"),
        ("/v1/decide", {"experiment_id": "e", "unit_id": "u", "arm": "a"}, 422, "arm"),
        ("/v1/decide", {"experiment_id": "missing", "unit_id": "u"}, 404, "experiment_id"),
        ("/v1/reward", b'{"decision_id":"x","value":1e999}', 422, "value"),
        ("/v1/reward", b'{"decision_id":"x","value":true}', 422, "value"),
        ("/v1/reward", b'{"decision_id":"x","value":1' + b"0" * 400 + b"}", 422, "value"),
        ("/v1/reward", {"decision_id": "x", "value": 1, "ts": "next week"}, 422, "ts"),
        ("/v1/reward", {"decision_id": "x", "value": 1, "ts": "9999-12-31T23:59:59Z"}, 422, "ts"),
        ("/v1/experiments", {"experiment_id": "x", "arms": ["a", "b"], "flor": 0.1}, 422, "flor"),
        ("/v1/experiments", {"experiment_id": "x", "arms": ["a", "b"], "floor": 0.5, "better": "up"}, 422, "better"),
        ("/v1/experiments", {"experiment_id": "x", "arms": ["a"]}, 422, "arms"),
        ("/v1/experiments/e/arms/z/pause", b"", 422, "arm_id"),
        ("/v1/experiments/none/arms/a/pause", b"", 404, "experiment_id"),
    ],
)
def test_bad_requests_are_told_which_field_and_what_to_do(tmp_path, path, body, status, field):
    async def run():
        async with serving(tmp_path) as app:
            return await call(app, path, body)

    answer = asyncio.run(run())
    assert answer.status == status
    problem = answer.json["errors"][0]
    assert problem["field"] == field
    assert problem["message"]
    assert problem["remedy"]
    assert not logged(tmp_path)


def test_keys_limits_methods_and_paths(tmp_path):
    async def run():
        async with serving(tmp_path, limits=Limits(rate=5.0, body=200)) as app:
            assert (await call(app, "/v1/decide", b"{}", key=None)).status == 401
            assert (await call(app, "/v1/decide", b"{}", key=KEY[:-1])).status == 401
            assert (await call(app, "/v1/decide", b"x" * 201)).status == 413
            assert (await call(app, "/v1/decide", b"x" * 5000, chunks=50)).status == 413
            assert (await call(app, "/v1/decide", method="GET")).headers[b"allow"] == b"POST"
            assert (await call(app, "/healthz", method="DELETE")).status == 405
            assert (await call(app, "/nowhere", method="GET", key=None)).status == 404
            assert (await call(app, "/readyz", method="GET", key=None)).json == {"status": "ready"}
            statuses = [(await decide(app)).status for _ in range(6)]
            assert statuses.count(429) >= 3

    asyncio.run(run())


def test_a_log_that_cannot_be_written_is_never_answered_over(tmp_path):
    class FullDisk(SqliteStore):
        broken = False

        def write(self, *arguments, **more):
            if self.broken:
                raise StoreError.of("disk full", "Make room")
            return super().write(*arguments, **more)

    async def run():
        store = FullDisk(tmp_path / "log.sqlite")
        async with serving(tmp_path, store=store) as app:
            store.broken = True
            assert (await decide(app)).status == 503
            assert (await call(app, "/readyz", method="GET", key=None)).status == 503
            store.broken = False
            assert (await decide(app)).status == 200
            assert (await call(app, "/readyz", method="GET", key=None)).status == 200

    asyncio.run(run())
    assert len(logged(tmp_path)) == 1


def test_another_process_that_holds_the_log_delays_the_answer_and_nothing_else(tmp_path):
    async def run():
        async with serving(tmp_path) as app:
            other = sqlite3.connect(tmp_path / "log.sqlite", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.create_task(decide(app))
            await asyncio.sleep(0.3)
            assert not waiting.done()
            assert (await call(app, "/healthz", method="GET", key=None)).status == 200
            other.execute("COMMIT")
            other.close()
            return (await waiting).status

    assert asyncio.run(run()) == 200
    assert len(logged(tmp_path)) == 1


def test_two_workers_share_a_log_and_see_each_others_experiments(tmp_path):
    async def run():
        async with serving(tmp_path) as one, serving(tmp_path) as two:
            await call(one, "/v1/experiments", {"experiment_id": "fresh", "arms": ["a", "b"]})
            found = await call(two, "/v1/decide", {"experiment_id": "fresh", "unit_id": "u"})
            both = await asyncio.gather(*[decide(app, f"u{number}") for number in range(300) for app in (one, two)])
            same = [(one.json["arm_id"], two.json["arm_id"]) for one, two in zip(both[::2], both[1::2], strict=True)]
            reward = await call(two, "/v1/reward", {"decision_id": both[0].json["decision_id"], "value": 1})
            return found.status, same, len({answer.json["decision_id"] for answer in both}), reward.json

    status, same, ids, reward = asyncio.run(run())
    assert status == 200
    assert all(first == second for first, second in same)
    assert ids == 600
    assert reward == {"status": "accepted"}


def test_a_person_is_forgotten_also_while_it_serves(tmp_path):
    from bandits.service.sqlite_store import forget_units

    async def run():
        async with serving(tmp_path) as app:
            name = (await decide(app, "unit-to-forget")).json["decision_id"]
            await decide(app, "unit-to-keep")
            await call(app, "/v1/reward", {"decision_id": name, "value": 1})
            assert forget_units(tmp_path / "log.sqlite", {"unit-to-forget"}) == 2
            assert (await decide(app, "unit-to-keep")).status == 200

    asyncio.run(run())
    assert {row["unit_id"] for row in logged(tmp_path)} == {"unit-to-keep"}
    for file in tmp_path.iterdir():
        assert b"unit-to-forget" not in file.read_bytes()


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["e", "a", "b"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["experiment_id", "unit_id", "context", "decision_id", "value", "ts", "arms", "reward", "floor", "arm_id",
     "half_life_days", "window_hours", "sampling", "better", "features", "model"]
)  # fmt: skip
FEATURES = {
    "device": {"type": "category", "levels": ["mobile", "desktop"]}, "age": {"type": "number", "low": 18, "high": 80},
    "customer": {"type": "flag", "default": False},
}  # fmt: skip
CONTEXTS = st.fixed_dictionaries(
    {"device": st.sampled_from(["mobile", "desktop"]) | ANYTHING, "age": st.integers() | st.floats() | ANYTHING},
    optional={"customer": st.booleans() | ANYTHING},
)
DECLARED = st.dictionaries(
    st.text(max_size=12),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["category", "number", "flag"]) | ANYTHING},
        optional={
            "levels": st.lists(st.text(max_size=5), max_size=4) | ANYTHING, "low": st.floats() | ANYTHING,
            "high": st.floats() | ANYTHING, "steps": st.integers() | ANYTHING, "default": ANYTHING,
        },
    ),
    max_size=4,
)  # fmt: skip
BODIES = st.one_of(
    st.binary(max_size=300),
    st.dictionaries(FIELDS, ANYTHING | st.lists(st.text(min_size=1), min_size=2, max_size=4)).map(
        lambda raw: json.dumps(raw).encode()
    ),
    st.fixed_dictionaries({"experiment_id": st.just("e"), "unit_id": st.text()}, optional={"context": ANYTHING}).map(
        lambda raw: json.dumps(raw).encode()
    ),
    st.fixed_dictionaries({"experiment_id": st.just("c"), "unit_id": st.text(), "context": CONTEXTS}).map(
        lambda raw: json.dumps(raw).encode()
    ),
    st.fixed_dictionaries(
        {"experiment_id": st.text(min_size=1), "arms": st.just(["a", "b"]), "features": DECLARED | ANYTHING},
        optional={"model": ANYTHING, "reward": st.sampled_from(["rate", "count", "amount"])},
    ).map(lambda raw: json.dumps(raw).encode()),
    st.fixed_dictionaries({"decision_id": st.text(), "value": ANYTHING}, optional={"ts": ANYTHING}).map(
        lambda raw: json.dumps(raw).encode()
    ),
)
PATHS = st.sampled_from(
    ["/v1/decide", "/v1/reward", "/v1/experiments", "/v1/experiments/e", "/v1/experiments/e/arms",
     "/v1/experiments/e/arms/a/pause", "/v1/experiments/e/arms/a/resume", "/healthz", "/readyz", "/metrics"]
) | st.text(max_size=40).map(lambda text: f"/v1/experiments/{text}")  # fmt: skip
METHODS = st.sampled_from(["POST", "GET", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS"])


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests=st.lists(st.tuples(METHODS, PATHS, BODIES), min_size=1, max_size=5))
def test_no_request_makes_it_fail(tmp_path_factory, requests):
    async def run():
        async with serving(tmp_path_factory.mktemp("fuzz")) as app:
            spec = {"experiment_id": "c", "arms": ["a", "b"], "features": FEATURES}
            assert (await call(app, "/v1/experiments", spec)).status == 201
            return [await call(app, path, body, method=method) for method, path, body in requests]

    for answer in asyncio.run(run()):
        assert answer.status < 500, answer.body
        if answer.status >= 400 and answer.body:
            assert answer.json["errors"][0]["message"]
