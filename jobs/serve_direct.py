"""Decisions past the ASGI machinery: a request that has come whole is answered from the event loop, without a task."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from bandits.service.endpoint import Endpoint, Headers
from jobs.serve_protocol import OnePacketProtocol

#: The head of a request as every ordinary client writes it.
_HEAD = re.compile(rb"POST /v1/decide HTTP/1\.1\r\n((?:[A-Za-z0-9_-]+:[ -~\t]*\r\n)+)\r\n")
#: Headers that change how a request is read.
_UNUSUAL = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"trailer"})
_LONGEST_NUMBER = 6
#: A request of which more than this is still to come, or whose head is longer, is read the ordinary way.
_MOST = 16_384
_OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"


class DirectProtocol(OnePacketProtocol):
    """The server's protocol with a short way for decisions.

    A task, a scope, two messages and four turns of the event loop for each request cost more than the decision and its
    transaction together. A ``POST /v1/decide`` with nothing unusual in its head, on a connection on which nothing else
    is under way, is handed to the endpoint once its body is there, and answered when its batch is written. Everything
    else, and whatever would be refused, takes the ordinary way.
    """

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - the server's own arguments
        super().__init__(*args, **options)
        app = self.config.app
        self._endpoint = app if isinstance(app, Endpoint) else None
        #: A request is being read the ordinary way; one is being decided directly; the connection ends after it.
        self._reading = self._deciding = self._last = False
        self._later = self._begun = b""

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._deciding:  # a client that does not wait for its answer: one after the other
            self._later += data
            self.transport.pause_reading()
            return
        if self._begun:
            data, self._begun = self._begun + data, b""
        request = read_request(data) if self._free() else None
        if request is None:
            super().data_received(data)
        elif request.missing and self._endpoint is not None and self._endpoint.lets_in(request.headers):
            self._begun = data  # many clients send the body in a packet of its own
        else:
            self._decide(request, data)

    def _free(self) -> bool:
        """Whether nothing else is under way on this connection."""
        answered = self.cycle is None or self.cycle.response_complete
        return answered and not self._reading and not self.flow.write_paused

    def _decide(self, request: Request, data: bytes) -> None:
        self._deciding = True
        if (
            self._endpoint is not None
            and not request.missing
            and self._endpoint.decide_at_once(request.headers, request.body, self._answer)
        ):
            self._unset_keepalive_if_required()
            return
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


class Request(NamedTuple):
    """A decision's request; ``missing``: bytes of its body that are still to come."""

    headers: Headers
    body: bytes
    missing: int


def read_request(data: bytes) -> Request | None:
    r"""The ``POST /v1/decide`` that ``data`` is, or begins with its head; ``None`` where a parser must look at it.

    Examples
    --------
    >>> head = b"POST /v1/decide HTTP/1.1\r\nContent-Length: 2\r\n\r\n"
    >>> read_request(head + b"{}")
    Request(headers=[(b'content-length', b'2')], body=b'{}', missing=0)
    >>> read_request(head).missing, read_request(head + b"{}POST") is None
    (2, True)
    """
    head = _HEAD.match(data)
    if head is None or head.end() > _MOST:
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
    missing = int(length or -1) - len(body)
    return Request(headers, body, missing) if length and 0 <= missing <= _MOST else None
