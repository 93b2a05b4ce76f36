"""The endpoint as a bare ASGI application: no framework stands between the socket and the policy."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from bandits.service.access import Bucket, KeyRing
from bandits.service.commit import BusyError
from bandits.service.desk import ConflictError, Desk, UnknownExperimentError
from bandits.service.experiment import Experiment
from bandits.service.metrics import Metrics
from bandits.service.requests import name_of, read_decide, read_json, read_reward
from bandits.service.store import RewardOutcome, Store, StoreError
from measurement.errors import InputError

type Scope = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
type Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
type Headers = list[tuple[bytes, bytes]]
#: Status, body and further headers.
type Answer = Callable[[int, bytes, Sequence[tuple[bytes, bytes]]], None]

_JSON = (b"content-type", b"application/json")
_TEXT = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
_ACTIONS = {"pause": False, "resume": True}
_REWARD_STATUS = {"unknown": 202, "conflict": 409, "invalid": 422}
_REFUSED = {
    "conflict": ("the decision has another reward already", "Rewards do not change; give each of several its own ts"),
    "invalid": ("the value does not fit the kind of reward", "Send 0 or 1 for a rate, whole numbers for a count"),
}
_AUTHENTICATE = (b"www-authenticate", b"Bearer")
_CLOSE = (b"connection", b"close")
_LATER = (b"retry-after", b"1")
_HOUSEKEEPING_S = 0.5

log = logging.getLogger("liftwerk.serve")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one client may ask of one worker.

    Attributes
    ----------
    rate
        Requests a second for each API key.
    body
        Bytes of a request's body.
    """

    rate: float = 20_000.0
    body: int = 16_384


class _RefusedError(Exception):
    """A request that is answered with a status and a reason."""

    def __init__(self, status: int, message: str, remedy: str, *extra: tuple[bytes, bytes]) -> None:
        super().__init__(message)
        self.status, self.remedy, self.extra = status, remedy, extra


