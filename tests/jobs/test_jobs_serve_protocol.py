"""What the endpoint's protocol writes to the wire, and in how many pieces."""

from __future__ import annotations

import asyncio

import pytest
import uvicorn
from uvicorn.server import ServerState

from jobs.serve_protocol import OnePacketProtocol

ANSWER = b'{"status":"ok"}'


class Wire(asyncio.Transport):
    """A transport that notes what is written to it."""

    def __init__(self):
        super().__init__()
        self.written, self.closed = [], False

    def write(self, data):
        self.written.append(bytes(data))

    def close(self):
        self.closed = True

    def is_closing(self):
        return self.closed

    def pause_reading(self):
        return

    def resume_reading(self):
        return


async def app(scope, receive, send):
    head = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(ANSWER))]}
    if scope["path"] == "/body":
        await receive()
    await send(head)
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else ANSWER})


def written(request):
    """Pieces that go out for a request, and whether the connection was closed."""

    async def play():
        config = uvicorn.Config(app, http=OnePacketProtocol, ws="none", log_config=None, proxy_headers=False)
        config.load()
        protocol = OnePacketProtocol(config, ServerState(), {})
        wire = Wire()
        protocol.connection_made(wire)
        protocol.data_received(request)
        for _ in range(5):
            await asyncio.sleep(0)
        if protocol.timeout_keep_alive_task:
            protocol.timeout_keep_alive_task.cancel()
        # before the loop ends: it cancels what still waits for a body
        return list(wire.written), wire.closed

    return asyncio.run(play())


def test_head_and_body_go_out_together():
    pieces, closed = written(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert len(pieces) == 1
    assert pieces[0].startswith(b"HTTP/1.1 200 OK\r\n")
    assert pieces[0].endswith(b"\r\n\r\n" + ANSWER)
    assert not closed


def test_pipelined_requests_are_answered_in_order():
    pieces, _ = written(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" * 3)
    assert [piece.count(b"200 OK") for piece in pieces] == [1, 1, 1]


@pytest.mark.parametrize("ending", [b"", b"connection: close\r\n"])
def test_an_answer_without_body_is_not_kept(ending):
    pieces, closed = written(b"HEAD / HTTP/1.1\r\nhost: x\r\n" + ending + b"\r\n")
    assert len(pieces) == 1
    assert pieces[0].endswith(b"\r\n\r\n")
    assert closed == bool(ending)


def test_an_interim_answer_does_not_wait_for_the_body_it_asks_for():
    pieces, _ = written(b"POST /body HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
    assert pieces == [b"HTTP/1.1 100 Continue\r\n\r\n"]


def test_what_is_no_http_is_refused():
    pieces, closed = written(b"nonsense\r\n\r\n")
    assert pieces[0].startswith(b"HTTP/1.1 400 ")
    assert closed
