"""What can be asked of the director: the routes of `/v1`. Every answer is JSON, refusals included."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from carom.api.status import About, encoded, status_document
from carom.engine import Snapshot

JSON = "application/json"


def create_app(look: Callable[[], Snapshot], about: About) -> Starlette:
    """The application; `look` gives the newest snapshot and never waits."""
    app = Starlette(
        routes=[Route("/v1/status", StatusEndpoint(look, about).answer, methods=["GET"])],
        exception_handlers={404: _no_such_path, 405: _no_such_method, 500: _defect},
    )
    app.router.redirect_slashes = False
    return app


class StatusEndpoint:
    """`GET /v1/status`. A snapshot is put in words once, in a thread, however many ask."""

    def __init__(self, look: Callable[[], Snapshot], about: About) -> None:
        self._look = look
        self._about = about
        self._told: Snapshot | None = None
        self._body = b""
        self._telling = asyncio.Lock()

    async def answer(self, _: Request) -> Response:
        async with self._telling:
            snapshot = self._look()
            if snapshot is not self._told:
                self._body = await asyncio.to_thread(self._put_in_words, snapshot)
                self._told = snapshot
            return Response(self._body, media_type=JSON)

    def _put_in_words(self, snapshot: Snapshot) -> bytes:
        return encoded(status_document(snapshot, self._about))


async def _no_such_path(request: Request, _: Exception) -> Response:
    return _error(404, f"there is no {request.url.path}; GET /v1/status is where to begin")


async def _no_such_method(request: Request, error: Exception) -> Response:
    headers = (isinstance(error, HTTPException) and error.headers) or {}
    methods = ", ".join(sorted(headers.get("Allow", "").split(", ")))
    return _error(405, f"{request.url.path} knows {methods}, not {request.method}", {"Allow": methods})


async def _defect(request: Request, _: Exception) -> Response:
    return _error(500, f"{request.url.path} met a defect; the daemon's log has it")


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps({"error": message}), status, headers, media_type=JSON)
