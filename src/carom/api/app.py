"""The application: every call of `/v1`, its OpenAPI document, the events, and `/metrics`.

Refusals are answered in JSON, as `{"error": "..."}`. Nothing is read of a request's body before its sender is known to
be allowed to send it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from carom.api.call import BODY, Asked, Call, refusal, said_in, said_in_query
from carom.api.calls import calls
from carom.api.encoding import encoded
from carom.api.events import READERS, Events
from carom.api.looks import looks
from carom.api.openapi import document
from carom.api.peer import Peer, Tokens
from carom.api.status import About, status_document
from carom.change import Changes
from carom.errors import CaromError, RefusedError
from carom.finding import Finding
from carom.hooks.hooks import Hooks
from carom.looking import Looking
from carom.metrics import CONTENT_TYPE, exposition
from carom.snapshot import Snapshot

JSON = "application/json"
READERS_BODY = 2 << 20
"""Bytes that the body may have of somebody who may only look: to read a configuration takes thirty times its size."""
EVENTS_PATH = "/v1/events"
SLICE = 64 << 10
"""Bytes of an answer that are sent at a time."""

Endpoint = Callable[[Request], Awaitable[Response]]


class Api:
    """The API of one director."""

    def __init__(
        self,
        look: Callable[[], Snapshot],
        changes: Changes,
        looking: Looking,
        about: About,
        events: Events,
        hooks: Hooks,
        tokens: Tokens | None = None,
    ) -> None:
        """`look` gives the newest snapshot and never waits; `tokens` are for those who come without credentials."""
        self._look, self._changes, self._about = look, changes, about
        self._events, self._hooks, self._tokens = events, hooks, tokens
        self._turn = asyncio.Semaphore(1)
        """Of those who may only look: one configuration of theirs is read at a time, and nobody who may more waits."""
        self._status = _Told(look, self._status_words)
        self._metrics = _Told(look, self._metrics_words)
        self.calls = (*calls(look, changes, self._findings), *looks(looking))
        self._openapi = json.dumps(document(self.calls, about.version)).encode()

    def application(self) -> Starlette:
        routes = [
            Route("/v1/status", self._answered(self.status), methods=["GET"]),
            Route("/metrics", self._answered(self.metrics), methods=["GET"]),
            Route("/v1/openapi.json", self._answered(self.openapi), methods=["GET"]),
            Route(EVENTS_PATH, _Stream(self), methods=["GET"]),
            *(Route(call.path, self._answered(self._handled(call)), methods=[call.method]) for call in self.calls),
        ]
        app = Starlette(routes=routes, exception_handlers={404: _no_such_path, 405: _no_such_method, 500: _defect})
        app.router.redirect_slashes = False
        return app

    # ---- what is asked most ----

    async def status(self, request: Request) -> Response:
        self.peer(request)
        return SlicedResponse(await self._status.body(), media_type=JSON)

    async def metrics(self, request: Request) -> Response:
        self.peer(request)
        return SlicedResponse(await self._metrics.body(), media_type=CONTENT_TYPE)

    async def openapi(self, request: Request) -> Response:
        self.peer(request)
        return Response(self._openapi, media_type=JSON)

    def _status_words(self, snapshot: Snapshot) -> bytes:
        found = status_document(
            snapshot, self._about, time.time() - time.monotonic(), self._changes.standing(), self._findings()
        )
        return encoded(found)

    def _findings(self) -> tuple[Finding, ...]:
        """What is not as it should be beside the snapshot."""
        return (*self._changes.findings(), *self._hooks.findings())

    def _metrics_words(self, snapshot: Snapshot) -> bytes:
        standing = self._changes.standing()
        more = {
            "carom_config_version": standing.version,
            "carom_config_drift": standing.drifted,
            "carom_config_unconfirmed": standing.confirm_by is not None,
        }
        return exposition(snapshot, self._about.version, more, self._hooks.tallies())

    # ---- all other calls ----

    def _handled(self, call: Call) -> Endpoint:
        async def handle(request: Request) -> Response:
            peer = self.peer(request)
            if call.writes and not peer.may_write:
                raise RefusedError(403, f"{peer.who} may look, not change: that takes root, or the group carom-admin")
            if call.method == "POST":
                async with nullcontext() if peer.may_write else self._turn:
                    body = await _body(request, BODY if peer.may_write else READERS_BODY)
                    said = await asyncio.to_thread(said_in, body, call.takes)
                    found = await call.handler(Asked(peer, said))
            else:
                said = said_in(json.dumps(_path(request)).encode(), call.takes)
                said |= said_in_query(request.query_params.multi_items(), call.asks)
                found = await call.handler(Asked(peer, said))
            body = found if isinstance(found, bytes) else await asyncio.to_thread(encoded, found)
            return SlicedResponse(body, media_type=JSON)

        return handle

    def _answered(self, endpoint: Endpoint) -> Endpoint:
        """With every error of ours as its answer."""

        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request)
            except CaromError as error:
                status, found = refusal(error)
                return _json(status, found)
            except ClientDisconnect:
                return Response(status_code=499)  # nobody is there to read it

        return answer

    def peer(self, request: Request) -> Peer:
        """Who asks. Raises RefusedError if that is nobody we know."""
        known: Peer | None = getattr(request.state, "peer", None)
        if known is None and self._tokens:
            known = self._tokens.peer(request.headers.get("authorization", ""))
        if known is None:
            raise RefusedError(401, "no token, or one that is not known; send Authorization: Bearer TOKEN")
        return known

    def listeners(self, request: Request) -> Events:
        """The events, for one more reader. Raises RefusedError."""
        self.peer(request)
        if self._events.readers >= READERS:
            raise RefusedError(503, f"{READERS} readers listen already")
        return self._events


class SlicedResponse(Response):
    """An answer that may be large, sent a slice at a time: what is sent is copied, and the client may take its time."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        body = memoryview(self.body)
        for start in range(0, len(body), SLICE):
            await send({"type": "http.response.body", "body": bytes(body[start : start + SLICE]), "more_body": True})
        await send({"type": "http.response.body"})


