"""tls, against Python's own server side."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from carom.checks.tls import Tls
from carom.outcome import Reason
from tests.unit.checks.certificates import certificate, serving
from tests.unit.checks.peers import Script, outcome

NAME = "www.example.com"
NEVER = Script(then_silent=True)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("tls"), NAME, 365)


def test_the_handshake_is_enough(good: Path) -> None:
    found = outcome(Tls(), NEVER, context=serving(good))
    assert (found.reason, found.warnings) == (Reason.OK, ())


def test_the_name_is_asked_for(good: Path) -> None:
    asked: list[str | None] = []
    context = serving(good)
    context.sni_callback = lambda _, name, __: asked.append(name)
    assert outcome(Tls(sni=NAME), NEVER, context=context).ok
    assert outcome(Tls(), NEVER, context=context).ok
    assert asked == [NAME, None]


def test_a_certificate_is_verified_where_that_is_asked(good: Path) -> None:
    assert outcome(Tls(sni=NAME, verify=True, ca=str(good)), NEVER, context=serving(good)).ok


@pytest.mark.parametrize(
    ("sni", "trusted", "text"),
    [
        ("other.example.com", True, "Hostname mismatch, certificate is not valid for 'other.example.com'."),
        (NAME, False, "self-signed certificate"),
        ("", True, "IP address mismatch, certificate is not valid for '127.0.0.1'."),
    ],
)
def test_one_that_does_not_verify_says_why(good: Path, sni: str, trusted: bool, text: str) -> None:
    found = outcome(Tls(sni, verify=True, ca=str(good) if trusted else ""), NEVER, context=serving(good))
    assert (found.reason, found.text) == (Reason.TLS_ERROR, f"its certificate does not verify: {text}")


@pytest.mark.parametrize(
    ("days", "warning"), [(-1, "the certificate has expired"), (3, "the certificate expires in 2 days")]
)
def test_a_certificate_that_ends_soon_is_a_warning(tmp_path: Path, days: int, warning: str) -> None:
    found = outcome(Tls(), NEVER, context=serving(certificate(tmp_path, NAME, days)))
    assert (found.reason, found.warnings) == (Reason.OK, (warning,))
    assert outcome(Tls(expiry_warning=0), NEVER, context=serving(certificate(tmp_path, NAME, days))).warnings == ()


def test_a_service_without_tls() -> None:
    found = outcome(Tls(), Script(b"220 mail.example.com\r\n"))
    assert (found.reason, found.text) == (Reason.TLS_ERROR, "wrong version number")


def test_a_service_that_stops_in_the_handshake() -> None:
    assert outcome(Tls(), NEVER, timeout=0.1).reason is Reason.SLOW
    found = outcome(Tls(), Script())
    assert (found.reason, found.text) == (Reason.CLOSED, "the connection was closed")


def test_only_old_versions(good: Path) -> None:
    context = serving(good)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert outcome(Tls(), NEVER, context=context).ok


def test_a_missing_file_of_authorities_is_a_fault_of_ours() -> None:
    found = outcome(Tls(verify=True, ca="/none.pem"), NEVER)
    assert (found.reason, found.text) == (
        Reason.FAULT,
        "the authorities in /none.pem cannot be read: [Errno 2] No such file or directory",
    )


def test_no_file_stays_open_after_handshakes_that_fail(good: Path) -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(100))

    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        outcome(Tls(), rude, timeout=0.05)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
