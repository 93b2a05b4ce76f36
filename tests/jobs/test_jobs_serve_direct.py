"""Decisions past the ASGI machinery: the same answers as on the ordinary way, in order, and nothing lost on the way out."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

import pytest
import uvicorn
from hypothesis import example, given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from bandits.service.endpoint import Limits
from bandits.service.sqlite_store import SqliteStore
from bandits.service.store import StoreError
from jobs.serve_direct import DirectProtocol, read_request
from jobs.serve_protocol import OnePacketProtocol
from tests.bandits.asgi_client import KEY, serving
from tests.jobs.test_jobs_serve_protocol import Wire

ASKED = {"experiment_id": "e", "unit_id": "u1", "context": {"device": "mobile"}}


def post(body, *, key=KEY, more=b""):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = b"POST /v1/decide HTTP/1.1\r\nHost: x\r\nX-API-Key: %s\r\n%sContent-Length: %d\r\n\r\n"
    return head % (key.encode(), more, len(content)) + content


class Line:
    """A connection to an endpoint through one of the protocols."""

    def __init__(self, app, kind=DirectProtocol):
        config = uvicorn.Config(app, http=kind, ws="none", log_config=None, proxy_headers=False)
        config.load()
        self.protocol, self.wire = kind(config, ServerState(), {}), Wire()
        self.protocol.connection_made(self.wire)

    async def answers(self, count=1):
        """Status and body of what came back, once ``count`` answers did or the connection was closed."""
        for _ in range(2_000):
            if len(self.wire.written) >= count or self.wire.closed:
                break
            await asyncio.sleep(0.001)
        if self.protocol.timeout_keep_alive_task:
            self.protocol.timeout_keep_alive_task.cancel()
        heads = [piece.partition(b"\r\n\r\n") for piece in self.wire.written]
        return [(int(head.split(b" ")[1]), body) for head, _, body in heads]


def test_a_read_request_is_answered_within_two_turns_and_logged(tmp_path):
    async def play():
        async with serving(tmp_path) as app:
            line = Line(app)
            for turn in range(3):
                line.protocol.data_received(post(ASKED))
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                assert len(line.wire.written) == turn + 1
            found = await line.answers(3)
            assert app.metrics.counts['liftwerk_requests_total{path="/v1/decide",status="200"}'] == 3
            return found

    found = asyncio.run(play())
    assert [status for status, _ in found] == [200] * 3
    told = [json.loads(body) for _, body in found]
    assert len({one["arm_id"] for one in told}) == 1
    store = SqliteStore(tmp_path / "log.sqlite")
    logged = {row[0] for row in store._reader.execute("SELECT decision_id FROM creative_decisions")}
    store.close()
    assert logged == {one["decision_id"] for one in told}


def _without_id(answers):
    def known(body):
        try:
            return {name: value for name, value in json.loads(body).items() if name != "decision_id"}
        except ValueError:
            return body

    return [(status, known(body)) for status, body in answers]


PIECES = st.sampled_from([
    post(ASKED), post(ASKED | {"experiment_id": "none"}), post(ASKED | {"x": 1}), post(b"{"), post(b""), post(b"\xff\xfe"),
    post(ASKED, key="wrong"), post(ASKED, more=b"Connection: keep-alive\r\n"), post(ASKED, more=b"content-length: 1\r\n"),
    post(ASKED, more=b"Transfer-Encoding: chunked\r\n"), post(ASKED, more=b"x: \x00\r\n"), post(ASKED, more=b" folded: 1\r\n"),
    post(ASKED | {"context": {"a": [1]}}), post(ASKED)[:-3], post(ASKED) * 2, post(ASKED).replace(b"decide", b"reward"),
    post({"experiment_id": "e", "unit_id": "x" * 300}), b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n", b"nonsense\r\n\r\n",
    post(b"{" + b" " * 20_000),
])  # fmt: skip


@given(st.one_of(PIECES, st.tuples(PIECES, st.integers(0, 90), st.binary(max_size=3)).map(
    lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] + len(cut[2]) :]
)))  # fmt: skip
@example(post(ASKED))
@settings(max_examples=12, deadline=None)
def test_whatever_comes_is_answered_as_on_the_ordinary_way(data):
    async def play():
        with tempfile.TemporaryDirectory() as folder:
            async with serving(Path(folder)) as app:
                found = []
                for kind in (OnePacketProtocol, DirectProtocol):
                    line = Line(app, kind)
                    line.protocol.data_received(data)
                    for _ in range(12):
                        await asyncio.sleep(0.001)
                    found.append((_without_id(await line.answers(0)), line.wire.closed))
                    line.protocol.connection_lost(None)
                return found

    ordinary, direct = asyncio.run(play())
    assert direct == ordinary
    assert all(status < 500 for status, _ in direct[0])


@pytest.mark.parametrize("cut", [-60, -1])
def test_a_body_in_a_packet_of_its_own_is_waited_for(tmp_path, cut):
    async def play():
        async with serving(tmp_path) as app:
            line = Line(app)
            for number in (1, 2):
                whole = post(ASKED)
                line.protocol.data_received(whole[:cut])
                await asyncio.sleep(0.002)
                assert len(line.wire.written) == number - 1
                line.protocol.data_received(whole[cut:])
                found = await line.answers(number)
            assert line.protocol.cycle is None  # nothing of it went the ordinary way
            return found

    assert [status for status, _ in asyncio.run(play())] == [200, 200]


def test_a_client_that_does_not_wait_gets_its_answers_in_order(tmp_path):
    async def play():
        async with serving(tmp_path) as app:
            line = Line(app)
            line.protocol.data_received(post(ASKED))
            line.protocol.data_received(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            line.protocol.data_received(post(ASKED | {"unit_id": "u2"}))
            return await line.answers(3)

    first, health, last = asyncio.run(play())
    assert (b"arm_id" in first[1], health[1], b"arm_id" in last[1]) == (True, b'{"status":"ok"}', True)


def test_a_decision_under_way_is_answered_before_the_server_goes(tmp_path):
    async def play():
        async with serving(tmp_path) as app:
            line = Line(app)
            line.protocol.data_received(post(ASKED))
            line.protocol.shutdown()
            assert not line.wire.closed
            found = await line.answers()
            return found, line.wire.closed

    found, closed = asyncio.run(play())
    assert found[0][0] == 200
    assert closed


def test_a_client_that_has_gone_is_not_written_to(tmp_path):
    async def play():
        async with serving(tmp_path) as app:
            line = Line(app)
            line.protocol.data_received(post(ASKED))
            line.wire.close()
            line.protocol.connection_lost(None)
            await asyncio.sleep(0.01)
            return line.wire.written

    assert asyncio.run(play()) == []


class Broken(SqliteStore):
    def write(self, *_):
        raise StoreError.of("the decision log cannot be written", "Mend it", column="store", value="disk full")


def test_a_log_that_cannot_be_written_is_told_and_too_many_requests_are_refused(tmp_path):
    async def play():
        async with serving(tmp_path, store=Broken(tmp_path / "log.sqlite")) as app:
            line = Line(app)
            line.protocol.data_received(post(ASKED))
            broken = await line.answers()
        async with serving(tmp_path / "other", limits=Limits(rate=1.0)) as app:
            line = Line(app)
            for number in (1, 2):
                line.protocol.data_received(post(ASKED))
                found = await line.answers(number)
        return broken, found, b"retry-after: 1" in line.wire.written[-1].lower()

    broken, found, later = asyncio.run(play())
    assert [status for status, _ in broken] == [503]
    assert [status for status, _ in found] == [200, 429]
    assert later


@pytest.mark.parametrize(
    "change",
    [
        (b"HTTP/1.1", b"HTTP/1.0"), (b"POST", b"PUT"), (b"/v1/decide", b"/v1/decide?x"), (b"Host: x", b"Host : x"),
        (b"Host: x", b"Connection: close"), (b"Host: x", b"Expect: 100-continue"), (b"Content-Length: 7", b"Content-Length: +7"),
        (b"Host: x", b"Content-Length: 7"), (b"Host: x\r", b"Host: x"), (b"Host: x", b"Upgrade: h2c"),
    ],
)  # fmt: skip
def test_an_unusual_head_is_left_to_the_parser(change):
    plain = post(b'{"a":1}')
    assert read_request(plain).body == b'{"a":1}'
    assert read_request(plain.replace(*change)) is None
