"""http and https: requests as they stand on the wire, and answers of every kind."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from pathlib import Path

import pytest

from carom.checks.checker import Target
from carom.checks.http import HEADERS, Http, Https, authority
from carom.checks.stream import LIMIT
from carom.outcome import Reason
from tests.unit.checks.certificates import certificate, serving
from tests.unit.checks.peers import Hear, Script, outcome

ASKED = Hear(b"\r\n\r\n")


def answering(head: str, body: bytes = b"", *, then_silent: bool = False) -> Script:
    return Script(ASKED, head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body, then_silent=then_silent)


def test_the_request_on_the_wire() -> None:
    peer = answering("HTTP/1.1 204 No Content")
    check = Http("HEAD", "/health?deep=1", "www.example.com", (("X-Probe", "carom"),))
    assert outcome(check, peer).ok
    assert peer.heard == (
        b"HEAD /health?deep=1 HTTP/1.1\r\n"
        b"Host: www.example.com\r\n"
        b"User-Agent: carom-check\r\n"
        b"Accept: */*\r\n"
        b"Connection: close\r\n"
        b"X-Probe: carom\r\n\r\n"
    )


def test_a_header_of_ours_in_another_case_takes_its_place() -> None:
    peer = answering("HTTP/1.1 204 No Content")
    assert outcome(Http(headers=(("user-agent", "probe"),)), peer).ok
    assert b"user-agent: probe" in peer.heard
    assert b"carom-check" not in peer.heard


def test_without_a_host_it_names_the_address() -> None:
    peer = answering("HTTP/1.1 200 OK")
    assert outcome(Http(), peer).ok
    assert b"Host: 127.0.0.1:" in peer.heard


def test_an_ipv6_address_has_brackets() -> None:
    assert authority(Target(ip_address("fd00::1"), 8080, ip_address("fd00::2"))) == "[fd00::1]:8080"


@pytest.mark.parametrize(
    ("status", "reason", "text"),
    [
        ("200 OK", Reason.OK, "status 200"),
        ("301 Moved", Reason.OK, "status 301"),
        ("404 Not Found", Reason.WRONG_STATUS, "status 404, expected 200-399"),
        ("503 Busy", Reason.WRONG_STATUS, "status 503, expected 200-399"),
    ],
)
def test_the_status_decides(status: str, reason: Reason, text: str) -> None:
    found = outcome(Http(), answering(f"HTTP/1.1 {status}\nLocation: http://127.0.0.1:1/"))
    assert (found.reason, found.text) == (reason, text)


def test_the_set_of_statuses_can_be_chosen() -> None:
    check = Http(status=((200, 200), (401, 403)))
    assert outcome(check, answering("HTTP/1.1 401 Who")).ok
    assert outcome(check, answering("HTTP/1.1 204 Nothing")).text == "status 204, expected 200 or 401-403"


def test_interim_answers_are_passed_over() -> None:
    assert outcome(Http(), answering("HTTP/1.1 103 Early Hints\nLink: x\n\nHTTP/1.1 200 OK")).text == "status 200"


@pytest.mark.parametrize(
    "body",
    [
        ("Content-Length: 11", b"status: ok\n"),
        ("Transfer-Encoding: chunked", b"7\r\nstatus:\r\n4\r\n ok\n\r\n0\r\n\r\n"),
        ("Server: until-close", b"status: ok\n"),
    ],
    ids=["length", "chunks", "until the end"],
)
def test_the_body_is_searched(body: tuple[str, bytes]) -> None:
    header, content = body
    assert outcome(Http(body="status: (ok|fine)"), answering(f"HTTP/1.1 200 OK\n{header}", content)).ok
    found = outcome(Http(body="status: bad"), answering(f"HTTP/1.1 200 OK\n{header}", content))
    assert (found.reason, found.text) == (Reason.NO_MATCH, "expected /status: bad/, got 'status: ok·'")


def test_a_body_that_nobody_asked_for_is_not_read() -> None:
    found = outcome(Http(), answering("HTTP/1.1 200 OK\nContent-Length: 1000000000", then_silent=True))
    assert found.ok
    assert found.seconds < 1


def test_a_body_in_crumbs_is_searched_in_its_first_pieces() -> None:
    head, crumbs = "HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"1\r\nx\r\n" * 150_000
    found = outcome(Http(body="y"), answering(head, crumbs))
    assert found.reason is Reason.NO_MATCH
    assert found.seconds < 2


def test_a_body_without_end_is_searched_in_its_first_mib() -> None:
    head = "HTTP/1.1 200 OK\nContent-Length: 1000000000"
    assert outcome(Http(body="^x"), answering(head, b"x" * (LIMIT + 100_000))).ok
    assert outcome(Http(body="y"), answering(head, b"x" * (LIMIT + 100_000) + b"y")).reason is Reason.NO_MATCH


@pytest.mark.parametrize(
    ("answer", "reason", "text"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", Reason.BAD_ANSWER, "not HTTP: "),
        (b"HTTP/1.1 two hundred\r\n\r\n", Reason.BAD_ANSWER, "not HTTP: "),
        (b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n", Reason.BAD_ANSWER, "not HTTP: "),
        (b"\x15\x03\x01\0\x02\x02\x46", Reason.BAD_ANSWER, "not HTTP: "),
        (b"", Reason.BAD_ANSWER, ""),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * (HEADERS + 1000), Reason.BAD_ANSWER, "not HTTP: "),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000, Reason.TOO_LONG, "8 interim answers and no final one"),
    ],
    ids=["ssh", "status", "header", "tls alert", "nothing", "endless header", "endless interim"],
)
def test_answers_that_are_none(answer: bytes, reason: Reason, text: str) -> None:
    found = outcome(Http(), Script(ASKED, answer))
    assert found.reason is reason
    assert found.text.startswith(text)


def test_a_slow_drip_ends_in_time() -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    found = outcome(Http(), drip, timeout=0.2)
    assert found.reason is Reason.SLOW
    assert found.seconds < 1


@pytest.mark.parametrize(
    ("header", "weight"),
    [("X-Weight: 50%", 0.5), ("x-weight: drain", 0.0), ("X-Other: 50%", None), ("X-Weight: lots", None)],
)
def test_a_header_may_ask_for_a_weight(header: str, weight: float | None) -> None:
    assert outcome(Http(weight_header="X-Weight"), answering(f"HTTP/1.1 200 OK\n{header}")).weight == weight


def test_a_header_may_call_the_service_down() -> None:
    found = outcome(Http(weight_header="X-Weight"), answering("HTTP/1.1 200 OK\nX-Weight: down"))
    assert (found.reason, found.text) == (Reason.DOWN, "the service calls itself down")


# ---- https ----


def test_https_asks_for_the_host_by_name_and_warns(tmp_path: Path) -> None:
    asked: list[str | None] = []
    context = serving(certificate(tmp_path, "www.example.com", 3))
    context.sni_callback = lambda _, name, __: asked.append(name)
    peer = answering("HTTP/1.1 200 OK\nContent-Length: 2", b"ok")
    found = outcome(Https(host="www.example.com:8443", body="^ok$"), peer, context=context)
    assert (found.reason, found.text) == (Reason.OK, "status 200")
    assert found.warnings == ("the certificate expires in 2 days",)
    assert asked == ["www.example.com"]
    assert b"Host: www.example.com:8443\r\n" in peer.heard


def test_https_to_a_service_without_tls() -> None:
    assert outcome(Https(), Script(b"HTTP/1.1 400 Bad\r\n\r\n")).reason is Reason.TLS_ERROR
