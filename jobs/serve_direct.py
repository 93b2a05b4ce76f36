"""Decisions past the ASGI machinery: a request that has come whole is answered from the event loop, without a task."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from bandits.service.endpoint import Endpoint, Headers
from jobs.serve_protocol import OnePacketProtocol

#: The head of a request as every ordinary client writes it.
_HEAD = re.compile(rb"POST /v1/decide HTTP/1\.1\r\n((?:[A-Za-z0-9_-]+:[ -~\t]*\r\n)+)\r\n")
#: Headers that change how a request is read.
_UNUSUAL = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"trailer"})
_LONGEST_NUMBER = 6
_OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"


class DirectProtocol(OnePacketProtocol):
    """The server's protocol with a short way for decisions.

    A task, a scope, two messages and four turns of the event loop for each request cost more than the decision and its
    transaction together. A ``POST /v1/decide`` that came in one piece, with nothing unusual in its head, on a
    connection on which nothing else is under way, is handed to the endpoint as it is and answered when its batch is
    written. Everything else, and whatever would be refused, takes the ordinary way.
    """

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - the server's own arguments
        super().__init__(*args, **options)
        app = self.config.app
        self._endpoint = app if isinstance(app, Endpoint) else None
        #: A request is being read the ordinary way; one is being decided directly; the connection ends after it.
        self._reading = self._deciding = self._last = False
        self._later = b""

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._deciding:  # a client that does not wait for its answer: one after the other
            self._later += data
            self.transport.pause_reading()
            return
        if (
            self._endpoint is None or self._reading or self.flow.write_paused
            or (self.cycle is not None and not self.cycle.response_complete)
            or (request := whole_request(data)) is None
        ):  # fmt: skip
            super().data_received(data)
            return
        self._deciding = True
        if self._endpoint.decide_at_once(*request, self._answer):
            self._unset_keepalive_if_required()
        else:
            self._deciding = False
            super().data_received(data)

    def on_message_begin(self) -> None:
        """A request begins that is read the ordinary way."""
        self._reading = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """It has come whole."""
        self._reading = False
        super().on_message_complete()

    def shutdown(self) -> None:
        """A decision under way is still answered."""
        if self._deciding:
            self._last = True
        else:
            super().shutdown()

    def _answer(self, status: int, body: bytes, extra: Sequence[tuple[bytes, bytes]]) -> None:
        self._deciding = False
        if self.transport.is_closing():
            return
        if status == HTTPStatus.OK:
            self.transport.write(_OK % (len(body), body))
        else:
            lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode(), b"content-type: application/json"]
            lines += [b"content-length: %d" % len(body), *(b"%b: %b" % header for header in extra)]
            self.transport.write(b"\r\n".join([*lines, b"", body]))
        self.server_state.total_requests += 1
        if self._last:
            self.transport.close()
            return
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
        if self._later:
            self.transport.resume_reading()
            later, self._later = self._later, b""
            self.data_received(later)


def whole_request(data: bytes) -> tuple[Headers, bytes] | None:
    """Headers and body of a ``POST /v1/decide`` that is all of ``data``; ``None`` where a parser must look at it.

    Examples
    --------
    >>> whole_request(b"POST /v1/decide HTTP/1.1\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
    ([(b'content-length', b'2')], b'{}')
    >>> whole_request(b"POST /v1/decide HTTP/1.1\\r\\nContent-Length: 3\\r\\n\\r\\n{}") is None
    True
    """
    head = _HEAD.match(data)
    if head is None:
        return None
    headers: Headers = []
    length = b""
    for line in head[1].split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        if name in _UNUSUAL or (name == b"connection" and value.lower() != b"keep-alive"):
            return None
        if name == b"content-length":
            if length or not value.isdigit() or len(value) > _LONGEST_NUMBER:
                return None
            length = value
        headers.append((name, value))
    body = data[head.end() :]
    if not length or len(body) != int(length):
        return None
    return headers, body
