"""The application: what is asked and what is answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from carom.api.app import create_app
from carom.api.status import About
from carom.core.plan import Plan
from carom.core.world import begin
from carom.engine import Snapshot
from carom.model import Config, Director
from carom.ports import Attachment, Reading

ABOUT = About("0.1.0", "/etc/carom/carom.toml", 42, "2026-03-01T12:00:00+00:00")
SNAPSHOT = Snapshot(
    begin(Config(Director("eth0"))),
    Plan(),
    Attachment("fake", "eth0", "", taken_over=False),
    Reading(),
    Reading(),
    apart=0.0,
    now=0.0,
    troubles=(),
)


@dataclass
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def ask(app: Any, method: str, path: str, answer: Answer | None = None) -> Answer:
    """One request, as a server hands it to the application."""
    answer = answer or Answer()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(event: Any) -> None:
        if event["type"] == "http.response.start":
            answer.status = event["status"]
            answer.headers = {name.decode(): value.decode() for name, value in event["headers"]}
        else:
            answer.body += event.get("body", b"")

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [],
        "root_path": "",
        "scheme": "http",
        "server": ("director", None),
    }
    await app(scope, receive, send)
    return answer


def answer_to(method: str, path: str, look: Callable[[], Snapshot] = lambda: SNAPSHOT) -> Answer:
    return asyncio.run(ask(create_app(look, ABOUT), method, path))


def test_status_is_the_newest_snapshot_in_words() -> None:
    answer = answer_to("GET", "/v1/status")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["director"]["pid"] == 42


def test_head_is_answered_without_a_body() -> None:
    assert answer_to("HEAD", "/v1/status").status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/", 404, "there is no /; GET /v1/status is where to begin"),
        ("GET", "/v1/nonesuch", 404, "there is no /v1/nonesuch"),
        ("GET", "/v1/status/", 404, "there is no /v1/status/"),
        ("GET", "/v1/../etc/passwd", 404, "there is no"),
        ("POST", "/v1/status", 405, "/v1/status knows GET, HEAD, not POST"),
        ("BREW", "/v1/status", 405, "not BREW"),
    ],
)
def test_what_is_not_there_is_refused_in_json(method: str, path: str, status: int, words: str) -> None:
    answer = answer_to(method, path)
    assert answer.status == status
    assert words in answer.json["error"]


def test_a_refused_method_is_told_which_would_do() -> None:
    assert answer_to("DELETE", "/v1/status").headers["allow"] == "GET, HEAD"


def test_a_defect_is_an_error_in_json_and_the_servers_to_log() -> None:
    def broken() -> Snapshot:
        raise ZeroDivisionError

    answer = Answer()
    with pytest.raises(ZeroDivisionError):
        asyncio.run(ask(create_app(broken, ABOUT), "GET", "/v1/status", answer))
    assert answer.status == 500
    assert answer.json == {"error": "/v1/status met a defect; the daemon's log has it"}


def test_a_snapshot_is_put_in_words_once_however_many_ask() -> None:
    async def scene() -> None:
        look = iter([SNAPSHOT] * 50 + [replace(SNAPSHOT, troubles=("something",))])
        app = create_app(lambda: next(look), ABOUT)
        answers = await asyncio.gather(*(ask(app, "GET", "/v1/status") for _ in range(50)))
        assert len({answer.body for answer in answers}) == 1
        assert (await ask(app, "GET", "/v1/status")).json["faults"] == ["something"]

    asyncio.run(scene())
