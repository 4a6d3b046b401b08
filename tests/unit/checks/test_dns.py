"""dns, against answers made by dnspython from zone-file text."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carom.checks.checker import examine
from carom.checks.dns import Dns
from carom.outcome import Outcome, Reason
from tests.unit.checks.peers import at, serving
from tests.unit.checks.test_datagram import answering

A = Dns("www.example.com", "A")


def reply(question: bytes, *records: str, rcode: str = "NOERROR") -> bytes:
    """The answer of a name server that has these records of the name that is asked for."""
    asked = dns.message.from_wire(question)
    answered = dns.message.make_response(asked)
    answered.set_rcode(dns.rcode.from_text(rcode))
    name, kind = asked.question[0].name, asked.question[0].rdtype
    if records:
        answered.answer.append(dns.rrset.from_text(name, 300, "IN", kind, *records))
    return answered.to_wire()


def over_udp(check: Dns, *answers: Callable[[bytes], bytes]) -> Outcome:
    with answering(lambda question: [answer(question) for answer in answers]) as port:
        return asyncio.run(examine(check, at(port)))


def test_an_answer() -> None:
    found = over_udp(A, lambda question: reply(question, "192.0.2.1", "192.0.2.2"))
    assert (found.reason, found.text) == (Reason.OK, "NOERROR, 2 records")


@pytest.mark.parametrize(
    ("check", "rcode", "reason"),
    [
        (A, "SERVFAIL", Reason.WRONG_STATUS),
        (A, "REFUSED", Reason.WRONG_STATUS),
        (Dns("x.", "A", rcode=("NOERROR", "NXDOMAIN")), "NXDOMAIN", Reason.OK),
    ],
)
def test_the_answer_code_decides(check: Dns, rcode: str, reason: Reason) -> None:
    assert over_udp(check, lambda question: reply(question, rcode=rcode)).reason is reason


def test_a_record_may_be_expected() -> None:
    asked = Dns("www.example.com", "A", answer=r"\b192\.0\.2\.7$")
    assert over_udp(asked, lambda question: reply(question, "192.0.2.7")).ok
    found = over_udp(asked, lambda question: reply(question, "192.0.2.1"))
    assert found.reason is Reason.NO_MATCH
    assert "got 'www.example.com. 300 IN A 192.0.2.1'" in found.text


def test_an_answer_with_another_number_is_not_ours() -> None:
    def forged(question: bytes) -> bytes:
        answer = reply(question, "192.0.2.66")
        return bytes([answer[0] ^ 1]) + answer[1:]

    assert over_udp(A, forged, lambda question: reply(question, "192.0.2.1")).ok


def test_an_answer_to_another_question() -> None:
    def other(question: bytes) -> bytes:
        asked = dns.message.make_query("other.example.com", "A", id=struct.unpack("!H", question[:2])[0])
        return reply(asked.to_wire(), "192.0.2.1")

    found = over_udp(A, other)
    assert (found.reason, found.text) == (Reason.BAD_ANSWER, "an answer to another question")


def test_a_long_answer_is_not_read() -> None:
    found = over_udp(
        A, lambda question: reply(question, *(f"10.0.{net}.{host}" for net in (0, 1) for host in range(200)))
    )
    assert (found.reason, found.text) == (Reason.TOO_LONG, "an answer of 6433 bytes; a check reads 4096")


@given(st.binary(max_size=100))
def test_bytes_of_any_kind_are_no_fault_of_ours(noise: bytes) -> None:
    found = over_udp(A, lambda question: question[:2] + noise)
    assert found.reason in (Reason.BAD_ANSWER, Reason.WRONG_STATUS)


def test_over_tcp() -> None:
    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        answer = reply(await reader.readexactly(length), *(f"192.0.2.{host}" for host in range(200)))
        writer.write(struct.pack("!H", len(answer)) + answer)
        await reader.read()

    async def conversation() -> Outcome:
        async with serving(server) as port:
            return await examine(Dns("www.example.com", "A", transport="tcp"), at(port))

    assert asyncio.run(conversation()).text == "NOERROR, 200 records"