class _Told:
    """A snapshot in words, which are found once, in a thread, however many ask."""

    def __init__(self, look: Callable[[], Snapshot], words: Callable[[Snapshot], bytes]) -> None:
        self._look, self._words = look, words
        self._told: Snapshot | None = None
        self._body = b""
        self._telling = asyncio.Lock()

    async def body(self) -> bytes:
        async with self._telling:
            snapshot = self._look()
            if snapshot is not self._told:
                self._body = await asyncio.to_thread(self._words, snapshot)
                self._told = snapshot
            return self._body


class _Stream:
    """`GET /v1/events` as an ASGI application: an answer without an end is none of Starlette's."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope)
        try:
            events = self._api.listeners(request)
            after = _last_seen(request.headers)
        except CaromError as error:
            status, found = refusal(error)
            await _json(status, found)(scope, receive, send)
            return
        if request.method == "HEAD":
            await Response(media_type="text/event-stream")(scope, receive, send)
            return
        await events.serve(after, receive, send)


def _last_seen(headers: Mapping[str, str]) -> int | None:
    number = headers.get("last-event-id", "")
    if number and not (number.isascii() and number.isdecimal() and len(number) < 20):
        raise RefusedError(400, "Last-Event-ID takes the number of an event")
    return int(number) if number else None


async def _body(request: Request, most: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            remedy = "" if most == BODY else "; for a larger one, ask as somebody who may change things"
            raise RefusedError(413, f"more than {most >> 20} MiB{remedy}")
    return bytes(body)


def _path(request: Request) -> dict[str, int]:
    """What stands in the path. A number that is none leads nowhere."""
    found = {}
    for name, text in request.path_params.items():
        if not (text.isascii() and text.isdecimal() and len(text) < 20):
            raise RefusedError(404, f"there is no {request.url.path[:80]}: {name} is a number")
        found[name] = int(text)
    return found


async def _no_such_path(request: Request, _: Exception) -> Response:
    return _json(404, {"error": f"there is no {request.url.path[:80]}; GET /v1/openapi.json lists what there is"})


async def _no_such_method(request: Request, error: Exception) -> Response:
    headers = (isinstance(error, HTTPException) and error.headers) or {}
    methods = ", ".join(sorted(headers.get("Allow", "").split(", ")))
    message = f"{request.url.path[:80]} knows {methods}, not {request.method[:20]}"
    return _json(405, {"error": message}, {"Allow": methods})


async def _defect(request: Request, _: Exception) -> Response:
    return _json(500, {"error": f"{request.url.path[:80]} met a defect; the daemon's log has it"})


def _json(status: int, found: Mapping[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(found), status, headers, media_type=JSON)
