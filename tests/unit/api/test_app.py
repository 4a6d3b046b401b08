"""The application: what is asked and what is answered, over the real socket of a director without a kernel."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from carom.api.app import READERS_BODY, SLICE, Api, SlicedResponse
from carom.api.events import Events
from carom.api.peer import Tokens
from carom.api.status import About
from carom.client import _UnixConnection
from carom.looking import Looking
from tests.unit.directors import CONFIG, FAULTY, LESS, Director, director, until

ABOUT = About("0.1.0", "/etc/carom/carom.toml", 42, "2026-03-01T12:00:00+00:00")


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Director]:
    with director(tmp_path_factory.mktemp("director")) as one:
        yield one


def ask(it: Director, method: str, path: str, body: bytes | None = None) -> tuple[int, Any, HTTPResponse]:
    connection = _UnixConnection(it.socket, 10.0)
    connection.request(method, path, body)
    response = connection.getresponse()
    found = response.read()
    connection.close()
    is_json = response.getheader("content-type") == "application/json"
    return response.status, json.loads(found) if is_json and found else found.decode(), response


def test_status_is_the_newest_snapshot_in_words(it: Director) -> None:
    status, found, response = ask(it, "GET", "/v1/status")
    assert (status, response.getheader("content-type")) == (200, "application/json")
    assert found["director"]["pid"] == 42


def test_a_hook_that_does_not_hear_is_a_warning_and_a_finding(tmp_path: Path) -> None:
    hook = '[[hook]]\non = ["configuration loaded"]\nrun = "/bin/false"\nretries = 0\n'
    with director(tmp_path, CONFIG + hook) as it:
        ask(it, "POST", "/v1/apply", json.dumps({"text": LESS + hook}).encode())
        until(lambda: ask(it, "GET", "/v1/status")[1]["warnings"])
        said = "has not been told of the last event: /bin/false: exit code 1"
        assert any(said in warning for warning in ask(it, "GET", "/v1/status")[1]["warnings"])
        [found] = [one for one in ask(it, "GET", "/v1/findings")[1]["findings"] if one["name"] == "hook"]
        assert found["evidence"] == said
        assert 'carom_hook_failures_total{hook="/bin/false"} 1' in ask(it, "GET", "/metrics")[1]


@pytest.mark.parametrize("size", [0, 1, SLICE - 1, SLICE, SLICE + 1, 3 * SLICE + 7])
def test_an_answer_of_any_size_is_sent_whole_in_slices(size: int) -> None:
    body, sent = bytes(number % 251 for number in range(size)), []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(SlicedResponse(body, media_type="application/json")({}, None, send))
    start, *parts = sent
    assert (start["status"], dict(start["headers"])[b"content-length"]) == (200, str(size).encode())
    assert b"".join(part.get("body", b"") for part in parts) == body
    assert all(len(part.get("body", b"")) <= SLICE for part in parts)
    assert [part.get("more_body", False) for part in parts] == [True] * (len(parts) - 1) + [False]


def test_a_large_text_goes_in_and_comes_out_whole(tmp_path: Path) -> None:
    text = CONFIG + f"# {'x' * (5 * SLICE)}\n"
    with director(tmp_path, text) as it:
        assert ask(it, "GET", "/v1/config")[1]["text"] == text
        planned = ask(it, "POST", "/v1/plan", json.dumps({"text": text.replace("x", "y")}).encode())
        assert planned[:2] == (200, {"differences": [], "summary": "nothing changed"})


def test_metrics_are_text(it: Director) -> None:
    status, found, _ = ask(it, "GET", "/metrics")
    assert status == 200
    assert 'carom_real_up{service="web",real="192.168.76.31"} 1\n' in found


def test_head_is_answered_without_a_body(it: Director) -> None:
    for path in ("/v1/status", "/metrics", "/v1/events"):
        assert ask(it, "HEAD", path)[:2] == (200, "")


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/", 404, "there is no /; GET /v1/openapi.json lists what there is"),
        ("GET", "/v1/status/", 404, "there is no /v1/status/"),
        ("GET", "/v1/../etc/passwd", 404, "there is no"),
        ("GET", "/v1/history/first", 404, "number is a number"),
        ("GET", f"/v1/history/{'9' * 30}", 404, "number is a number"),
        ("GET", "/v1/history/99", 409, "there is no version 99"),
        ("POST", "/v1/status", 405, "/v1/status knows GET, HEAD, not POST"),
        ("BREW", "/v1/apply", 405, "not BREW"),
    ],
)
def test_what_is_not_there_is_refused_in_json(it: Director, method: str, path: str, status: int, words: str) -> None:
    found = ask(it, method, path)
    assert found[0] == status
    assert words in found[1]["error"]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/v1/apply", b"", "the body is not JSON"),
        ("/v1/apply", b"[]", "the body is not a JSON object"),
        ("/v1/apply", b"[" * 100_000, "the body is not JSON"),
        ("/v1/apply", b"{}", "text is missing: the configuration, as a carom.toml has it"),
        ("/v1/apply", b'{"text": 1}', "text takes a string"),
        ("/v1/apply", b'{"text": "\\ud800"}', "half a surrogate pair"),
        ("/v1/apply", b'{"text": "x", "when": 1}', "'when' is not known here; this takes text, file, confirm_within"),
        ("/v1/apply", b'{"text": "x", "confirm_within": true}', "confirm_within takes a number"),
        ("/v1/apply", b'{"text": "x", "confirm_within": 0}', "confirm_within takes 1 to 86400"),
        ("/v1/apply", b'{"text": "x", "confirm_within": 1e999}', "confirm_within takes a number"),
        ("/v1/rollback", b'{"to": 1.5}', "to takes an integer"),
        ("/v1/weight", b'{"service": "web", "real": "192.168.76.31", "weight": 65536}', "weight takes 0 to 65535"),
    ],
)
def test_what_is_no_request_is_refused_by_name(it: Director, path: str, body: bytes, words: str) -> None:
    status, found, _ = ask(it, "POST", path, body)
    assert status == 400
    assert words in found["error"]


def test_a_body_without_an_end_is_refused(it: Director, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carom.api.app.BODY", 1 << 20)
    status, found, _ = ask(it, "POST", "/v1/plan", b"x" * (2 << 20))
    assert (status, found) == (413, {"error": "more than 1 MiB"})


def test_a_defect_is_an_error_in_json(it: Director, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("carom.api.calls._version", broken)
    status, found, _ = ask(it, "GET", "/v1/history")
    assert (status, found) == (500, {"error": "/v1/history met a defect; the daemon's log has it"})


# ---- changes ----


def test_a_change_is_planned_applied_confirmed_and_rolled_back(it: Director) -> None:
    text = json.dumps({"text": LESS, "file": "new.toml"}).encode()
    planned = ask(it, "POST", "/v1/plan", text)[1]
    assert planned["summary"] == "- web: 192.168.76.32: goes"
    assert ask(it, "GET", "/v1/history")[1]["running"] == 1
    confirmed = json.dumps({"text": LESS, "confirm_within": 60}).encode()
    applied = ask(it, "POST", "/v1/apply", confirmed)[1]
    assert applied["version"]["number"] == 2
    assert applied["version"]["who"] == "root"
    assert applied["differences"] == planned["differences"]
    assert ask(it, "GET", "/v1/config")[1]["back_to"] == 1
    assert ask(it, "POST", "/v1/apply", text)[0] == 409, "version 2 awaits confirmation"
    assert ask(it, "POST", "/v1/confirm")[1]["version"]["number"] == 2
    assert ask(it, "GET", "/v1/history/2")[1]["text"] == LESS
    assert ask(it, "POST", "/v1/rollback", b'{"to": 1}')[1]["version"]["number"] == 3
    history = ask(it, "GET", "/v1/history")[1]
    assert [one["number"] for one in history["versions"]] == [3, 2, 1]
    assert ask(it, "GET", "/v1/config")[1]["text"] == CONFIG


def test_a_faulty_configuration_is_answered_with_all_its_faults(it: Director) -> None:
    status, found, _ = ask(it, "POST", "/v1/apply", json.dumps({"text": FAULTY, "file": "x.toml"}).encode())
    assert status == 422
    [fault] = found["faults"]
    assert (fault["file"], fault["line"], fault["path"]) == ("x.toml", 8, "service[0].ports[0]")


def test_a_change_that_the_data_plane_refuses_is_a_conflict(it: Director) -> None:
    it.refuse("the members are full")
    status, found, _ = ask(it, "POST", "/v1/apply", json.dumps({"text": CONFIG + "# more\n"}).encode())
    assert status == 200, "comments are none of its business"
    status, found, _ = ask(it, "POST", "/v1/apply", json.dumps({"text": LESS}).encode())
    it.plane.refusal = None
    assert (status, found) == (409, {"error": "the members are full"})


def test_a_real_server_is_drained_and_taken_back(it: Director) -> None:
    one = {"service": "web", "real": "192.168.76.31"}
    set_ = ask(it, "POST", "/v1/drain", json.dumps({**one, "within": 60}).encode())[1]
    assert set_["weight"] == 0
    assert set_["deadline"]

    def real() -> dict[str, Any]:
        found: dict[str, Any] = ask(it, "GET", "/v1/status")[1]["services"][0]["reals"][0]
        return found

    until(lambda: real()["state"] == "draining")
    assert real()["override"]["by"] == "root"
    ask(it, "POST", "/v1/weight", json.dumps({**one, "weight": 9}).encode())
    until(lambda: real()["effective_weight"] == 9)
    assert ask(it, "POST", "/v1/undrain", json.dumps(one).encode())[1]["weight"] is None
    until(lambda: real()["override"] is None)


def test_what_is_no_address_is_no_real_server(it: Director) -> None:
    status, found, _ = ask(it, "POST", "/v1/drain", b'{"service": "web", "real": "one"}')
    assert (status, found) == (409, {"error": "'one' is not an address, as every real server's is"})


def test_findings_are_a_list(it: Director) -> None:
    assert isinstance(ask(it, "GET", "/v1/findings")[1]["findings"], list)


# ---- over TCP: no credentials, so a token ----


@dataclass
class Answer:
    status: int = 0
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def over_tcp(
    it: Director, tokens: Tokens | None, method: str, path: str, authorization: str = "", body: bytes = b""
) -> Answer:
    """As a server hands a request to the application that has come with no credentials."""
    assert it.engine is not None
    assert it.changes is not None
    engine, changes, answer = it.engine, it.changes, Answer()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(event: Any) -> None:
        answer.status = event.get("status", answer.status)
        answer.body += event.get("body", b"")

    async def scene() -> None:
        app = Api(lambda: engine.snapshot, changes, Looking(engine), ABOUT, Events(), it.hooks, tokens).application()
        headers = [(b"authorization", authorization.encode())] if authorization else []
        scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": headers}
        await app(scope | {"root_path": "", "scheme": "https", "server": ("director", 3636)}, receive, send)

    asyncio.run(scene())
    return answer


@pytest.mark.parametrize(
    ("method", "path", "authorization", "status"),
    [
        ("GET", "/v1/status", "Bearer looks", 200),
        ("GET", "/metrics", "bearer looks", 200),
        ("GET", "/v1/status", "", 401),
        ("GET", "/v1/status", "Bearer guess", 401),
        ("GET", "/v1/status", "Basic looks", 401),
        ("GET", "/v1/events", "Bearer guess", 401),
        ("GET", "/v1/openapi.json", "", 401),
        ("POST", "/v1/confirm", "Bearer looks", 403),
        ("POST", "/v1/confirm", "Bearer changes", 409),
    ],
)
def test_a_token_says_who_asks(
    it: Director, tmp_path: Path, method: str, path: str, authorization: str, status: int
) -> None:
    file = tmp_path / "tokens"
    hashes = {word: sha256(word.encode()).hexdigest() for word in ("looks", "changes")}
    file.write_text(f"# who may\ngrafana read {hashes['looks']}\ndeploy write {hashes['changes']}  # the pipeline\n")
    answer = over_tcp(it, Tokens(file), method, path, authorization)
    assert answer.status == status, answer.body


def test_who_may_only_look_has_smaller_configurations_planned(it: Director, tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("".join(f"anna {may} {sha256(may.encode()).hexdigest()}\n" for may in ("read", "write")))
    large = json.dumps({"text": CONFIG + "#" * READERS_BODY}).encode()
    answers = [over_tcp(it, Tokens(file), "POST", "/v1/plan", f"Bearer {may}", large) for may in ("read", "write")]
    assert [answer.status for answer in answers] == [413, 200]
    assert b"more than 2 MiB; for a larger one, ask as somebody who may change things" in answers[0].body


def test_without_tokens_nobody_asks_over_tcp(it: Director) -> None:
    assert over_tcp(it, None, "GET", "/v1/status", "Bearer looks").status == 401