class Endpoint:
    """``/v1/decide``, ``/v1/reward``, ``/v1/experiments``, ``/healthz``, ``/readyz``, ``/metrics``.

    Parameters
    ----------
    store
        The log; closed when the server stops.
    seed
        Part of the hash that assigns units; all workers need the same one.
    keys, limits, metrics
        See the classes.
    """

    def __init__(
        self, store: Store, *, seed: int, keys: KeyRing, limits: Limits | None = None, metrics: Metrics | None = None
    ) -> None:
        self._store, self._seed, self._keys = store, seed, keys
        self._limits, self.metrics = limits or Limits(), metrics or Metrics()
        self._buckets = [Bucket(rate=self._limits.rate) for _ in range(len(keys))]
        self._desk: Desk | None = None
        self._chores: asyncio.Task[None] | None = None
        self._open: dict[str, Callable[[], Awaitable[tuple[int, bytes]]]] = {
            "/healthz": self._healthz, "/readyz": self._readyz, "/metrics": self._metrics,
        }  # fmt: skip

    async def start(self) -> None:
        """Open the desk; called by the server's lifespan."""
        self._desk = Desk(self._store, seed=self._seed)
        await self._desk.poll()
        self._chores = asyncio.create_task(self._housekeeping())

    async def stop(self) -> None:
        """Write what waits and close the log."""
        if self._chores is not None:
            self._chores.cancel()
        if self._desk is not None:
            await self._desk.close()
            self.metrics.leave(self._gauges())
        await asyncio.to_thread(self._store.tend)
        self._store.close()

    @property
    def desk(self) -> Desk:
        """The desk of a started endpoint."""
        if self._desk is None:
            raise RuntimeError("the endpoint was not started: the server must run its lifespan")
        return self._desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI connection."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        path: str = scope["path"]
        route = path
        extra: Sequence[tuple[bytes, bytes]] = ()
        try:
            if path == "/v1/decide" and scope["method"] == "POST":
                body = await self._body(scope, receive)
                answer = await self.desk.decide(read_decide(body))
                status = 200
                self.metrics.decided(time.perf_counter() - began)
            else:
                route, status, answer = await self._other(scope, receive)
        except _GoneError:
            return
        except Exception as error:  # noqa: BLE001 - the last line of defence: a bug costs one answer, not the worker
            status, answer, extra = _refused(error)
            if route not in _ROUTES:
                route = "other"
        self.metrics.answered(route, status)
        kind = _TEXT if route == "/metrics" else _JSON
        headers = [kind, (b"content-length", str(len(answer)).encode()), *extra]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer})

    def lets_in(self, headers: Headers) -> bool:
        """Whether these headers hold a key."""
        return self._keys.who(headers) is not None

    def decide_at_once(self, headers: Headers, body: bytes, answer: Answer) -> bool:
        """``POST /v1/decide`` without a task of its own: ``answer`` is called once the decision is in the log.

        Gives whether it will be. What needs more than memory and the log, or is to be refused, is left to the ordinary
        way: nothing has happened then.
        """
        began = time.perf_counter()
        who = self._keys.who(headers)
        if who is None or self._desk is None or len(body) > self._limits.body:
            return False
        try:
            chosen = self._desk.at_once(read_decide(body))
            if chosen is None or not self._buckets[who].take(time.monotonic()):
                return False
            row, decided = chosen

            def told(outcome: RewardOutcome | Exception) -> None:
                if isinstance(outcome, Exception):
                    status, reason, extra = _refused(outcome)
                    self.metrics.answered("/v1/decide", status)
                    answer(status, reason, extra)
                    return
                self.metrics.decided(time.perf_counter() - began)
                self.metrics.answered("/v1/decide", 200)
                answer(200, decided, ())

            self._desk.log.put(row, told)
        except (InputError, BusyError):
            return False
        return True

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """Let the client in, then read its body up to the limit."""
        who = self._keys.who(scope["headers"])
        if who is None:
            raise _RefusedError(401, "the API key is missing or wrong", "Send X-API-Key: KEY", _AUTHENTICATE)
        if not self._buckets[who].take(time.monotonic()):
            raise _RefusedError(429, "too many requests", "Wait a second", _LATER)
        message = await receive()
        body: bytes = message.get("body", b"")
        while message.get("more_body"):
            if len(body) > self._limits.body:
                break
            message = await receive()
            body += message.get("body", b"")
        if message["type"] == "http.disconnect":
            raise _GoneError
        if len(body) > self._limits.body:
            raise _RefusedError(413, f"the body is longer than {self._limits.body} bytes", "Send less", _CLOSE)
        return body

    async def _other(self, scope: Scope, receive: Receive) -> tuple[str, int, bytes]:
        """Everything but a decision: route for the metrics, status, body."""
        path, method = scope["path"], scope["method"]
        if path in self._open:
            if method not in ("GET", "HEAD"):
                raise _not_allowed("GET")
            return path, *await self._open[path]()
        if path == "/v1/reward" and method == "POST":
            return path, *await self._reward(await self._body(scope, receive))
        if path in ("/v1/decide", "/v1/reward"):
            raise _not_allowed("POST")
        # the raw path, so that names may hold an escaped slash
        raw: bytes = scope.get("raw_path") or path.encode()
        words = [_unquote(word) for word in raw.split(b"?")[0].strip(b"/").split(b"/")]
        if words[:2] != ["v1", "experiments"] or len(words) > 6:
            raise _RefusedError(404, "there is nothing here", "See docs/serve.md for the paths")
        body = await self._body(scope, receive)
        status, answer = await self._experiments(words[2:], method, body)
        return "/v1/experiments", status, json.dumps(answer).encode()

    async def _experiments(self, words: list[str], method: str, body: bytes) -> tuple[int, dict[str, object]]:
        match words:
            case [] if method == "POST":
                policy, new = await self.desk.create(Experiment.parse(read_json(body)))
                return 201 if new else 200, policy.to_dict()
            case [] if method == "GET":
                await self.desk.poll()
                return 200, {"experiments": self.desk.versions}
            case [experiment] if method == "GET":
                return 200, await self.desk.describe(experiment)
            case [experiment, "arms"] if method == "POST":
                raw = read_json(body)
                return 200, (await self.desk.join(experiment, name_of(raw, "arm_id"))).to_dict()
            case [experiment, "arms", arm, ("pause" | "resume") as action] if method == "POST":
                return 200, (await self.desk.switch(experiment, arm, active=_ACTIONS[action])).to_dict()
            case [] | [_]:
                raise _not_allowed("GET, POST" if not words else "GET")
            case [_, "arms"] | [_, "arms", _, "pause" | "resume"]:
                raise _not_allowed("POST")
        raise _RefusedError(404, "there is nothing here", "See docs/serve.md for the paths")

    async def _reward(self, body: bytes) -> tuple[int, bytes]:
        outcome = await self.desk.reward(read_reward(body, time.time()))
        self.metrics.rewarded(outcome)
        if outcome in _REFUSED:
            message, remedy = _REFUSED[outcome]
            raise _RefusedError(_REWARD_STATUS[outcome], message, remedy)
        return _REWARD_STATUS.get(outcome, 200), b'{"status":"%s"}' % outcome.encode()

    async def _healthz(self) -> tuple[int, bytes]:
        return 200, b'{"status":"ok"}'

    async def _readyz(self) -> tuple[int, bytes]:
        return (200, b'{"status":"ready"}') if self.desk.ready else (503, b'{"status":"log cannot be written"}')

    async def _metrics(self) -> tuple[int, bytes]:
        return 200, await asyncio.to_thread(self.metrics.exposition, self._gauges(), self.desk.versions)

    def _gauges(self) -> dict[str, float]:
        return {"liftwerk_log_waiting": self.desk.log.waiting, "liftwerk_log_batches_total": self.desk.log.batches}

    async def _housekeeping(self) -> None:
        """Fetch changed policies, sync the log, leave the counts; a failure is told once and tried again."""
        told = False
        while True:
            await asyncio.sleep(_HOUSEKEEPING_S)
            try:
                await self.desk.poll()
                await asyncio.to_thread(self._store.tend)
                await asyncio.to_thread(self.metrics.leave, self._gauges())
                told = False
            except (StoreError, OSError) as error:
                if not told:
                    log.warning("housekeeping failed and is tried again: %s", error)
                told = True

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            step = message["type"]
            try:
                await (self.start() if step == "lifespan.startup" else self.stop())
            except (StoreError, InputError, OSError) as error:
                await send({"type": f"{step}.failed", "message": str(error)})
                return
            await send({"type": f"{step}.complete"})
            if step == "lifespan.shutdown":
                return


