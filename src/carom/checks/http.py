"""http and https: one request over HTTP/1.1, a status that was hoped for, and perhaps something in the body.

h11 reads the answer: it is strict, bounded and has no socket of its own, which leaves ours with its mark. (httpx
costs several times as much per request and hides the socket; http.client blocks.) Redirects are answers, not orders.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import h11

from carom.checks.checker import Target, Unmet, printable
from carom.checks.expect import require
from carom.checks.stream import LIMIT, Conversation, conversation
from carom.checks.tls import Tls
from carom.checks.weight import weight_answer
from carom.outcome import Outcome, Reason

HEADERS = 16 << 10
"""Bytes of an answer's status line and header together at most."""
INTERIM = 8
"""Interim answers (1xx) at most before the final one."""
PIECES = 4096
"""Pieces of a body that are read; a chunk of one byte is a piece too, and takes as long."""


@dataclass(frozen=True, slots=True)
class Http:
    """A request, and the answer that is hoped for."""

    method: str = "GET"
    path: str = "/"
    """With its query, if any."""
    host: str = ""
    """The Host header; empty: the address that is checked."""
    headers: tuple[tuple[str, str], ...] = ()
    """Further headers of the request."""
    status: tuple[tuple[int, int], ...] = ((200, 399),)
    """Codes that are well: first and last of each range."""
    body: str = ""
    """Regular expression (RE2's syntax) to be found in the body's first MiB; empty: the body is not read."""
    weight_header: str = ""
    """Header of the answer that says what the weight shall be (`carom.checks.weight`); empty: none."""

    async def check(self, target: Target) -> Outcome:
        async with self._open(target) as talk:
            answer, body = await self._exchange(talk, target)
            warnings = self._warnings(talk)
        self._judge(answer.status_code)
        require(b"", self.body, body)
        return Outcome(Reason.OK, f"status {answer.status_code}", weight=self._weight(answer), warnings=warnings)

    def _open(self, target: Target) -> AbstractAsyncContextManager[Conversation]:
        return conversation(target)

    def _warnings(self, talk: Conversation) -> tuple[str, ...]:
        return ()

    async def _exchange(self, talk: Conversation, target: Target) -> tuple[h11.Response, bytes]:
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEADERS)
        request = http.send(self._request(target)) or b""
        await talk.say(request + (http.send(h11.EndOfMessage()) or b""))
        try:
            answer = await _answer(http, talk)
            return answer, await _body(http, talk) if self.body else b""
        except h11.RemoteProtocolError as error:
            raise Unmet(Reason.BAD_ANSWER, f"not HTTP: {error}") from error

    def _request(self, target: Target) -> h11.Request:
        host = self.host or authority(target)
        ours = [("Host", host), ("User-Agent", "carom-check"), ("Accept", "*/*"), ("Connection", "close")]
        theirs = {name.lower() for name, _ in self.headers}
        ours = [(name, value) for name, value in ours if name.lower() not in theirs]
        return h11.Request(method=self.method, target=self.path, headers=[*ours, *self.headers])

    def _judge(self, status: int) -> None:
        if not any(first <= status <= last for first, last in self.status):
            wanted = " or ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in self.status)
            raise Unmet(Reason.WRONG_STATUS, f"status {status}, expected {wanted}")

    def _weight(self, answer: h11.Response) -> float | None:
        if not self.weight_header:
            return None
        wanted = self.weight_header.lower().encode()
        said = next((value for name, value in answer.headers if name == wanted), None)
        return None if said is None else weight_answer(said)


@dataclass(frozen=True, slots=True)
class Https(Http):
    """The same in TLS; the name asked for is `sni`, or else `host`."""

    sni: str = ""
    verify: bool = False
    ca: str = ""
    expiry_warning: float = 14 * 86400.0

    @property
    def _tls(self) -> Tls:
        return Tls(self.sni, self.verify, self.ca, self.expiry_warning)

    def _open(self, target: Target) -> AbstractAsyncContextManager[Conversation]:
        return self._tls.open(target, self.host.partition(":")[0])

    def _warnings(self, talk: Conversation) -> tuple[str, ...]:
        return self._tls.warnings(talk)


def authority(target: Target) -> str:
    """The target as a Host header spells it (RFC 9110 section 7.2)."""
    host = f"[{target.address}]" if target.address.version == 6 else str(target.address)
    return f"{host}:{target.port}"


async def _answer(http: h11.Connection, talk: Conversation) -> h11.Response:
    """The final status and header; interim answers are passed over."""
    for _ in range(INTERIM):
        event = await _event(http, talk)
        if isinstance(event, h11.Response):
            return event
        if not isinstance(event, h11.InformationalResponse):
            raise Unmet(Reason.BAD_ANSWER, f"{printable(repr(event))} instead of an answer")
    raise Unmet(Reason.TOO_LONG, f"{INTERIM} interim answers and no final one")


async def _body(http: h11.Connection, talk: Conversation) -> bytes:
    """The body, or its first MiB: what lies behind that is not looked at, and not waited for."""
    body = bytearray()
    try:
        for _ in range(PIECES):
            event = await _event(http, talk)
            if not isinstance(event, h11.Data) or len(body) > LIMIT:
                break
            body += event.data
    except Unmet as unmet:
        if unmet.reason is not Reason.TOO_LONG:
            raise
    return bytes(body)


async def _event(http: h11.Connection, talk: Conversation) -> h11.Event | type[h11.PAUSED]:
    while (event := http.next_event()) is h11.NEED_DATA:
        http.receive_data(await talk.some())
    return event  # type: ignore[return-value]  # NEED_DATA is ruled out by the loop