class _GoneError(Exception):
    """The client went away before its request was complete."""


_ROUTES = frozenset({"/v1/decide", "/v1/reward", "/v1/experiments", "/healthz", "/readyz", "/metrics"})


def _not_allowed(methods: str) -> _RefusedError:
    return _RefusedError(405, "this path has no such method", f"Use {methods}", (b"allow", methods.encode()))


def _refused(error: Exception) -> tuple[int, bytes, Sequence[tuple[bytes, bytes]]]:
    """Status, body and further headers for whatever went wrong."""
    if isinstance(error, _RefusedError):
        return error.status, _problems([(str(error), error.remedy, "", "")]), error.extra
    if isinstance(error, InputError):
        status = 404 if isinstance(error, UnknownExperimentError) else 409 if isinstance(error, ConflictError) else 422
        return status, _problems([(one.message, one.remedy, one.column, one.value) for one in error.problems]), ()
    if isinstance(error, BusyError | StoreError):
        return 503, _problems([("the decision log cannot keep up or be written", "Try again", "", "")]), (_LATER,)
    log.error("a bug in liftwerk", exc_info=error)
    return 500, _problems([("a bug in liftwerk", "Report what the server wrote", "", "")]), ()


def _problems(problems: list[tuple[str, str, str, str]]) -> bytes:
    return json.dumps(
        {"errors": [dict(zip(("message", "remedy", "field", "value"), one, strict=True)) for one in problems]}
    ).encode()


def _unquote(word: bytes) -> str:
    return unquote(word.decode("latin-1"), errors="replace")
